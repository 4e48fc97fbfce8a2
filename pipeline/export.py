"""Stage ``export``: a model becomes a bundle that runs without this repository."""

from __future__ import annotations

import json
from pathlib import Path

from geogan.bundles import read_system
from geogan.export import write_bundle

from .evaluate import check_same
from .evaluation_record import evaluation
from .project import Project
from .tasks import TASKS
from .tracking_additions import log_onnx_model


def export(project: Project, name: str) -> Path:
    """Make ``data/exports/<name>/`` and log its main graph to the run of the training as an MLflow model."""
    model, out = project.model(name), project.bundle(name)
    check_same(project, name)
    file = project.metrics(name)
    metrics = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    exported = TASKS[read_system(model)["task"]].exported(model, metrics)
    write_bundle(model, out, exported, evaluation(metrics, project.figures(name)))
    run = model / "run.json"
    if run.exists():
        main, graph = next(iter(exported.graphs.items()))
        inputs = graph.example(2, *graph.sizes[1])
        log_onnx_model(
            project.root,
            run,
            out / main,
            {name: value.numpy() for name, value in zip(graph.inputs, inputs, strict=True)},
            extra_files=[out / "card.md", out / "system.json"],
        )
    return out
