"""How the values of a target domain stand in a GeoTIFF: their type, colours, names, and what is not valid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Shaped

from geogan.domains import Domain
from geogan.grids import Grid
from geogan.scenes import NO_CLASS

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

TILE = 512  # pixels


@dataclass(frozen=True)
class Format:
    """How values of a target stand in the file: what a code is written as, and what means "not valid"."""

    bands: int
    dtype: str
    nodata: float | None  # None: a mask tells
    values: Shaped[np.ndarray, " code"] | None  # of classes: what is written for a code

    @classmethod
    def of(cls, target: Domain) -> Format:
        """The format of a domain: classes keep the values of the training's maps where those fit."""
        palette = target.palette
        if palette is None:
            real = np.dtype(target.dtype).kind == "f"
            return cls(target.channels, target.dtype, float("nan") if real else None, None)
        own = len(set(palette.values)) == len(palette) and all(0 <= value <= 255 for value in palette.values)
        values = np.full(256, NO_CLASS, dtype=np.uint8)
        values[: len(palette)] = palette.values if own else range(len(palette))
        return cls(1, "uint8", None if NO_CLASS in values[: len(palette)] else NO_CLASS, values)

    def write(
        self, values: Shaped[np.ndarray, "band y x"], valid: Bool[np.ndarray, "y x"]
    ) -> Shaped[np.ndarray, "band y x"]:
        """The pixels as they stand in the file."""
        if self.values is not None:
            values = self.values[values]
        empty = values.dtype.type(0 if self.nodata is None else self.nodata)
        return np.where(valid, values, empty)


def profile(form: Format, grid: Grid) -> dict[str, Any]:
    """What rasterio is told of a tiled GeoTIFF on the grid."""
    from rasterio import Affine
    from rasterio.crs import CRS

    told: dict[str, Any] = {
        "driver": "GTiff",
        "height": grid.rows,
        "width": grid.columns,
        "count": form.bands,
        "dtype": form.dtype,
        "nodata": form.nodata,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "bigtiff": "if_safer",
    }
    if form.bands == 3 and form.dtype == "uint8":
        told["photometric"] = "rgb"
    elif form.values is None:  # GDAL would make the fourth of four bands an alpha channel
        told |= {"photometric": "minisblack", "alpha": "unspecified"}
    if grid.in_map_units:  # a picture without a georeference stays one
        told |= {"transform": Affine(*grid.transform), "crs": grid.crs and CRS.from_wkt(grid.crs)}
    return told


def describe(sink: DatasetWriter, form: Format, target: Domain, tags: dict[str, str]) -> None:
    """Write tags, names of bands, colours and names of classes."""
    sink.update_tags(**tags)
    if target.palette is None or form.values is None:
        for number, band in enumerate(target.bands, 1):
            sink.set_band_description(number, f"band {band}")
        return
    written = form.values[: len(target.palette)].tolist()
    colours = {value: (*colour, 255) for value, colour in zip(written, target.palette.colours, strict=True)}
    if form.nodata is not None:
        colours[NO_CLASS] = (0, 0, 0, 0)
    sink.write_colormap(1, colours)
    sink.set_band_description(1, "class")
    sink.update_tags(GEOGAN_CLASSES=json.dumps(dict(zip(written, target.palette.names, strict=True))))
