"""Proportions of the facies that the user wants, reached by a shift of the generator's raw outputs.

A constant per facies is added to the raw outputs of all cells before the largest one chooses the facies. The
shift moves the borders of the bodies; it makes no new ones, and it can cost wells at these borders.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from geogan.errors import InputError
from geogan.facies_variable import code_of
from geogan.hard_data import HardData

PILOT = 16  # realizations that the shift is fitted to: the first ones of the seed, however many are drawn
CELLS = 2**22  # cells of the pilot that are looked at, all realizations together
ROUNDS = 50  # over the facies, where there are more than two


@dataclass(frozen=True)
class Fit:
    """The shift of each facies, and what it did to the pilot.

    ``before`` and ``after`` are mean shares by code; ``honoured`` the shares of the hard data honoured before
    and after, None where there are none.
    """

    wanted: tuple[float, ...]
    shift: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    honoured: tuple[float, float] | None

    def report(self, names: tuple[str, ...]) -> dict[str, Any]:
        """All of it as JSON values by the names of the facies."""
        shares = {"wanted": self.wanted, "before": self.before, "after": self.after, "shift": self.shift}
        before, after = self.honoured or (None, None)
        return {
            **{key: dict(zip(names, values, strict=True)) for key, values in shares.items()},
            "honoured_share_before": before,
            "honoured_share_after": after,
            "pilot": PILOT,
        }


def parse(text: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """The share of each facies in ``NAME=SHARE,...``, or in one number: the share of the second of two facies.

    NAME is a name or a code. One facies may be left out and takes the rest. Raises InputError where a facies
    is unknown or named twice, a share is not in [0, 1], or the shares do not sum to 1.
    """
    where = f"--proportions {text}"
    if "=" not in text and len(names) == 2:
        text = f"1={text}" if "1" not in names else f"{names[1]}={text}"
    shares: dict[int, float] = {}
    for part in text.split(","):
        name, equals, number = (word.strip() for word in part.rpartition("="))
        if not equals or not name:
            raise InputError(f"{where}: must be like {names[0]}=0.7,{names[1]}=0.3")
        code = code_of(name, names)
        if code is None:
            raise InputError(f"{where}: unknown facies {name!r}; known are {', '.join(names)}")
        if code in shares:
            raise InputError(f"{where}: {names[code]} is given twice")
        shares[code] = _share(where, names[code], number)
    left = [code for code in range(len(names)) if code not in shares]
    total = math.fsum(shares.values())
    if len(left) > 1:
        raise InputError(f"{where}: lacks {', '.join(names[code] for code in left)}; one facies at most takes the rest")
    if total > 1 + 1e-6 or (not left and total < 1 - 1e-6):
        raise InputError(f"{where}: the shares sum to {total:.6g}, must sum to 1")
    shares |= dict.fromkeys(left, max(0.0, round(1 - total, 12)))
    return tuple(shares[code] for code in range(len(names)))


def fit(
    levels_of: Callable[[int], Float32[np.ndarray, "facies y x"]], hard: HardData, wanted: tuple[float, ...]
) -> Fit:
    """The shift that brings the mean proportions of the pilot as near to ``wanted`` as it can.

    ``levels_of`` gives the raw outputs of a realization without a shift (FieldSampler.levels). Of a large grid
    the pilot looks at the cells of a regular lattice, and always at all hard data.
    """
    step = math.ceil(math.sqrt(max(1.0, PILOT * hard.mask.size / CELLS)))
    looked, known = [], []
    for realization in range(PILOT):
        field = levels_of(realization)
        looked.append(field[:, ::step, ::step].reshape(len(field), -1))
        known.append(field[:, hard.mask])
    levels, at_wells = np.concatenate(looked, axis=1), np.concatenate(known, axis=1)
    shift = shifts(levels, wanted)
    truth = np.tile(hard.values[hard.mask], PILOT)
    none = (0.0,) * len(wanted)
    honoured = [float(np.mean(_chosen(at_wells, one) == truth)) if len(truth) else 0.0 for one in (none, shift)]
    return Fit(
        wanted=wanted,
        shift=shift,
        before=_shares(levels, none),
        after=_shares(levels, shift),
        honoured=(honoured[0], honoured[1]) if len(truth) else None,
    )


def shifts(levels: Float32[np.ndarray, "facies cell"], wanted: tuple[float, ...]) -> tuple[float, ...]:
    """A number for each facies, with mean 0, to add to its levels, so that the shares of the largest are ``wanted``.

    The cells that facies c wins are those whose margin, the largest other level less its own, is below its
    shift: an order statistic of the margins gives the exact share. With more than two facies that is done in
    turn until nothing moves, each time for the facies that is furthest off.
    """
    shift = np.zeros(len(wanted))
    best, least = shift.copy(), math.inf
    for _ in range(ROUNDS):
        off = np.array(_shares(levels, tuple(shift))) - wanted
        if np.abs(off).max() < least:
            best, least = shift.copy(), float(np.abs(off).max())
        if least * levels.shape[1] < 1:
            break
        code = int(np.abs(off).argmax())
        others = [other for other in range(len(wanted)) if other != code]
        margins = (levels[others] + shift[others, None]).max(axis=0) - levels[code]
        shift[code] = _threshold(np.sort(margins.astype(np.float64)), wanted[code])
        shift -= shift.mean()
    return tuple(float(value) for value in best)


def _threshold(margins: Float64[np.ndarray, " cell"], share: float) -> float:
    """A number above as near to ``share`` of the ascending margins as their ties allow, between two of them."""
    number = round(share * len(margins))
    if 0 < number < len(margins):  # a run of equal margins goes to one side as a whole
        below, above = (
            np.searchsorted(margins, margins[number - 1], "left"),
            np.searchsorted(margins, margins[number - 1], "right"),
        )
        number = below if number - below < above - number else above
    if number == 0:
        return float(margins[0]) - 1
    if number == len(margins):
        return float(margins[-1]) + 1
    return float(margins[number - 1] + margins[number]) / 2


def _chosen(levels: Float32[np.ndarray, "facies cell"], shift: tuple[float, ...]) -> np.ndarray:
    return np.asarray((levels + np.array(shift, np.float32)[:, None]).argmax(axis=0))


def _shares(levels: Float32[np.ndarray, "facies cell"], shift: tuple[float, ...]) -> tuple[float, ...]:
    counts = np.bincount(_chosen(levels, shift), minlength=len(shift))
    return tuple(float(share) for share in counts / levels.shape[1])


def _share(where: str, name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise InputError(f"{where}: the share of {name} is {text or 'missing'}, must be a number from 0 to 1")
    return share
