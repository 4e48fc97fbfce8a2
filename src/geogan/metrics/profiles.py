"""Shares by distance, in pixels: the simulated beside the real or expected one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

FEWEST = 100  # pixels: from fewer a share is not judged


@dataclass(frozen=True)
class Profile:
    """One share at some distances, ascending; NaN where there is no such pixel.

    ``name`` is ``well_differs``, ``well_isolated``, ``well_error``, ``border_contact`` or
    ``border_proportion_<facies>``; ``reference`` what the simulated share ought to be.
    """

    name: str
    distance: Int64[np.ndarray, " bin"]
    simulated: Float64[np.ndarray, " bin"]
    reference: Float64[np.ndarray, " bin"]

    @property
    def gap(self) -> float:
        """The largest absolute difference over the distances that both know; 0 where there is none."""
        return largest(self.simulated - self.reference)


def largest(difference: Float64[np.ndarray, "*shape"]) -> float:
    """The largest absolute value, NaN left out; 0 where all are."""
    known = np.abs(difference[~np.isnan(difference)])
    return float(known.max()) if known.size else 0.0


def mean_by(
    values: Bool[np.ndarray, "*pixels"] | Float[np.ndarray, "*pixels"],
    bins: Shaped[np.ndarray, "*pixels"],
    number: int,
    *,
    fewest: int = 1,
) -> Float64[np.ndarray, " bin"]:
    """Mean of ``values`` over the pixels of each of the bins 0..``number`` - 1; NaN below ``fewest`` pixels."""
    count = np.bincount(bins.ravel(), minlength=number)[:number]
    total = np.bincount(bins.ravel(), weights=values.ravel(), minlength=number)[:number]
    return np.where(count >= fewest, total / np.maximum(count, 1), np.nan)
