"""Translated scenes as cloud-optimised GeoTIFFs (COG): tiles and overviews in one file."""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Shaped

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.files import replacing_file
from geogan.grids import Grid
from geogan.scenes import NO_CLASS

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

SUFFIXES = (".tif", ".tiff")
TILE = 512
# A small cache of blocks, and the mask of what is not valid inside the file rather than beside it.
SETTINGS = {
    "GDAL_CACHEMAX": 2**26,
    "GDAL_TIFF_INTERNAL_MASK": True,
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_LOG": os.devnull,  # libtiff's own words on a full device, besides the error that is raised
}

Block = tuple[Shaped[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]  # values (classes: codes), where valid
Blocks = Callable[[], Iterable[Block]]  # the scene's rows in order, from the top at every call


def check_output(path: Path, scene: Path) -> None:
    """Raise InputError where a translation of ``scene`` cannot be written to ``path``: before hours of work."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: unknown suffix {path.suffix or '(none)'}; use .tif or .tiff")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if path.exists() and scene.exists() and path.samefile(scene):
        raise InputError(f"{path}: is the scene itself; name another file")
    parent = next(one for one in path.absolute().parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a folder that can be written to")


@dataclass(frozen=True)
class _Format:
    """How values of a target stand in the file: what a code is written as, and what means "not valid"."""

    bands: int
    dtype: str
    nodata: float | None  # None: a mask tells
    values: Shaped[np.ndarray, " code"] | None  # of classes: what is written for a code

    @classmethod
    def of(cls, target: Domain) -> _Format:
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
        if self.values is not None:
            values = self.values[values]
        empty = values.dtype.type(0 if self.nodata is None else self.nodata)
        return np.where(valid, values, empty)


def write_cog(path: Path, blocks: Blocks, grid: Grid, target: Domain, *, masked: bool, tags: dict[str, str]) -> None:
    """Write a translated scene as a COG on ``grid``, deflated, with overviews (classes: nearest, else average).

    Classes are written as the values that they have in the maps of the training (as their codes, where those do
    not fit into 0..255 or are not distinct), with their colours, and 255 for "not valid". Real numbers have NaN
    there. Whole numbers, and classes one of which is called 255, have an internal mask if ``masked`` (some pixel
    is not valid). ``tags`` go into the file. What was written is read back before it takes the place of ``path``.

    Raises OSError where there is no room.
    """
    import rasterio
    import rasterio.shutil

    form = _Format.of(target)
    with warnings.catch_warnings(), rasterio.Env(**SETTINGS), replacing_file(path) as out:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with _scratch(out) as tiles:
            with rasterio.open(tiles, "w", **_profile(form, grid)) as sink:
                _describe(sink, form, target, tags)
                for row, values, valid in _rows(blocks):
                    window = ((row, row + len(valid)), (0, grid.columns))
                    sink.write(form.write(values, valid), window=window)
                    if masked and form.nodata is None:
                        sink.write_mask(valid, window=window)
            _full(out, tiles.stat().st_size < grid.rows * grid.columns * form.bands * np.dtype(form.dtype).itemsize)
            kind = {"RESAMPLING": "NEAREST"} if target.palette else {"RESAMPLING": "AVERAGE", "PREDICTOR": "YES"}
            kind |= {
                "COMPRESS": "DEFLATE",
                "LEVEL": "3",
                "NUM_THREADS": "ALL_CPUS",
            }  # 3: a third of 6's time, 10 % longer
            rasterio.shutil.copy(tiles, out, driver="COG", BLOCKSIZE=TILE, BIGTIFF="IF_SAFER", **kind)
        _check(out, blocks, form)


def _profile(form: _Format, grid: Grid) -> dict[str, Any]:
    from rasterio import Affine
    from rasterio.crs import CRS

    profile: dict[str, Any] = {
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
        profile["photometric"] = "rgb"
    if grid.in_map_units:  # a picture without a georeference stays one
        profile |= {"transform": Affine(*grid.transform), "crs": grid.crs and CRS.from_wkt(grid.crs)}
    return profile


def _describe(sink: DatasetWriter, form: _Format, target: Domain, tags: dict[str, str]) -> None:
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


def _check(path: Path, blocks: Blocks, form: _Format) -> None:
    """Compare the file with what was to be written."""
    import rasterio

    try:
        with rasterio.open(path, driver="GTiff") as source:
            for row, values, valid in _rows(blocks):
                found = source.read(window=((row, row + len(valid)), (0, source.width)))
                real = form.dtype == "float32"
                _full(path, not np.array_equal(found, form.write(values, valid), equal_nan=real))
    except rasterio.errors.RasterioError as error:
        raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error


def _full(path: Path, failed: bool) -> None:
    """On a full device GDAL closes files that it could not finish without an error."""
    if failed:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))


def _rows(blocks: Blocks) -> Iterator[tuple[int, Shaped[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]]:
    row = 0
    for values, valid in blocks():
        yield row, values, valid
        row += len(valid)


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A name beside ``path`` for a file that is not kept, nor what GDAL leaves beside ``path`` when it fails."""
    scratch = path.with_name(f"{path.stem}-tiles.tif")
    try:
        yield scratch
    finally:
        for file in path.parent.iterdir():
            if file.name.startswith((scratch.name, f"{path.name}.")):
                file.unlink()
