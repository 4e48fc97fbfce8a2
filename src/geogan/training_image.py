"""A training image: the field that a generator learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64, UInt8

from geogan.grids import Grid

NODATA = 255  # the code of a pixel without a facies

Values = UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]


@dataclass(frozen=True)
class SheetLabels:
    """The labels of an image that is a sheet of samples, each on a cell of edge ``cell`` pixels; -1: no sample."""

    cell: int
    values: Int16[np.ndarray, "cell_row cell_column"]

    def at(self, row: Int64[np.ndarray, " tile"], column: Int64[np.ndarray, " tile"]) -> Int16[np.ndarray, " tile"]:
        """The labels of the cells that these pixels lie in."""
        return np.asarray(self.values[row // self.cell, column // self.cell])


@dataclass(frozen=True)
class TrainingImage:
    """Facies codes, or the values of a continuous property, on a grid.

    ``values`` holds codes 0..K-1 (ascending with the grey level of the source; 255 = nodata), or the property in
    its own units as float32 (NaN = nodata). ``names`` has one name per code (``"0"``, ``"1"``, ... where the source
    knows none), none for a property. ``sha256`` identifies the file or the settings that it came from. ``labels``
    are those of the samples where the image is a sheet of labelled ones.
    """

    values: Values
    names: tuple[str, ...]
    grid: Grid
    sha256: str
    labels: SheetLabels | None = None

    @property
    def continuous(self) -> bool:
        """Whether the values are those of a property, and no facies codes."""
        return not self.names


def missing(values: UInt8[np.ndarray, ...] | Float32[np.ndarray, ...]) -> Bool[np.ndarray, ...]:
    """Where there are no data: code 255, or NaN."""
    return np.asarray(np.isnan(values) if values.dtype.kind == "f" else values == NODATA)
