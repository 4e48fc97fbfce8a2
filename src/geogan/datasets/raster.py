"""PNG, TIFF, GeoTIFF and COG pictures through rasterio."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geogan.datasets.context import Context
from geogan.datasets.levels import Levels, check_continuous
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.training_image import TrainingImage, Values

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# by the first bytes; nothing that refers to other files, such as VRT
DRIVERS = {b"\x89PNG": "PNG", b"II*\0": "GTiff", b"MM\0*": "GTiff", b"II+\0": "GTiff", b"MM\0+": "GTiff"}
PIECE = 2**23  # pixels that are read at once
# A small block cache; and of a cut PNG the reader that takes the whole picture at once makes noise, no error.
SETTINGS = {"GDAL_CACHEMAX": 2**26, "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}


def read(
    context: Context,
    /,
    *,
    path: str,
    sha256: str | None = None,
    band: int | None = None,
    thresholds: tuple[float, ...] = (),
    continuous: bool = False,
    cell_size: float | None = None,
) -> TrainingImage:
    """Read one band of a picture as facies codes, or as the values of a ``continuous`` property, north up.

    ``band`` counts from 1; None takes the only band of the picture. Distinct values (2 to 16) become codes in ascending
    order; continuous values need ``thresholds`` to become facies. Declared nodata becomes 255 (NaN). CRS and affine
    transform are kept; of a picture without either ``cell_size`` is the side of a cell in map units, or else its grid
    is in cells. A south-up picture is flipped, a rotated one keeps its rotation in the transform. Pixels are read in
    pieces of whole rows.

    Raises:
        InputError: no such file, another sha256, another format (VRT too), more pixels than the limits allow,
            several bands and no ``band``, damaged data, NaN, too many values, one facies only, a ``cell_size`` that
            is not positive or of a picture that has its own.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    check_continuous(continuous, thresholds)
    file, digest = context.file(path, sha256)
    levels, driver = Levels(str(file), thresholds), _driver(file)
    with warnings.catch_warnings(), rasterio.Env(**SETTINGS):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(file, driver=driver) as source:
                context.limits.check(str(file), source.height, source.width, file.stat().st_size)
                band = _band(file, source, band)
                levels.nodata = source.nodatavals[band - 1]
                values = _read(source, band, levels, np.dtype(np.float32 if continuous else np.uint8))
                grid = _grid(file, source, cell_size)
        except RasterioError as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise InputError(f"{file}: cut off or damaged ({reason}); bring a whole copy") from error
    names = () if continuous else levels.ascending(values)
    values, grid = _north_up(values, grid)
    return TrainingImage(values, names, grid, digest)


def _band(file: Path, source: DatasetReader, band: int | None) -> int:
    if band is None and source.count > 1:
        raise InputError(
            f"{file}: has {source.count} bands where one is needed; choose one with source.band (1 to {source.count})"
        )
    band = 1 if band is None else band
    if not 1 <= band <= source.count:
        raise InputError(f"{file}: source.band is {band}, the picture has bands 1 to {source.count}")
    if np.dtype(source.dtypes[band - 1]).kind == "c":
        raise InputError(f"{file}: band {band} holds complex values; real ones are needed")
    return band


def _read(source: DatasetReader, band: int, levels: Levels, dtype: np.dtype[Any]) -> Any:
    from rasterio.windows import Window

    read = levels.code if dtype == np.uint8 else levels.measured
    values = np.empty((source.height, source.width), dtype)
    block = source.block_shapes[band - 1][0]
    rows = max(1, PIECE // source.width)
    rows = rows // block * block or rows  # whole blocks where they are not too large
    for row in range(0, source.height, rows):
        window = Window(0, row, source.width, min(rows, source.height - row))
        values[row : row + rows] = read(source.read(band, window=window), row)
    return values


def _grid(file: Path, source: DatasetReader, cell_size: float | None) -> Grid:
    transform, crs = source.transform, source.crs
    if crs is None and transform.is_identity:
        return Grid.declared(source.height, source.width, cell_size)
    a, b, c, d, e, f = tuple(transform)[:6]
    grid = Grid(source.height, source.width, (a, b, c, d, e, f), crs.to_wkt() if crs else None)
    if cell_size is not None:
        height, width = grid.cell_size
        raise InputError(
            f"{file}: source.cell_size is {cell_size:g}, but the picture has a grid of its own with cells of "
            f"{height:g} x {width:g}; leave the key out"
        )
    return grid


def _north_up(values: Values, grid: Grid) -> tuple[Values, Grid]:
    a, b, c, d, e, f = grid.transform
    if e <= 0 or b != 0 or d != 0:
        return values, grid
    for top in range(values.shape[0] // 2):  # in place: a copy would double the memory
        bottom = values.shape[0] - 1 - top
        values[[top, bottom]] = values[[bottom, top]]
    return values, Grid(grid.rows, grid.columns, (a, b, c, d, -e, f + e * grid.rows), grid.crs)


def _driver(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(512)
    if start[:4] in DRIVERS:
        return DRIVERS[start[:4]]
    if start.lstrip().startswith(b"<VRTDataset"):
        raise InputError(f"{file}: a VRT, which refers to other files; give the PNG or TIFF itself")
    raise InputError(f"{file}: not a PNG or TIFF (by its first bytes)")
