"""Georeferenced scenes and their maps: GeoTIFF with GeoTIFF, or with polygons and lines to rasterise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from geogan.datasets.context import Context
from geogan.datasets.map_classes import Classes, Key, alike, are_maps
from geogan.datasets.pairing import RASTERS, VECTORS, Found, check_percentiles, digest, find, identity, match
from geogan.errors import InputError
from geogan.rasters.headers import read_header
from geogan.rasters.layers import RasterLayer, plain_layer
from geogan.rasters.vector_files import is_vector, open_vector
from geogan.rasters.vectors import palette_of_vectors, vector_onto
from geogan.rasters.warped import onto
from geogan.scenes import Layer, Scenes


def read(
    context: Context,
    /,
    *,
    a: str,
    b: str,
    pairing: Literal["names", "none"] = "names",
    a_bands: tuple[int, ...] | None = None,
    b_bands: tuple[int, ...] | None = None,
    attribute: str | None = None,
    width: float = 0.0,
    classes: dict[str, int | tuple[int, int, int]] | None = None,
    ignore: tuple[int | tuple[int, int, int], ...] = (),
    percentiles: tuple[float, float] | None = None,
    a_sha256: str | None = None,
    b_sha256: str | None = None,
) -> Scenes:
    """Scenes ``a`` and their maps ``b``, brought onto the scenes' grids where these differ.

    Each is a file, a folder or a pattern; of several, files with the same name are a pair (see `pairing.find`), and
    one file ``b`` serves all scenes. Bands count from 1. Maps of classes are warped with the nearest pixel, others
    bilinearly; they are those with ``classes`` (name: colour, or pixel value of one band) and paletted ones; pixels
    of a colour or value in ``ignore`` have no class. Of a vector map ``attribute`` makes the classes, and lines are
    ``width`` units of the scene's CRS wide (0: all pixels that they touch).

    With ``pairing`` none nothing need match: two sets of any number, each raster on its own grid, no vector maps.

    Raises:
        InputError: missing or unmatched files, other content than the sha256, bands that a file lacks, a rotated
            scene, a CRS that only one of a pair has, no overlap, or values that are no class.
    """
    check_percentiles(percentiles)
    paired = pairing == "names"
    first, second = _found(context.root, a, b, paired=paired)
    sums = [
        digest(list(dict.fromkeys(found)), expected=expected, key=key)
        for key, found, expected in (("a", first, a_sha256), ("b", second, b_sha256))
    ]
    scenes = read_scenes(context, [found.file for found in first], a_bands)
    files = [found.file for found in second]
    if any(map(is_vector, files)):
        _refuse({"classes": classes, "ignore": ignore or None, "b_bands": b_bands}, files, "for raster maps")
        maps = _vectors(files, scenes, attribute, width)
    else:
        _refuse({"attribute": attribute, "width": width or None}, files, "for vector maps")
        maps = read_maps(context, files, scenes if paired else None, b_bands, classes, ignore)
        _refuse_unknown_ground([*scenes, *maps])
    settings = {"bands": [a_bands, b_bands], "attribute": attribute, "width": width, "percentiles": percentiles}
    kinds = {"classes": list(classes.items()) if classes else None, "ignore": ignore}
    total = identity(files=sums, **settings, **kinds, **({} if paired else {"pairing": pairing}))
    names, names_b = (tuple(found.name for found in some) for some in (first, second))
    return Scenes(scenes, maps, names, paired, total, percentiles, None if paired else names_b)


def _found(root: Path, a: str, b: str, *, paired: bool) -> tuple[tuple[Found, ...], tuple[Found, ...]]:
    """The files of A and of B. Raises InputError as `pair` does, and for vector maps without their scenes."""
    if paired:
        first, second = zip(*pair(root, a, b), strict=True)
        return first, second
    first, second = find(root, a, key="a"), find(root, b, key="b", suffixes=RASTERS + VECTORS)
    if vector := next((found.file for found in second if is_vector(found.file)), None):
        raise InputError(
            f"source.b: {vector} is a vector map, which is drawn onto the grid of its scene; with source.pairing none "
            "no scene belongs to it: give rasters, or pairing names"
        )
    return first, second


def _refuse_unknown_ground(layers: Sequence[RasterLayer]) -> None:
    """Raise InputError where a split by ground cannot know which scenes overlap."""
    placed = [layer for layer in layers if layer.grid.in_map_units]
    without = next((layer for layer in placed if layer.grid.crs is None), None)
    one = next((layer for layer in placed if layer.grid.crs is not None), None)
    if without and one:
        raise InputError(
            f"{without.name}: has no CRS, {one.name} has one, so nobody can tell whether they show the same ground; "
            "write its CRS into the file (rio edit-info --crs)"
        )


def pair(root: Path, a: str, b: str) -> tuple[tuple[Found, Found], ...]:
    """The files that belong together. Raises InputError as `find` and `match` do."""
    first, second = find(root, a, key="a"), find(root, b, key="b", suffixes=RASTERS + VECTORS)
    if len(second) == 1 and ((root / b).is_file() or len(first) == 1):
        return tuple((one, second[0]) for one in first)
    return match(first, second)


def read_scenes(context: Context, files: Sequence[Path], bands: tuple[int, ...] | None) -> tuple[RasterLayer, ...]:
    """The scenes of files, alike in bands and type. Raises InputError for a rotated or south-up one too."""
    headers = [read_header(file, context.limits) for file in files]
    return alike([plain_layer(header, bands=bands, key="source.a_bands") for header in headers], None, (), key="a")


def read_maps(
    context: Context,
    files: Sequence[Path],
    scenes: Sequence[Layer] | None,
    bands: tuple[int, ...] | None,
    classes: Classes | None,
    ignore: Sequence[Key],
) -> tuple[RasterLayer, ...]:
    """The maps of raster files on the grids of their scenes (None: on their own), with the same classes.

    Errors as in `read`.
    """
    headers = [read_header(file, context.limits) for file in files]
    own = scenes is None
    plain = [plain_layer(header, bands=bands, key="source.b_bands", north_up=own) for header in headers]
    if scenes is not None:
        nearest = are_maps(plain, classes)
        plain = [onto(layer, scene, nearest=nearest) for layer, scene in zip(plain, scenes, strict=True)]
    return alike(plain, classes, ignore, key="b")


def _vectors(files: Sequence[Path], scenes: Sequence[Layer], attribute: str | None, width: float) -> tuple[Layer, ...]:
    if raster := next((file for file in files if not is_vector(file)), None):
        raise InputError(f"{raster}: no vector file, others of source.b are; give one kind")
    sources = {file: open_vector(file) for file in files}
    palette = palette_of_vectors(list(sources.values()), attribute)
    return tuple(
        vector_onto(sources[file], scene, palette, attribute=attribute, width=width)
        for file, scene in zip(files, scenes, strict=True)
    )


def _refuse(keys: dict[str, object], files: Sequence[Path], use: str) -> None:
    for key, value in keys.items():
        if value is not None:
            raise InputError(f"source.{key}: is {use}, {files[0]} is none")
