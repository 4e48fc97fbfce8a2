"""Splits in space: which ground serves what, and which windows (tiles) are cut from it.

Planning is apart from loading: nothing here reads a pixel except `without_nodata`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from geogan.errors import InputError
from geogan.training_image import NODATA

SPLITS = ("train", "validation", "test")
ROLES = ("image", "constraint")
CLASSES = tuple((split, role) for split in SPLITS for role in ROLES)  # class k = 2 * split + role


@dataclass(frozen=True)
class Split:
    """Shares of the blocks (the rest is train), and how the ground is cut.

    ``gap``: pixels that a tile keeps from the blocks of other splits. ``block``: least edge of a block in
    pixels; None takes the larger of the biggest tile (with its gaps) and an eighth of the image's shorter
    side. ``seed`` chooses the blocks.
    """

    validation: float = 0.15
    test: float = 0.15
    gap: int = 0
    block: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Blocks:
    """The cut ground: borders in pixels (first 0, last the image's edge) and the class of every block."""

    rows: Int64[np.ndarray, " row_border"]
    columns: Int64[np.ndarray, " column_border"]
    classes: UInt8[np.ndarray, "block_row block_column"]


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


def cut(rows: int, columns: int, *, largest_tile: int, split: Split, pool: float) -> Blocks:
    """Cut an image into near-equal blocks and give each a (split, role).

    Every class gets at least one block; the blocks of a class are spread over the image.
    ``pool`` is the share of each split's blocks whose role is "constraint".

    Raises:
        InputError: shares outside (0, 1), a negative gap, an image that is smaller than the tile or too
            small for six blocks.
    """
    _check_shares(split, pool)
    if largest_tile > min(rows, columns):
        raise InputError(
            f"tile, evaluation_tile: {largest_tile} is larger than the image of {rows} x {columns} pixels; "
            f"give at most {_largest_edge(rows, columns) - 2 * split.gap} (six blocks must fit)"
        )
    edge = split.block
    if edge is None:
        edge = max(largest_tile + 2 * split.gap, min(rows, columns) // 8)
    if edge < 1:
        raise InputError(f"split.block: must be at least 1 pixel or null, not {edge}")
    down, across = max(1, rows // edge), max(1, columns // edge)
    if down * across < len(CLASSES):
        fitting = _largest_edge(rows, columns)
        what = "split.block" if split.block is not None else "tile, evaluation_tile"
        limit = fitting if split.block is not None else max(fitting - 2 * split.gap, 0)
        raise InputError(
            f"{what}: blocks of {edge} pixels cut the image of {rows} x {columns} into {down * across}, six are "
            f"needed (image and constraint ground for train, validation, test); give at most {limit}"
        )
    rng = np.random.default_rng(split.seed)
    classes = _assign(down, across, split, pool, rng)
    return Blocks(_borders(rows, down), _borders(columns, across), classes)


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
    row, column = _starts(blocks.rows, tile, stride, gap), _starts(blocks.columns, tile, stride, gap)
    first_row, first_column = _block_of(blocks.rows, row), _block_of(blocks.columns, column)
    own = blocks.classes[first_row[:, None], first_column[None, :]]
    admitted = _uniform(blocks, blocks.classes, row, column, tile, own)
    if gap > 0:
        near_row, near_column = row - gap, column - gap
        admitted &= _uniform(blocks, blocks.classes // 2, near_row, near_column, tile + 2 * gap, own // 2)
    at_row, at_column = np.nonzero(admitted)
    classes = own[at_row, at_column]
    order = np.argsort(classes, kind="stable")
    planned = Plan(tile, row[at_row[order]], column[at_column[order]], classes[order])
    check_classes(planned, blocks, gap=gap, key=key)
    return planned


def without_nodata(planned: Plan, facies: UInt8[np.ndarray, "y x"]) -> Plan:
    """The windows that hold no nodata pixel; the others are counted in ``left_out``."""
    keep = np.ones(planned.row.size, dtype=bool)
    for row in np.unique(planned.row):
        empty = (facies[row : row + planned.tile] == NODATA).any(axis=0)
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
            why = f"{planned.left_out} hold nodata; " if planned.left_out else ""
            raise InputError(
                f"{key}: no window of {planned.tile} pixels in the ground of {split}/{role} ({why}gap {gap}); "
                f"give a tile of at most {fitting}, a larger split.block or another split.seed"
            )


def _check_shares(split: Split, pool: float) -> None:
    for key, share in (("split.validation", split.validation), ("split.test", split.test), ("pool", pool)):
        if not 0 < share < 1:
            raise InputError(f"{key}: must lie between 0 and 1, not {share}")
    if split.validation + split.test >= 1:
        raise InputError(
            f"split: validation + test = {split.validation + split.test:g} leave nothing to train on; "
            "their sum must be below 1"
        )
    if split.gap < 0:
        raise InputError(f"split.gap: must be at least 0 pixels, not {split.gap}")


def _largest_edge(rows: int, columns: int) -> int:
    """The largest block edge that cuts the image into six blocks or more."""
    return max((e for e in range(1, min(rows, columns) + 1) if (rows // e) * (columns // e) >= 6), default=0)


def _borders(length: int, parts: int) -> Int64[np.ndarray, " border"]:
    return np.arange(parts + 1, dtype=np.int64) * length // parts


def _assign(
    down: int, across: int, split: Split, pool: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "block_row block_column"]:
    """Classes of the blocks: a stratified choice along a path that visits neighbours after one another."""
    path = np.arange(down * across).reshape(down, across)
    path[1::2] = path[1::2, ::-1]
    shares = (1 - split.validation - split.test, split.validation, split.test)
    counts = _apportion(down * across, shares, least=len(ROLES))
    classes = np.zeros(down * across, dtype=np.uint8)
    rest = path.ravel()
    for index in (2, 1, 0):
        chosen = _spread(rest, counts[index], rng)
        rest = rest[~np.isin(rest, chosen)]
        classes[chosen] = 2 * index
        constraint = _apportion(chosen.size, (1 - pool, pool), least=1)[1]
        classes[_spread(chosen, constraint, rng)] += 1
    return classes.reshape(down, across)


def _apportion(total: int, shares: tuple[float, ...], least: int) -> list[int]:
    """Whole numbers by largest remainder, each at least ``least``; the largest gives what is missing."""
    exact = [share * total for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    for index, count in enumerate(counts):
        if count < least:
            counts[counts.index(max(counts))] -= least - count
            counts[index] = least
    return counts


def _spread(path: Int64[np.ndarray, " block"], count: int, rng: np.random.Generator) -> Int64[np.ndarray, " chosen"]:
    """``count`` blocks, one at random from each of as many equal stretches of the path."""
    borders = _borders(path.size, count)
    chosen: Int64[np.ndarray, " chosen"] = path[rng.integers(borders[:-1], borders[1:])]
    return chosen


def _starts(borders: Int64[np.ndarray, " border"], tile: int, stride: int, gap: int) -> Int64[np.ndarray, " start"]:
    inner = borders[:-1] + np.where(borders[:-1] > 0, gap, 0)
    ends = np.append(inner[1:], borders[-1])
    starts = [np.arange(a, b, stride, dtype=np.int64) for a, b in zip(inner, ends, strict=True)]
    return np.concatenate([some[some + tile <= borders[-1]] for some in starts])


def _block_of(borders: Int64[np.ndarray, " border"], at: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    inside = np.clip(at, 0, borders[-1] - 1)
    block: Int64[np.ndarray, " n"] = np.searchsorted(borders, inside, side="right") - 1
    return block


def _uniform(
    blocks: Blocks,
    label: UInt8[np.ndarray, "block_row block_column"],
    row: Int64[np.ndarray, " i"],
    column: Int64[np.ndarray, " j"],
    edge: int,
    own: UInt8[np.ndarray, "i j"],
) -> Bool[np.ndarray, "i j"]:
    """Whether every block under the window (clipped to the image) carries the label ``own``."""
    top, bottom = _block_of(blocks.rows, row), _block_of(blocks.rows, row + edge - 1) + 1
    left, right = _block_of(blocks.columns, column), _block_of(blocks.columns, column + edge - 1) + 1
    size = (bottom - top)[:, None] * (right - left)[None, :]
    same = np.zeros(own.shape, dtype=bool)
    for value in np.unique(label):
        total = np.zeros((label.shape[0] + 1, label.shape[1] + 1), dtype=np.int64)
        total[1:, 1:] = (label == value).cumsum(axis=0).cumsum(axis=1)
        inside = (
            total[np.ix_(bottom, right)]
            - total[np.ix_(top, right)]
            - total[np.ix_(bottom, left)]
            + total[np.ix_(top, left)]
        )
        same |= (own == value) & (inside == size)
    return same
