"""Wells from a point layer: GeoPackage or GeoJSON."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geogan import well_columns
from geogan.errors import InputError
from geogan.wells import Wells


def read(path: Path, given: Mapping[str, str], key: str) -> Wells:
    """Wells from the one point layer of a file, in its CRS; the column ``key``, facies or value, is found by name.

    Raises InputError for a broken file, no or several point layers, other geometries, no column
    ``key``, no features, and an empty point or datum.
    """
    import pyogrio
    import pyogrio.raw
    import shapely

    source = str(path)
    unused = sorted(set(given) - {key})
    if unused:
        raise InputError(f"{source}: --columns {unused[0]}: a point layer brings its own coordinates")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's remarks on files that are then refused
            layers = [name for name, kind in pyogrio.list_layers(path) if kind and "Point" in kind]
            if len(layers) != 1:
                found = ", ".join(layers) if layers else "none"
                raise InputError(f"{source}: one layer of points is needed, found {found}")
            meta, _, shapes, fields = pyogrio.raw.read(path, layer=layers[0], force_2d=True)
        points = shapely.from_wkb(shapes)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.GEOSException) as error:
        raise InputError(f"{source}: not a readable GeoPackage or GeoJSON") from error
    header = [str(name) for name in meta["fields"]]
    if len(points) == 0:
        raise InputError(f"{source}: no features; one well at least is needed")
    at = well_columns.datum(source, header, given, key, by_position=False)
    places = tuple(f"feature {number}" for number in range(1, len(points) + 1))
    told = zip(places, fields[at], strict=True)
    labels = tuple(_text(source, place, header[at], value, key) for place, value in told)
    x, y = _positions(source, places, points)
    crs = None if meta["crs"] is None else str(meta["crs"])
    return Wells(source, False, x, y, labels, places, {key: header[at]}, crs)


def _positions(source: str, places: tuple[str, ...], points: Any) -> tuple[Any, Any]:
    import shapely

    kinds = shapely.get_type_id(points)
    for place, kind, point in zip(places, kinds, points, strict=True):
        if kind != 0 or point.is_empty:
            found = "no geometry" if kind < 0 else "an empty point" if kind == 0 else point.geom_type
            raise InputError(f"{source}: {place}: {found}; each well must be one point")
    x, y = shapely.get_x(points), shapely.get_y(points)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"{source}: {places[int(np.argmin(np.isfinite(x + y)))]}: coordinates are not finite")
    return x, y


def _text(source: str, place: str, title: str, value: object, key: str) -> str:
    """A datum as text; 1.0 from a column of floats stays "1.0"."""
    if isinstance(value, (list, dict, np.ndarray)):
        raise InputError(f"{source}: {place}, column {title}: not a single value; a {key} is needed")
    if value is None or value == "" or value != value:
        raise InputError(f"{source}: {place}, column {title}: empty; a {key} is needed")
    return str(value).strip()
