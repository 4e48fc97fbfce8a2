"""Stage ``evaluate``: figures of a model on the test split, which nothing else touches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from geogan.errors import InputError
from geogan.evaluate import evaluate as judge
from geogan.files import replacing_folder, write_text
from geogan.inference import load_bundle, read_system
from geogan.store import open_constraints, open_prepared

from .figures import draw_evaluation, loss_sheet
from .project import Project
from .tracking import environment_tags
from .tracking_additions import add_to_run


def evaluate(project: Project, name: str) -> dict[str, Any]:
    """Write ``data/metrics/<name>.json`` and ``data/figures/<name>/``; returns the metrics.

    Raises InputError if the params of the experiment differ from those in the model's ``system.json``.
    """
    experiment = project.experiment(name)
    folder = project.model(name)
    check_same(project, name)
    bundle = load_bundle(folder, project.params.compute.device)
    prepared = open_prepared(project.prepared(experiment.dataset))
    constraints = open_constraints(project.constraints(experiment.dataset))
    if bundle.system["datasets"][experiment.dataset] != prepared.digest:
        raise InputError(
            f"{project.prepared(experiment.dataset)}: is not the data that {folder} was trained on; train again"
        )
    settings = project.params.evaluation
    start = time.perf_counter()
    evaluation = judge(
        bundle.sampler,
        prepared.tiles("test", "image", "evaluation"),
        prepared.tiles("train", "image", "evaluation"),
        constraints.read("test", "evaluation"),
        facies_names=prepared.names,
        fields=settings.fields,
        groups=settings.groups,
        seed=settings.seed,
    )
    with replacing_folder(project.figures(name)) as figures:
        draw_evaluation(evaluation, figures)
        loss_sheet(history(folder), figures / "losses.png")
    metrics = dict(sorted(evaluation.metrics.items()))
    write_text(project.metrics(name), json.dumps(metrics, indent=1) + "\n")
    timing = {
        "seconds_per_field": evaluation.seconds_per_field,
        "seconds": time.perf_counter() - start,
        "batch": 1 if bundle.sampler.device.type == "cpu" else 16,
        "machine": {key: value for key, value in environment_tags(project.root).items() if key.startswith("machine.")},
    }
    write_text(project.timing(name), json.dumps(timing, indent=1) + "\n")
    _track(project, name, metrics)
    return metrics


def check_same(project: Project, name: str) -> None:
    """Refuse params that are not those the model was trained with."""
    trained = read_system(project.model(name))["config"]
    wanted = json.loads(json.dumps(project.experiment(name).plain()))
    for key in sorted(trained.keys() | wanted.keys()):
        if trained.get(key) != wanted.get(key):
            raise InputError(
                f"experiments.{name}.{key}: is {wanted.get(key)!r} in the params, but the model was trained with "
                f"{trained.get(key)!r}; train again"
            )


def history(model: Path) -> list[dict[str, float]]:
    """The records of a model's history."""
    lines = (model / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _track(project: Project, name: str, metrics: dict[str, Any]) -> None:
    run = project.model(name) / "run.json"
    if run.exists():
        artifacts = {"evaluation": project.figures(name), "": project.metrics(name)}
        add_to_run(project.root, run, metrics=metrics, artifacts=artifacts)
