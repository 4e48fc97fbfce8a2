"""A training image: the facies field that a generator learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from geogan.grids import Grid

NODATA = 255  # the code of a pixel without a facies


@dataclass(frozen=True)
class TrainingImage:
    """Facies codes on a grid.

    ``facies`` holds codes 0..K-1 (ascending with the grey level of the source; 255 = nodata),
    ``names`` one name per code (``"0"``, ``"1"``, ... where the source knows none),
    ``sha256`` identifies the file or the settings that it came from.
    """

    facies: UInt8[np.ndarray, "y x"]
    names: tuple[str, ...]
    grid: Grid
    sha256: str
