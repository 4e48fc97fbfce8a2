"""An ensemble as GeoTIFF files with the grid's origin and CRS."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from geogan.ensemble import Ensemble
from geogan.grids import Grid

MOST = 65535  # bands of a TIFF
Band = UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]


def write_fields(path: Path, ensemble: Ensemble) -> None:
    """A band of codes (uint8) or values (float32) per realization, called "realization k"; nodata would be 255 or
    NaN."""
    bands = [(f"realization {k}", field) for k, field in enumerate(ensemble.fields)]
    _write(path, bands, ensemble.grid, nodata=float(ensemble.variable.blank))


def write_maps(path: Path, ensemble: Ensemble, maps: Sequence[str]) -> None:
    """A float32 band per map, called by its name; of one with a band per facies each is called by the facies."""
    bands: list[tuple[str, Band]] = []
    for name in maps:
        values = ensemble.maps[name]
        bands += [(name, values)] if values.ndim == 2 else zip(ensemble.variable.names, values, strict=True)
    _write(path, bands, ensemble.grid)


def _write(path: Path, bands: list[tuple[str, Band]], grid: Grid, nodata: float | None = None) -> None:
    """A tiled, compressed GeoTIFF. It is made in memory and copied: on a full device GDAL may close a
    file that it could not finish without an error, a plain write may not. Raises OSError then."""
    import rasterio
    from rasterio.crs import CRS
    from rasterio.io import MemoryFile

    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with memory.open(
            driver="GTiff",
            height=grid.rows,
            width=grid.columns,
            count=len(bands),
            dtype=bands[0][1].dtype,
            crs=None if grid.crs is None else CRS.from_wkt(grid.crs),
            transform=rasterio.Affine(*grid.transform),
            nodata=nodata,
            compress="deflate",
            tiled=True,
            interleave="band",
            bigtiff="if_safer",
        ) as target:
            for number, (name, values) in enumerate(bands, 1):
                target.write(values, number)
                target.set_band_description(number, name)
        path.write_bytes(memory.getbuffer())
