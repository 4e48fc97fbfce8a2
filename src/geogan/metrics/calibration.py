"""Whether the probabilities of an ensemble are true: the Brier score and the reliability of its fields.

Ten fields are few: their mean is off the probability that they are drawn with. What that alone does is taken out,
of the Brier score by its bias, of the reliability by a reference that has it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from geogan.metrics.diversity import brier, hamming


def fair_brier(fields: UInt8[np.ndarray, "noise y x"], truth: UInt8[np.ndarray, "y x"], count: int) -> float:
    """The Brier score that infinitely many such fields would have, without bias; in [0, 1].

    The mean of n fields, of which share p has the facies, adds p (1 - p) / n. Ferro (2014), "Fair scores for ensemble
    forecasts", equation 2 takes away p (1 - p) / (n - 1) with p of the fields, summed here over ``count`` facies and
    halved as the score is: hamming / (2 n). At least two fields.
    """
    probability = np.stack([(fields == code).mean(axis=0) for code in range(count)])
    return brier(probability, truth) - hamming(fields) / (2 * len(fields))


@dataclass(frozen=True)
class Reliability:
    """How often a facies is true where so many fields have it.

    One of n fields is left out, each in turn, and the others give the probability ``level``: 0, 1 / (n - 1), ..., 1.
    ``share``: of the pixels at each level; ``observed``: of those the share in which the truth has the facies;
    ``calibrated``: the share in which the field that was left out has it, which is what would be observed if the truth
    could be one of the fields. Both are NaN at a level without pixels. ``calibrated`` is steeper or flatter than the
    level itself because n is small.
    """

    facies: str
    level: Float64[np.ndarray, " level"]
    share: Float64[np.ndarray, " level"]
    observed: Float64[np.ndarray, " level"]
    calibrated: Float64[np.ndarray, " level"]

    @property
    def gap(self) -> float:
        """Mean over the pixels of |observed - calibrated|, in [0, 1]: 0 for a calibrated ensemble."""
        return float(np.nansum(self.share * np.abs(self.observed - self.calibrated)))


def reliability(
    groups: UInt8[np.ndarray, "group noise y x"], truth: UInt8[np.ndarray, "group y x"], names: Sequence[str]
) -> tuple[Reliability, ...]:
    """The reliability of each facies, of two the second alone; ``names`` are one per code. Two noises at least."""
    codes = (1,) if len(names) == 2 else range(len(names))
    return tuple(_of_facies(groups == code, truth == code, names[code]) for code in codes)


def _of_facies(inside: np.ndarray, true: np.ndarray, name: str) -> Reliability:
    """``inside (group, noise, y, x)`` and ``true (group, y, x)`` are indicators.

    Of a pixel that c of n fields have in the facies, c fields leave c - 1 others with it, and n - c leave c.
    """
    n = inside.shape[1]
    having = inside.sum(axis=1)
    pixels = np.bincount(having.ravel(), minlength=n + 1)
    hits = np.bincount(having[true], minlength=n + 1)
    c = np.arange(n + 1)
    gone, stays = c[1:] / n, (n - c[:-1]) / n
    number = stays * pixels[:-1] + gone * pixels[1:]
    known = np.where(number > 0, number, np.nan)
    return Reliability(
        facies=name,
        level=c[:-1] / (n - 1),
        share=number / number.sum(),
        observed=(stays * hits[:-1] + gone * hits[1:]) / known,
        calibrated=gone * pixels[1:] / known,
    )
