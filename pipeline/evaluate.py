"""Stage ``evaluate``: figures of a model on the test split, which nothing else touches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from geogan.bundles import read_system
from geogan.errors import InputError
from geogan.files import replacing_folder, write_text

from .figures import loss_sheet
from .project import Project
from .tracking import environment_tags
from .tracking_additions import add_to_run
from .work import open_task


def evaluate(project: Project, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write ``data/metrics/<name>.json`` and ``data/figures/<name>/``; the metrics, and the names of the main ones.

    Raises InputError if the params of the experiment differ from those in the model's ``system.json``.
    """
    folder = project.model(name)
    check_same(project, name)
    task, trained = open_task(project, name), read_system(folder)["datasets"]
    for store in task.inputs[:1]:
        if trained.get(store.name) != store.digest:
            raise InputError(f"{store.path}: is not the data that {folder} was trained on; train again")
    torch.set_num_threads(read_system(folder)["compute"]["threads"])  # the last bits of what is learned here too
    start = time.perf_counter()
    with replacing_folder(project.figures(name)) as figures:
        judged = task.judge(folder, project.params.evaluation, figures)
        loss_sheet(history(folder), figures / "losses.png")
    metrics = dict(sorted(judged.metrics.items()))
    write_text(project.metrics(name), json.dumps(metrics, indent=1) + "\n")
    machine = {key: value for key, value in environment_tags(project.root).items() if key.startswith("machine.")}
    timing = judged.timing | {"seconds": time.perf_counter() - start, "machine": machine}
    write_text(project.timing(name), json.dumps(timing, indent=1) + "\n")
    _track(project, name, metrics)
    return metrics, task.shown


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
