"""A study in MLflow: one run as the parent of the runs of its cells. A store that is away costs a warning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from .root import state_root
from .tracking_additions import find_run, tolerant
from .tracking_store import Store

STUDY, PARENT = "geogan.study", "mlflow.parentRunId"
KIND = "geogan.kind"  # "study" on the parent alone


def open_parent(root: Path, study: str, tags: Mapping[str, str], uri: str | None = None) -> str | None:
    """The run of a study, made on first use, RUNNING from now on; None where MLflow is away."""
    with tolerant(f"study {study}", _mend(study)):
        store = Store(root, uri)
        lock = state_root(root) / ".geogan" / "study.lock"
        lock.parent.mkdir(exist_ok=True)
        with FileLock(lock):
            run = _parent(store, study)
            if run is None:
                named = {**tags, "mlflow.source.name": "geogan study", STUDY: study, KIND: "study"}
                run = store.client.create_run(store.experiment(), run_name=f"study {study}", tags=named)
        store.client.update_run(run.info.run_id, status="RUNNING")
        return str(run.info.run_id)
    return None


def adopt(root: Path, run_json: Path, tags: Mapping[str, str], uri: str | None = None) -> None:
    """Give the run of a training, wherever it was made, the tags of the study's cell."""
    with tolerant("tags of a cell", _mend(tags[STUDY])):
        store = Store(root, uri)
        run = find_run(store, json.loads(run_json.read_text(encoding="utf-8")))
        missing = {name: value for name, value in tags.items() if run.data.tags.get(name) != value}
        if missing:
            store.retag(run.info.run_id, missing)


def close_parent(
    root: Path, study: str, run_id: str | None, status: str, files: Iterable[Path], uri: str | None = None
) -> None:
    """Keep the files with the run of a study and end it as FINISHED, FAILED or KILLED."""
    if run_id is None:
        return
    with tolerant(f"table of study {study}", _mend(study)):
        client = Store(root, uri).client
        for file in files:
            client.log_artifact(run_id, str(file))
        client.set_terminated(run_id, status)


def _parent(store: Store, study: str) -> Any:
    query = f"tags.`{STUDY}` = '{study}' and tags.`{KIND}` = 'study'"
    found = store.client.search_runs([store.experiment()], filter_string=query, max_results=1)
    return found[0] if found else None


def _mend(study: str) -> str:
    return f"'geogan study ... --table' sends what is there of {study}"
