"""Multiple-point histograms: how often every 4 x 4 pattern of facies occurs, at three resolutions.

The pooled histograms of two samples are compared by the Jensen-Shannon divergence in base 2
(0 = equal, 1 = no pattern in common), level by level as in Tan, Tahmasebi, Caers (2014), Math. Geosci. 46.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

SIDE = 4
LEVELS = 3
_HASH = 0x9E3779B97F4A7C15  # odd: the base of a 64-bit hash where K^16 does not fit in 64 bits


@dataclass(frozen=True)
class Histogram:
    """The patterns that occur, as ascending codes, and how often each does."""

    codes: UInt64[np.ndarray, " pattern"]
    counts: Int64[np.ndarray, " pattern"]


def coarsen(fields: UInt8[np.ndarray, "field y x"], count: int) -> UInt8[np.ndarray, "field y2 x2"]:
    """Half resolution: the most frequent of ``count`` facies in every 2 x 2 block.

    A tie goes to the higher code: with two facies to 1. An odd last row or column is dropped.
    """
    rows, columns = fields.shape[1] // 2 * 2, fields.shape[2] // 2 * 2
    corners = [fields[:, y:rows:2, x:columns:2] for y in (0, 1) for x in (0, 1)]
    best = np.zeros(corners[0].shape, np.uint8)
    most = np.zeros(corners[0].shape, np.uint8)
    for code in range(count):
        votes = np.zeros(best.shape, np.uint8)
        for corner in corners:
            votes += corner == code
        wins = votes >= np.maximum(most, 1)
        best[wins] = code
        most[wins] = votes[wins]
    return best


def histogram(fields: UInt8[np.ndarray, "field y x"], count: int) -> Histogram:
    """Every overlapping 4 x 4 window of every field, pooled.

    A window is the number whose 16 digits in base ``count`` are its facies (exact for at most 16
    facies; beyond, a 64-bit hash of them). Patterns are joint: of all facies at once.
    """
    base = np.uint64(count if count <= 16 else _HASH)
    rows, columns = fields.shape[1] - SIDE + 1, fields.shape[2] - SIDE + 1
    digits = fields.astype(np.uint64)
    along = np.zeros((len(fields), fields.shape[1], columns), np.uint64)
    for x in range(SIDE):
        along = along * base + digits[:, :, x : x + columns]
    windows = np.zeros((len(fields), rows, columns), np.uint64)
    for y in range(SIDE):
        windows = windows * base**SIDE + along[:, y : y + rows]
    if count == 2:
        dense = np.bincount(windows.ravel().astype(np.int64))
        present = np.flatnonzero(dense)
        return Histogram(present.astype(np.uint64), dense[present])
    codes, counts = np.unique(windows, return_counts=True)
    return Histogram(codes, counts.astype(np.int64))


def histograms(fields: UInt8[np.ndarray, "field y x"], count: int) -> tuple[Histogram, ...]:
    """Pattern histograms at full, half and quarter resolution; fewer where the field gets under 4 x 4."""
    levels = []
    for _ in range(LEVELS):
        if min(fields.shape[1:]) < SIDE:
            break
        levels.append(histogram(fields, count))
        fields = coarsen(fields, count)
    return tuple(levels)


def divergence(a: Histogram, b: Histogram) -> float:
    """Jensen-Shannon divergence in base 2: H((p + q) / 2) - (H(p) + H(q)) / 2, in [0, 1]."""
    codes = np.union1d(a.codes, b.codes)
    shares = np.zeros((2, len(codes)))
    for row, sample in zip(shares, (a, b), strict=True):
        row[np.searchsorted(codes, sample.codes)] = sample.counts / sample.counts.sum()
    p, q = shares
    return max(0.0, _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())
