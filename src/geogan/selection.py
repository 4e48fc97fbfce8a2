"""Which checkpoint is published: the best on the validation split, by sum of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

Score = Mapping[str, float]

# The metrics that a checkpoint may be selected by, for each task, and what is better: +1 less, -1 more.
DIRECTIONS: dict[str, dict[str, int]] = {
    "simulation": {
        "constraint_accuracy": -1,
        "constraint_mse": +1,
        "mph_js_0": +1,
        "mph_js_1": +1,
        "mph_js_2": +1,
        "connectivity_x": +1,
        "connectivity_y": +1,
        "variogram_x": +1,
        "variogram_y": +1,
        "components_wasserstein": +1,
        "hamming": -1,
    },
    "translation": {
        "l1": +1,
        "rmse": +1,
        "acc5": -1,
        "acc10": -1,
        "psnr": -1,
        "ssim": -1,
        "fid": +1,
        "kid": +1,
        "miou": -1,
        "pixel_accuracy": -1,
    },
}
_DIRECTION = {name: sign for table in DIRECTIONS.values() for name, sign in table.items()}


def costs(scores: Sequence[Score], names: Sequence[str]) -> Float[np.ndarray, "checkpoint metric"]:
    """The named metrics as costs, less is better; a value that is not finite costs infinitely much."""
    table = np.array([[_DIRECTION[name] * score[name] for name in names] for score in scores], dtype=float)
    return np.where(np.isfinite(table), table, np.inf)


def best(scores: Sequence[Score], names: Sequence[str]) -> int:
    """Index of the least sum of ranks over the metrics; equal values share a rank, a tie goes to the later."""
    table = costs(scores, names)
    ranks = (table[:, None, :] > table[None, :, :]).sum(axis=1).sum(axis=1)
    return len(ranks) - 1 - int(ranks[::-1].argmin())


def front(scores: Sequence[Score], names: Sequence[str]) -> list[int]:
    """Indices that no later score can rule in again being left out: those on the Pareto front.

    A checkpoint that another one beats or equals in every metric (later on a tie) never has the least sum.
    """
    table = costs(scores, names)
    kept = []
    for i, row in enumerate(table):
        no_worse = (table <= row).all(axis=1)
        better = (table < row).any(axis=1)
        later = np.arange(len(table)) > i
        if not (no_worse & (better | later)).any():
            kept.append(i)
    return kept
