"""A field of meandering channels: lines that wander, meet, run together and part again, drawn with a width."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from geogan.datasets.context import Context
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.training_image import TrainingImage

FINE = 16  # steps of the stored distance per pixel
FAR = 255  # further from a channel than any distance of interest
ROUNDS = 8  # attempts at a spacing that gives the width asked for


@dataclass(frozen=True)
class Style:
    """How a channel wanders, in pixels: see `read`."""

    width: float
    amplitude: float
    wavelength: float


def read(
    context: Context,
    /,
    *,
    seed: int = 0,
    rows: int = 1000,
    columns: int = 1000,
    width: float = 10.0,
    amplitude: float = 16.0,
    wavelength: float = 200.0,
    orientation: float = 90.0,
    proportion: float = 0.26,
) -> TrainingImage:
    """Generate a binary channel field (0 = between, 1 = channel) on a grid in cells.

    ``width``, ``amplitude`` (standard deviation of a channel about its course) and ``wavelength`` are in pixels;
    ``orientation`` is the azimuth of the courses in degrees clockwise from north (90: left to right);
    ``proportion`` is the share of channel pixels. The courses begin far outside the picture, so its borders
    are like its middle. The proportion is met within 0.01 by the number of channels and, for the last few
    per cent, by their width.

    Raises:
        InputError: a size, width, amplitude, wavelength or proportion that cannot be.
    """
    for key, value in (("rows", rows), ("columns", columns), ("width", width), ("wavelength", wavelength)):
        if value < 1:
            raise InputError(f"source.{key}: must be at least 1 pixel, not {value}")
    if amplitude < 0 or seed < 0:
        raise InputError(f"source: amplitude and seed must be at least 0, not {amplitude} and {seed}")
    if not 0.02 <= proportion <= 0.6:
        raise InputError(f"source.proportion: must lie between 0.02 and 0.6, not {proportion}")
    context.limits.check("source", rows, columns)
    settings = [seed, rows, columns, width, amplitude, wavelength, orientation, proportion]
    facies = channels(seed, rows, columns, Style(width, amplitude, wavelength), orientation, proportion)
    digest = hashlib.sha256(json.dumps(["synthetic_channels", 1, settings]).encode()).hexdigest()
    return TrainingImage(facies, ("background", "channel"), Grid.in_cells(rows, columns), digest)


def channels(
    seed: int, rows: int, columns: int, style: Style, orientation: float, proportion: float
) -> UInt8[np.ndarray, "y x"]:
    """The field: find the spacing at which channels of the right width cover ``proportion``."""
    spacing = 1.1 * style.width / proportion
    best: tuple[float, UInt8[np.ndarray, "y x"], int] | None = None
    for _ in range(ROUNDS):
        rng = np.random.default_rng(seed)
        distance = _distance(rng, rows, columns, style, orientation, spacing)
        reach = _reach(distance, proportion)
        error = abs(math.log(max(reach, 1) / (FINE * style.width / 2)))
        if best is None or error < best[0]:
            best = (error, distance, reach)
        if error < 0.03:
            break
        spacing *= min(max(FINE * style.width / 2 / max(reach, 1), 0.5), 2.0)
    assert best is not None
    facies = (best[1] <= best[2]).astype(np.uint8)
    if abs(float(facies.mean()) - proportion) > 0.01:
        raise InputError(
            f"source.proportion: {proportion} cannot be met with channels of width {style.width:g} in {rows} x {columns} "
            "pixels; ask for a larger field, narrower channels or a smaller proportion"
        )
    return facies


def courses(
    rng: np.random.Generator, breadth: float, length: int, style: Style, spacing: float
) -> tuple[Float64[np.ndarray, "point"], Float64[np.ndarray, "point"]]:
    """Centre lines as points (u along the flow, v across it) a pixel apart in u.

    Across the flow the strip is periodic (v modulo ``breadth``), so it has no borders. Channels that meet go on as
    one; a channel beside a wide gap sends a branch into it.
    """
    stretch, steepest = style.wavelength / 6, STEEP
    amp=style.amplitude
    v = (np.arange(round(breadth / spacing)) + rng.uniform(-0.4, 0.4, round(breadth / spacing))) * spacing % breadth
    n=v.size
    heading, slope, left, e, young = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    us, vs = [], []
    for step in range(length):
        order = np.argsort(v, kind="stable")
        v, heading, slope, left, e, young = v[order], heading[order], slope[order], left[order], e[order], young[order]
        left -= 1; young -= 1
        turn = np.flatnonzero(left <= 0)
        if turn.size:
            left[turn] = 3 + rng.gamma(1.2, stretch / 1.2, turn.size)
            go = (amp * rng.standard_normal(turn.size) - 1.0 * e[turn]) / left[turn]
            go = np.where(rng.random(turn.size) < LEVEL, 0.0, np.clip(go, -steepest, steepest))
            heading[turn] = go
            e[turn] = (e[turn] + go * left[turn]) * KEEP
        slope += (heading - slope) / 3
        v = (v + slope)
        gap = np.roll(v, -1) - v; gap[-1] += breadth
        meets = (gap < SNAP*style.width) & (young <= 0) & (np.roll(young, -1) <= 0)
        close = np.flatnonzero((gap < CLOSE*style.width) & (young <= 0) & (np.roll(young, -1) <= 0) & ~meets)
        if close.size:
            nxt=(close+1)%v.size
            mid = 0.5*(heading[close]+heading[nxt])
            heading[close] = mid + PULL; heading[nxt] = mid - PULL
            left[close] = np.maximum(left[close], 3); left[nxt] = np.maximum(left[nxt], 3)
        if meets.any():
            i = np.flatnonzero(meets); j = (i + 1) % v.size
            gone = np.where(rng.random(i.size) < 0.5, i, j)
            keep = np.ones(v.size, bool); keep[gone] = False
            v, heading, slope, left, e, young = v[keep], heading[keep], slope[keep], left[keep], e[keep], young[keep]
            gap = np.roll(v, -1) - v; gap[-1] += breadth
        hazard = RATE * np.maximum(gap / spacing - G0, 0)**2 / style.wavelength
        hit = np.flatnonzero(rng.random(v.size) < hazard)
        if hit.size:
            down = rng.random(hit.size) < 0.5
            parent = np.where(down, hit, (hit + 1) % v.size)
            sign = np.where(down, 1.0, -1.0)
            ok = young[parent] <= 0
            parent, sign, g = parent[ok], sign[ok], gap[hit][ok]
            steep = rng.uniform(0.35, 1.0, parent.size)*sign
            reach = g * rng.uniform(0.35, 0.6, parent.size)
            steep = np.clip(slope[parent] + steep, -1.1, 1.1)
            heading[parent] = np.clip(heading[parent], *np.sort([steep - 0.45, steep + 0.45], axis=0)) if False else np.where(sign > 0, np.minimum(heading[parent], steep - 0.4), np.maximum(heading[parent], steep + 0.4))
            left[parent] = np.maximum(left[parent], 2.0 * style.width)
            v = np.append(v, v[parent]); heading = np.append(heading, steep); slope = np.append(slope, steep)
            left = np.append(left, reach / np.maximum(np.abs(steep), 0.3)); e = np.append(e, np.zeros(parent.size)); young = np.append(young, np.full(parent.size, 2.0*style.width))
            young[parent] = np.maximum(young[parent], 2.0 * style.width)
        v = v % breadth
        us.append(np.full(v.size, float(step))); vs.append(v)
    return np.concatenate(us), np.concatenate(vs)
LEVEL, STEEP, SNAP, RATE, G0, KEEP, CLOSE, PULL = 0.3, 0.8, 0.25, 8.0, 0.8, 0.5, 1.4, 0.25


def _distance(
    rng: np.random.Generator, rows: int, columns: int, style: Style, orientation: float, spacing: float
) -> UInt8[np.ndarray, "y x"]:
    """Distance of every pixel to the nearest centre line, in 1 / FINE pixels (255 = far)."""
    along = np.array([math.sin(math.radians(orientation)), -math.cos(math.radians(orientation))])  # x, y down
    across = np.array([-along[1], along[0]])
    half_length = (abs(along[0]) * columns + abs(along[1]) * rows) / 2
    half_breadth = (abs(across[0]) * columns + abs(across[1]) * rows) / 2
    margin, burn_in = math.ceil(style.width), math.ceil(4 * style.wavelength)
    breadth = max(2 * half_breadth + 4 * margin, 6 * spacing)
    length = burn_in + math.ceil(2 * half_length) + 2 * margin
    u, v = courses(rng, breadth, length, style, spacing)
    u, v = u[u >= burn_in] - burn_in - half_length - margin, v[u >= burn_in] - breadth / 2
    x = columns / 2 + along[0] * u + across[0] * v
    y = rows / 2 + along[1] * u + across[1] * v
    return _rasterise(x, y, rows, columns, 0.75 * style.width)


def _rasterise(
    x: Float64[np.ndarray, point], y: Float64[np.ndarray, point], rows: int, columns: int, reach: float
) -> UInt8[np.ndarray, "y x"]:
    margin = math.ceil(reach) + 1
    near = (x > -margin) & (x < columns + margin) & (y > -margin) & (y < rows + margin)
    x, y = x[near], y[near]
    breadth = columns + 4 * margin
    field = np.full((rows + 4 * margin) * breadth, FAR, dtype=np.uint8)
    dy, dx = (part.ravel() for part in np.mgrid[-margin : margin + 1, -margin : margin + 1])
    for start in range(0, x.size, 2**15):
        column, row = np.floor(x[start : start + 2**15]), np.floor(y[start : start + 2**15])
        inside_x = (x[start : start + 2**15] - column - 0.5)[:, None].astype(np.float32)
        inside_y = (y[start : start + 2**15] - row - 0.5)[:, None].astype(np.float32)
        distance = np.hypot(dx.astype(np.float32) - inside_x, dy.astype(np.float32) - inside_y)
        place = ((row + 2 * margin)[:, None] + dy) * breadth + (column + 2 * margin)[:, None] + dx
        close = distance <= reach
        fine = np.minimum(distance[close] * FINE, FAR - 1).astype(np.uint8)
        np.minimum.at(field, place[close].astype(np.int64), fine)
    whole = field.reshape(rows + 4 * margin, breadth)
    return np.ascontiguousarray(whole[2 * margin : 2 * margin + rows, 2 * margin : 2 * margin + columns])


def _reach(distance: UInt8[np.ndarray, "y x"], proportion: float) -> int:
    """The distance within which lies the share of pixels nearest to ``proportion``."""
    counts = np.zeros(FAR, dtype=np.int64)
    for row in range(0, distance.shape[0], 256):
        counts += np.bincount(distance[row : row + 256].ravel(), minlength=256)[:FAR]
    share = counts.cumsum() / distance.size
    return int(np.abs(share - proportion).argmin())
