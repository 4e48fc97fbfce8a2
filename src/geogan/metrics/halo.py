"""Whether wells look like islands: shares by distance to the nearest hard datum, 1 to 10 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from geogan.metrics.diversity import differing
from geogan.metrics.neighbourhoods import REACH, Neighbourhoods
from geogan.metrics.profiles import FEWEST, Profile, mean_by
from geogan.metrics.wells import isolated

_DISTANCES = np.arange(1, REACH + 1)


@dataclass(frozen=True)
class Halo:
    """Of the pixels at each distance the share whose facies is not that of the nearest datum, and the share whose
    facies is that of none of its neighbours; NaN at distances with under 100 pixels.
    """

    differs: Float64[np.ndarray, " distance"]
    isolated: Float64[np.ndarray, " distance"]


def halo(fields: UInt8[np.ndarray, "field y x"], data: UInt8[np.ndarray, "field y x"], near: Neighbourhoods) -> Halo:
    """The halo of the data that ``data`` holds, be they honoured or not; of real fields give the fields for it."""
    return Halo(_by_distance(fields != near.nearest(data), near), _by_distance(isolated(fields), near))


def compared(real: Halo, simulated: Halo) -> tuple[Profile, Profile]:
    """``well_differs`` and ``well_isolated``."""
    return (
        Profile("well_differs", _DISTANCES, simulated.differs, real.differs),
        Profile("well_isolated", _DISTANCES, simulated.isolated, real.isolated),
    )


def figures(profiles: tuple[Profile, Profile]) -> dict[str, float]:
    """``well_halo`` and ``well_halo_isolated``: the largest gaps of the two profiles of ``compared``."""
    differs, isolated_ = profiles
    return {"well_halo": differs.gap, "well_halo_isolated": isolated_.gap}


def control_figures(
    fields: UInt8[np.ndarray, "control y x"], real: UInt8[np.ndarray, "field y x"], near: Neighbourhoods
) -> dict[str, float]:
    """The same figures of fields whose data are their own pixels at the same places; few fields are taken again."""
    own = fields[np.arange(len(real)) % len(fields)]
    return figures(compared(halo(real, real, near), halo(own, own, near)))


def error(
    groups: UInt8[np.ndarray, "group noise y x"], truth: UInt8[np.ndarray, "group y x"], near: Neighbourhoods
) -> Profile:
    """``well_error``: the share of the pixels in which a field is not the truth that its data come from.

    The reference is the share in which two fields of the same data differ: as much as a field differs from the
    truth if the truth could be one of them.
    """
    wrong = (groups != truth[:, None]).mean(axis=1)
    apart = np.stack([differing(group) for group in groups])
    return Profile("well_error", _DISTANCES, _by_distance(wrong, near), _by_distance(apart, near))


def _by_distance(
    values: Bool[np.ndarray, "field y x"] | Float64[np.ndarray, "field y x"], near: Neighbourhoods
) -> Float64[np.ndarray, " distance"]:
    return mean_by(values, near.distance, REACH + 1, fewest=FEWEST)[1:]
