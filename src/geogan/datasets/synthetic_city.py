"""Made-up cities as georeferenced scenes and maps, drawn once and kept as GeoTIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from geogan.datasets import raster_pairs
from geogan.datasets.city import CLASSES, draw_city
from geogan.datasets.context import Context
from geogan.datasets.pairing import identity
from geogan.errors import InputError
from geogan.files import replacing_folder, sha256_of
from geogan.scenes import Scenes

DRAWING = ("city.py", "city_rendering.py", "city_streets.py")  # another drawing makes other files
CRS, WEST, NORTH = "EPSG:25832", 500_000.0, 5_800_000.0
GAP = 100  # pixels between two scenes


def read(
    context: Context,
    /,
    *,
    seed: int = 0,
    rows: int = 512,
    columns: int = 512,
    scenes: int = 6,
    pixel: float = 1.0,
) -> Scenes:
    """Scenes (RGB) and maps (paletted) of cities, west to east with gaps; a pixel is ``pixel`` metres wide.

    They are written to ``data/raw/synthetic_city/`` unless they are there. Scene k depends on the seed and on k.

    Raises:
        InputError: no scene, more pixels than the limits allow, or options that `city.draw_city` refuses.
    """
    if scenes < 1:
        raise InputError(f"source.scenes: {scenes}, at least 1 is needed")
    context.limits.check("source.rows, source.columns", rows, columns)
    drawing = [sha256_of(Path(__file__).with_name(name)) for name in DRAWING]
    total = identity(seed=seed, rows=rows, columns=columns, scenes=scenes, pixel=pixel, drawing=drawing)
    folder = Path("data", "raw", "synthetic_city", total[:12])
    wanted = [f"{kind}_{number}.tif" for number in range(scenes) for kind in ("scene", "map")]
    if not all((context.root / folder / name).is_file() for name in wanted):
        with replacing_folder(context.root / folder) as temporary:
            for number in range(scenes):
                city = draw_city([seed, number], rows, columns, pixel=pixel)
                west = WEST + number * (columns + GAP) * pixel
                _write(temporary / f"scene_{number}.tif", city.satellite, west, pixel)
                _write(temporary / f"map_{number}.tif", city.codes[np.newaxis], west, pixel, list(CLASSES.values()))
    pairs = raster_pairs.pair(context.root, str(folder / "scene_*.tif"), str(folder / "map_*.tif"))
    layers = raster_pairs.read_scenes(context, [scene.file for scene, _ in pairs], None)
    maps = raster_pairs.read_maps(context, [drawn.file for _, drawn in pairs], layers, None, dict(CLASSES), ())
    return Scenes(layers, maps, tuple(scene.name for scene, _ in pairs), True, total)


def _write(
    file: Path,
    image: UInt8[np.ndarray, "band y x"],
    west: float,
    pixel: float,
    colours: list[tuple[int, int, int]] | None = None,
) -> None:
    import rasterio
    from rasterio.transform import from_origin

    count, rows, columns = image.shape
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        dtype="uint8",
        count=count,
        height=rows,
        width=columns,
        crs=CRS,
        transform=from_origin(west, NORTH, pixel, pixel),
        compress="deflate",
        tiled=True,
        blockxsize=256,
        blockysize=256,
    ) as target:
        target.write(image)
        if colours is not None:
            target.write_colormap(1, dict(enumerate(colours)))
