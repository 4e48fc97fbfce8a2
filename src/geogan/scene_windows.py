"""Windows of one scene, or of an aligned scene and its map: those that lie in one split and hold enough data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Int64, UInt8

from geogan.errors import InputError
from geogan.territories import Picture, Territory
from geogan.tiles import SPLIT_OF, admitted_class, block_of, starts

PIECE = (512, 2048)  # rows and columns that are read at once; whole blocks of most files


@dataclass(frozen=True)
class Cutting:
    """How one group of tiles is cut: edge and stride in pixels; ``key`` names the edge in messages.

    ``inside``: no window crosses a border between blocks, so that windows do not overlap.
    """

    key: str
    tile: int
    stride: int
    inside: bool = False


@dataclass(frozen=True)
class Windows:
    """Windows of one picture by their top left pixels; ``left_out`` counts those with too much nodata."""

    row: Int64[np.ndarray, " window"]
    column: Int64[np.ndarray, " window"]
    split: UInt8[np.ndarray, " window"]
    left_out: int = 0


def windows_of(
    picture: Picture, ground: Territory, cuttings: Sequence[Cutting], gap: int, nodata: float
) -> list[Windows]:
    """The windows of each cutting. Of the pixels only the validity is read, once for all cuttings.

    All ground under a window, and within ``gap`` pixels of it, is of one split; the share of its pixels that are not
    valid in one of the layers is at most ``nodata``. Raises InputError if no pixel of a picture is valid.
    """
    planned = [_admitted(picture, ground, cutting, gap) for cutting in cuttings]
    both = list(zip(planned, cuttings, strict=True))
    if not any(windows.row.size for windows in planned):
        return planned
    lines = np.unique(np.concatenate([line for w, cutting in both for line in (w.row, w.row + cutting.tile)]))
    columns = np.unique(np.concatenate([at for w, cutting in both for at in (w.column, w.column + cutting.tile)]))
    hidden = _hidden(picture, lines, columns)
    kept = []
    for windows, cutting in both:
        top, bottom = (np.searchsorted(lines, windows.row + edge) for edge in (0, cutting.tile))
        left, right = (np.searchsorted(columns, windows.column + edge) for edge in (0, cutting.tile))
        count = hidden[bottom, right] - hidden[top, right] - hidden[bottom, left] + hidden[top, left]
        keep = count <= nodata * cutting.tile**2
        parts = (windows.row[keep], windows.column[keep], windows.split[keep])
        kept.append(Windows(*parts, left_out=int((~keep).sum())))
    return kept


def _admitted(picture: Picture, ground: Territory, cutting: Cutting, gap: int) -> Windows:
    """Windows on a grid of the stride that restarts at every block, all of whose ground is of one split."""
    frame, blocks, grid = ground.frame, ground.blocks, picture.grid
    borders = frame.lines(grid, blocks.rows, blocks.columns)
    top, left, bottom, right = frame.scene(grid)
    gaps = -(-gap * grid.rows // (bottom - top)), -(-gap * grid.columns // (right - left))
    rows, columns = (_starts(lines, cutting, near) for lines, near in zip(borders, gaps, strict=True))
    row, column = (side.ravel() for side in np.meshgrid(rows, columns, indexing="ij"))
    classes, admitted = admitted_class(blocks, frame.windows(grid, row, column, cutting.tile, cutting.tile), gap)
    return Windows(row[admitted], column[admitted], SPLIT_OF[classes[admitted]])


def _starts(borders: Int64[np.ndarray, " border"], cutting: Cutting, gap: int) -> Int64[np.ndarray, " start"]:
    found = starts(borders, cutting.tile, cutting.stride, gap)
    if cutting.inside:
        found = found[block_of(borders, found) == block_of(borders, found + cutting.tile - 1)]
    return found


def _hidden(
    picture: Picture, lines: Int64[np.ndarray, " line"], columns: Int64[np.ndarray, " column"]
) -> Int64[np.ndarray, "line column"]:
    """How many pixels above each line and left of each column are not valid in one of the layers.

    Raises InputError if no pixel is valid.
    """
    grid = picture.grid
    total = np.zeros((lines.size, columns.size), dtype=np.int64)
    above = np.zeros(grid.columns, dtype=np.int64)
    seen = np.zeros(len(picture.layers), dtype=bool)
    for start in range(0, grid.rows, PIECE[0]):
        stop = min(start + PIECE[0], grid.rows)
        here = np.flatnonzero((lines > start) & (lines <= stop))
        cuts = [0, *(lines[here] - start), stop - start]
        parts = np.zeros((len(cuts) - 1, grid.columns), dtype=np.int64)
        for left in range(0, grid.columns, PIECE[1]):
            right = min(left + PIECE[1], grid.columns)
            valid = [layer.read(start, left, stop - start, right - left).valid for layer in picture.layers]
            seen |= [bool(some.any()) for some in valid]
            hidden = ~np.logical_and.reduce(valid)
            for number, (first, last) in enumerate(pairwise(cuts)):
                parts[number, left:right] = hidden[first:last].sum(axis=0)
        for line, part in zip(here, parts, strict=False):
            above += part
            total[line] = np.concatenate([[0], above.cumsum()])[columns]
        above += parts[-1]
    for layer in np.array(picture.layers, dtype=object)[~seen]:
        raise InputError(f"{layer.name}: holds nothing but nodata; leave the scene out")
    if above.sum() == grid.rows * grid.columns:
        raise InputError(f"{picture.layers[0].name}: where it has data, its map {picture.layers[1].name} has none")
    return total
