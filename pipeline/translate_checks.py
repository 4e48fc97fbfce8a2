"""Whether a scene is of the kind that a translator was trained on."""

from __future__ import annotations

import math
from pathlib import Path

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.layers import RasterLayer, open_scene, with_classes
from geogan.rasters.legends import Legend, hex_of, pack
from geogan.scenes import NO_CLASS, Layer, Palette
from geogan.translation import TranslatorBundle, spelled

TOLERANCE = 0.01  # of the cell size
EQUATORIAL, ECCENTRICITY = 6378137.0, 0.00669438  # of the WGS 84 ellipsoid: metres, squared


def check_ratio(model: TranslatorBundle, direction: str) -> None:
    """Raise InputError where the translator of a direction gives another number of pixels than it takes.

    Such a one has learned small pictures, each as a whole; a scene would come out on a grid of its own.
    """
    if model.translators[direction].ratio == 1:
        return
    own, other = (model.system["tiles"][side] for side in direction.split("_to_"))
    raise InputError(
        f"{model.path}: from {spelled(direction)} makes {other} x {other} pixels of {own} x {own}, and the translation "
        "of a scene lies on the grid of the scene; for pictures of that size run the ONNX graph of the bundle"
    )


def fitting_scene(path: Path, source: Domain, *, force: bool) -> Layer:
    """The scene as the translator's source domain has it.

    A map of classes is matched by its colours (a colour map, or bands of red, green and blue), else by its values.
    ``force`` allows another cell size and CRS on one side only.

    Raises InputError for a scene that lacks a band, is of another type, has unknown colours, or has another cell size.
    """
    layer: Layer
    if source.palette is None:
        layer = open_scene(path, bands=source.bands, key="the bundle")
        if layer.palette is not None:
            raise InputError(
                f"{path}: is a map of {len(layer.palette)} classes, the bundle takes {source.dtype} values"
            )
        if layer.dtype != source.dtype:
            raise InputError(f"{path}: holds {layer.dtype} values, the bundle was trained on {source.dtype}")
    else:
        layer = _as_classes(open_scene(path), source.palette)
    check_grid(str(path), layer.grid, source, force=force)
    return layer


def _as_classes(layer: RasterLayer, palette: Palette) -> RasterLayer:
    """The layer with the classes of the palette as its codes."""
    known = {colour: code for code, colour in enumerate(palette.colours)}
    if layer.palette is not None and layer.legend is not None:
        strange = [colour for colour in layer.palette.colours if colour not in known]
        if strange:
            raise InputError(
                f"{layer.name}: {len(strange)} of its {len(layer.palette)} colours are none of the bundle's "
                f"{len(palette)}, such as {hex_of(strange[0])}; those are {', '.join(map(hex_of, palette.colours))}"
            )
        codes = [known[colour] for colour in layer.palette.colours]
        keys = zip(layer.legend.keys.tolist(), layer.legend.codes.tolist(), strict=True)
        legend = Legend.of({key: NO_CLASS if code == NO_CLASS else codes[code] for key, code in keys})
    elif layer.dtype != "uint8" or len(layer.bands) not in (1, 3):
        raise InputError(
            f"{layer.name}: has {len(layer.bands)} bands of {layer.dtype}, the bundle takes a map of "
            f"{len(palette)} classes: one band of uint8, or three of colours"
        )
    elif len(layer.bands) == 3:
        legend = Legend.of({pack(colour): code for colour, code in known.items()})
    else:
        legend = Legend.of({value: code for code, value in enumerate(palette.values)})
    return with_classes(layer, palette, legend)


def check_grid(name: str, grid: Grid, source: Domain, *, force: bool) -> None:
    """Raise InputError where the scene's cells differ by over 1 % from those of the training.

    Both are compared in metres at the scene's centre; without a CRS as they are. ``force`` allows anything.
    """
    if force:
        return
    if (grid.crs is None) != (source.crs is None):
        has, had = ("a", "none") if grid.crs else ("no", "one")
        raise InputError(
            f"{name}: has {has} CRS, those of the bundle's training had {had}, so that cell sizes cannot be "
            "compared; give a scene of the same kind, or --force"
        )
    unit = "units" if grid.crs is None else "m"
    latitude = 0.0 if grid.crs is None else _latitude(grid)
    own = _metres(grid.crs, grid.cell_size, latitude)
    trained = _metres(source.crs, source.cell_size, latitude)
    if any(abs(one / other - 1) > TOLERANCE for one, other in zip(own, trained, strict=True)):
        sizes = [f"{height:.4g} x {width:.4g} {unit}" for height, width in (own, trained)]
        raise InputError(
            f"{name}: its cells are {sizes[0]}, the bundle was trained on {sizes[1]}; "
            "resample the scene (gdalwarp -tr or rio warp --res), or --force if shapes may be scaled"
        )


def _latitude(grid: Grid) -> float:
    """Of the scene's centre, in degrees north."""
    from rasterio.crs import CRS
    from rasterio.warp import transform

    west, south, east, north = grid.bounds
    _, (latitude,) = transform(CRS.from_wkt(grid.crs), CRS.from_epsg(4326), [(west + east) / 2], [(south + north) / 2])
    return float(latitude)


def _metres(crs: str | None, cell: tuple[float, float], latitude: float) -> tuple[float, float]:
    """Height and width of a cell on the ground at a latitude; without a CRS as they are.

    Degrees by the radii of curvature of the ellipsoid; Web Mercator stretches by 1 / cos(latitude); any other
    projection counts as true to scale.
    """
    from rasterio.crs import CRS

    height, width = cell
    if crs is None:
        return height, width
    system, phi = CRS.from_wkt(crs), math.radians(latitude)
    if system.is_geographic:
        root = math.sqrt(1 - ECCENTRICITY * math.sin(phi) ** 2)
        meridian = EQUATORIAL * (1 - ECCENTRICITY) / root**3
        return math.radians(height) * meridian, math.radians(width) * EQUATORIAL / root * math.cos(phi)
    factor = system.linear_units_factor[1] * (math.cos(phi) if system.to_epsg() == 3857 else 1.0)
    return height * factor, width * factor
