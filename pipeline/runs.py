"""The runs of a project: what MLflow has of them, and what can be rebuilt there from the project's files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from .runs_history import Training, Unavailable, trainings_here, trainings_in_history
from .tracking_additions import find_run, new_metrics
from .tracking_points import last_steps, points_of, unsent
from .tracking_store import KEY, Dataset, Store, answering
from .tracking_study import KIND
from .tracking_tags import flattened

FIELDS, PICTURES = ("constraint_accuracy", "mph_js_0", "connectivity_y", "hamming"), ("l1", "ssim", "miou", "fid")
SHOWN = (*FIELDS, *PICTURES, "a_to_b_fid")


@dataclass(frozen=True)
class RunRow:
    """One run: ``started`` in ISO form (UTC), ``steps`` the last logged step, ``metrics`` the last values."""

    name: str
    key: str
    status: str
    started: str
    steps: int
    metrics: dict[str, float]
    run_id: str


@dataclass
class Imported:
    """What an import did, as names of experiments; one of a commit as ``name@commit``."""

    imported: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line, with a hint where files are missing."""
        hint = " (dvc pull, or dvc fetch --all-commits, brings them)" if self.unavailable else ""
        return (
            f"{len(self.imported)} imported, {len(self.completed)} completed, "
            f"{len(self.skipped)} skipped (already there), {len(self.unavailable)} unavailable{hint}"
        )


def list_runs(root: Path, uri: str | None = None) -> list[RunRow]:
    """The runs of the project, newest first; none where there is no store yet (none is made).

    Raises InputError if the server does not answer.
    """
    store = Store(root, uri)
    if not store.exists:
        return []
    with answering(store):
        return [_row(run) for run in store.runs() if run.data.tags.get(KIND) != "study"]


def runs_table(rows: list[RunRow]) -> Table:
    """The rows for a terminal; the main metrics that any of them has."""
    shown = [name for name in SHOWN if any(name in row.metrics for row in rows)]
    longest = max((len(row.name) for row in rows), default=0)
    whole = Column("experiment", min_width=longest), Column("key", min_width=12)  # in narrow terminals too
    table = Table(*whole, "status", "started", "steps", *shown)
    for row in rows:
        values = (f"{row.metrics[name]:.4g}" if name in row.metrics else "" for name in shown)
        table.add_row(row.name, row.key[:12], row.status, row.started, str(row.steps), *values)
    return table


def import_runs(root: Path, all_commits: bool = False, uri: str | None = None) -> Imported:
    """Rebuild in MLflow what it lacks of the trainings in ``data/models``, and with ``all_commits`` of those
    that any commit names and DVC's cache holds.

    A run is known by its key: what is there already is not sent again, so importing twice changes nothing.
    Raises InputError if the server does not answer.
    """
    store = Store(root, uri)
    outcome = Imported()
    seen: dict[str, list[str]] = {}  # by key: the list that its experiment was put into
    found = chain(trainings_here(root), trainings_in_history(root) if all_commits else ())
    with answering(store):
        for training in found:
            name = training.experiment + (f"@{training.commit[:7]}" if training.commit else "")
            if isinstance(training, Unavailable):
                outcome.unavailable.append(name)
                continue
            result = getattr(outcome, _import(store, training))
            if training.key not in seen:
                seen[training.key] = result
                result.append(name)
    return outcome


def _import(store: Store, training: Training) -> str:
    """Send what the store lacks of one training; returns which list of Imported it belongs to."""
    started = _milliseconds(training.identity.get("started"), training.seconds)
    ended = _milliseconds(training.identity.get("ended"), training.seconds)
    try:
        run = find_run(store, {**training.identity, "key": training.key})
        result = "completed"
    except LookupError:
        run = store.create(training.experiment, _tags(training), started)
        store.describe(run, flattened(training.system.get("config", {})), _datasets(training))
        result = "imported"
    points = [point for record in training.records for point in points_of(record["step"], record, ended)]
    missing = unsent(points, last_steps(run)) + new_metrics(run, _metrics(training), replace=False)
    if not missing and run.info.status == "FINISHED":
        return "skipped"
    store.send(run.info.run_id, missing)
    if run.info.status != "FINISHED":
        store.client.set_terminated(run.info.run_id, "FINISHED", ended)
    return result


def _tags(training: Training) -> dict[str, str]:
    tags = {
        KEY: training.key,
        "geogan.experiment": training.experiment,
        "geogan.imported_from": training.commit or "working tree",
        "geogan.original_run": str(training.identity.get("run_id") or ""),
        "dvc.experiment": training.dvc_experiment,
        **{f"dataset.{dataset.name}": dataset.digest for dataset in _datasets(training)},
    }
    return {name: value for name, value in tags.items() if value}


def _datasets(training: Training) -> list[Dataset]:
    """The inputs that system.json names: name -> hash, or name -> mapping with the hash and the source."""
    datasets = []
    for name, value in (training.system.get("datasets") or {}).items():
        about: Mapping[str, Any] = value if isinstance(value, Mapping) else {"digest": value}
        digest = about.get("digest") or about.get("sha256") or "unknown"
        datasets.append(Dataset(name, str(digest), str(about.get("source") or about.get("path") or name)))
    return datasets


def _metrics(training: Training) -> dict[str, Any]:
    """The figures of the evaluation, unless they say that they belong to other work."""
    return training.metrics if training.metrics.get("key", training.key) == training.key else {}


def _milliseconds(iso: object, seconds: float) -> int:
    with suppress(ValueError):
        seconds = datetime.fromisoformat(str(iso)).timestamp()
    return int(seconds * 1000)


def _row(run: Any) -> RunRow:
    metrics = {name: value for name, value in run.data.metrics.items() if not name.startswith("system/")}
    steps = last_steps(run)
    return RunRow(
        name=run.data.tags.get("geogan.experiment") or run.info.run_name or "",
        key=run.data.tags.get(KEY, ""),
        status=run.info.status,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        steps=max((steps[name] for name in metrics), default=0),
        metrics=metrics,
        run_id=run.info.run_id,
    )
