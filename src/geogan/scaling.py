"""Between which values the bands of a domain are scaled to [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Int64

from geogan.scenes import Tiles

SAMPLE = 2**20  # values per band of real numbers, at most, of which percentiles are taken
DEFAULT = (1.0, 99.0)

Limits = tuple[tuple[float, ...], tuple[float, ...]]


def limits(
    parts: Iterable[Tiles], *, pixels: int, dtype: str, bands: int, percentiles: tuple[float, float] | None
) -> Limits:
    """Low and high value of each band: percentiles (0..100) of all valid pixels of the tiles that come in parts.

    They are exact (with linear interpolation between neighbours, as in numpy) for uint8 and uint16; of float32
    they are those of an evenly spaced sample out of the ``pixels`` in all. Without percentiles uint8 is taken
    whole, 0..255, others between 1 and 99. A band that is constant there, or empty, gets low + 1 as its high value.
    """
    if percentiles is None and dtype == "uint8":
        return (0.0,) * bands, (255.0,) * bands
    found = _of_reals if np.dtype(dtype).kind == "f" else _of_integers
    pairs = found(parts, pixels, np.dtype(dtype), bands, percentiles or DEFAULT)
    low = tuple(low for low, _ in pairs)
    return low, tuple(high if high > low else low + 1.0 for low, high in pairs)


def _of_integers(
    parts: Iterable[Tiles], pixels: int, kind: np.dtype, bands: int, percentiles: tuple[float, float]
) -> list[tuple[float, float]]:
    size = int(np.iinfo(kind).max) + 1
    counts = np.zeros((bands, size), dtype=np.int64)
    for part in parts:
        for band in range(bands):
            counts[band] += np.bincount(part.values[:, band][part.valid], minlength=size)
    return [(_quantile(count, percentiles[0]), _quantile(count, percentiles[1])) for count in counts]


def _quantile(counts: Int64[np.ndarray, " value"], percent: float) -> float:
    """A percentile of values 0, 1, ... that occur so many times, between the two values next to its rank."""
    before = counts.cumsum()
    rank = percent / 100 * max(0, int(before[-1]) - 1)
    low, high = np.searchsorted(before, [math.floor(rank), math.ceil(rank)], side="right")
    return float(low + (high - low) * (rank - math.floor(rank))) if before[-1] else 0.0


def _of_reals(
    parts: Iterable[Tiles], pixels: int, kind: np.dtype, bands: int, percentiles: tuple[float, float]
) -> list[tuple[float, float]]:
    step = max(1, -(-pixels // SAMPLE))
    kept: list[Float32[np.ndarray, "band value"]] = []
    at = 0  # of the first pixel in the part, among all
    for part in parts:
        edge = part.values.shape[-1]
        while math.gcd(step, edge) > 1:  # or it would take the same columns of every tile
            step += 1
        chosen = np.arange(-at % step, part.valid.size, step)
        tile, pixel = np.divmod(chosen, edge * edge)
        values = part.values.reshape(len(part), bands, -1)[tile, :, pixel]
        usable = part.valid.reshape(-1)[chosen] & np.isfinite(values).all(axis=1)
        kept.append(values[usable].T.astype(np.float32))
        at += part.valid.size
    if not any(values.size for values in kept):
        return [(0.0, 0.0)] * bands
    ends = np.percentile(np.concatenate(kept, axis=1).astype(np.float64), percentiles, axis=1)
    return [(float(low), float(high)) for low, high in ends.T]
