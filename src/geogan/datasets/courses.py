"""Centre lines of channels that wander, meet and go on as one, and branch into wide gaps.

Lengths are in pixels; u runs along the flow, v across it. Across the flow the strip is periodic, so it has no
borders and the channels stay evenly spread: where two become one a gap opens, and a gap draws a branch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

LEVEL = 0.3  # share of stretches that run straight along the flow
STEEPEST = 0.8  # slope of a stretch, at most
MEMORY = 0.5  # share of an excursion that the next stretch tends to undo
MEETING = 0.25  # widths between centre lines at which two channels become one
DRAWING = 1.4  # widths at which two channels begin to draw together
PULL = 0.25  # slope of either towards the other then
WIDE = 0.8  # spacings from which on a gap may draw a branch
EAGER = 16.0  # branches per wavelength of a gap that is wider than that by a spacing or more
BEND = 0.5  # widths within which a channel takes a new slope
WOBBLE = 0.12  # standard deviation of the slope's irregular part
APART = (0.4, 0.9)  # slope of a branch against its parent

STATE = np.dtype(
    [
        ("v", float),  # position across the flow
        ("slope", float),
        ("heading", float),  # the slope of this stretch, which the slope soon takes
        ("wobble", float),  # a slope besides, that forgets itself within a width
        ("left", float),  # length that is left of this stretch
        ("excursion", float),
        ("young", float),  # length for which it cannot meet another
    ]
)
State = Shaped[np.ndarray, " _"]  # of dtype STATE, one per channel


@dataclass(frozen=True)
class Style:
    """Width of a channel, standard deviation of its meanders and their wavelength."""

    width: float
    amplitude: float
    wavelength: float


def courses(
    rng: np.random.Generator, breadth: float, length: int, style: Style, spacing: float
) -> tuple[Int64[np.ndarray, " point"], Float64[np.ndarray, " point"]]:
    """Points (u, v) of the centre lines, one per channel at u = 0 .. length - 1; 0 <= v < breadth.

    ``spacing`` is the distance of neighbours at u = 0 and about what it is further on.
    """
    count = max(1, round(breadth / spacing))
    state = np.zeros(count, dtype=STATE)
    state["v"] = (np.arange(count) + rng.uniform(0.1, 0.9, count)) * breadth / count
    points, bend = [], 1 + BEND * style.width
    for _ in range(length):
        _turn(rng, state, style)
        state["slope"] += (state["heading"] - state["slope"]) / bend
        state["wobble"] += WOBBLE * math.sqrt(2 / bend) * rng.standard_normal(state.size) - state["wobble"] / bend
        state["v"] = (state["v"] + state["slope"] + state["wobble"]) % breadth
        state["left"] -= 1
        state["young"] -= 1
        state = _meet(rng, state[np.argsort(state["v"], kind="stable")], breadth, style)
        state = _branch(rng, state, breadth, style, spacing)
        points.append(state["v"].copy())
    return np.repeat(np.arange(length), [v.size for v in points]), np.concatenate(points)


def _turn(rng: np.random.Generator, state: State, style: Style) -> None:
    """Channels at the end of a stretch begin the next one, in place."""
    at = np.flatnonzero(state["left"] <= 0)
    stretch = 3 + rng.gamma(1.2, style.wavelength / 7.2, at.size)
    climb = (style.amplitude * rng.standard_normal(at.size) - state["excursion"][at]) / stretch
    level = rng.random(at.size) < LEVEL
    heading = np.where(level, 0.0, np.clip(climb, -STEEPEST, STEEPEST))
    state["left"][at], state["heading"][at] = stretch, heading
    state["excursion"][at] = (state["excursion"][at] + heading * stretch) * MEMORY


def _meet(rng: np.random.Generator, state: State, breadth: float, style: Style) -> State:
    """Neighbours that touch become one; neighbours that nearly touch draw together. ``state`` is sorted by v."""
    gap, after = _gaps(state, breadth)
    free = (state["young"] <= 0) & (state["young"][after] <= 0)
    touching = free & (gap < MEETING * style.width)
    close = np.flatnonzero(free & ~touching & (gap < DRAWING * style.width))
    mean = (state["heading"][close] + state["heading"][after[close]]) / 2
    for at, heading in ((close, mean + PULL), (after[close], mean - PULL)):
        state["heading"][at] = heading
        state["left"][at] = np.maximum(state["left"][at], 3)
    first = np.flatnonzero(touching)
    ended = np.where(rng.random(first.size) < 0.5, first, after[first])
    return np.delete(state, ended) if ended.size else state


def _branch(rng: np.random.Generator, state: State, breadth: float, style: Style, spacing: float) -> State:
    """Wide gaps draw branches from the channel on one side; the branch goes about half across."""
    gap, after = _gaps(state, breadth)
    hazard = EAGER / style.wavelength * np.clip(gap / spacing - WIDE, 0, 1) ** 2
    at = np.flatnonzero(rng.random(state.size) < hazard)
    if at.size == 0:
        return state
    side = np.where(rng.random(at.size) < 0.5, 1.0, -1.0)
    parent = np.where(side > 0, at, after[at])
    behind = np.where(side > 0, gap[at - 1], gap[after[at]])  # the parent's gap on its other side
    able = (state["young"][parent] <= 0) & (side * state["slope"][parent] < 0.4) & (behind > 2 * DRAWING * style.width)
    parent, side, gap = parent[able], side[able], gap[at][able]
    apart = rng.uniform(*APART, parent.size)
    clear = (DRAWING / apart + BEND) * style.width
    born = np.zeros(parent.size, dtype=STATE)
    born["v"] = state["v"][parent]
    born["slope"] = born["heading"] = np.clip(state["slope"][parent] + side * apart, -1.1, 1.1)
    born["left"] = np.maximum(gap * rng.uniform(0.45, 0.65, parent.size) / apart, clear)
    born["young"] = clear
    # the parent keeps away until the branch is clear of it
    state["heading"][parent] = side * np.minimum(side * state["heading"][parent], side * born["slope"] - apart)
    state["left"][parent] = np.maximum(state["left"][parent], clear * rng.uniform(1, 2, parent.size))
    state["young"][parent] = clear
    return np.concatenate([state, born])


def _gaps(state: State, breadth: float) -> tuple[Float64[np.ndarray, " channel"], Int64[np.ndarray, " channel"]]:
    """Distance of each channel to the next one across the flow, and which that is."""
    after = (np.arange(state.size) + 1) % state.size
    gap = state["v"][after] - state["v"]
    gap[-1] += breadth
    return gap, after
