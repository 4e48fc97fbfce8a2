"""Stage ``export``: a model becomes a bundle that runs without this repository."""

from __future__ import annotations

import json
from pathlib import Path

from geogan.export import inputs_of, write_bundle
from geogan.inference import load_bundle

from .evaluate import check_same
from .project import Project
from .tracking_additions import log_onnx_model


def export(project: Project, name: str) -> Path:
    """Make ``data/exports/<name>/`` and log it to the run of the training as an MLflow model."""
    model, out = project.model(name), project.bundle(name)
    check_same(project, name)
    metrics = project.metrics(name)
    write_bundle(model, out, json.loads(metrics.read_text(encoding="utf-8")) if metrics.exists() else {})
    run = model / "run.json"
    if run.exists():
        bundle = load_bundle(out, "cpu")
        stride = bundle.sampler.generator.stride
        noise, condition = inputs_of(bundle, 2, 8 * stride, 8 * stride)
        log_onnx_model(
            project.root,
            run,
            out / "model.onnx",
            {"noise": noise.numpy(), "condition": condition.numpy()},
            extra_files=[out / "card.md", out / "system.json"],
        )
    return out
