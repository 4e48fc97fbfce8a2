"""Whether the fields of one set of wells differ, and by the right amount."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt8


def hamming(fields: UInt8[np.ndarray, "noise y x"]) -> float:
    """Mean share of differing pixels over all pairs of fields (at least two), in [0, 1]."""
    counts = np.stack([(fields == code).sum(axis=0, dtype=np.int64) for code in np.unique(fields)])
    return hamming_of_counts(counts, len(fields))


def hamming_of_counts(counts: Int64[np.ndarray, "facies y x"], n: int) -> float:
    """``hamming`` of n fields of which ``counts`` have the facies in a cell.

    Per pixel, n fields of which c_k have facies k differ in (n^2 - sum_k c_k^2) / 2 of n (n - 1) / 2 pairs.
    """
    agreeing = np.zeros(counts.shape[1:], np.int64)
    for own in counts:
        agreeing += own**2
    return float((n * n - agreeing).mean() / (n * (n - 1)))


def differing(fields: UInt8[np.ndarray, "noise y x"]) -> Float64[np.ndarray, "y x"]:
    """Share of the pairs of fields (at least two fields) that differ in each pixel; its mean is ``hamming``."""
    n = len(fields)
    agreeing = sum((fields == code).sum(axis=0, dtype=np.int64) ** 2 for code in np.unique(fields))
    return np.asarray((n * n - agreeing) / (n * (n - 1)))


def brier(probability: Float64[np.ndarray, "facies y x"], truth: UInt8[np.ndarray, "y x"]) -> float:
    """Mean over pixels of sum_k (p_k - [truth = k])^2 / 2, in [0, 1]; with two facies (p_1 - truth)^2."""
    codes = np.arange(len(probability))[:, None, None]
    return float(((probability - (truth == codes)) ** 2).sum(axis=0).mean() / 2)


def hamming_ratio(hamming: float, brier: float) -> float:
    """hamming / (2 brier): 1 for a calibrated ensemble, 0 for one that ignores its noise.

    An ensemble without an error has no ratio: 0.
    """
    return hamming / (2 * brier) if brier else 0.0
