"""Splits in space: the ground is cut into blocks, and each block serves one split and one role."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from geogan.errors import InputError

SPLITS = ("train", "validation", "test")
CLASSES = (("train", "image"), ("train", "constraint"), ("validation", "image"), ("test", "image"))
SPLIT_OF = np.array([SPLITS.index(split) for split, _ in CLASSES], np.uint8)  # class -> split


@dataclass(frozen=True)
class Split:
    """What is held out (the rest is train), and how the ground is cut.

    ``validation`` and ``test``: both shares of the ground, or both patterns (as in file names) of the names of
    scenes. ``gap``: pixels that a tile keeps from the blocks of other splits. ``block``: least edge of a block in
    pixels; None takes the larger of the biggest tile (with its gaps) and an eighth of the image's shorter
    side. ``seed`` chooses the blocks.
    """

    validation: float | tuple[str, ...] = 0.15
    test: float | tuple[str, ...] = 0.15
    gap: int = 0
    block: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Blocks:
    """The cut ground: borders in pixels (first 0, last the image's edge) and the class of every block."""

    rows: Int64[np.ndarray, " row_border"]
    columns: Int64[np.ndarray, " column_border"]
    classes: UInt8[np.ndarray, "block_row block_column"]


def cut(rows: int, columns: int, *, largest_tile: int, split: Split, pool: float) -> Blocks:
    """Cut an image into near-equal blocks and give each a (split, role).

    Every class gets at least one block; the blocks of a class are spread over the image.
    ``pool`` is the share of the training blocks whose role is "constraint"; with 0 there is no such class.

    Raises:
        InputError: shares outside (0, 1), patterns of names, a negative gap, an image that is smaller than the
            tile or too small for four blocks (three without a pool).
    """
    given = shares(split)
    if not 0 <= pool < 1:
        raise InputError(f"pool: must lie between 0 and 1, not {pool}")
    needed, word = (4, "four") if pool else (3, "three")
    if largest_tile > min(rows, columns):
        raise InputError(
            f"tile, evaluation_tile: {largest_tile} is larger than the image of {rows} x {columns} pixels; "
            f"give at most {_largest_edge(rows, columns, needed) - 2 * split.gap} ({word} blocks must fit)"
        )
    edge = split.block
    if edge is None:
        edge = max(largest_tile + 2 * split.gap, min(rows, columns) // 8)
    if edge < 1:
        raise InputError(f"split.block: must be at least 1 pixel or null, not {edge}")
    down, across = max(1, rows // edge), max(1, columns // edge)
    if down * across < needed:
        fitting = _largest_edge(rows, columns, needed)
        what = "split.block" if split.block is not None else "tile, evaluation_tile"
        limit = fitting if split.block is not None else max(fitting - 2 * split.gap, 0)
        roles = "train, a pool of hard data, " if pool else "train, "
        raise InputError(
            f"{what}: blocks of {edge} pixels cut the image of {rows} x {columns} into {down * across}, {word} are "
            f"needed ({roles}validation, test); give at most {limit}"
        )
    rng = np.random.default_rng(split.seed)
    classes = _assign(down, across, given, pool, rng)
    return Blocks(_borders(rows, down), _borders(columns, across), classes)


def shares(split: Split) -> tuple[float, float, float]:
    """The shares of train, validation and test.

    Raises:
        InputError: patterns of names, shares outside (0, 1) or that leave nothing to train on, a negative gap.
    """
    held_out: list[float] = []
    for key, share in (("validation", split.validation), ("test", split.test)):
        if isinstance(share, tuple):
            raise InputError(f"split.{key}: {', '.join(share)} choose among named scenes; give a share of the ground")
        if not 0 < share < 1:
            raise InputError(f"split.{key}: must lie between 0 and 1, not {share}")
        held_out.append(share)
    validation, test = held_out
    if validation + test >= 1:
        raise InputError(
            f"split: validation + test = {validation + test:g} leave nothing to train on; their sum must be below 1"
        )
    if split.gap < 0:
        raise InputError(f"split.gap: must be at least 0 pixels, not {split.gap}")
    return 1 - validation - test, validation, test


def _largest_edge(rows: int, columns: int, blocks: int) -> int:
    """The largest block edge that cuts the image into so many blocks or more."""
    return max((e for e in range(1, min(rows, columns) + 1) if (rows // e) * (columns // e) >= blocks), default=0)


def _borders(length: int, parts: int) -> Int64[np.ndarray, " border"]:
    return np.arange(parts + 1, dtype=np.int64) * length // parts


def _assign(
    down: int, across: int, given: tuple[float, ...], pool: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "block_row block_column"]:
    """Classes of the blocks: a stratified choice along a path that visits neighbours after one another."""
    path = np.arange(down * across).reshape(down, across)
    path[1::2] = path[1::2, ::-1]
    counts = _apportion(down * across, given, least=(2 if pool else 1, 1, 1))
    classes = np.zeros(down * across, dtype=np.uint8)
    rest = path.ravel()
    for index in (2, 1, 0):
        chosen = _spread(rest, counts[index], rng)
        rest = rest[~np.isin(rest, chosen)]
        classes[chosen] = CLASSES.index((SPLITS[index], "image"))
    if pool:  # of the blocks chosen last, which train
        number = _apportion(chosen.size, (1 - pool, pool), least=(1, 1))[1]
        classes[_spread(chosen, number, rng)] = CLASSES.index(("train", "constraint"))
    return classes.reshape(down, across)


def _apportion(total: int, shares: tuple[float, ...], least: tuple[int, ...]) -> list[int]:
    """Whole numbers by largest remainder, each at least its ``least``; the largest gives what is missing."""
    exact = [share * total for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    for index, (count, needed) in enumerate(zip(counts, least, strict=True)):
        if count < needed:
            counts[counts.index(max(counts))] -= needed - count
            counts[index] = needed
    return counts


def _spread(path: Int64[np.ndarray, " block"], count: int, rng: np.random.Generator) -> Int64[np.ndarray, " chosen"]:
    """``count`` blocks, one at random from each of as many equal stretches of the path."""
    borders = _borders(path.size, count)
    chosen: Int64[np.ndarray, " chosen"] = path[rng.integers(borders[:-1], borders[1:])]
    return chosen
