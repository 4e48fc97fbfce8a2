"""Distribution and variogram of the values of a property, in its units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from geogan.value_range import ValueRange

BINS = 40  # of a histogram, over the range of the training image
PERCENTILES = (5, 25, 50, 75, 95)
LAGS = 59
TILES = 100  # of the training image that the variogram is taken from


def figures(values: Float32[np.ndarray, "field y x"], span: ValueRange) -> dict[str, Any]:
    """``mean``, ``std``; ``percentiles`` by name (p5, ...); ``histogram``: shares of the values in BINS equal parts of
    the range, those beyond it in the outermost ones. JSON values of six digits."""
    inside = np.clip(
        values.astype(float), span.low, span.high
    )  # a value at the border may lie beyond by a rounding error
    counts, _ = np.histogram(inside, BINS, (span.low, span.high))
    shares = counts / values.size
    ranked = np.percentile(values, PERCENTILES)
    return {
        "mean": _short(values.mean(dtype=float)),
        "std": _short(values.std(dtype=float)),
        "percentiles": {f"p{rank}": _short(value) for rank, value in zip(PERCENTILES, ranked, strict=True)},
        "histogram": [_short(share) for share in shares],
    }


def training_figures(
    train: Float32[np.ndarray, "tile y x"], judged: Float32[np.ndarray, "large_tile v u"], span: ValueRange
) -> dict[str, Any]:
    """``figures`` of the training tiles; ``curves``, the variograms of at most TILES training tiles of the size that
    models are judged at, each with ``mean``, ``min`` and ``max`` over them at lags 1, 2, ...; ``size`` of these tiles,
    in cells, and their number ``tiles``. Takes scaled values."""
    count = min(TILES, len(judged))
    chosen = judged[np.arange(count) * len(judged) // count]
    lags = min(LAGS, judged.shape[-1] - 1)
    curves = {
        f"variogram_{letter}": {
            name: [_short(value) for value in along]
            for name, along in (("mean", one.mean(axis=0)), ("min", one.min(axis=0)), ("max", one.max(axis=0)))
        }
        for letter, one in zip("xy", variograms(span.units(chosen), lags), strict=True)
    }
    found = figures(span.units(train), span)
    return found | {"size": judged.shape[-1], "tiles": count, "curves": curves}


def variograms(values: Float32[np.ndarray, "field y x"], lags: int) -> Float64[np.ndarray, "axis field lag"]:
    """gamma(h) = mean (z(u + h) - z(u))^2 / 2 of every field at lags 1..``lags``; axis 0 is along x, axis 1 along y."""
    z = values.astype(float)
    steps = range(1, lags + 1)
    along_x = [np.square(z[:, :, h:] - z[:, :, :-h]).mean(axis=(1, 2)) / 2 for h in steps]
    along_y = [np.square(z[:, h:] - z[:, :-h]).mean(axis=(1, 2)) / 2 for h in steps]
    return np.array([along_x, along_y]).transpose(0, 2, 1)


def squared_error(found: Iterable[Float32[np.ndarray, " datum"]], wanted: Float32[np.ndarray, " datum"]) -> float:
    """Mean squared error over fields and data."""
    return float(np.mean([np.square(one.astype(float) - wanted).mean() for one in found]))


def _short(value: Any) -> float:
    return float(f"{float(value):.6g}")
