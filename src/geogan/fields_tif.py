"""An ensemble as GeoTIFF files with the grid's origin and CRS."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from geogan.ensemble import Ensemble
from geogan.grids import Grid

Band = UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]


def write_facies(path: Path, ensemble: Ensemble) -> None:
    """A uint8 band of codes per realization, called "realization k"; 255 would be nodata."""
    bands = [(f"realization {k}", field) for k, field in enumerate(ensemble.facies)]
    _write(path, bands, ensemble.grid, nodata=255)


def write_probability(path: Path, ensemble: Ensemble) -> None:
    """A float32 band per facies, called by its name."""
    _write(path, list(zip(ensemble.names, ensemble.probability, strict=True)), ensemble.grid)


def write_entropy(path: Path, ensemble: Ensemble) -> None:
    """One float32 band in [0, 1]."""
    _write(path, [("entropy", ensemble.entropy)], ensemble.grid)


def write_e_type(path: Path, ensemble: Ensemble) -> None:
    """One float32 band: the mean of the codes."""
    _write(path, [("e_type", ensemble.e_type)], ensemble.grid)


def write_std(path: Path, ensemble: Ensemble) -> None:
    """One float32 band: the standard deviation of the codes."""
    _write(path, [("std", ensemble.std)], ensemble.grid)


def _write(path: Path, bands: list[tuple[str, Band]], grid: Grid, nodata: int | None = None) -> None:
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
