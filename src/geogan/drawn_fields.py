"""Drawn fields that wait on disk, so that memory does not grow with their number."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from geogan.errors import InputError
from geogan.variable import Field, Fields

CODES = np.dtype(np.uint8)


def keep(
    fields: Iterable[Field], count: int, shape: tuple[int, ...], folder: Path, dtype: np.dtype[Any] = CODES
) -> Fields:
    """``count`` fields of this shape, (rows, columns), and type, read from disk where they are used.

    They lie plain in a file without a name in ``folder`` (in the nearest one above that exists), which vanishes with
    the array or with the process. Its room is reserved before the first field is drawn: raises InputError where there
    is too little.
    """
    size = count * math.prod(shape) * dtype.itemsize
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
    try:
        with tempfile.TemporaryFile(dir=nearest) as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
            for field in fields:
                stream.write(np.ascontiguousarray(field).data)
            stream.flush()
            return np.memmap(stream, dtype, "c", shape=(count, *shape))
    except (OSError, OverflowError) as error:
        needed = f"{count} fields of {' x '.join(map(str, shape))} need {size / 2**30:.3g} GiB"
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{nearest}: {needed} there until they are written: {why}") from error
