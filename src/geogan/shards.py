"""Zarr arrays written shard by shard, with checksums."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Shaped
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.sync import sync

from geogan.errors import InputError

GROUPS = ("tiles", "evaluation")  # of a store: its root, and its group of held-out tiles
CHUNK_BYTES, SHARD_BYTES = 2**18, 2**24  # uncompressed; a chunk is what is read at least


@dataclass(frozen=True)
class Variable:
    """An array to write: its name, shape and dimension names, the coordinates that xarray reads with it, and more.

    A missing chunk reads as ``fill``.
    """

    name: str
    shape: tuple[int, ...]
    dimensions: tuple[str, ...]
    dtype: type[np.generic]
    fill: float | bool
    coordinates: tuple[str, ...] = ()
    attributes: Mapping[str, float] = field(default_factory=dict)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, uncompressed."""
        return math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize


def write_variable(
    group: zarr.Group, variable: Variable, values: Callable[[int, int], Shaped[np.ndarray, ...]]
) -> zarr.Array[Any]:
    """Write an array along its first dimension, one whole shard at a time by this one writer.

    ``values(start, stop)`` gives the rows of one shard. Two writers in one shard would lose data silently.
    """
    chunk = max(1, CHUNK_BYTES // variable.row_bytes)
    shard = chunk * max(1, SHARD_BYTES // (chunk * variable.row_bytes))
    array = _create(group, variable, chunk, shard)
    for start in range(0, variable.shape[0], shard):
        stop = min(start + shard, variable.shape[0])
        array[start:stop] = values(start, stop)
    return array


def create_together(group: zarr.Group, variables: Sequence[Variable]) -> int:
    """Create arrays whose shards hold the same rows, as many as returned; `write_shard` fills them.

    A shard of the largest has at most SHARD_BYTES, where a row is no larger.
    """
    shard = _power_of_two(SHARD_BYTES // max(variable.row_bytes for variable in variables))
    for variable in variables:
        _create(group, variable, min(shard, _power_of_two(CHUNK_BYTES // variable.row_bytes)), shard)
    return shard


def write_shard(path: Path, start: int, values: Shaped[np.ndarray, ...]) -> None:
    """Write one whole shard, the rows from ``start`` on, of the array at ``path``; from any process.

    Two writers in one shard would lose data silently: rows that are no whole shard are refused (ValueError).
    """
    with zarr.config.set({"array.write_empty_chunks": True}):
        array = zarr.open_array(path, mode="r+", zarr_format=3)
        stop, shard = start + len(values), (array.shards or array.chunks)[0]
        if start % shard or stop != min(start + shard, array.shape[0]):
            raise ValueError(f"{path}: rows {start} to {stop} of {array.shape[0]} are no whole shard of {shard}")
        array[start:stop] = values


def _power_of_two(most: int) -> int:
    """The largest power of two up to ``most``, at least 1."""
    return 1 << max(0, most.bit_length() - 1)


def _create(group: zarr.Group, variable: Variable, chunk: int, shard: int) -> zarr.Array[Any]:
    return group.create_array(
        variable.name,
        shape=variable.shape,
        dtype=np.dtype(variable.dtype),
        chunks=(chunk, *variable.shape[1:]),
        shards=(shard, *variable.shape[1:]),
        compressors=_codecs(),
        fill_value=variable.fill,
        dimension_names=variable.dimensions,
        attributes={"coordinates": " ".join(variable.coordinates), **variable.attributes},
        config={"write_empty_chunks": True},
    )


def write_coordinates(
    group: zarr.Group, coordinates: Mapping[str, Shaped[np.ndarray, " tile"]], dimension: str = "tile"
) -> None:
    """Write one-dimensional coordinates of a dimension; texts as variable-length strings."""
    for name, values in coordinates.items():
        text = values.dtype == object
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=str if text else values.dtype,
            chunks=(max(1, values.size),),
            compressors=_codecs(),
            dimension_names=(dimension,),
        )
        array[:] = values


def _codecs() -> tuple[ZstdCodec, Crc32cCodec]:
    return ZstdCodec(level=3), Crc32cCodec()


def open_group(path: Path, name: str) -> zarr.Group:
    """A group of a store. Raises InputError for another name than those in GROUPS."""
    if name not in GROUPS:
        raise InputError(f"{path}: no group {name!r}; one of {', '.join(GROUPS)}")
    return zarr.open_group(path if name == "tiles" else path / name, mode="r", zarr_format=3)


def open_array(path: Path, group: str, name: str) -> zarr.Array[Any]:
    """An array of a store. Raises KeyError if there is none of that name."""
    found = open_group(path, group)[name]
    if not isinstance(found, zarr.Array):
        raise KeyError(name)
    return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Damage shows as whatever the codecs raise; the reader sees one InputError."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        sync(_others_done())
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: damaged store ({reason}); it has to be made again") from error


async def _others_done() -> None:
    """Wait for the reads that were under way beside one that failed.

    zarr leaves them behind, and asyncio complains on stderr of those that are still pending when the process ends.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=10)
