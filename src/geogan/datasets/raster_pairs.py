"""Georeferenced scenes and their maps: GeoTIFF with GeoTIFF, or with polygons and lines to rasterise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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

    Raises:
        InputError: missing or unmatched files, other content than the sha256, bands that a file lacks, a rotated
            scene, a CRS that only one of a pair has, no overlap, or values that are no class.
    """
    check_percentiles(percentiles)
    pairs = pair(context.root, a, b)
    keys = {"a_sha256": a_sha256, "b_sha256": b_sha256}
    sums = [
        digest(list(dict.fromkeys(found)), expected=keys[f"{side}_sha256"], key=side)
        for side, found in zip("ab", zip(*pairs, strict=True), strict=True)
    ]
    scenes = read_scenes(context, [first.file for first, _ in pairs], a_bands)
    files = [second.file for _, second in pairs]
    if any(map(is_vector, files)):
        _refuse({"classes": classes, "ignore": ignore or None, "b_bands": b_bands}, files, "for raster maps")
        maps = _vectors(files, scenes, attribute, width)
    else:
        _refuse({"attribute": attribute, "width": width or None}, files, "for vector maps")
        maps = read_maps(context, files, scenes, b_bands, classes, ignore)
    settings = {"bands": [a_bands, b_bands], "attribute": attribute, "width": width, "percentiles": percentiles}
    kinds = {"classes": list(classes.items()) if classes else None, "ignore": ignore}
    total = identity(files=sums, **settings, **kinds)
    return Scenes(scenes, maps, tuple(first.name for first, _ in pairs), True, total, percentiles)


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
    scenes: Sequence[Layer],
    bands: tuple[int, ...] | None,
    classes: Classes | None,
    ignore: Sequence[Key],
) -> tuple[RasterLayer, ...]:
    """The maps of raster files on the grids of their scenes, with the same classes. Errors as in `read`."""
    headers = [read_header(file, context.limits) for file in files]
    plain = [plain_layer(header, bands=bands, key="source.b_bands", north_up=False) for header in headers]
    nearest = are_maps(plain, classes)
    there = [onto(layer, scene, nearest=nearest) for layer, scene in zip(plain, scenes, strict=True)]
    return alike(there, classes, ignore, key="b")


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
