"""How good a sampler of a continuous property is: its figures as facies, by quarters of its values, and as values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from scipy.stats import wasserstein_distance

from geogan.evaluate import (
    Evaluation,
    HardData,
    Sampler,
    evaluate,
    hard_data_rows,
    plain,
    spread_tiles,
    validate,
)
from geogan.metrics import variogram
from geogan.metrics.distances import fid
from geogan.metrics.features import Extractor
from geogan.training_image import NODATA

QUARTERS = ("lowest", "low", "high", "highest")  # classes of values, a quarter of the training values each

Values = Float32[np.ndarray, "tile y x"]


@dataclasses.dataclass(frozen=True)
class Quarters:
    """Codes 0..3 by the three quartiles of the training values; NaN becomes 255."""

    bounds: tuple[float, float, float]

    @classmethod
    def of(cls, train: Values) -> Quarters:
        """The quartiles of these values, scaled to [-1, 1]; quarters of that range where two quartiles are equal."""
        low, middle, high = np.quantile(train, (0.25, 0.5, 0.75))
        if not low < middle < high:  # digits are black for the most part
            low, middle, high = -0.5, 0.0, 0.5
        return cls((float(low), float(middle), float(high)))

    def __call__(self, values: Float32[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
        codes: UInt8[np.ndarray, "*shape"] = np.digitize(values, self.bounds).astype(np.uint8)
        codes[np.isnan(values)] = NODATA
        return codes


def evaluate_property(
    sample: Sampler,
    real: Values,
    train: Values,
    hard: HardData,
    *,
    fields: int = 100,
    groups: int = 10,
    seed: int = 0,
    features: Extractor | None = None,
) -> Evaluation:
    """All metrics of a sampler of a property; values are scaled to [-1, 1].

    Those of facies are of the classes QUARTERS. Beside them: ``constraint_mse`` of the values at the hard data;
    ``value_mean_difference``, ``value_std_ratio`` (simulated / real), ``value_wasserstein`` (of the distributions of
    all values), ``value_variogram_x``, ``_y`` (mean absolute difference of the variograms of the values, and with
    ``_share`` as a share of the variance), with ``floor_*`` of training tiles and ``noise_*`` of the real tiles with
    their pixels in random order. With ``features`` also ``fid`` of simulated and held-out fields. Errors as in
    ``evaluate``.
    """
    code = Quarters.of(train)
    found = evaluate(
        sample,
        code(real),
        code(train),
        hard,
        facies_names=QUARTERS,
        code=code,
        fields=fields,
        groups=groups,
        seed=seed,
    )
    mask, known = hard_data_rows(hard, fields)
    simulated = sample(mask, known, seed)
    real, floor = spread_tiles(real, fields, "held-out"), spread_tiles(train, fields, "training")
    metrics = dict(found.metrics) | {"constraint_mse": _squared_error(simulated, mask, known)}
    metrics |= _figures(real, simulated, features)
    shuffled = np.random.default_rng(seed).permuted(real.reshape(len(real), -1), axis=1).reshape(real.shape)
    for name, control in (("floor", floor), ("noise", shuffled)):
        metrics |= {f"{name}_{key}": value for key, value in _figures(real, control, features).items()}
    return dataclasses.replace(found, metrics=plain(metrics))


def validate_property(
    sample: Sampler, real: Values, train: Values, hard: HardData, *, names: Sequence[str], fields: int, seed: int = 0
) -> dict[str, float]:
    """Only the metrics ``names``; as ``validate``, with ``constraint_mse`` of the values."""
    code = Quarters.of(train)
    found = validate(sample, code(real), hard, names=names, facies_names=QUARTERS, code=code, fields=fields, seed=seed)
    if "constraint_mse" in names:
        mask, known = hard_data_rows(hard, fields)
        found["constraint_mse"] = _squared_error(sample(mask, known, seed), mask, known)
    return found


def _figures(real: Values, simulated: Values, features: Extractor | None) -> dict[str, float]:
    result = {
        "value_mean_difference": float(simulated.mean(dtype=float) - real.mean(dtype=float)),
        "value_std_ratio": float(simulated.std(dtype=float) / real.std(dtype=float)),
        "value_wasserstein": float(wasserstein_distance(_thinned(real), _thinned(simulated))),
    }
    lags = min(59, min(real.shape[1:]) - 1)
    for letter, own, other in zip("xy", _variogram(real, lags), _variogram(simulated, lags), strict=True):
        off = variogram.difference(own[None], other[None])
        result[f"value_variogram_{letter}"] = off
        result[f"value_variogram_{letter}_share"] = off / float(real.var(dtype=float))
    if features is not None:
        result["fid"] = fid(features(real[:, None]), features(simulated[:, None]))
    return result


def _variogram(values: Values, lags: int) -> tuple[Float64[np.ndarray, " lag"], Float64[np.ndarray, " lag"]]:
    """gamma(h) = E (z(u + h) - z(u))^2 / 2 along x and along y, lags from 1 on, pooled over the fields."""
    z = values.astype(float)
    steps = range(1, lags + 1)
    along_x = np.array([np.square(z[:, :, h:] - z[:, :, :-h]).mean() / 2 for h in steps])
    along_y = np.array([np.square(z[:, h:] - z[:, :-h]).mean() / 2 for h in steps])
    return along_x, along_y


def _thinned(values: Values, most: int = 200_000) -> Float32[np.ndarray, " value"]:
    """At most so many of the values, evenly spaced."""
    return values.ravel()[:: max(1, values.size // most)]


def _squared_error(simulated: Any, mask: Bool[np.ndarray, "field y x"], known: Any) -> float:
    return float(np.square(simulated[mask].astype(float) - known[mask]).mean())
