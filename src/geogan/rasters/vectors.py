"""Maps of polygons and lines, rasterised window by window onto the grid of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped, UInt8

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.legends import MOST, distinct_colours
from geogan.rasters.vector_files import Bounds, VectorFile
from geogan.rasters.warped import bounds_in, check_overlap
from geogan.scenes import NO_CLASS, Layer, Palette, Piece

BACKGROUND, INSIDE = "background", "inside"
GROUND = (238, 238, 238)  # colour of the background


@dataclass(frozen=True)
class VectorLayer(Layer):
    """Shapes on the grid of a scene; code 0 is the background, the others are the values of ``attribute``.

    ``width`` is that of lines, in units of the grid's CRS. Later shapes lie upon earlier ones, and lines of no
    width, which cover all pixels that they touch, upon all others. Shapes without a value are not valid.
    """

    name: str
    grid: Grid
    bands: tuple[int, ...]
    dtype: str
    palette: Palette
    source: VectorFile
    attribute: str | None
    width: float

    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        """The window whose top left pixel is (row, column). Raises InputError for a damaged file."""
        import rasterio
        import shapely
        from rasterio.features import rasterize

        window = self.grid.window(row, column, rows, columns)
        shapes, codes, tree = _shapes(self.source, self.grid, self.attribute, self.width, self.palette.names)
        near = np.sort(tree.query(shapely.box(*window.bounds)))
        thin = shapely.get_dimensions(shapes[near]) < 2
        image = np.zeros((rows, columns), dtype=np.uint8)
        for chosen, touched in ((near[~thin], False), (near[thin], True)):
            pairs = [(shapes[number], int(codes[number])) for number in chosen]
            if pairs:
                rasterize(pairs, out=image, transform=rasterio.Affine(*window.transform), all_touched=touched)
        return Piece(image[np.newaxis], image != NO_CLASS)


def palette_of_vectors(sources: list[VectorFile], attribute: str | None) -> Palette:
    """The classes of vector files: the background, then the values of an attribute, sorted, or "inside".

    Raises InputError for an attribute that a file lacks, one without values, or with more than 249.
    """
    names = {INSIDE: 0} if attribute is None else _names([v for source in sources for v in source.values(attribute)])
    chosen = [BACKGROUND, *(name for name in names if name != BACKGROUND)]
    if not 2 <= len(chosen) <= MOST:
        where = ", ".join(str(source.file) for source in sources[:3])
        raise InputError(f"{where}: {attribute!r} has {len(chosen) - 1} values; a map has 2 to {MOST} classes")
    return Palette(tuple(chosen), (GROUND, *distinct_colours(len(chosen) - 1)), tuple(range(len(chosen))))


def vector_onto(
    source: VectorFile, scene: Layer, palette: Palette, *, attribute: str | None, width: float
) -> VectorLayer:
    """A vector file on the grid of a scene.

    Raises InputError where the scene has no CRS, no shape touches it, or the width is negative.
    """
    import shapely

    if width < 0:
        raise InputError(f"source.width: {width:g}, must be at least 0")
    if scene.grid.crs is None:
        raise InputError(f"{scene.name}: has no CRS, {source.file} has one; assign it with gdal_edit.py -a_srs")
    check_overlap(str(source.file), source.bounds, source.crs, scene)
    layer = VectorLayer(str(source.file), scene.grid, (1,), "uint8", palette, source, attribute, width)
    _, _, tree = _shapes(source, scene.grid, attribute, width, palette.names)
    if not len(tree.query(shapely.box(*scene.grid.bounds), predicate="intersects")):
        raise InputError(f"{layer.name}: none of its shapes touches {scene.name}")
    return layer


@lru_cache(maxsize=8)
def _shapes(
    source: VectorFile, grid: Grid, attribute: str | None, width: float, names: tuple[str, ...]
) -> tuple[Shaped[np.ndarray, " shape"], UInt8[np.ndarray, " shape"], Any]:
    """The shapes near a grid, in its CRS and with their width, their codes, and a tree to find them by."""
    import rasterio.warp
    import shapely

    assert grid.crs is not None
    area = bounds_in(_wider(grid.bounds, width), grid.crs, source.crs)
    shapes, values = source.shapes(area, attribute)

    def moved(points: Float64[np.ndarray, "point 2"]) -> Float64[np.ndarray, "point 2"]:
        return np.array(rasterio.warp.transform(source.crs, grid.crs, points[:, 0], points[:, 1])).T

    if source.crs != grid.crs:
        shapes = shapely.transform(shapes, moved)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise InputError(f"{source.file}: its shapes cannot be brought into the CRS of the scene")
    if width > 0:
        lines = shapely.get_dimensions(shapes) < 2
        shapes[lines] = shapely.buffer(shapes[lines], width / 2)
    code = {name: number for number, name in enumerate(names)}
    codes = [1 if attribute is None else NO_CLASS if value is None else code[_name(value)] for value in values]
    return shapes, np.array(codes, dtype=np.uint8), shapely.STRtree(shapes)


def _wider(bounds: Bounds, width: float) -> Bounds:
    """Bounds with room for wide lines and for what the corners of a warped area leave out."""
    west, south, east, north = bounds
    room = width + 0.05 * max(east - west, north - south)
    return west - room, south - room, east + room, north + room


def _names(values: list[Any]) -> dict[str, None]:
    """The names of values, numbers before text, each in ascending order."""
    known = {value for value in values if value is not None}
    return dict.fromkeys(map(_name, sorted(known, key=lambda value: (isinstance(value, str), value))))


def _name(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
