"""Simple indicator kriging: the probability of each facies from the hard data and a variogram alone.

It knows two-point statistics and no shapes, so it is what a simulator must at least equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from scipy import fft, optimize
from scipy.sparse.linalg import LinearOperator, cg

from geogan.metrics.statistics import Statistics

_TOLERANCE, _ITERATIONS = 1e-4, 200
_WIDEST = 10  # longest range that is fitted, in largest lags


@dataclass(frozen=True)
class Kriging:
    """Exponential models of the indicator variograms of some facies.

    ``mean``: share of each facies; ``ranges``: practical ranges of the ``studied`` ones along x and y, pixels.
    """

    mean: Float64[np.ndarray, " facies"]
    studied: tuple[int, ...]
    ranges: Float64[np.ndarray, "studied axis"]

    def probability(
        self, mask: Bool[np.ndarray, "y x"], facies: UInt8[np.ndarray, "y x"]
    ) -> Float64[np.ndarray, "facies y x"]:
        """Probabilities that sum to 1 at each pixel; at the hard data they are 0 or 1 to a few 1e-4.

        Deutsch, Journel (1998), section IV.1.9: m + C(u, data) C(data, data)^-1 (I - m) for each facies, then
        clipped to [0, 1] and divided by the sum. With two facies the first is what the second leaves.
        """
        result = np.empty((len(self.mean), *mask.shape))
        for code, ranges in zip(self.studied, self.ranges, strict=True):
            mean = self.mean[code]
            residual = np.where(mask, (facies == code) - mean, 0.0)
            result[code] = np.clip(mean + _solved(residual, mask, ranges), 0, 1)
        if len(self.studied) == 1:
            result[0] = 1 - result[1]
        total = result.sum(axis=0)
        empty = total == 0
        return np.asarray(np.where(empty, self.mean[:, None, None], result) / np.where(empty, 1, total))


def fit(training: Statistics) -> Kriging:
    """The models that fit the mean variograms of training tiles: gamma(h) = p (1 - p) (1 - exp(-3 h / range)).

    Least squares over all lags, along x and along y; the sill is that of the proportion p. A facies that is
    everywhere or nowhere has a range of one pixel.
    """
    mean = training.proportions.mean(axis=0)
    lags = np.arange(1, training.lags + 1)
    ranges = np.ones((len(training.studied), 2))
    for index, code in enumerate(training.studied):
        sill = float(mean[code] * (1 - mean[code]))
        for axis in range(2):
            curve = training.variogram[index, axis].mean(axis=0)
            if sill > 0:
                ranges[index, axis] = _range(curve, lags, sill)
    return Kriging(mean, training.studied, ranges)


def _range(curve: Float64[np.ndarray, " lag"], lags: np.ndarray, sill: float) -> float:
    def error(logarithm: float) -> float:
        return float(((sill * (1 - np.exp(-3 * lags / np.exp(logarithm))) - curve) ** 2).sum())

    bounds = (0.0, float(np.log(_WIDEST * lags[-1])))
    return float(np.exp(optimize.minimize_scalar(error, bounds=bounds, method="bounded").x))


def _solved(
    residual: Float64[np.ndarray, "y x"], mask: Bool[np.ndarray, "y x"], ranges: Float64[np.ndarray, " axis"]
) -> Float64[np.ndarray, "y x"]:
    """C(u, data) C(data, data)^-1 residual, C in units of the sill.

    The dual form: weights at the data, spread by the covariance. Data lie on the grid, so every product with C is
    a convolution, and conjugate gradients need no matrix: as quick for a thousand data as for ten.
    """
    shape = mask.shape
    padded = [fft.next_fast_len(2 * edge - 1, real=True) for edge in shape]
    away = [np.minimum(np.arange(n), n - np.arange(n)) for n in padded]
    steps = np.hypot(away[0][:, None] / ranges[1], away[1] / ranges[0])
    spectrum = fft.rfft2(np.exp(-3 * steps))

    def spread(weights: Float64[np.ndarray, "y x"]) -> Float64[np.ndarray, "y x"]:
        return np.asarray(fft.irfft2(fft.rfft2(weights, padded) * spectrum, padded)[: shape[0], : shape[1]])

    def product(data: Float64[np.ndarray, " datum"]) -> Float64[np.ndarray, " datum"]:
        weights = np.zeros(shape)
        weights[mask] = data.ravel()
        return np.asarray(spread(weights)[mask])

    number = int(mask.sum())
    weights = np.zeros(shape)
    operator = LinearOperator((number, number), matvec=product, dtype=np.float64)
    weights[mask], _ = cg(operator, residual[mask], rtol=_TOLERANCE, maxiter=_ITERATIONS)
    return spread(weights)
