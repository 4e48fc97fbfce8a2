"""A regular grid: its size and where it lies on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geogan.errors import InputError

Coordinates = Float64[np.ndarray, "*points"]
Affine = tuple[float, float, float, float, float, float]
MOST = 2**31 - 1  # cells a side
_RASTERS = {b"II": "GTiff", b"MM": "GTiff", b"\x89PNG": "PNG", b"\xff\xd8": "JPEG"}


@dataclass(frozen=True)
class Grid:
    """A north-up raster grid; row 0 is the top, ``row``/``column`` are 0-based pixel offsets.

    ``transform`` is the affine map (a, b, c, d, e, f) from pixel corners to map units,
    ``x = a * column + b * row + c`` and ``y = d * column + e * row + f`` (rasterio's order).
    A grid in cells, that lies nowhere, has y upwards: ``(1, 0, 0, 0, -1, rows)``.
    """

    rows: int
    columns: int
    transform: Affine
    crs: str | None = None  # WKT; None where the map units are not known, and for a grid in cells

    @classmethod
    def in_cells(cls, rows: int, columns: int) -> Grid:
        """A grid without a CRS: unit cells, origin at the lower left corner, y upwards.

        Raises InputError where a side is not positive.
        """
        if rows < 1 or columns < 1:
            raise InputError(f"--size {rows} {columns}: a grid has at least 1 row and 1 column")
        if max(rows, columns) > MOST:
            raise InputError(f"--size: over {MOST} rows or columns; take a smaller grid")
        return cls(rows, columns, (1.0, 0.0, 0.0, 0.0, -1.0, float(rows)))

    @classmethod
    def declared(cls, rows: int, columns: int, cell_size: float | None) -> Grid:
        """The grid of a file that has none: square cells of ``cell_size`` map units, or in cells where that is None.

        Their origin is the upper left corner, without a CRS. Raises InputError for a size that is not positive.
        """
        if cell_size is None:
            return cls.in_cells(rows, columns)
        if not (math.isfinite(cell_size) and cell_size > 0):
            raise InputError(f"source.cell_size: must be a positive number of map units, got {cell_size:g}")
        return cls(rows, columns, (cell_size, 0.0, 0.0, 0.0, -cell_size, 0.0))

    @classmethod
    def from_bounds(cls, bounds: tuple[float, float, float, float], resolution: float, crs: str) -> Grid:
        """The grid of square cells of ``resolution`` map units whose upper left corner is (west, north).

        ``bounds`` is (west, south, east, north). Where a side is no multiple of the resolution the grid
        grows to the east and to the south by the part of a cell that is missing, so that it covers all
        that was asked for and its origin is exact. Raises InputError for empty or non-finite bounds, a
        resolution that is not positive and an unknown CRS.
        """
        west, south, east, north = bounds
        text = " ".join(f"{value:.12g}" for value in bounds)
        if not all(map(math.isfinite, bounds)) or west >= east or south >= north:
            raise InputError(f"--bounds {text}: must be W S E N with W < E and S < N")
        if not (math.isfinite(resolution) and resolution > 0):
            raise InputError(f"--resolution {resolution:g}: must be a positive cell size in map units")
        across, down = (east - west) / resolution, (north - south) / resolution
        if max(across, down) > MOST:
            raise InputError(f"--bounds {text} --resolution {resolution:g}: over {MOST} cells a side; take larger ones")
        rows, columns = _cells(down), _cells(across)
        return cls(rows, columns, (resolution, 0.0, west, 0.0, -resolution, north), wkt_of(crs))

    @classmethod
    def like(cls, path: Path) -> Grid:
        """The grid of a GeoTIFF, PNG or JPEG; in cells where it has no georeference.

        Raises InputError for a file that is no raster and for a rotated or south-up one.
        """
        import warnings

        import rasterio

        try:
            with path.open("rb") as stream:
                start = stream.read(4)
            # The driver goes by the content: another (VRT) could be led to read any file.
            driver = next(name for magic, name in _RASTERS.items() if start.startswith(magic))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                with rasterio.open(path, driver=driver) as source:
                    rows, columns, crs = source.height, source.width, source.crs
                    transform = source.transform
        except (StopIteration, rasterio.errors.RasterioError) as error:
            raise InputError(f"{path}: not a readable GeoTIFF, PNG or JPEG; --like takes one") from error
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); --like takes a raster") from error
        a, b, c, d, e, f = tuple(transform)[:6]
        if not all(map(math.isfinite, (a, b, c, d, e, f))):
            raise InputError(f"{path}: its transform is not finite; give the raster a georeference, or none")
        if crs is None and transform.is_identity:
            return cls.in_cells(rows, columns)
        if b != 0 or d != 0 or a <= 0 or e >= 0:
            raise InputError(f"{path}: the raster is rotated or not north up; warp it to a north-up grid first")
        return cls(rows, columns, (a, b, c, d, e, f), None if crs is None else crs.to_wkt())

    @property
    def in_map_units(self) -> bool:
        """Whether the grid lies on the ground: it has a CRS, or a transform other than plain cells."""
        return self.crs is not None or self.transform != (1.0, 0.0, 0.0, 0.0, -1.0, float(self.rows))

    @property
    def cell_size(self) -> tuple[float, float]:
        """Cell height and width in map units, both positive (norms of the transform's columns)."""
        a, b, _, d, e, _ = self.transform
        return (b * b + e * e) ** 0.5, (a * a + d * d) ** 0.5

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of a grid that is not rotated, in map units."""
        a, _, c, _, e, f = self.transform
        return c, f + e * self.rows, c + a * self.columns, f

    def holds(self, row: int, column: int) -> bool:
        """Whether the cell is one of the grid's."""
        return 0 <= row < self.rows and 0 <= column < self.columns

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """The (row, column) of the cell that holds the map point; may lie outside the grid.

        On the ground a point between two cells belongs to the eastern and southern one, as in rasterio;
        on the grid's own eastern or southern edge it belongs to the last cell. In cell units it belongs
        to the eastern and *upper* one, so that integers count cells from 0 at the bottom (GSLIB).
        """
        x, y = float(x), float(y)  # which overflow in silence
        if not self.in_map_units:
            return self.rows - 1 - _floor(y), _floor(x)
        a, b, c, d, e, f = self.transform
        determinant = a * e - b * d
        column = (e * (x - c) - b * (y - f)) / determinant
        row = (a * (y - f) - d * (x - c)) / determinant
        return (
            self.rows - 1 if row == self.rows else _floor(row),
            self.columns - 1 if column == self.columns else _floor(column),
        )

    def window(self, row: int, column: int, rows: int, columns: int) -> Grid:
        """The sub-grid that starts at (row, column)."""
        a, b, c, d, e, f = self.transform
        return Grid(
            rows,
            columns,
            (a, b, a * column + b * row + c, d, e, d * column + e * row + f),
            self.crs,
        )


def wkt_of(crs: str) -> str:
    """The WKT of a CRS given as ``EPSG:n``, WKT or PROJ string. Raises InputError for an unknown one."""
    import rasterio
    import rasterio.crs
    import rasterio.errors

    try:
        with rasterio.Env():  # keeps PROJ's own message off the terminal
            return str(rasterio.crs.CRS.from_user_input(crs).to_wkt())
    except rasterio.errors.CRSError as error:
        raise InputError(f"--crs {crs}: unknown; give EPSG:25832, for example") from error


def transformed(source: str, target: str, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Points of one CRS in another. All are NaN where one of them has no place there, or none leads to the other."""
    from rasterio import Env
    from rasterio._err import CPLE_BaseError
    from rasterio.crs import CRS
    from rasterio.warp import transform

    try:
        with Env():  # keeps PROJ's own messages off the terminal
            xs, ys = transform(CRS.from_user_input(source), CRS.from_user_input(target), x.ravel(), y.ravel())
    except CPLE_BaseError:
        return np.full_like(x, np.nan), np.full_like(y, np.nan)
    return np.array(xs).reshape(x.shape), np.array(ys).reshape(y.shape)


def _floor(value: float) -> int:
    """The whole number below; of what is beyond all numbers one that no grid has."""
    return math.floor(value) if math.isfinite(value) else 2 * MOST


def _cells(length: float) -> int:
    """The number of cells that cover ``length`` cells; a millionth of a cell is rounding, not a cell."""
    return max(1, math.ceil(length - 1e-6))
