"""The thread that sends a training's records to MLflow, at its own pace, whatever the server does."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from .tracking_points import Point, last_steps, points_of, unsent
from .tracking_server import reason
from .tracking_store import KEY, POINTS_PER_BATCH, Dataset, Store
from .tracking_system import Machine

FLUSH = 2.0  # seconds between two looks at what was logged
LONGEST_PAUSE = 30.0  # seconds between two attempts at a server that is away
PICTURE_ATTEMPTS = 3


class Record(NamedTuple):
    """One logged step."""

    step: int
    milliseconds: int
    values: dict[str, float]


@dataclass
class Picture:
    """A file to keep with the run under ``name``."""

    path: Path
    name: str
    attempts: int = 0


@dataclass(frozen=True)
class Work:
    """What a run is about: fixed when it is opened."""

    experiment: str
    key: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[Dataset, ...]


class Sender(threading.Thread):
    """Opens the run of a piece of work, or reopens its unfinished one, and sends what comes in.

    A failed attempt is repeated after a growing pause. Before it sends again it asks the store for the last
    step of every metric, so that nothing arrives twice.
    """

    def __init__(self, store: Store, work: Work) -> None:
        super().__init__(name="geogan-tracking", daemon=True)
        self.inbox: SimpleQueue[Record | Picture] = SimpleQueue()
        self.opened = threading.Event()  # run_id is known
        self.done = threading.Event()  # everything, the status too, was taken
        self.wake = threading.Event()
        self.closing: str | None = None  # the status to end with, once nothing more comes in
        self.abandoned = False  # nobody waits any more: end at the next failure
        self.failure: str | None = None  # why the last attempt failed; None if it did not
        self.failures = 0  # attempts that failed
        self.run_id: str | None = None
        self.sent = 0  # records
        self._store, self._work = store, work
        self._began = _now()
        self._run: Any = None  # as last seen in the store; None: to be asked for
        self._last: dict[str, int] = {}
        self._records: deque[Record] = deque()
        self._pictures: deque[Picture] = deque()
        self._machine = Machine()

    def run(self) -> None:
        """Send until the end; never raises."""
        pause = 0.0
        while not self.done.is_set():
            self.wake.wait(pause)
            self.wake.clear()
            try:
                self._advance()
            except Exception as error:  # whatever the store raises: training goes on
                self.failure = reason(error)
                self.failures += 1
                self._run = None
                if self.abandoned:
                    return
                pause = min(max(1.0, 2 * pause), 1.0 if self.closing else LONGEST_PAUSE)
            else:
                self.failure = None
                pause = FLUSH

    def _advance(self) -> None:
        closing = self.closing
        self._take()
        self._attach()
        self._send_records()
        self._send_pictures()
        if self._machine.due or closing:
            step = 1 + max((self._last[name] for name in self._last if name.startswith("system/")), default=-1)
            self._send(points_of(step, self._machine.sample(), _now()))
        if closing:
            self._store.client.set_terminated(self.run_id, closing)
            self.done.set()

    def _take(self) -> None:
        """Move what came in from the inbox to the two queues."""
        while True:
            try:
                item = self.inbox.get_nowait()
            except Empty:
                return
            if isinstance(item, Record):
                self._records.append(item)
            else:
                self._pictures.append(item)

    def _attach(self) -> None:
        """Find, reopen or create the run, and learn what it already has."""
        if self._run is not None:
            return
        work = self._work
        if self.run_id is not None:
            run = self._store.client.get_run(self.run_id)
        else:
            unfinished = (run for run in self._store.runs(work.key) if run.info.status != "FINISHED")
            run = next(unfinished, None)
            if run is None:
                run = self._store.create(work.experiment, {**work.tags, KEY: work.key}, self._began)
            else:
                self._store.client.update_run(run.info.run_id, status="RUNNING")
                self._store.retag(run.info.run_id, work.tags)
            self.run_id = run.info.run_id
        self.opened.set()
        self._store.describe(run, work.params, work.datasets)
        self._last = last_steps(run)
        self._run = run
        self.failure = None  # the store is back, though much may be left to send

    def _send_records(self) -> None:
        """Send the records in order, in batches, leaving out what the store has."""
        while self._records:
            batch: list[Point] = []
            taken = 0
            for record in self._records:
                new = unsent(points_of(record.step, record.values, record.milliseconds), self._last)
                if batch and len(batch) + len(new) > POINTS_PER_BATCH:
                    break
                batch += new
                taken += 1
            self._send(batch)
            for _ in range(taken):
                self._records.popleft()
            self.sent += taken

    def _send(self, points: list[Point]) -> None:
        assert self.run_id is not None
        self._store.send(self.run_id, points)
        for point in points:
            self._last[point.name] = max(point.step, self._last.get(point.name, -1))

    def _send_pictures(self) -> None:
        """Send the pictures; one that fails is given up after some attempts, or when its file is gone."""
        while self._pictures:
            picture = self._pictures[0]
            picture.attempts += 1
            try:
                self._send_picture(picture)
            except Exception:
                if picture.path.exists() and picture.attempts < PICTURE_ATTEMPTS:
                    raise
            self._pictures.popleft()

    def _send_picture(self, picture: Picture) -> None:
        name = PurePosixPath(picture.name)
        folder = None if name.parent == PurePosixPath(".") else str(name.parent)
        with tempfile.TemporaryDirectory() as temporary:  # the copy bears the name that MLflow shows
            copy = shutil.copy(picture.path, Path(temporary) / name.name)
            self._store.client.log_artifact(self.run_id, str(copy), folder)


def _now() -> int:
    return time.time_ns() // 1_000_000
