"""A project: its params and where each thing lies."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from geogan.config import Dataset, Experiment, Params, read
from geogan.datasets import Context
from geogan.errors import InputError
from geogan.files import sha256_of

from .root import project_root, state_root

Item = TypeVar("Item")


@dataclass(frozen=True)
class Project:
    """The folder with dvc.yaml, and the checked params of this call.

    ``folder`` below it holds stores and results; ``tags`` are those of its MLflow runs, beside the usual ones.
    """

    root: Path
    params: Params
    folder: str = "data"
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, files: Sequence[Path], sets: Sequence[str]) -> Project:
        """Find the root and read the params; relative files are sought here, then at the root."""
        root = project_root()
        found = [file if file.exists() or file.is_absolute() else root / file for file in files]
        return cls(root, read(found, sets))

    @cached_property
    def context(self) -> Context:
        """What the sources need to know. Raw files that no commit holds lie where the project stays."""
        return Context(state_root(self.root), self.params.limits)

    @cached_property
    def checkpoints(self) -> Path:
        """Checkpoints of all work, outside what DVC deletes."""
        return state_root(self.root) / ".geogan" / "checkpoints"

    @property
    def data(self) -> Path:
        """The folder of stores and results."""
        return self.root / self.folder

    def prepared(self, dataset: str) -> Path:
        return self.data / "prepared" / f"{dataset}.zarr"

    def constraints(self, dataset: str) -> Path:
        return self.data / "constraints" / f"{dataset}.zarr"

    def model(self, experiment: str) -> Path:
        return self.data / "models" / experiment

    def metrics(self, experiment: str) -> Path:
        return self.data / "metrics" / f"{experiment}.json"

    def timing(self, experiment: str) -> Path:
        return self.data / "metrics" / f"{experiment}.timing.json"

    def figures(self, experiment: str) -> Path:
        return self.data / "figures" / experiment

    def bundle(self, experiment: str) -> Path:
        return self.data / "exports" / experiment

    def dataset(self, name: str) -> Dataset:
        return _named(self.params.datasets, name, "dataset")

    def experiment(self, name: str) -> Experiment:
        return _named(self.params.experiments, name, "experiment")

    def prepared_key(self, name: str) -> str:
        """Identity of a prepared store: the params that make it, and the files behind them if not pinned."""
        dataset = self.dataset(name)
        source = dataset.source.plain()
        for key, pin in (("path", "sha256"), ("a", "a_sha256"), ("b", "b_sha256"), ("samples", "")):
            if source.get(key) and not source.get(pin) and not source.get("sha256"):
                source[f"content of {key}"] = self._content(source[key])
        return digest_of(
            {
                "source": source,
                "tiling": dataclasses.asdict(dataset.tiling),
                "split": dataclasses.asdict(dataset.split),
            }
        )

    def _content(self, pattern: str) -> str | None:
        """What the files of a source's path or pattern hold, in one digest; None where there are none."""
        files = self.context.files(pattern)
        return digest_of([sha256_of(file) for file in files]) if files else None

    def constraints_key(self, name: str) -> str:
        """Identity of a constraint store."""
        return digest_of({"prepared": self.prepared_key(name), "constraints": self.dataset(name).constraints.plain()})


def digest_of(value: Any) -> str:
    """sha256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _named(table: Mapping[str, Item], name: str, kind: str) -> Item:
    if name not in table:
        raise InputError(f"{kind} {name!r}: is not in the params; there are {', '.join(table) or 'none'}")
    return table[name]
