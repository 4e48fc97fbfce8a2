"""The MLflow store of a project: where it is, how its first use is made safe, what it is asked and told.

MLflow is imported by the functions that need it: importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock

from geogan.errors import InputError

from .root import state_root
from .tracking_points import Point
from .tracking_server import import_mlflow, reason, tracking_uri

EXPERIMENT = "geogan"
KEY = "geogan.key"
POINTS_PER_BATCH = 1000  # MLflow refuses more in one request
PAIRS_PER_BATCH = 100
DIGEST_LENGTH = 36


class Dataset(NamedTuple):
    """One input of a training: its name, the hash of its content, where it came from."""

    name: str
    digest: str
    source: str


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
        """A new run, which began now or at ``milliseconds``; its name ends in that of its key, to tell runs apart."""
        named = f"{name} {tags[KEY][:8]}"
        return self.client.create_run(self.experiment(), run_name=named, tags=dict(tags), start_time=milliseconds)

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


@contextmanager
def answering(store: Store) -> Iterator[None]:
    """Turn a store that does not answer into an InputError, for the commands that cannot do without it."""
    import_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise InputError(
            f"MLflow store {store.address}: {reason(error)}; start the server, "
            "or unset MLFLOW_TRACKING_URI to use mlflow.db of the project"
        ) from error
