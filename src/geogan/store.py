"""Prepared and constraint stores: sharded, checksummed Zarr v3 that xarray reads.

Both have the groups "tiles" (the root, at the training size) and "evaluation" (the same at the evaluation
size). Tiles are ordered by (split, role), so what is read together lies together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64, UInt8

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.manifests import read_manifest, verify
from geogan.shards import GROUPS, open_array, open_group, reading
from geogan.tiles import CLASSES, SPLITS, Plan
from geogan.value_range import ValueRange

__all__ = [
    "GROUPS",
    "Constraints",
    "Prepared",
    "open_constraints",
    "open_prepared",
    "verify",
]


Tiles = UInt8[np.ndarray, "tile y x"] | Float32[np.ndarray, "tile y x"]
Known = UInt8[np.ndarray, "tile draw y x"] | Float32[np.ndarray, "tile draw y x"]


@dataclass(frozen=True)
class Prepared:
    """A prepared store: tiles of facies, or of a property, with their split and role.

    ``names``: one per code, none of a property; ``scale``: the range of a property, None for facies; ``grid``: of
    the source image; ``key``: of the params that made the store; ``sha256``: of the source; ``digest``: of the
    store's manifest, so of every byte in it.
    """

    path: Path
    names: tuple[str, ...]
    scale: ValueRange | None
    grid: Grid
    key: str
    sha256: str
    digest: str

    @property
    def facies_count(self) -> int:
        """Number of facies; codes are 0..facies_count - 1. 1 stands for a continuous property."""
        return len(self.names) or 1

    @property
    def variable(self) -> str:
        """The name of the array of tiles."""
        return _variable(self.scale is not None)

    def tile(self, group: str = "tiles") -> int:
        """Edge of a group's tiles in pixels."""
        return _tile(self.path, group)

    def tiles(self, split: str, role: str, group: str = "tiles") -> Tiles:
        """Facies codes, or scaled values, of the tiles of one split and role, ordered by row and column in the source.

        Raises InputError for an unknown name and for damaged data.
        """
        with reading(self.path):
            return np.asarray(open_array(self.path, group, self.variable)[self._range(split, role, group)])

    def labels(self, split: str, role: str, group: str = "tiles") -> Int16[np.ndarray, " tile"] | None:
        """The labels of the tiles of one split and role, as ordered there; None where the source had none."""
        with reading(self.path):
            if "label" not in open_group(self.path, group):
                return None
            return np.asarray(open_array(self.path, group, "label")[self._range(split, role, group)])

    def count(self, split: str, role: str, group: str = "tiles") -> int:
        """Number of tiles of one split and role."""
        span = self._range(split, role, group)
        return int(span.stop - span.start)

    def take(self, index: Int64[np.ndarray, " tile"], group: str = "tiles") -> Tiles:
        """Facies codes, or scaled values, of the tiles at ascending positions in the store."""
        with reading(self.path):
            return np.asarray(open_array(self.path, group, self.variable).oindex[index])

    def plan(self, group: str = "tiles") -> Plan:
        """Split, role and place in the source of every tile."""
        with reading(self.path):
            read = {
                name: np.asarray(open_array(self.path, group, name)[:]) for name in ("row", "column", "split", "role")
            }
        pairs = zip(read["split"], read["role"], strict=True)
        classes = np.array([CLASSES.index((str(split), str(role))) for split, role in pairs], dtype=np.uint8)
        return Plan(self.tile(group), read["row"], read["column"], classes)

    def _range(self, split: str, role: str, group: str) -> slice:
        if (split, role) not in CLASSES:
            raise InputError(f"{self.path}: no split {split!r} with role {role!r}")
        with reading(self.path):
            counts = np.asarray(open_group(self.path, group).attrs["counts"], dtype=np.int64)
        first = np.concatenate([[0], counts.cumsum()])
        at = CLASSES.index((split, role))
        return slice(int(first[at]), int(first[at + 1]))


@dataclass(frozen=True)
class Constraints:
    """A constraint store: masks and what is known under them, over the pool's training tiles and the held-out ones.

    ``draws`` is 0 for a dataset without hard data. ``continuous``: what is known are values of a property.
    ``prepared`` is the digest of the store they come from.
    """

    path: Path
    draws: int
    continuous: bool
    key: str
    prepared: str
    digest: str

    def read(self, split: str) -> tuple[Bool[np.ndarray, "tile draw y x"], Known]:
        """The hard data of a split: masks, and facies codes (255 where the mask is False) or scaled values (NaN there).

        Those of training have the size of training tiles, the others that of evaluation tiles.
        Raises InputError for an unknown name and for damaged data.
        """
        if split not in SPLITS:
            raise InputError(f"{self.path}: no split {split!r}; one of {', '.join(SPLITS)}")
        group = "tiles" if split == "train" else "evaluation"
        with reading(self.path):
            opened = open_group(self.path, group)
            tile, counts = _tile(self.path, group), np.asarray(opened.attrs["counts"], dtype=np.int64)
            if self.draws == 0:
                empty = (0, 0, tile, tile)
                return np.zeros(empty, dtype=bool), np.zeros(empty, dtype=np.uint8)
            first = np.concatenate([[0], counts.cumsum()])
            at = SPLITS.index(split)
            span = slice(int(first[at]), int(first[at + 1]))
            mask, known = (open_array(self.path, group, name) for name in ("mask", _variable(self.continuous)))
            return np.asarray(mask[span]), np.asarray(known[span])


def open_prepared(path: Path) -> Prepared:
    """Open a prepared store after checking that every file is there with its size.

    Raises:
        InputError: the store is missing, half-written, empty, of another kind or of an earlier version, or a file of
            it lacks bytes.
    """
    _, digest = read_manifest(path, "prepared")
    with reading(path):
        attributes: dict[str, Any] = dict(open_group(path, "tiles").attrs)
        if len(attributes["counts"]) != len(CLASSES):
            raise InputError(f"{path}: an earlier version made it, with other splits; 'geogan prepare' makes it again")
        a, b, c, d, e, f = attributes["transform"]
        grid = Grid(attributes["rows"], attributes["columns"], (a, b, c, d, e, f), attributes["crs"])
        names = tuple(attributes["facies_names"])
        span = attributes["value_range"]
        scale = ValueRange(*span) if span else None
        return Prepared(path, names, scale, grid, attributes["key"], attributes["source_sha256"], digest)


def open_constraints(path: Path) -> Constraints:
    """Open a constraint store; checks and errors as in `open_prepared`."""
    _, digest = read_manifest(path, "constraints")
    with reading(path):
        attributes: dict[str, Any] = dict(open_group(path, "tiles").attrs)
        draws, continuous = attributes["draws"], attributes["continuous"]
        return Constraints(path, draws, continuous, attributes["key"], attributes["prepared_digest"], digest)


def _variable(continuous: bool) -> str:
    return "value" if continuous else "facies"


def _tile(path: Path, group: str) -> int:
    with reading(path):
        return int(open_group(path, group).attrs["tile"])  # type: ignore[arg-type]
