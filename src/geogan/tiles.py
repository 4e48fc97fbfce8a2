"""Which windows (tiles) are cut from the ground of each split and role.

Planning is apart from loading: nothing here reads a pixel except `without_nodata`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from geogan.errors import InputError
from geogan.ground import CLASSES, SPLIT_OF, SPLITS, Blocks, Split, cut
from geogan.training_image import Values, missing

__all__ = [
    "CLASSES",
    "SPLITS",
    "SPLIT_OF",
    "Blocks",
    "Plan",
    "Split",
    "admitted_class",
    "block_of",
    "check_classes",
    "cut",
    "plan",
    "starts",
    "without_nodata",
]

Pixels = Int64[np.ndarray, "..."]
Codes = UInt8[np.ndarray, "..."]
Flags = Bool[np.ndarray, "..."]
Box = tuple[Pixels, Pixels, Pixels, Pixels]  # top, left, bottom, right in pixels; shapes that broadcast


@dataclass(frozen=True)
class Plan:
    """Square windows of edge ``tile``, by their top left pixel, ordered by class, row, column.

    ``left_out`` counts the windows that were dropped because they hold nodata.
    """

    tile: int
    row: Int64[np.ndarray, " tile"]
    column: Int64[np.ndarray, " tile"]
    classes: UInt8[np.ndarray, " tile"]
    left_out: int = 0

    def count(self, split: str, role: str) -> int:
        """Number of windows of one (split, role)."""
        return int((self.classes == CLASSES.index((split, role))).sum())


def plan(blocks: Blocks, *, tile: int, stride: int, gap: int = 0, key: str = "tile") -> Plan:
    """Plan the windows of edge ``tile`` on a grid of ``stride`` pixels that restarts at every block.

    Every block that a window touches has the same class, and within ``gap`` pixels of a window every block
    has the same split. Windows may cross borders between blocks of one class. ``key`` names the parameter
    in messages.

    Raises:
        InputError: tile or stride < 1, or a class that no window fits in.
    """
    if tile < 1:
        raise InputError(f"{key}: must be at least 1 pixel, not {tile}")
    if stride < 1:
        raise InputError(f"stride: must be at least 1 pixel, not {stride}")
    row, column = starts(blocks.rows, tile, stride, gap), starts(blocks.columns, tile, stride, gap)
    top, left = row[:, None], column[None, :]
    own, admitted = admitted_class(blocks, (top, left, top + tile, left + tile), gap)
    at_row, at_column = np.nonzero(admitted)
    classes = own[at_row, at_column]
    order = np.argsort(classes, kind="stable")
    planned = Plan(tile, row[at_row[order]], column[at_column[order]], classes[order])
    check_classes(planned, blocks, gap=gap, key=key)
    return planned


def without_nodata(planned: Plan, values: Values) -> Plan:
    """The windows that hold no nodata pixel; the others are counted in ``left_out``."""
    keep = np.ones(planned.row.size, dtype=bool)
    for row in np.unique(planned.row):
        empty = missing(values[row : row + planned.tile]).any(axis=0)
        if empty.any():
            before = np.concatenate([[0], np.cumsum(empty)])
            here = np.flatnonzero(planned.row == row)
            column = planned.column[here]
            keep[here] = before[column + planned.tile] == before[column]
    return replace(
        planned,
        row=planned.row[keep],
        column=planned.column[keep],
        classes=planned.classes[keep],
        left_out=planned.left_out + int((~keep).sum()),
    )


def check_classes(planned: Plan, blocks: Blocks, *, gap: int = 0, key: str = "tile") -> None:
    """Raise InputError if a (split, role) has no window, naming the key and what would fit."""
    for split, role in CLASSES:
        if planned.count(split, role) == 0:
            fitting = min(np.diff(blocks.rows).min(), np.diff(blocks.columns).min()) - 2 * gap
            advice = f"give a tile of at most {fitting}, " if 0 < fitting < planned.tile else "give "
            why = f"{planned.left_out} hold nodata; " if planned.left_out else ""
            raise InputError(
                f"{key}: no window of {planned.tile} pixels in the ground of {split}/{role} ({why}gap {gap}); "
                f"{advice}a larger split.block or another split.seed"
            )


def starts(borders: Int64[np.ndarray, " border"], tile: int, stride: int, gap: int = 0) -> Int64[np.ndarray, " start"]:
    """Where windows begin: every ``stride`` pixels from each border (and its gap) on, up to the last border."""
    inner = borders[:-1] + np.where(borders[:-1] > 0, gap, 0)
    ends = np.append(inner[1:], borders[-1])
    found = [np.arange(a, b, stride, dtype=np.int64) for a, b in zip(inner, ends, strict=True)]
    return np.concatenate([some[some + tile <= borders[-1]] for some in found])


def admitted_class(blocks: Blocks, box: Box, gap: int = 0) -> tuple[Codes, Flags]:
    """The class of the block in each box's corner, and whether all of the box's ground has it.

    Within ``gap`` pixels of the box all ground has its split.
    """
    top, left, bottom, right = box
    own = blocks.classes[block_of(blocks.rows, top), block_of(blocks.columns, left)]
    admitted = _uniform(blocks, blocks.classes, box, own)
    if gap > 0:
        near = (top - gap, left - gap, bottom + gap, right + gap)
        admitted &= _uniform(blocks, SPLIT_OF[blocks.classes], near, SPLIT_OF[own])
    return own, admitted


def block_of(borders: Int64[np.ndarray, " border"], at: Pixels) -> Pixels:
    """The block that holds each pixel; the first or last one for pixels outside."""
    inside = np.clip(at, borders[0], borders[-1] - 1)
    block: Pixels = np.searchsorted(borders, inside, side="right") - 1
    return block


def _uniform(blocks: Blocks, label: UInt8[np.ndarray, "block_row block_column"], box: Box, own: Codes) -> Flags:
    """Whether every block under the box (clipped to the image) carries the label ``own``."""
    top, bottom = block_of(blocks.rows, box[0]), block_of(blocks.rows, box[2] - 1) + 1
    left, right = block_of(blocks.columns, box[1]), block_of(blocks.columns, box[3] - 1) + 1
    size = (bottom - top) * (right - left)
    same = np.zeros(own.shape, dtype=bool)
    for value in np.unique(label):
        total = np.zeros((label.shape[0] + 1, label.shape[1] + 1), dtype=np.int64)
        total[1:, 1:] = (label == value).cumsum(axis=0).cumsum(axis=1)
        inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        same |= (own == value) & (inside == size)
    return same
