"""Zarr arrays written shard by shard, with checksums."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from jaxtyping import Shaped
from zarr.codecs import Crc32cCodec, ZstdCodec

CHUNK_BYTES, SHARD_BYTES = 2**18, 2**24  # uncompressed; a chunk is what is read at least


@dataclass(frozen=True)
class Variable:
    """An array to write: its name, shape and dimension names, and the coordinates that xarray reads with it.

    A missing chunk reads as ``fill``.
    """

    name: str
    shape: tuple[int, ...]
    dimensions: tuple[str, ...]
    dtype: type[np.generic]
    fill: int | bool
    coordinates: tuple[str, ...] = ()


def write_variable(
    group: zarr.Group, variable: Variable, values: Callable[[int, int], Shaped[np.ndarray, ...]]
) -> zarr.Array[Any]:
    """Write an array along its first dimension, one whole shard at a time by this one writer.

    ``values(start, stop)`` gives the rows of one shard. Two writers in one shard would lose data silently.
    """
    item = math.prod(variable.shape[1:]) * np.dtype(variable.dtype).itemsize
    chunk = max(1, CHUNK_BYTES // item)
    shard = chunk * max(1, SHARD_BYTES // (chunk * item))
    array = group.create_array(
        variable.name,
        shape=variable.shape,
        dtype=np.dtype(variable.dtype),
        chunks=(chunk, *variable.shape[1:]),
        shards=(shard, *variable.shape[1:]),
        compressors=_codecs(),
        fill_value=variable.fill,
        dimension_names=variable.dimensions,
        attributes={"coordinates": " ".join(variable.coordinates)},
        config={"write_empty_chunks": True},
    )
    for start in range(0, variable.shape[0], shard):
        stop = min(start + shard, variable.shape[0])
        array[start:stop] = values(start, stop)
    return array


def write_coordinates(group: zarr.Group, coordinates: Mapping[str, Shaped[np.ndarray, " tile"]]) -> None:
    """Write one-dimensional coordinates of the dimension ``tile``; texts as variable-length strings."""
    for name, values in coordinates.items():
        text = values.dtype == object
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=str if text else values.dtype,
            chunks=(max(1, values.size),),
            compressors=_codecs(),
            dimension_names=("tile",),
        )
        array[:] = values


def _codecs() -> tuple[ZstdCodec, Crc32cCodec]:
    return ZstdCodec(level=3), Crc32cCodec()
