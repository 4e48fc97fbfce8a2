"""The MLflow store of a project: where it is, how its first use is made safe, what it is asked and told.

MLflow is imported by the functions that need it: importing this module costs nothing.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock

from .root import state_root
from .tracking_tags import legible_name

EXPERIMENT = "geogan"
KEY = "geogan.key"
POINTS_PER_BATCH = 1000  # MLflow refuses more in one request
PAIRS_PER_BATCH = 100
DIGEST_LENGTH = 36

# No telemetry; and a server that hangs is given up after seconds, not after MLflow's quarter of an hour.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class Point(NamedTuple):
    """One value of one metric; ``milliseconds`` since 1970."""

    name: str
    value: float
    milliseconds: int
    step: int


class Dataset(NamedTuple):
    """One input of a training: its name, the hash of its content, where it came from."""

    name: str
    digest: str
    source: str


def tracking_uri(root: Path, uri: str | None = None) -> str:
    """The store to use: ``uri``, else MLFLOW_TRACKING_URI, else ``mlflow.db`` at the state root.

    A relative SQLite path is taken from the state root, so that a run made in a temporary copy outlives it.
    """
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if given.startswith("sqlite:///"):
        return f"sqlite:///{state_root(root) / given.removeprefix('sqlite:///')}"
    return given


def import_mlflow() -> None:
    """Import MLflow with its telemetry off, its patience short and its migrations silent."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow.tracking  # noqa: F401

    for name in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def reason(error: BaseException) -> str:
    """Why a store did not answer, in one short line."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    for phrase in ("Connection refused", "Name or service not known", "timed out", "database is locked"):
        if phrase in str(error):
            text = phrase.lower()
    return text if len(text) <= 160 else text[:159] + "…"


class Store:
    """The MLflow experiment ``geogan`` of one store. Every method may raise what MLflow raises."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.uri = tracking_uri(root, uri)
        self.kind = self.uri.split(":", 1)[0]
        self._state = state_root(root)
        self._experiment: str | None = None
        self._client: Any = None

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store, None for any other."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def exists(self) -> bool:
        """Whether there is anything to read: a SQLite store is a file, any other is asked."""
        return self.database is None or self.database.is_file()

    @property
    def address(self) -> str:
        """The URI as it may be shown: without a user name or password, a file by its name alone."""
        if self.database is not None:
            return self.database.name
        parts = urlsplit(self.uri)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def client(self) -> Any:
        """The MlflowClient of this store. Making it creates the tables of a new SQLite store.

        Doing that from several processes at once ruins the file: the first use is under a lock.
        """
        if self._client is None:
            import_mlflow()
            from mlflow.tracking import MlflowClient

            with self._first_use():
                self._client = MlflowClient(tracking_uri=self.uri)
        return self._client

    def experiment(self) -> str:
        """The identifier of the experiment ``geogan``, made on first use."""
        if self._experiment is None:
            client = self.client
            with self._first_use():
                found = client.get_experiment_by_name(EXPERIMENT)
                if found is None:
                    artifacts = self.database and (self.database.parent / "mlartifacts").as_uri()
                    self._experiment = client.create_experiment(EXPERIMENT, artifact_location=artifacts)
                else:
                    if found.lifecycle_stage == "deleted":
                        client.restore_experiment(found.experiment_id)
                    self._experiment = found.experiment_id
        return str(self._experiment)

    @contextmanager
    def _first_use(self) -> Iterator[None]:
        if self.database is None:
            yield
            return
        own = self.database.parent == self._state
        folder = self._state / ".geogan" if own else self.database.parent
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ("mlflow.lock" if own else f".{self.database.name}.lock")):
            yield

    def runs(self, key: str | None = None) -> Iterator[Any]:
        """The runs of the experiment, newest first; only those of one piece of work if ``key`` is given."""
        query = "" if key is None else f"tags.`{KEY}` = '{key}'"
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment()],
                filter_string=query,
                max_results=500,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def create(self, name: str, tags: Mapping[str, str], milliseconds: int | None = None) -> Any:
        """A new run, which began now or at ``milliseconds``."""
        return self.client.create_run(
            self.experiment(), run_name=name, tags=dict(tags), start_time=milliseconds
        )

    def describe(self, run: Any, params: Mapping[str, str], datasets: Iterable[Dataset]) -> None:
        """Give a run those params (flat) and datasets that it does not have yet."""
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput, InputTag, Param

        missing = [Param(name, value) for name, value in params.items() if name not in run.data.params]
        for start in range(0, len(missing), PAIRS_PER_BATCH):
            self.client.log_batch(run.info.run_id, params=missing[start : start + PAIRS_PER_BATCH])
        known = {used.dataset.name for used in run.inputs.dataset_inputs} if run.inputs else set()
        inputs = [
            DatasetInput(
                Entity(name, digest[:DIGEST_LENGTH], source_type="local", source=source),
                tags=[InputTag("mlflow.data.context", "training")],
            )
            for name, digest, source in datasets
            if name not in known
        ]
        if inputs:
            self.client.log_inputs(run.info.run_id, datasets=inputs)

    def send(self, run_id: str, points: Sequence[Point]) -> None:
        """Send points in as few requests as MLflow allows."""
        from mlflow.entities import Metric

        for start in range(0, len(points), POINTS_PER_BATCH):
            batch = points[start : start + POINTS_PER_BATCH]
            self.client.log_batch(run_id, metrics=[Metric(*point) for point in batch])

    def retag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        self.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def points_of(step: float, record: Mapping[str, Any], milliseconds: int) -> list[Point]:
    """The points of one record of the history: its numbers but inf and nan, which no store holds sanely."""
    return [
        Point(legible_name(name), float(value), milliseconds, int(step))
        for name, value in record.items()
        if name != "step" and isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    ]


def unsent(points: Iterable[Point], last: Mapping[str, int]) -> list[Point]:
    """Those points that come after the last step that a store has of their metric."""
    return [point for point in points if point.step > last.get(point.name, -1)]


def last_steps(run: Any) -> dict[str, int]:
    """The last step that the store has of every metric of a run."""
    return {metric.key: int(metric.step) for metric in run.data.to_proto().metrics}
