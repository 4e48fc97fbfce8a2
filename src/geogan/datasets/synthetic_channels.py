"""A field of meandering channels that meet and branch, as in the classic channel training images."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
from jaxtyping import Float64, UInt8

from geogan.datasets.context import Context
from geogan.datasets.courses import Style, courses
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.training_image import TrainingImage

VERSION = 1  # of the generator: part of the identity of what it makes
STEPS = 160  # of the stored distance per width of a channel
DRAWN = 0.75  # widths from a centre line up to which distances are stored
FAR = 255  # further from a channel than any distance of interest
ROUNDS = 8  # attempts at the spacing for which the channels have the width asked for
TOLERANCE = 0.03  # of the width


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
    """Generate a binary channel field (0 = background, 1 = channel) on a grid in cells.

    ``width``, ``amplitude`` (of the meanders) and ``wavelength`` are in pixels; ``orientation`` is the azimuth of
    the flow in degrees clockwise from north (90: left to right); ``proportion`` is the share of channel pixels,
    met within 0.01: by the number of channels and, for the last per cent, by their width. The channels
    begin far outside the picture, so its borders are like its middle.

    Raises:
        InputError: a size, width, amplitude, wavelength, seed or proportion that cannot be.
    """
    for key, value in (("rows", rows), ("columns", columns), ("width", width), ("wavelength", wavelength)):
        if value < 1:
            raise InputError(f"source.{key}: must be at least 1 pixel, not {value}")
    for key, value in (("amplitude", amplitude), ("seed", seed)):
        if value < 0:
            raise InputError(f"source.{key}: must be at least 0, not {value}")
    if not 0.02 <= proportion <= 0.5:
        raise InputError(f"source.proportion: must lie between 0.02 and 0.5, not {proportion}")
    context.limits.check("source", rows, columns)
    settings = (seed, rows, columns, width, amplitude, wavelength, orientation, proportion)
    digest = hashlib.sha256(json.dumps(["synthetic_channels", VERSION, *settings]).encode()).hexdigest()
    facies = field(seed, rows, columns, Style(width, amplitude, wavelength), orientation, proportion)
    return TrainingImage(facies, ("background", "channel"), Grid.in_cells(rows, columns), digest)


def field(
    seed: int, rows: int, columns: int, style: Style, orientation: float, proportion: float
) -> UInt8[np.ndarray, "y x"]:
    """The field: the spacing is sought at which channels of the right width cover ``proportion``."""
    spacing, asked = (2.1 / proportion - 2.5) * style.width, STEPS / 2  # a first guess
    nearest, facies = math.inf, np.zeros((rows, columns), dtype=np.uint8)
    for _ in range(ROUNDS):
        distance = _distance(np.random.default_rng(seed), rows, columns, style, orientation, spacing)
        reach = _reach(distance, proportion)
        error = abs(math.log(max(reach, 1) / asked))
        if error < nearest:
            nearest, facies = error, (distance <= reach).astype(np.uint8)
        if error < TOLERANCE:
            break
        spacing *= min(max(asked / max(reach, 1), 0.5), 2.0)
    if abs(facies.mean(dtype=np.float64) - proportion) > 0.01:
        raise InputError(
            f"source.proportion: {proportion} cannot be met by channels {style.width:g} wide in {rows} x {columns} "
            "pixels; ask for a larger field or narrower channels"
        )
    return facies


def _distance(
    rng: np.random.Generator, rows: int, columns: int, style: Style, orientation: float, spacing: float
) -> UInt8[np.ndarray, "y x"]:
    """Distance of every pixel from the nearest centre line, in 1 / STEPS widths (255 = far)."""
    azimuth = math.radians(orientation)
    right, down = math.sin(azimuth), -math.cos(azimuth)  # one step along the flow
    margin, before = math.ceil(style.width), math.ceil(4 * style.wavelength)
    long = abs(right) * columns + abs(down) * rows + 2 * margin
    broad = max(abs(down) * columns + abs(right) * rows + 4 * margin, 6 * spacing)
    u, v = courses(rng, broad, before + math.ceil(long), style, spacing)
    seen = u >= before
    along, across = u[seen] - before - long / 2, v[seen] - broad / 2
    x = columns / 2 + right * along - down * across
    y = rows / 2 + down * along + right * across
    return _draw(x, y, rows, columns, style.width)


def _draw(
    x: Float64[np.ndarray, " point"], y: Float64[np.ndarray, " point"], rows: int, columns: int, width: float
) -> UInt8[np.ndarray, "y x"]:
    """Distance of every pixel's centre from the nearest point, in 1 / STEPS widths (255 = far)."""
    reach = DRAWN * width
    edge = math.ceil(reach) + 1
    canvas = np.full((rows + 4 * edge, columns + 4 * edge), FAR, dtype=np.uint8)
    near = (x > -edge) & (x < columns + edge) & (y > -edge) & (y < rows + edge)
    x, y = x[near] + 2 * edge, y[near] + 2 * edge
    offset = np.arange(-edge, edge + 1)
    for start in range(0, x.size, 2**14):
        some = slice(start, start + 2**14)
        column, row = np.floor(x[some]).astype(np.int64), np.floor(y[some]).astype(np.int64)
        by_column = (column - x[some] + 0.5).astype(np.float32)[:, None] + offset.astype(np.float32)
        by_row = (row - y[some] + 0.5).astype(np.float32)[:, None] + offset.astype(np.float32)
        distance = np.hypot(by_row[:, :, None], by_column[:, None, :])
        place = (row[:, None, None] + offset[:, None]) * canvas.shape[1] + column[:, None, None] + offset
        close = distance <= reach
        np.minimum.at(canvas.reshape(-1), place[close], (distance[close] * (STEPS / width)).astype(np.uint8))
    return np.ascontiguousarray(canvas[2 * edge : 2 * edge + rows, 2 * edge : 2 * edge + columns])


def _reach(distance: UInt8[np.ndarray, "y x"], proportion: float) -> int:
    """The distance within which lies the share of pixels that is nearest to ``proportion``."""
    counts = np.zeros(FAR, dtype=np.int64)
    for row in range(0, distance.shape[0], 256):
        counts += np.bincount(distance[row : row + 256].ravel(), minlength=FAR + 1)[:FAR]
    return int(np.abs(counts.cumsum() / distance.size - proportion).argmin())
