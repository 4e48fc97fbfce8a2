"""Connectivity function tau(h) = P(same 4-connected component | both pixels in the facies), at lag h
along x or y (Renard, Allard 2013, Adv. Water Resour. 51)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32


def curves(labels: Int32[np.ndarray, "field y x"], lags: int) -> Float64[np.ndarray, "axis field lag"]:
    """tau at lags 1..``lags`` of every field, axis 0 along x and axis 1 along y, in [0, 1].

    ``labels`` numbers the components of the facies (0 outside). NaN where a field has no pair at the lag.
    """
    result = np.empty((2, len(labels), lags))
    for index, field in enumerate(labels):
        result[0, index] = _along_rows(np.ascontiguousarray(field.T), lags)
        result[1, index] = _along_rows(field, lags)
    return result


def _along_rows(field: Int32[np.ndarray, "y x"], lags: int) -> Float64[np.ndarray, " lag"]:
    """tau from row to row: whole rows are compared, so that memory is read in order."""
    inside = field > 0
    partner = np.where(inside, field, -1)  # never equal to a label of ``field`` outside the facies
    pairs = np.empty(lags)
    joined = np.empty(lags)
    for lag in range(1, lags + 1):
        pairs[lag - 1] = np.count_nonzero(inside[lag:] & inside[:-lag])
        joined[lag - 1] = np.count_nonzero(field[lag:] == partner[:-lag])
    share = np.full(lags, np.nan)
    np.divide(joined, pairs, out=share, where=pairs > 0)
    return share


def mean_curve(curves: Float64[np.ndarray, "field lag"]) -> Float64[np.ndarray, " lag"]:
    """Mean over the fields that have a pair at the lag; 0 at a lag where none has one."""
    known = ~np.isnan(curves)
    total = np.where(known, curves, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1))


def difference(a: Float64[np.ndarray, "field_a lag"], b: Float64[np.ndarray, "field_b lag"]) -> float:
    """Mean over lags of |mean curve of a - mean curve of b|, in [0, 1]."""
    return float(np.abs(mean_curve(a) - mean_curve(b)).mean())
