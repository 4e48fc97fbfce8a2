"""Sets of square samples, each with a class where it is known: digits, for example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, UInt8

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.scenes import Layer, Piece

PARTS = 10  # equal parts of the training samples, by which a split may choose


@dataclass(frozen=True)
class Samples:
    """The training or the test samples of a set; ``where`` names them in messages."""

    where: str
    values: UInt8[np.ndarray, "sample y x"]
    labels: Int16[np.ndarray, " sample"] | None


@dataclass(frozen=True, eq=False)
class SampleLayer(Layer):
    """Samples in memory, stacked from top to bottom: one band of uint8, all valid."""

    name: str
    grid: Grid
    values: UInt8[np.ndarray, "sample y x"]
    sample: int | None = None
    labels: Int16[np.ndarray, " sample"] | None = None

    bands = (1,)
    dtype = "uint8"
    palette = None

    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        """The window whose top left pixel is (row, column); it lies inside the grid."""
        stacked = self.values.reshape(-1, self.values.shape[2])
        values = stacked[row : row + rows, column : column + columns]
        return Piece(values[np.newaxis], np.ones(values.shape, dtype=bool))


@dataclass(frozen=True)
class DigitSet:
    """One set: layers "train/0" to "train/9", ten equal parts of its training samples, and "test/0".

    ``sha256`` identifies its files.
    """

    layers: tuple[SampleLayer, ...]
    names: tuple[str, ...]
    sha256: str


def digit_set(train: Samples, test: Samples | None, sha256: str) -> DigitSet:
    """The set of these samples; the parts keep their order, their sizes differ by one at most.

    Raises:
        InputError: pictures that are not square or of two sizes, fewer than ten training samples, no test sample,
            or labels of one of both only.
    """
    for some in (train,) if test is None else (train, test):
        rows, columns = some.values.shape[1:]
        if rows != columns or rows < 1:
            raise InputError(f"{some.where}: its samples are {rows} x {columns} pixels; they must be square")
    if len(train.values) < PARTS:
        raise InputError(
            f"{train.where}: holds {len(train.values)} samples; {PARTS} are needed at least, one in a part"
        )
    borders = [part * len(train.values) // PARTS for part in range(PARTS + 1)]
    named = {f"train/{part}": (train, slice(borders[part], borders[part + 1])) for part in range(PARTS)}
    if test is not None:
        _check_alike(train, test)
        named["test/0"] = (test, slice(None))
    layers = tuple(_layer(name, some, part) for name, (some, part) in named.items())
    return DigitSet(layers, tuple(named), sha256)


def _check_alike(train: Samples, test: Samples) -> None:
    if len(test.values) == 0:
        raise InputError(f"{test.where}: holds no sample")
    edge, other = train.values.shape[1], test.values.shape[1]
    if other != edge:
        raise InputError(
            f"{test.where}: its samples are {other} x {other} pixels, those of {train.where} {edge} x {edge}; "
            "they must be alike"
        )
    if (train.labels is None) != (test.labels is None):
        one, none = (train, test) if test.labels is None else (test, train)
        raise InputError(f"{none.where}: has no labels, {one.where} has some; give both or neither")


def _layer(name: str, some: Samples, part: slice) -> SampleLayer:
    values = some.values[part]
    count, edge = values.shape[:2]
    labels = None if some.labels is None else some.labels[part]
    return SampleLayer(f"{some.where} ({name})", Grid.in_cells(count * edge, edge), values, edge, labels)
