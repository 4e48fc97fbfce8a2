"""GSLIB / SGeMS grids: text with ``nx ny nz``, the variables' names, then values, y upwards."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geogan.datasets.context import Context
from geogan.datasets.levels import Levels, check_continuous
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.training_image import TrainingImage


def read(
    context: Context,
    /,
    *,
    path: str,
    sha256: str | None = None,
    variable: str | None = None,
    thresholds: tuple[float, ...] = (),
    continuous: bool = False,
    nodata: float | None = -9966699.0,
    cell_size: float | None = None,
) -> TrainingImage:
    """Read one variable of a two-dimensional grid as facies codes, or as a ``continuous`` property, north up.

    In the file x runs fastest and y upwards, so array row = ny - 1 - iy. ``variable`` is a name; None takes
    the first. Values become codes as in the raster source; ``nodata`` (SGeMS's by default) becomes 255 (NaN).
    ``cell_size`` is the side of a cell in map units, which the file does not tell; without it the grid is in cells.

    Raises:
        InputError: no such file, another sha256, a header or a value that is not right (with its line), nz
            other than 1, no such variable, too few or too many values, NaN, one facies only, a cell size that is
            not positive.
    """
    check_continuous(continuous, thresholds)
    file, digest = context.file(path, sha256)
    levels = Levels(str(file), thresholds, nodata)
    try:
        with file.open(encoding="utf-8", errors="strict") as stream:
            columns, rows, names = _header(file, stream)
            context.limits.check(str(file), rows, columns)
            if rows * columns > file.stat().st_size:
                raise InputError(f"{file}: {rows} x {columns} values cannot stand in {file.stat().st_size} bytes")
            values = _values(file, stream, names, variable, rows * columns)
    except UnicodeDecodeError:
        raise InputError(f"{file}: not a text file; a GSLIB grid is needed") from None
    upright, grid = values.reshape(rows, columns)[::-1], Grid.declared(rows, columns, cell_size)
    if continuous:
        return TrainingImage(levels.measured(upright), (), grid, digest)
    codes = np.ascontiguousarray(levels.code(upright))
    return TrainingImage(codes, levels.ascending(codes), grid, digest)


def _header(file: Path, stream: io.TextIOBase) -> tuple[int, int, list[str]]:
    sizes = _whole_numbers(stream.readline())
    if sizes is None or len(sizes) not in (2, 3) or min(sizes) < 1:
        raise InputError(f"{file}: line 1 must be 'nx ny nz', three whole numbers from 1")
    if len(sizes) == 3 and sizes[2] != 1:
        raise InputError(f"{file}: line 1: nz is {sizes[2]}; a grid of one layer (nz = 1) is needed")
    count = _whole_numbers(stream.readline())
    if count is None or len(count) != 1 or count[0] < 1:
        raise InputError(f"{file}: line 2 must be the number of variables")
    names = [stream.readline().strip() for _ in range(min(count[0], 1000))]
    if "" in names or count[0] > 1000:
        raise InputError(
            f"{file}: line {3 + names.index('') if '' in names else 2}: {count[0]} names of variables are needed"
        )
    return sizes[0], sizes[1], names


def _whole_numbers(line: str) -> list[int] | None:
    try:
        return [int(word) for word in line.split()]
    except ValueError:
        return None


def _values(
    file: Path, stream: io.TextIOBase, names: list[str], variable: str | None, expected: int
) -> Float64[np.ndarray, " cell"]:
    if variable is not None and variable not in names:
        raise InputError(f"{file}: source.variable {variable!r} is not one of {', '.join(names)}")
    at = 0 if variable is None else names.index(variable)
    start = stream.tell()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of blank lines and of a header without values
            table = np.loadtxt(stream, dtype=np.float64, comments=None, ndmin=2, max_rows=expected + 1)
    except ValueError:
        table = np.empty((0, 0))
    if table.size == 0 or table.shape[1] != len(names):
        stream.seek(start)
        raise InputError(_first_bad_line(file, stream, len(names)))
    if table.shape[0] != expected:
        found = table.shape[0] if table.shape[0] < expected else f"more than {expected}"
        raise InputError(f"{file}: {found} rows of values, line 1 asks for {expected}")
    return np.ascontiguousarray(table[:, at])


def _first_bad_line(file: Path, stream: io.TextIOBase, columns: int) -> str:
    for number, line in enumerate(stream, start=3 + columns):
        words = line.split()
        if words and len(words) != columns:
            return f"{file}: line {number}: {len(words)} values, {columns} are needed"
        for word in words:
            try:
                float(word)
            except ValueError:
                return f"{file}: line {number}: {word!r} is not a number"
    return f"{file}: holds no values after its header"
