"""Open handles of raster files, through rasterio.

A handle belongs to one process and one thread; a few are kept open, so that windows of one file come fast and a
thousand files do not use up the descriptors.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geogan.errors import InputError
from geogan.grids import Grid

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# by the first bytes; nothing that refers to other files, such as VRT
DRIVERS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
}
SETTINGS = {
    "GDAL_CACHEMAX": 2**26,
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",  # of a cut PNG the whole-image reader makes noise, no error
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",  # a cut JPEG would be filled with grey
}
OPEN = 8  # handles kept per thread


@dataclass(frozen=True)
class Target:
    """The grid that a file is warped onto, by the nearest pixel or bilinearly."""

    grid: Grid
    nearest: bool


@contextmanager
def reading(file: Path, driver: str, target: Target | None = None) -> Iterator[DatasetReader]:
    """The open file, warped onto the target's grid where there is one.

    Raises InputError where the file or what is read of it is damaged.
    """
    import rasterio
    from rasterio.errors import RasterioError

    with rasterio.Env(**SETTINGS):
        try:
            yield _HANDLES.get(file, driver, target)
        except RasterioError as error:
            _HANDLES.drop(file)  # with the library's own memory of the error, which a later call would raise again
            reason = " ".join(str(error.__cause__ or error).split())
            raise InputError(f"{file}: cut off or damaged ({reason}); bring a whole copy") from error
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror or error})") from error


class _Handles(threading.local):
    """The files that this thread has open, the one used last at the end."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.open: OrderedDict[tuple[object, ...], tuple[ExitStack, DatasetReader]] = OrderedDict()

    def get(self, file: Path, driver: str, target: Target | None) -> DatasetReader:
        """The open file, from here if it is the same file still; the one used longest ago is closed."""
        if self.process != os.getpid():  # a handle must not be shared with the process that this one came from
            self.process, self.open = os.getpid(), OrderedDict()
        state = file.stat()
        key = (file, state.st_mtime_ns, state.st_size, target)
        if key not in self.open:
            while len(self.open) >= OPEN:
                self.open.popitem(last=False)[1][0].close()
            self.open[key] = _open(file, driver, target)
        self.open.move_to_end(key)
        return self.open[key][1]

    def drop(self, file: Path) -> None:
        """Close what is open of a file."""
        for key in [key for key in self.open if key[0] == file]:
            self.open.pop(key)[0].close()


_HANDLES = _Handles()


def _open(file: Path, driver: str, target: Target | None) -> tuple[ExitStack, DatasetReader]:
    import rasterio
    from rasterio.enums import MaskFlags, Resampling
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.vrt import WarpedVRT

    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        source = stack.enter_context(rasterio.open(file, driver=driver))
        if target is not None:
            flags = source.mask_flag_enums[0]
            bare, real = flags == [MaskFlags.all_valid], source.dtypes[0].startswith("float")
            missing = {"src_nodata": float("nan"), "nodata": float("nan")} if bare and real else {}
            source = stack.enter_context(
                WarpedVRT(
                    source,
                    crs=target.grid.crs,
                    transform=rasterio.Affine(*target.grid.transform),
                    width=target.grid.columns,
                    height=target.grid.rows,
                    resampling=Resampling.nearest if target.nearest else Resampling.bilinear,
                    add_alpha=not missing and not {MaskFlags.nodata, MaskFlags.alpha} & set(flags),
                    **missing,
                )
            )
        return stack.pop_all(), source


def driver_of(file: Path) -> str:
    """The driver that reads a file, by its first bytes. Raises InputError for any that is not in the table."""
    try:
        with file.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    for magic, driver in DRIVERS.items():
        if start.startswith(magic):
            return driver
    if start.lstrip().startswith(b"<VRTDataset"):
        raise InputError(f"{file}: a VRT, which refers to other files; give the GeoTIFF, PNG or JPEG itself")
    raise InputError(f"{file}: not a GeoTIFF, PNG or JPEG (by its first bytes)")
