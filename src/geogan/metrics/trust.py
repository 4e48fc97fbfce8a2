"""How far an ensemble can be trusted at places without data: its probabilities beside those of simple baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from geogan.metrics import kriging
from geogan.metrics.calibration import Reliability, fair_brier
from geogan.metrics.diversity import brier, hamming, hamming_ratio
from geogan.metrics.neighbourhoods import Neighbourhoods
from geogan.metrics.statistics import Statistics


def ensemble_figures(
    groups: UInt8[np.ndarray, "group noise y x"],
    truth: UInt8[np.ndarray, "group y x"],
    reliability: Sequence[Reliability],
    count: int,
) -> dict[str, float]:
    """``hamming``, ``brier``, ``hamming_ratio`` and ``reliability`` of fields grouped by their hard data.

    Of a single noise the first is 0 and the others are not known.
    """
    if groups.shape[1] < 2:
        return {"hamming": 0.0}
    spread = float(np.mean([hamming(group) for group in groups]))
    error = float(np.mean([fair_brier(group, true, count) for group, true in zip(groups, truth, strict=True)]))
    return {
        "hamming": spread,
        "brier": error,
        "hamming_ratio": hamming_ratio(spread, error),
        "reliability": float(np.mean([curve.gap for curve in reliability])),
    }


def baseline_figures(
    training: Statistics,
    near: Neighbourhoods,
    mask: Bool[np.ndarray, "group y x"],
    facies: UInt8[np.ndarray, "group y x"],
    truth: UInt8[np.ndarray, "group y x"],
) -> dict[str, float]:
    """The Brier scores of what needs no network: ``constant_brier``, the shares of the training tiles everywhere;
    ``nearest_well_brier``, the facies of the nearest datum for certain; ``kriging_brier``, simple indicator kriging
    with variograms of the training tiles.
    """
    model = kriging.fit(training)
    codes = np.arange(len(model.mean))[:, None, None]
    shares = np.broadcast_to(model.mean[:, None, None], (len(model.mean), *truth.shape[1:]))
    closest = near.nearest(facies)
    scores = [
        (
            brier(shares, true),
            brier((closest[row] == codes).astype(np.float64), true),
            brier(model.probability(mask[row], facies[row]), true),
        )
        for row, true in enumerate(truth)
    ]
    names = ("constant_brier", "nearest_well_brier", "kriging_brier")
    return dict(zip(names, np.mean(scores, axis=0).tolist(), strict=True))
