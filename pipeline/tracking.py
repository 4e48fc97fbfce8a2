"""The MLflow run of a training: logging costs microseconds, and no server can stop or slow the work.

The history file is the truth; MLflow gets a copy of it, sent in the background.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from .root import state_root
from .tracking_additions import add_to_run, log_onnx_model
from .tracking_sender import Picture, Record, Sender, Work
from .tracking_server import import_mlflow
from .tracking_store import Dataset, Store
from .tracking_tags import environment_tags, flattened

__all__ = ["Run", "add_to_run", "environment_tags", "log_onnx_model", "open_run"]

PATIENCE = 5.0  # seconds that a run waits for a server, in all
LOCAL_PATIENCE = 60.0  # seconds that it waits for a SQLite file that is at work and has not failed
BACKLOG = 200_000  # records kept in memory for a server that is away


class Run:
    """The run of one training. Made by ``open_run``; used from one thread."""

    def __init__(self, store: Store, work: Work) -> None:
        self._store, self._work = store, work
        self._sender = Sender(store, work)
        self._started = datetime.now(UTC)
        self._logged = 0
        self._overflown = False
        self._closed = False
        self._patience, self._local_patience = PATIENCE, LOCAL_PATIENCE
        self._sender.start()

    def log(self, step: int, record: Mapping[str, float]) -> None:
        """Note the values of one step, to be sent in the background; a step that the store has is not sent.

        After a resume, pass every record of the history that was kept: what the store lacks is filled in.
        """
        if self._overflown or self._logged - self._sender.sent >= BACKLOG:
            self._overflown = True  # a run with a gap could not be completed later: nothing more is sent
            return
        self._logged += 1
        self._sender.inbox.put(Record(step, time.time_ns() // 1_000_000, dict(record)))

    def picture(self, path: Path, name: str) -> None:
        """Keep a copy of the file ``path`` with the run as ``name`` (``samples/000200.png``)."""
        self._sender.inbox.put(Picture(path, name))

    def identity(self) -> dict[str, Any]:
        """What run.json says: kind of store, run_id (None if the server is away), key, experiment, times."""
        if not self._sender.opened.is_set() and self._sender.failure is None:
            self._wait(self._sender.opened, failures=1)
        return {
            "tracking_uri_kind": self._store.kind,
            "run_id": self._sender.run_id,
            "key": self._work.key,
            "experiment": self._work.experiment,
            "started": self._started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def close(self, status: str = "FINISHED") -> None:
        """End the run as FINISHED, FAILED or KILLED. Waits a bounded time for what is still to be sent.

        If the server did not take everything, one line on stderr says so; nothing raises.
        """
        if self._closed:
            return
        self._closed = True
        self._sender.closing = status
        self._sender.wake.set()
        taken = self._wait(self._sender.done, failures=2)
        self._sender.abandoned = True
        if not taken or self._overflown:
            why = self._sender.failure or "did not answer in time"
            print(
                f"MLflow ({self._store.address}) did not take the whole run: {why}. Nothing is lost: "
                "history.jsonl has it, 'geogan runs import' sends it",
                file=sys.stderr,
            )

    def _wait(self, event: Event, failures: int) -> bool:
        """Wait for ``event``: until so many more failures, or as long as the patience of this run lasts."""
        enough = self._sender.failures + failures
        before = time.monotonic()
        while not event.wait(0.02) and self._sender.failures < enough:
            now = time.monotonic()
            if self._store.database is not None and self._sender.failure is None:
                self._local_patience -= now - before
            else:
                self._patience -= now - before
            before = now
            if self._patience <= 0 or self._local_patience <= 0:
                break
        return event.is_set()


def open_run(
    root: Path,
    *,
    experiment: str,
    key: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    datasets: Iterable[tuple[str, str, Path | str]],
    uri: str | None = None,
) -> Run:
    """Open the MLflow run of a training; an unfinished run of the same key is gone on with.

    ``params`` are nested and flattened here; ``tags`` usually hold ``environment_tags(root)``; ``datasets``
    are (name, digest, source). Returns at once, whether the server is there or not.
    """
    import_mlflow()  # here, and not in the thread: an import in the middle of others could meet them halfway
    used = tuple(Dataset(name, digest, source_name(root, source)) for name, digest, source in datasets)
    about = {
        **tags,
        **{f"dataset.{name}": digest for name, digest, _ in used},
        "geogan.experiment": experiment,
    }
    return Run(Store(root, uri), Work(experiment, key, flattened(params), about, used))


def source_name(root: Path, source: Path | str) -> str:
    """A path below the project (or its state root) as seen from there, anything else as given."""
    path = Path(source)
    for folder in (root.resolve(), state_root(root)):
        if path.is_absolute() and path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return str(source)
