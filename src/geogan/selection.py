"""Which checkpoint is published: the best on the validation split, by sum of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from geogan.metrics.directions import DIRECTIONS

Score = Mapping[str, float]

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
