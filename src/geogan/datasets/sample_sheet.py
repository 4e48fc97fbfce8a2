"""A set of square samples, digits for example, on one sheet: a training image of grey values."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int16

from geogan.choices import choose
from geogan.datasets.context import Context
from geogan.datasets.digits import SampleLayer
from geogan.datasets.two_sets import DIGIT_SOURCES
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.training_image import SheetLabels, TrainingImage


def read(
    context: Context, /, *, samples: dict[str, Any], count: int | None = None, continuous: Literal[True] = True
) -> TrainingImage:
    """The first ``count`` training samples (None: all) of a set, ``{name: ..., ...}`` as in DIGIT_SOURCES.

    They lie in rows on a sheet that is about square, each on a cell one pixel larger than itself; the last row and
    column of a cell, and cells without a sample, are NaN. So a tile of the size of a sample is a whole sample, and
    with ``split.block`` of the size of a cell whole samples go to the splits and to the pool of hard data. Grey
    values are 0 to 255, labels those of the set.

    Raises:
        InputError: as the set does, or fewer samples than ``count``.
    """
    found = choose("source.samples", samples, DIGIT_SOURCES).build(DIGIT_SOURCES, context, "source.samples")
    layers = [layer for layer, name in zip(found.layers, found.names, strict=True) if name.startswith("train/")]
    values = np.concatenate([layer.values for layer in layers])
    if count is not None and not 1 <= count <= len(values):
        raise InputError(f"source.count: must lie between 1 and {len(values)}, the samples of the set, got {count}")
    sheet = _sheet(values[:count])
    grid = Grid.in_cells(*sheet.shape)
    return TrainingImage(sheet, (), grid, found.sha256, _labels(layers, len(values[:count]), values.shape[1] + 1))


def _sheet(values: np.ndarray) -> Float32[np.ndarray, "y x"]:
    number, edge = len(values), values.shape[1]
    rows, columns = _shape(number)
    cells = np.full((rows * columns, edge + 1, edge + 1), np.nan, np.float32)
    cells[:number, :edge, :edge] = values
    upright = cells.reshape(rows, columns, edge + 1, edge + 1).swapaxes(1, 2)
    return np.ascontiguousarray(upright.reshape(rows * (edge + 1), columns * (edge + 1)))


def _labels(layers: list[SampleLayer], number: int, cell: int) -> SheetLabels | None:
    if any(layer.labels is None for layer in layers):
        return None
    rows, columns = _shape(number)
    labels: Int16[np.ndarray, " cell"] = np.full(rows * columns, -1, np.int16)
    labels[:number] = np.concatenate([layer.labels for layer in layers if layer.labels is not None])[:number]
    return SheetLabels(cell, labels.reshape(rows, columns))


def _shape(number: int) -> tuple[int, int]:
    """Rows and columns of cells for so many samples."""
    columns = math.isqrt(number - 1) + 1
    return -(-number // columns), columns
