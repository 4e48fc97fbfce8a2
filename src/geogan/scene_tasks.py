"""Reading windows of scenes and writing them as whole shards: what a worker process does, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from geogan.scenes import Layer
from geogan.shards import write_shard

PIECE = 2**25  # bytes of scenes that are read at once, where a tile is no larger

Windows = Int64[np.ndarray, " window"]


@dataclass(frozen=True)
class Task:
    """Rows of a group's arrays, from ``start`` on, that are whole shards; all it takes to make them, but pixels.

    ``layers``: scene -> one layer for each of the arrays ``names``.
    """

    folder: Path
    start: int
    tile: int
    names: tuple[str, ...]
    layers: Mapping[int, tuple[Layer, ...]]
    scene: Windows
    row: Windows
    column: Windows


def write_task(task: Task) -> None:
    """Read the windows of a task and write its shards; valid are the pixels that are so in all its layers.

    Raises InputError for damaged data.
    """
    first, count, edge = next(iter(task.layers.values())), task.row.size, task.tile
    values = [np.empty((count, len(layer.bands), edge, edge), layer.dtype) for layer in first]
    valid = np.ones((count, edge, edge), dtype=bool)
    pixel = sum(len(layer.bands) * np.dtype(layer.dtype).itemsize + 1 for layer in first)
    for part in _pieces(task, PIECE // pixel):
        top, left = int(task.row[part].min()), int(task.column[part].min())
        rows, columns = int(task.row[part].max()) + edge - top, int(task.column[part].max()) + edge - left
        at = task.row[part] - top, task.column[part] - left
        for layer, out in zip(task.layers[int(task.scene[part.start])], values, strict=True):
            piece = layer.read(top, left, rows, columns)
            windows = np.lib.stride_tricks.sliding_window_view(piece.values, (edge, edge), axis=(1, 2))
            out[part] = np.moveaxis(windows[:, *at], 0, 1)
            valid[part] &= np.lib.stride_tricks.sliding_window_view(piece.valid, (edge, edge))[at]
    for name, out in zip(task.names, values, strict=True):
        write_shard(task.folder / name, task.start, out)
        write_shard(task.folder / f"valid_{name}", task.start, valid)


def _pieces(task: Task, pixels: int) -> Iterator[slice]:
    """Runs of windows of one scene, the box around which has at most so many pixels."""
    begin, box = 0, [0, 0, 0, 0]
    for at, (scene, row, column) in enumerate(zip(task.scene, task.row, task.column, strict=True)):
        own = [row, column, row + task.tile, column + task.tile]
        if at > begin:
            wider = [*map(min, box[:2], own[:2]), *map(max, box[2:], own[2:])]
            if scene == task.scene[begin] and (wider[2] - wider[0]) * (wider[3] - wider[1]) <= pixels:
                box = wider
                continue
            yield slice(begin, at)
        begin, box = at, own
    yield slice(begin, task.row.size)
