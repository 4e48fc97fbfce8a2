"""Pooled statistics of a sample of fields, computed once; every distribution metric is a function of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from geogan.metrics import borders, components, connectivity, patterns, proportions, textures, variogram

LAGS = 59


@dataclass(frozen=True)
class Statistics:
    """What the metrics need to know of a sample.

    The axis ``facies`` of the curves and components runs over ``studied``: with two facies the
    channel (code 1) alone, with more all of them. ``axis`` 0 is along x, 1 along y; lags count
    pixels from 1.
    """

    fields: int
    studied: tuple[int, ...]
    proportions: Float64[np.ndarray, "field code"]
    patterns: tuple[patterns.Histogram, ...]
    connectivity: Float64[np.ndarray, "facies axis field lag"]
    variogram: Float64[np.ndarray, "facies axis field lag"]
    components: Int64[np.ndarray, "facies field"]
    sizes: tuple[Int64[np.ndarray, " _component"], ...]
    hog: Float64[np.ndarray, " _gradient"]
    lbp: Float64[np.ndarray, " _binary_pattern"]
    border: borders.Border

    @property
    def lags(self) -> int:
        """The largest lag of the curves."""
        return int(self.variogram.shape[-1])


def statistics(fields: UInt8[np.ndarray, "field y x"], count: int) -> Statistics:
    """Statistics of fields of codes 0..``count`` - 1; lags go to 59, or to the size - 1 of small fields."""
    lags = min(LAGS, min(fields.shape[1:]) - 1)
    studied = (1,) if count == 2 else tuple(range(count))
    inside = [fields == code for code in studied]
    labels = [components.label(facies) for facies in inside]
    return Statistics(
        fields=len(fields),
        studied=studied,
        proportions=proportions.shares(fields, count),
        patterns=patterns.histograms(fields, count),
        connectivity=np.stack([connectivity.curves(facies, lags) for facies in labels]),
        variogram=np.stack([variogram.curves(facies, lags) for facies in inside]),
        components=np.stack([components.counts(facies) for facies in labels]),
        sizes=tuple(components.sizes(facies) for facies in labels),
        hog=textures.hog(fields, count),
        lbp=textures.lbp(fields, count),
        border=borders.border(fields, count),
    )
