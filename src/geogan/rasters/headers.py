"""What raster files declare: their size, type, bands, colours and where they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from geogan.errors import InputError
from geogan.grids import Affine, Grid
from geogan.rasters.files import driver_of, reading

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# types that are read, and as what
READABLE = {"uint8": "uint8", "uint16": "uint16", "float32": "float32", "float64": "float32", "int16": "float32"}

Colour = tuple[int, int, int]


@runtime_checkable
class Limits(Protocol):
    """The largest picture that is read, see `geogan.datasets.context.Limits`."""

    def check(self, where: str, rows: int, columns: int, size: int | None = None) -> None:
        """Raise InputError for more pixels than are allowed."""


@dataclass(frozen=True)
class Header:
    """What a raster file declares. ``bands`` are those of data, without alpha, counted from 1.

    ``dtype`` is what the values are read as; ``transform`` in rasterio's order, ``crs`` as WKT;
    ``colours`` of a paletted file by value, empty for any other.
    """

    file: Path
    driver: str
    rows: int
    columns: int
    bands: tuple[int, ...]
    count: int
    dtype: str
    transform: Affine
    crs: str | None
    colours: dict[int, Colour] = field(default_factory=dict)

    @property
    def north_up(self) -> bool:
        """Whether rows run to the east and columns to the south; cells without a CRS do."""
        a, b, _, d, e, _ = self.transform
        return self.plain or (b == 0 and d == 0 and a > 0 and e < 0)

    @property
    def plain(self) -> bool:
        """Whether the file says nothing of where it lies."""
        return self.crs is None and self.transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @property
    def grid(self) -> Grid:
        """The grid of the file; in cells where it says nothing of where it lies."""
        if self.plain:
            return Grid.in_cells(self.rows, self.columns)
        return Grid(self.rows, self.columns, self.transform, self.crs)


def read_header(file: Path, limits: Limits | None = None) -> Header:
    """What a GeoTIFF, COG, PNG or JPEG declares; no pixels are read.

    Raises:
        InputError: no such file, another format (VRT too), damaged, more pixels than the limits allow, or a type
            other than uint8, uint16, int16, float32 and float64.
    """
    from rasterio.enums import ColorInterp

    driver = driver_of(file)
    with reading(file, driver) as source:
        if limits is not None:
            limits.check(str(file), source.height, source.width, file.stat().st_size)
        kinds = sorted(set(source.dtypes))
        if len(kinds) > 1 or kinds[0] not in READABLE:
            raise InputError(f"{file}: holds {' and '.join(kinds)} values; one of {', '.join(READABLE)} is needed")
        roles = source.colorinterp
        bands = tuple(band for band in source.indexes if roles[band - 1] != ColorInterp.alpha)
        if not bands:
            raise InputError(f"{file}: has no band but an alpha band")
        a, b, c, d, e, f = tuple(source.transform)[:6]
        colours = _colours(source) if roles[0] == ColorInterp.palette else {}
        crs = source.crs.to_wkt() if source.crs else None
        size = source.height, source.width
        kind = READABLE[kinds[0]]
        return Header(file, driver, *size, bands, source.count, kind, (a, b, c, d, e, f), crs, colours)


def _colours(source: DatasetReader) -> dict[int, Colour]:
    return {int(value): (r, g, b) for value, (r, g, b, *_) in sorted(source.colormap(1).items())}
