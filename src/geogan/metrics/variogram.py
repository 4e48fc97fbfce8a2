"""Indicator variogram gamma(h) = E[(I(u) - I(u + h))^2] / 2 of a facies, at lag h along x or y."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64


def curves(inside: Bool[np.ndarray, "field y x"], lags: int) -> Float64[np.ndarray, "axis field lag"]:
    """gamma at lags 1..``lags`` of every field, axis 0 along x and axis 1 along y, in [0, 1/2]."""
    result = np.empty((2, len(inside), lags))
    for index, field in enumerate(inside):
        result[0, index] = _along_rows(np.ascontiguousarray(field.T), lags)
        result[1, index] = _along_rows(field, lags)
    return result


def _along_rows(field: Bool[np.ndarray, "y x"], lags: int) -> Float64[np.ndarray, " lag"]:
    changes = [np.count_nonzero(field[lag:] != field[:-lag]) for lag in range(1, lags + 1)]
    pairs = field.shape[1] * (field.shape[0] - np.arange(1, lags + 1))
    return np.asarray(np.array(changes) / pairs / 2)


def difference(a: Float64[np.ndarray, "field_a lag"], b: Float64[np.ndarray, "field_b lag"]) -> float:
    """Mean over lags of |mean curve of a - mean curve of b|, in [0, 1/2]."""
    return float(np.abs(a.mean(axis=0) - b.mean(axis=0)).mean())


def sill(proportion: float) -> float:
    """The variance p (1 - p) of an indicator: what gamma levels off at."""
    return proportion * (1 - proportion)
