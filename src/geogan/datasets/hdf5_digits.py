"""One set of samples in an HDF5 file: groups train and test with data and target, as USPS is published."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int16, UInt8

from geogan.datasets.context import Context, Limits
from geogan.datasets.digits import DigitSet, Samples, digit_set
from geogan.datasets.fetch import Remote, retrieve
from geogan.errors import InputError

SETS = {
    "usps": Remote(  # 7291 + 2007 digits of 16 x 16; niuers/Learning-From-Data-A-Short-Course
        "https://raw.githubusercontent.com/niuers/Learning-From-Data-A-Short-Course/"
        "35684e893b63bf4039bafcc6d34fe935851baf9a/data/usps.h5",
        "734f88c541104a956d88be2c95d03b4a463ffd74ccc2ba9c80841fb98e3fcb36",
    ),
}
LABELS = np.iinfo(np.int16)


def read(
    context: Context,
    key: str = "source",
    /,
    *,
    set: Literal["usps"] | None = None,
    path: str | None = None,
    sha256: str | None = None,
) -> DigitSet:
    """A public ``set``, downloaded once, or that of a file, whose path is relative to the project.

    The group ``train``, and ``test`` where there is an official test part, hold ``data`` (sample, y * x) or
    (sample, y, x) with values in [0, 1], and the classes ``target`` (sample) where these are known. Values become
    uint8 by rounding 255 times the value. ``key`` is what messages call the source.

    Raises:
        InputError: no file or no answer, other content than the sha256, a file that is damaged or no HDF5, missing
            groups or data, samples that are not square, values outside [0, 1], or another number of labels.
    """
    if set is not None:
        for option, value in (("path", path), ("sha256", sha256)):
            if value is not None:
                raise InputError(f"{key}.{option}: is given, and {key}.set {set} too, which has its own; give one")
        folder = context.root / "data" / "raw" / set
        file = retrieve(SETS[set], folder, advice=f"give a file of your own as {key}.path")
        digest = SETS[set].sha256
    elif path is None:
        raise InputError(f"{key}.path: is missing; give a file, or {key}.set, one of {', '.join(SETS)}")
    else:
        file, digest = context.file(path, sha256, key=f"{key}.path", pin=f"{key}.sha256")
    train, test = _parts(file, context.limits)
    return digit_set(train, test, digest)


def _parts(file: Path, limits: Limits) -> tuple[Samples, Samples | None]:
    import h5py

    try:
        with h5py.File(file, "r", locking=False) as held:
            if "train" not in held:
                raise InputError(f"{file}: has no group train; groups train and test with data and target are needed")
            return _samples(file, held, "train", limits), (
                _samples(file, held, "test", limits) if "test" in held else None
            )
    except (OSError, RuntimeError) as error:
        raise InputError(f"{file}: damaged, or no HDF5 file ({' '.join(str(error).split())})") from error


def _samples(file: Path, held: Any, part: str, limits: Limits) -> Samples:
    where = f"{file}: {part}"
    data, target = _dataset(file, held, f"{part}/data"), _dataset(file, held, f"{part}/target")
    if data is None:
        raise InputError(f"{where}: has no data; each group holds data, and target where classes are known")
    count, edge = _size(f"{where}/data", data.shape)
    limits.check(f"{where}/data", count * edge, edge, file.stat().st_size)
    if data.dtype.kind not in "fiu":
        raise InputError(f"{where}/data: is of type {data.dtype}; numbers are needed")
    values = data[()].reshape(count, edge, edge)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise InputError(
            f"{where}/data: holds values from {values.min():g} to {values.max():g}; they must lie in [0, 1]"
        )
    pixels: UInt8[np.ndarray, "sample y x"] = np.rint(values * np.float32(255)).astype(np.uint8)
    return Samples(where, pixels, None if target is None else _labels(f"{where}/target", target, count))


def _dataset(file: Path, held: Any, name: str) -> Any:
    """An array that lies in the file itself; None where there is none."""
    import h5py

    found = held.get(name)
    if not isinstance(found, h5py.Dataset):
        return None
    if found.file.filename != held.file.filename or found.is_virtual or found.external:
        raise InputError(f"{file}: {name} refers to another file; put the values into this one")
    return found


def _size(where: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Number and edge of the samples in data of this shape."""
    if len(shape) == 3 and shape[1] == shape[2]:
        return shape[0], shape[1]
    if len(shape) == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        return shape[0], math.isqrt(shape[1])
    raise InputError(f"{where}: has the shape {shape}; (sample, y * x) or (sample, y, x) with y = x is needed")


def _labels(where: str, target: Any, count: int) -> Int16[np.ndarray, " sample"]:
    if target.shape != (count,):
        raise InputError(f"{where}: has the shape {target.shape}, data {count} samples; there must be a label for each")
    if target.dtype.kind not in "iu":
        raise InputError(f"{where}: is of type {target.dtype}; classes are whole numbers")
    labels = target[()]
    if count and not (labels.min() >= LABELS.min and labels.max() <= LABELS.max):
        raise InputError(
            f"{where}: holds labels from {labels.min()} to {labels.max()}; they must lie in {LABELS.min}..{LABELS.max}"
        )
    narrow: Int16[np.ndarray, " sample"] = labels.astype(np.int16)
    return narrow
