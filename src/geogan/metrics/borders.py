"""Whether fields change towards their border: proportions and contacts by distance to it.

Padding can make a fully convolutional network draw more, less or other facies near the border than inside. In
stationary ground a share is the same at every distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from geogan.metrics.profiles import Profile, largest, mean_by

STARTS = np.array([0, 1, 2, 4, 8, 16, 32])  # distances in pixels at which the bands begin; 0 is the outermost pixel


@dataclass(frozen=True)
class Border:
    """Shares in each band less the same share of whole fields; NaN for bands that the fields have not.

    ``proportion``: of the pixels that have the facies; ``contact``: of the pairs of pixels side by side that have
    different facies (ragged or broken shapes have more). A pair counts at the pixel nearer to the border.
    """

    proportion: Float64[np.ndarray, "facies band"]
    contact: Float64[np.ndarray, " band"]


def border(fields: UInt8[np.ndarray, "field y x"], count: int) -> Border:
    """The shares of fields of any size, with codes 0..``count`` - 1."""
    bands = _bands(*fields.shape[1:])
    proportion = [_off((fields == code).sum(axis=0), bands, len(fields)) for code in range(count)]
    pairs = [(fields[:, 1:] != fields[:, :-1]).sum(axis=0), (fields[:, :, 1:] != fields[:, :, :-1]).sum(axis=0)]
    nearer = [np.minimum(bands[1:], bands[:-1]), np.minimum(bands[:, 1:], bands[:, :-1])]
    contact = _off(
        np.concatenate([pair.ravel() for pair in pairs]), np.concatenate([band.ravel() for band in nearer]), len(fields)
    )
    return Border(np.stack(proportion), contact)


def drift(real: Border, simulated: Border) -> dict[str, float]:
    """``border_drift`` and ``border_drift_contact``: the largest absolute difference, of any facies in any band that
    both have; fields of different sizes may be compared.
    """
    return {
        "border_drift": largest(simulated.proportion - real.proportion),
        "border_drift_contact": largest(simulated.contact - real.contact),
    }


def compared(real: Border, simulated: Border, names: Sequence[str]) -> tuple[Profile, ...]:
    """``border_proportion_<facies>`` (with two facies of the second alone) and ``border_contact``."""
    codes = (1,) if len(names) == 2 else range(len(names))
    proportions = (
        Profile(f"border_proportion_{names[code]}", STARTS, simulated.proportion[code], real.proportion[code])
        for code in codes
    )
    return (*proportions, Profile("border_contact", STARTS, simulated.contact, real.contact))


def _bands(rows: int, columns: int) -> Int64[np.ndarray, "y x"]:
    """The band of each pixel, by its distance to the nearest border."""
    away = [np.minimum(np.arange(edge), edge - 1 - np.arange(edge)) for edge in (rows, columns)]
    return np.searchsorted(STARTS, np.minimum(away[0][:, None], away[1]), side="right") - 1


def _off(
    number: Int64[np.ndarray, "*pixels"], bands: Int64[np.ndarray, "*pixels"], fields: int
) -> Float64[np.ndarray, " band"]:
    """Share in each band less the share in all, of the fields that ``number`` counts for each pixel."""
    whole = number.sum() / (number.size * fields)
    return np.asarray(mean_by(number.astype(np.float64), bands, len(STARTS)) / fields - whole)
