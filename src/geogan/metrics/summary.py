"""The distribution metrics of a sample against the real data, as a flat dict of names and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geogan.metrics import borders, components, connectivity, patterns, textures, variogram
from geogan.metrics.statistics import Statistics


def summary(real: Statistics, simulated: Statistics, names: Sequence[str]) -> dict[str, float]:
    """Every metric that is a function of two samples; ``names`` are the facies names, one per code.

    With two facies the figures of curves and components are the channel's (code 1), with more means
    over the facies. Differences are simulated minus real. No value is NaN.
    """
    result = _proportions(real, simulated, names)
    for level, (a, b) in enumerate(zip(real.patterns, simulated.patterns, strict=True)):
        result[f"mph_js_{level}"] = patterns.divergence(a, b)
    result["hog_chi2"] = textures.chi_square(real.hog, simulated.hog)
    result["lbp_chi2"] = textures.chi_square(real.lbp, simulated.lbp)
    result |= borders.drift(real.border, simulated.border)
    figures = [_of_facies(real, simulated, index) for index in range(len(real.studied))]
    return result | {key: float(np.mean([figure[key] for figure in figures])) for key in figures[0]}


def by_facies(real: Statistics, simulated: Statistics, names: Sequence[str]) -> dict[str, float]:
    """The figures of curves and components of every facies, ``<metric>_<facies>``; none with two facies."""
    if len(real.studied) == 1:
        return {}
    return {
        f"{key}_{names[code]}": value
        for index, code in enumerate(real.studied)
        for key, value in _of_facies(real, simulated, index).items()
    }


def _proportions(real: Statistics, simulated: Statistics, names: Sequence[str]) -> dict[str, float]:
    result = {}
    off = simulated.proportions.mean(axis=0) - real.proportions.mean(axis=0)
    for code, name in enumerate(names):
        result[f"proportion_{name}_mean"] = float(simulated.proportions[:, code].mean())
        result[f"proportion_{name}_std"] = float(simulated.proportions[:, code].std())
        result[f"proportion_{name}_difference"] = float(off[code])
    result["proportion_difference"] = float(np.abs(off).max())  # of the facies that is furthest off
    return result


def _of_facies(real: Statistics, simulated: Statistics, index: int) -> dict[str, float]:
    """Figures of one studied facies."""
    result = {}
    sill = variogram.sill(float(real.proportions[:, real.studied[index]].mean()))
    for axis, letter in enumerate("xy"):
        result[f"connectivity_{letter}"] = connectivity.difference(
            real.connectivity[index, axis], simulated.connectivity[index, axis]
        )
        off = variogram.difference(real.variogram[index, axis], simulated.variogram[index, axis])
        result[f"variogram_{letter}"] = off
        result[f"variogram_{letter}_share"] = off / sill if sill else 0.0
    result["components"] = float(simulated.components[index].mean())
    result["components_difference"] = result["components"] - float(real.components[index].mean())
    result["components_wasserstein"] = components.size_distance(real.sizes[index], simulated.sizes[index])
    return result
