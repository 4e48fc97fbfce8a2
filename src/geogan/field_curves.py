"""Variogram and connectivity of an ensemble beside those of the training image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from geogan.metrics import components, connectivity, variogram
from geogan.metrics.statistics import LAGS
from geogan.value_figures import variograms

FIELDS = 20  # realizations that are looked at: the first ones
SIDE = 512  # cells of a side that are looked at: the middle ones

Codes = UInt8[np.ndarray, "realization y x"]
Values = Float32[np.ndarray, "realization y x"]


@dataclass(frozen=True)
class FieldCurve:
    """One statistic at lags 1, 2, ... cells; ``name`` as in metrics.curves.

    ``simulated`` is the mean over the windows; ``real_mean``, ``real_min`` and ``real_max`` are over the tiles of
    the training image, None where nothing is known of them.
    """

    name: str
    simulated: Float64[np.ndarray, " lag"]
    real_mean: Float64[np.ndarray, " lag"] | None = None
    real_min: Float64[np.ndarray, " lag"] | None = None
    real_max: Float64[np.ndarray, " lag"] | None = None


@dataclass(frozen=True)
class FieldCurves:
    """The curves of ``fields`` realizations, cut into ``windows`` windows of ``size`` (rows, columns) cells.

    The tiles of the training image are ``tile`` cells a side, 0 where unknown.
    """

    fields: int
    windows: int
    size: tuple[int, int]
    tile: int
    curves: tuple[FieldCurve, ...]

    def report(self) -> dict[str, Any]:
        """How it was computed; ``differences``, by curve the mean over the lags of |simulated - real mean|, null
        where nothing is known of the training image; ``inside``, the share of the lags within its envelope."""
        known = [curve for curve in self.curves if curve.real_mean is not None]
        return {
            "realizations": self.fields,
            "windows": self.windows,
            "window": list(self.size),
            "tile": self.tile or None,
            "lags": len(self.curves[0].simulated) if self.curves else 0,
            "differences": {c.name: float(np.abs(c.simulated - c.real_mean).mean()) for c in known} or None,
            "inside": {c.name: _inside(c) for c in known} or None,
        }


def field_curves(fields: Codes, names: Sequence[str], evaluation: Mapping[str, Any] | None = None) -> FieldCurves:
    """Connectivity and indicator variogram of an ensemble; with two facies of code 1 alone, else of every one.

    ``evaluation`` is that of a bundle. The connectivity of a field depends on its size, so that fields are cut into
    windows as large as the tiles of the training image where they are larger. There are no curves of fields
    with fewer than 2 cells a side.
    """
    tile = int(evaluation["size"]) if evaluation else 0
    cut = windows(fields[:FIELDS], tile or SIDE)
    lags = min(LAGS, min(cut.shape[1:]) - 1)
    real = evaluation["curves"] if evaluation else {}
    found: list[FieldCurve] = []
    codes = range(1, 2) if len(names) == 2 else range(len(names))
    for code in codes if lags > 0 else ():
        inside = cut == code
        means = {
            "connectivity": [
                connectivity.mean_curve(one) for one in connectivity.curves(components.label(inside), lags)
            ],
            "variogram": [one.mean(axis=0) for one in variogram.curves(inside, lags)],
        }
        for statistic, curves in means.items():
            for letter, simulated in zip("xy", curves, strict=True):
                name = "_".join([statistic, letter] + [names[code]] * (len(codes) > 1))
                found.append(_beside(name, simulated, real.get(name)))
    found.sort(key=lambda curve: curve.name.split("_")[0])  # stable: facies, then direction
    return FieldCurves(min(len(fields), FIELDS), len(cut), (cut.shape[1], cut.shape[2]), tile, tuple(found))


def value_curves(fields: Values, training: Mapping[str, Any] | None = None) -> FieldCurves:
    """The variogram of an ensemble of a property; ``training`` is what is known of the values of the training image.

    Windows as in ``field_curves``.
    """
    tile = int(training["size"]) if training else 0
    cut = windows(fields[:FIELDS], tile or SIDE)
    lags = min(LAGS, min(cut.shape[1:]) - 1)
    real = training["curves"] if training else {}
    means = zip("xy", variograms(cut, lags).mean(axis=1), strict=True) if lags > 0 else ()
    found = tuple(_beside(f"variogram_{letter}", one, real.get(f"variogram_{letter}")) for letter, one in means)
    return FieldCurves(min(len(fields), FIELDS), len(cut), (cut.shape[1], cut.shape[2]), tile, found)


def windows(
    fields: UInt8[np.ndarray, "field y x"] | Float32[np.ndarray, "field y x"], side: int
) -> UInt8[np.ndarray, "window rows columns"] | Float32[np.ndarray, "window rows columns"]:
    """The middle of every field, ``SIDE`` cells at most, cut into whole windows of ``side`` cells, or as large as
    the field where that is smaller."""
    spans = []
    for length in fields.shape[1:]:
        step = min(side, length, SIDE)
        number = min(length, SIDE) // step
        spans.append((step, number, (length - number * step) // 2))
    (rows, down, top), (columns, across, left) = spans
    middle = fields[:, top : top + down * rows, left : left + across * columns]
    parts = middle.reshape(len(fields), down, rows, across, columns).transpose(0, 1, 3, 2, 4)
    return parts.reshape(-1, rows, columns)


def _beside(name: str, simulated: Float64[np.ndarray, " lag"], real: Mapping[str, list[float]] | None) -> FieldCurve:
    """The curve with the real one, both to the lag that both have."""
    if real is None:
        return FieldCurve(name, simulated)
    lags = min(len(simulated), len(real["mean"]))
    mean, low, high = (np.array(real[key][:lags], np.float64) for key in ("mean", "min", "max"))
    return FieldCurve(name, simulated[:lags], mean, low, high)


def _inside(curve: FieldCurve) -> float:
    assert curve.real_min is not None
    assert curve.real_max is not None
    slack = 1e-5 * np.abs(curve.real_max)  # the real curves are kept to six digits
    within = (curve.simulated >= curve.real_min - slack) & (curve.simulated <= curve.real_max + slack)
    return float(within.mean())
