"""How much of a field every facies takes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8


def shares(fields: UInt8[np.ndarray, "field y x"], count: int) -> Float64[np.ndarray, "field facies"]:
    """Share of the pixels of every field in each of ``count`` facies; rows sum to 1."""
    return np.stack([(fields == code).mean(axis=(1, 2)) for code in range(count)], axis=1)
