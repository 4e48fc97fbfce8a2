"""GeoPackage and GeoJSON files: what they declare, the values of an attribute, the shapes near some ground."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from geogan.errors import InputError

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class VectorFile:
    """A file of one layer. ``address`` is what the library opens, ``stamp`` the time of the last change in ns."""

    file: Path
    address: str
    stamp: int
    crs: str  # WKT
    bounds: Bounds  # west, south, east, north
    fields: tuple[str, ...]

    def values(self, attribute: str) -> list[object]:
        """The value of every shape; None where there is none. Raises InputError for an attribute it lacks."""
        from pyogrio import raw

        if attribute not in self.fields:
            known = ", ".join(self.fields) or "none"
            raise InputError(f"{self.file}: has no attribute {attribute!r}; source.attribute is one of {known}")
        with readable(self.file):
            _, _, _, (column,) = raw.read(self.address, columns=[attribute], read_geometry=False)
        return _plain(column)

    def shapes(self, area: Bounds, attribute: str | None) -> tuple[Shaped[np.ndarray, " shape"], list[object]]:
        """The flat shapes near an area (in the file's CRS), and the value of each (of no attribute: None)."""
        import shapely
        from pyogrio import raw

        with readable(self.file):
            columns = [] if attribute is None else [attribute]
            _, _, binary, fields = raw.read(self.address, columns=columns, bbox=area)
            shapes = shapely.force_2d(shapely.from_wkb(binary))
        values = _plain(fields[0]) if attribute is not None else [None] * len(shapes)
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        return shapes[there], [value for value, present in zip(values, there, strict=True) if present]


def is_vector(file: Path) -> bool:
    """Whether a file is a GeoPackage or GeoJSON, by its first bytes. Raises InputError where it cannot be read."""
    start = _start(file)
    return start.startswith(b"SQLite format 3\0") or start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def open_vector(file: Path) -> VectorFile:
    """What a vector file declares.

    Raises InputError for another format, a damaged file, no CRS, no shapes, or several layers.
    """
    import pyogrio
    from rasterio.crs import CRS

    package = (start := _start(file)).startswith(b"SQLite format 3\0")
    if package and start[68:72] not in (b"GPKG", b"GP10", b"GP11"):
        raise InputError(f"{file}: an SQLite file, but no GeoPackage")
    # The driver is named: other formats of JSON can be led to read any file.
    address = str(file.resolve()) if package else f"GeoJSON:{file.resolve()}"
    with readable(file):
        layers = [str(layer) for layer, _ in pyogrio.list_layers(address)]
        if len(layers) != 1:
            raise InputError(f"{file}: has the layers {', '.join(layers) or 'none'}; keep the one that is the map")
        info = pyogrio.read_info(address, force_feature_count=True, force_total_bounds=True)
        if info["total_bounds"] is None or not info["features"]:
            raise InputError(f"{file}: holds no shapes")
        if not info["crs"]:
            raise InputError(f"{file}: has no CRS; assign it with ogr2ogr -a_srs")
        crs = CRS.from_user_input(info["crs"]).to_wkt()
    west, south, east, north = map(float, info["total_bounds"])
    fields = tuple(map(str, info["fields"]))
    return VectorFile(file, address, file.stat().st_mtime_ns, crs, (west, south, east, north), fields)


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Raise InputError where reading a vector file fails."""
    from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
    from rasterio.errors import RasterioError
    from shapely.errors import ShapelyError

    wrong = (CRSError, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError)
    try:
        yield
    except (*wrong, RasterioError, ShapelyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: not a readable GeoPackage or GeoJSON ({reason})") from error


def _plain(column: Shaped[np.ndarray, " shape"]) -> list[object]:
    """The values of a column, with None for NaN."""
    return [None if value != value else value for value in column.tolist()]


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(512)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
