"""Prepared stores of scenes and maps: sharded, checksummed Zarr v3 that xarray reads.

The root has the training tiles of the domains A and B, the group "evaluation" tiles at the evaluation size that do
not overlap. Each is ordered by split, scene, row and column; where aligned, tile k of A and of B show the same ground,
else each domain has tiles of its own number and size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16, Int64

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.manifests import read_manifest
from geogan.scenes import Tiles
from geogan.shards import open_array, open_group, reading
from geogan.tiles import SPLITS

DOMAINS = ("a", "b")


@dataclass(frozen=True)
class PreparedScenes:
    """A prepared store of scenes. ``a`` and ``b``: what the pixels of the domains mean.

    ``key``: of the params that made the store; ``sha256``: of the source; ``digest``: of the store's manifest, so
    of every byte in it.
    """

    path: Path
    a: Domain
    b: Domain
    aligned: bool
    key: str
    sha256: str
    digest: str

    def tile(self, group: str = "tiles", domain: str = "a") -> int:
        """Edge of the tiles of a group and domain in pixels. Raises InputError for an unknown name."""
        self._check_domain(domain)
        with reading(self.path):
            attributes: dict[str, Any] = dict(open_group(self.path, group).attrs)
            return int(attributes["tile" if domain == "a" or self.aligned else "tile_b"])

    def count(self, split: str, group: str = "tiles", domain: str = "a") -> int:
        """Number of tiles of one split."""
        first, stop = self._range(split, domain, group)
        return stop - first

    def read(self, split: str, domain: str, group: str = "tiles", limit: int | None = None) -> Tiles:
        """The tiles of one split, ordered by scene, row and column; at most ``limit``, evenly spaced over them.

        They have labels where the source had some. Raises InputError for an unknown name and for damaged data.
        """
        index = self._index(split, domain, group, limit)
        with reading(self.path):
            values, valid = (open_array(self.path, group, name) for name in (domain, f"valid_{domain}"))
            labels: Int16[np.ndarray, " tile"] | None = None
            if f"label_{domain}" in open_group(self.path, group):
                labels = np.asarray(open_array(self.path, group, f"label_{domain}").oindex[index])
            return Tiles(np.asarray(values.oindex[index]), np.asarray(valid.oindex[index]), labels)

    def places(
        self, split: str, domain: str, group: str = "tiles"
    ) -> tuple[tuple[str, ...], Int64[np.ndarray, " tile"], Int64[np.ndarray, " tile"]]:
        """Scene, row and column of the tiles of one split: those of their top left pixel in the scene."""
        first, stop = self._range(split, domain, group)
        with reading(self.path):
            scene, row, column = (
                np.asarray(open_array(self.path, group, f"{name}_{domain}")[first:stop])
                for name in ("scene", "row", "column")
            )
        return tuple(str(name) for name in scene), row, column

    def _index(self, split: str, domain: str, group: str, limit: int | None) -> slice | Int64[np.ndarray, " tile"]:
        first, stop = self._range(split, domain, group)
        if limit is None or limit >= stop - first:
            return slice(first, stop)
        return first + np.arange(limit, dtype=np.int64) * (stop - first) // limit

    def _range(self, split: str, domain: str, group: str) -> tuple[int, int]:
        if split not in SPLITS:
            raise InputError(f"{self.path}: no split {split!r}; one of {', '.join(SPLITS)}")
        self._check_domain(domain)
        with reading(self.path):
            counts = np.asarray(open_group(self.path, group).attrs[f"counts_{domain}"], dtype=np.int64)
        borders = np.concatenate([[0], counts.cumsum()]).tolist()
        at = SPLITS.index(split)
        return borders[at], borders[at + 1]

    def _check_domain(self, domain: str) -> None:
        if domain not in DOMAINS:
            raise InputError(f"{self.path}: no domain {domain!r}; one of {', '.join(DOMAINS)}")


def open_scenes(path: Path) -> PreparedScenes:
    """Open a prepared store of scenes after checking that every file is there with its size.

    Raises:
        InputError: the store is missing, half-written, empty or of another kind, or a file of it lacks bytes.
    """
    _, digest = read_manifest(path, "scenes")
    with reading(path):
        attributes: dict[str, Any] = dict(open_group(path, "tiles").attrs)
        a, b = (Domain.of(attributes[domain]) for domain in DOMAINS)
        return PreparedScenes(path, a, b, attributes["aligned"], attributes["key"], attributes["source_sha256"], digest)
