"""Translated scenes as cloud-optimised GeoTIFFs (COG): tiles and overviews in one file."""

from __future__ import annotations

import errno
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.files import replacing_file
from geogan.grids import Grid
from geogan.rasters.cog_format import TILE, Format, describe, profile

SUFFIXES = (".tif", ".tiff")
# A small cache of blocks, and the mask of what is not valid inside the file rather than beside it.
SETTINGS = {
    "GDAL_CACHEMAX": 2**26,
    "GDAL_TIFF_INTERNAL_MASK": True,
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
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


def write_cog(path: Path, blocks: Blocks, grid: Grid, target: Domain, *, masked: bool, tags: dict[str, str]) -> None:
    """Write a translated scene as a COG on ``grid``, deflated, with overviews (classes: nearest, else average).

    Classes are written as the values that they have in the maps of the training (as their codes, where those do
    not fit into 0..255 or are not distinct), with their colours, and 255 for "not valid". Real numbers have NaN
    there. Whole numbers, and classes one of which is called 255, have an internal mask if ``masked`` (some pixel
    is not valid). ``tags`` go into the file. What was written is read back before it takes the place of ``path``.

    Raises OSError where there is no room for the plain values (they are tiled first) and half as much again as those
    for the COG, which it never exceeds.
    """
    import rasterio
    import rasterio.shutil

    form = Format.of(target)
    with warnings.catch_warnings(), rasterio.Env(**SETTINGS), replacing_file(path) as out:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with _scratch(out) as tiles:
            size = grid.rows * grid.columns * form.bands * np.dtype(form.dtype).itemsize
            _reserve(tiles, size, size * 3 // 2)
            with rasterio.open(tiles, "w", **profile(form, grid)) as sink:
                describe(sink, form, target, tags)
                for row, values, valid in _rows(blocks):
                    window = ((row, row + len(valid)), (0, grid.columns))
                    sink.write(form.write(values, valid), window=window)
                    if masked and form.nodata is None:
                        sink.write_mask(valid, window=window)
            _full(out, tiles.stat().st_size < size)
            kind = {"RESAMPLING": "NEAREST"} if target.palette else {"RESAMPLING": "AVERAGE", "PREDICTOR": "YES"}
            kind |= {
                "COMPRESS": "DEFLATE",
                "LEVEL": "3",
                "NUM_THREADS": "ALL_CPUS",
            }  # 3: a third of 6's time, 10 % longer
            rasterio.shutil.copy(tiles, out, driver="COG", BLOCKSIZE=TILE, BIGTIFF="IF_SAFER", **kind)
        _check(out, blocks, form)


def _check(path: Path, blocks: Blocks, form: Format) -> None:
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


def _reserve(path: Path, *sizes: int) -> None:
    """Raise OSError where files of these sizes do not fit beside each other; libtiff would babble of it."""
    with ExitStack() as opened:
        for size in sizes:
            stream = opened.enter_context(tempfile.TemporaryFile(dir=path.parent))
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, max(1, size))


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
