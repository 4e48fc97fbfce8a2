"""Pictures of scenes and maps in two sets of files, or side by side in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from geogan.datasets.context import Context
from geogan.datasets.map_classes import alike
from geogan.datasets.pairing import Found, check_percentiles, digest, find, identity, match
from geogan.errors import InputError
from geogan.rasters.headers import read_header
from geogan.rasters.layers import RasterLayer, plain_layer
from geogan.scenes import Scenes


def read(
    context: Context,
    /,
    *,
    a: str,
    b: str | None,
    pairing: Literal["names", "none"] = "names",
    side: Literal["left", "right"] = "left",
    classes: dict[str, int | tuple[int, int, int]] | None = None,
    ignore: tuple[int | tuple[int, int, int], ...] = (),
    percentiles: tuple[float, float] | None = None,
    a_sha256: str | None = None,
    b_sha256: str | None = None,
) -> Scenes:
    """Scenes ``a`` and maps ``b``, each a folder or a pattern; files with the same name are a pair.

    Names are the text that the wildcards stand for (see `pairing.find`). With ``b: null`` every file holds a pair
    side by side, as the public pix2pix sets do, and ``side`` says where the scene is. ``classes`` and ``ignore``
    are those of the maps, as in `raster_pairs.read`; there is no georeference but that of the scene.

    With ``pairing`` none nothing need match: two sets of any number and of any sizes.

    Raises:
        InputError: missing or unmatched files, other content than the sha256, pictures of a pair that differ in
            size, an odd width side by side, or values that are no class.
    """
    check_percentiles(percentiles)
    if pairing == "none" and b is None:
        raise InputError(
            "source.b: is null, pictures side by side are pairs; with source.pairing none give their files"
        )
    first = find(context.root, a, key="a")
    sums = [digest(first, expected=a_sha256, key="a")]
    scenes = [_open(context, found) for found in first]
    names_b = None
    if b is None:
        if b_sha256 is not None:
            raise InputError("source.b_sha256: there is no source.b; source.a_sha256 is that of both halves")
        halves = [_halves(layer, side) for layer in scenes]
        scenes, maps = [scene for scene, _ in halves], [half for _, half in halves]
    elif pairing == "none":
        second = find(context.root, b, key="b")
        sums.append(digest(second, expected=b_sha256, key="b"))
        maps, names_b = [_open(context, found) for found in second], tuple(found.name for found in second)
    else:
        pairs = match(first, find(context.root, b, key="b"))
        sums.append(digest([found for _, found in pairs], expected=b_sha256, key="b"))
        maps = _same_size(scenes, [_open(context, found) for _, found in pairs])
    kinds = {"classes": list(classes.items()) if classes else None, "ignore": ignore}
    settings = {"side": side if b is None else None, "percentiles": percentiles}
    total = identity(files=sums, **settings, **kinds, **({} if names_b is None else {"pairing": pairing}))
    names = tuple(found.name for found in first)
    layers = alike(scenes, None, (), key="a"), alike(maps, classes, ignore, key="b")
    return Scenes(*layers, names, names_b is None, total, percentiles, names_b)


def _open(context: Context, found: Found) -> RasterLayer:
    return plain_layer(read_header(found.file, context.limits), bands=None, key="")


def _same_size(scenes: Sequence[RasterLayer], maps: Sequence[RasterLayer]) -> list[RasterLayer]:
    """The maps on the grids of their scenes."""
    for scene, layer in zip(scenes, maps, strict=True):
        (rows, columns), header = (scene.grid.rows, scene.grid.columns), layer.header
        if (header.rows, header.columns) != (rows, columns):
            raise InputError(
                f"{layer.name}: {header.rows} x {header.columns} pixels, {scene.name} has {rows} x {columns}; "
                "pictures of a pair must have the same size"
            )
    return [replace(layer, grid=scene.grid) for scene, layer in zip(scenes, maps, strict=True)]


def _halves(layer: RasterLayer, side: str) -> tuple[RasterLayer, RasterLayer]:
    """The scene and the map of a picture that holds both; the map on the grid of the scene."""
    rows, columns = layer.grid.rows, layer.grid.columns
    if columns % 2:
        raise InputError(f"{layer.name}: is {columns} pixels wide; a pair side by side has an even width")
    half = columns // 2
    left = 0 if side == "left" else half
    grid = layer.grid.window(0, left, rows, half)
    return replace(layer, grid=grid, left=left), replace(layer, grid=grid, left=half - left)
