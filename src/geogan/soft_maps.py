"""A map of facies probabilities, as the networks were shown soft data in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.headers import read_header
from geogan.rasters.layers import plain_layer
from geogan.rasters.warped import onto

TOLERANCE = 0.01  # by which the probabilities of a cell may fail to sum to 1


@dataclass(frozen=True)
class SoftMap:
    """Probabilities on a grid, in the range of ``facies.encode``; ``notes`` say what was assumed."""

    values: Float32[np.ndarray, "channel y x"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    name: str
    grid: Grid


def read_soft_map(file: Path, grid: Grid, shares: Mapping[str, float]) -> SoftMap:
    """The probabilities in a raster on a grid.

    ``shares`` are the facies in the order of their codes, with their shares in the training image: what is believed
    where the raster has no data. The raster has a band per facies, or of two facies one band for the second. Where
    CRS, origin or cell size differ it is brought onto the grid bilinearly.

    Raises:
        InputError: a file that cannot be read, another number of bands, probabilities outside [0, 1] or that do not
            sum to 1 (with the cell), no overlap, no data in any cell of the grid, a CRS of one side only.
    """
    header = read_header(file)
    if grid.crs is None and header.crs is not None:
        raise InputError(
            f"{file}: has a CRS and the grid has none; give the grid by --like {file} "
            "or by --bounds, --resolution and --crs"
        )
    layer = onto(plain_layer(header, bands=None, key="--soft"), _Place("the grid", grid), nearest=False)
    count, prior = len(shares), np.array(list(shares.values()), np.float32)[:, None, None]
    if len(layer.bands) not in ({1, 2} if count == 2 else {count}):
        wanted = f"one band per facies ({', '.join(shares)})" + (
            f", or one for {list(shares)[1]}" if count == 2 else ""
        )
        raise InputError(f"{file}: has {len(layer.bands)} bands; soft data need {wanted}")
    piece = layer.read(0, 0, grid.rows, grid.columns)
    empty, cells = int((~piece.valid).sum()), piece.valid.size
    if empty == cells:
        raise InputError(f"{file}: has no data in any cell of the grid; give a map that covers it")
    values = np.where(piece.valid, piece.values.astype(np.float32), prior[-len(layer.bands) :])
    what = "is no probability in [0, 1]; divide per cent by 100, declare a number that stands for no data as nodata"
    _refuse(file, (values < 0) | (values > 1), values, what)
    if len(values) > 1:
        total = values.sum(axis=0, keepdims=True)
        _refuse(file, abs(total - 1) > TOLERANCE, total, "is the sum of the probabilities of the facies, not 1")
    assumed = ", ".join(f"{name} {share:.3g}" for name, share in shares.items())
    note = f"{file}: no data in {empty} of {cells} cells; the shares of the training image stand there ({assumed})"
    channels = 2 * values[-1:] - 1 if count == 2 else values
    return SoftMap(channels.astype(np.float32), (note,) if empty else ())


def _refuse(file: Path, wrong: np.ndarray, values: np.ndarray, what: str) -> None:
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise InputError(f"{file}: {values[tuple(at)]:.6g} at row {at[1]}, column {at[2]} {what}")
