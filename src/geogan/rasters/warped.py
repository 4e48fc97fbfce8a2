"""Maps on the grid of their scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.files import Target
from geogan.rasters.headers import Header
from geogan.rasters.layers import RasterLayer

SAME = 0.01  # pixels by which the corners of two grids may differ and the grids are still one

Bounds = tuple[float, float, float, float]


class Placed(Protocol):
    """What has a grid, and a name for messages: a scene."""

    @property
    def name(self) -> str: ...
    @property
    def grid(self) -> Grid: ...


def onto(layer: RasterLayer, scene: Placed, *, nearest: bool) -> RasterLayer:
    """A raster on the grid of a scene; rotated and south-up rasters too.

    Where the grids are the same its pixels are read as they are; else it is warped while it is read, with the
    nearest pixel (maps of classes) or bilinearly, and not valid outside its footprint.

    Raises:
        InputError: one of the two has a CRS and the other none; both have none and differ in size or origin;
            their footprints do not overlap.
    """
    header, grid = layer.header, scene.grid
    if (header.crs is None) != (grid.crs is None):
        lacking, other = (layer.name, scene.name) if header.crs is None else (scene.name, layer.name)
        raise InputError(f"{lacking}: has no CRS, {other} has one; assign it with gdal_edit.py -a_srs or rio edit-info")
    if grid.crs is None:
        _check_pixels(layer, scene)
        return replace(layer, grid=grid)
    if _same(header, grid):
        return replace(layer, grid=grid)
    check_overlap(layer.name, _footprint(header), str(header.crs), scene)
    return replace(layer, grid=grid, target=Target(grid, nearest))


def check_overlap(name: str, bounds: Bounds, crs: str, scene: Placed) -> None:
    """Raise InputError where the bounds (west, south, east, north) of a map, in its CRS, do not meet the scene."""
    west, south, east, north = seen = bounds_in(scene.grid.bounds, str(scene.grid.crs), crs)
    if not (bounds[0] < east and bounds[2] > west and bounds[1] < north and bounds[3] > south):
        raise InputError(
            f"{name}: covers {_text(bounds)} (W S E N), {scene.name} covers {_text(seen)} in the same CRS; "
            "they do not overlap"
        )


def bounds_in(bounds: Bounds, crs: str, other: str) -> Bounds:
    """Bounds (west, south, east, north) in another CRS; infinite where they have no place in it."""
    import rasterio.errors
    import rasterio.warp

    try:
        west, south, east, north = rasterio.warp.transform_bounds(crs, other, *bounds)
    except rasterio.errors.RasterioError:
        return (float("inf"),) * 2 + (float("-inf"),) * 2
    return west, south, east, north


def _check_pixels(layer: RasterLayer, scene: Placed) -> None:
    """Without a CRS pixels must lie upon pixels."""
    header, grid = layer.header, scene.grid
    if (header.rows, header.columns) != (grid.rows, grid.columns):
        raise InputError(
            f"{layer.name}: {header.rows} x {header.columns} pixels, {scene.name} has {grid.rows} x {grid.columns}; "
            "without a CRS both must have the same size"
        )
    if not header.north_up or (not header.plain and grid.in_map_units and not _same(header, grid)):
        raise InputError(
            f"{layer.name}: its transform {header.transform} is not {grid.transform}, that of {scene.name}; "
            "without a CRS it cannot be warped, assign one"
        )


def _same(header: Header, grid: Grid) -> bool:
    """Whether a file has this very grid."""
    from rasterio.crs import CRS

    if (header.rows, header.columns) != (grid.rows, grid.columns):
        return False
    if header.crs != grid.crs and CRS.from_wkt(header.crs) != CRS.from_wkt(grid.crs):
        return False
    limit = SAME * min(grid.cell_size)
    here, there = _corners(header), _corners(grid)
    return all(abs(one - other) <= limit for one, other in zip(here, there, strict=True))


def _corners(raster: Header | Grid) -> list[float]:
    """x and y of the four corners."""
    a, b, c, d, e, f = raster.transform
    corners = [(row, column) for row in (0, raster.rows) for column in (0, raster.columns)]
    return [value for row, column in corners for value in (a * column + b * row + c, d * column + e * row + f)]


def _footprint(header: Header) -> Bounds:
    """The bounds of a file that may be rotated."""
    corners = _corners(header)
    return min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])


def _text(bounds: Bounds) -> str:
    return " ".join(f"{value:.9g}" for value in bounds)
