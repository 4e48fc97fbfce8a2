"""Whether fields are copies of the training data."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float64, UInt8
from scipy import fft

from geogan.metrics.patterns import coarsen

COPY = 0.02  # a field whose nearest training patch differs in a smaller share of pixels is a copy
_CLOSEST = 3  # training tiles per field that are compared again at full resolution


def copy_rate(fields: UInt8[np.ndarray, "field y x"], training: UInt8[np.ndarray, "tile v u"], count: int) -> float:
    """Share of the fields whose nearest training patch differs in less than 2 % of the pixels."""
    return float((nearest(fields, training, count) < COPY).mean())


def nearest(
    fields: UInt8[np.ndarray, "field y x"], training: UInt8[np.ndarray, "tile v u"], count: int
) -> Float64[np.ndarray, " field"]:
    """Share of pixels in which every field differs from its nearest patch of the training ground.

    A field is slid over every training tile of the same size, by up to half a side each way, and
    compared where both overlap, at a third of the field at least: less has too little in it and
    matches by chance. A copy from between the tiles is found so too. The shift is searched by
    correlation at half resolution; the three closest tiles are then compared pixel by pixel within
    a pixel of it. Raises ValueError where the sizes differ.
    """
    if fields.shape[1:] != training.shape[1:]:
        raise ValueError(f"fields are {fields.shape[1:]}, training tiles {training.shape[1:]}: must be equal")
    low, ground = coarsen(fields, count), coarsen(training, count)
    side = np.array(low.shape[1:])
    reach = side // 2
    shape = tuple(fft.next_fast_len(int(length), real=True) for length in side + reach)
    shifts = [np.arange(-half, half + 1) for half in reach]
    overlap = np.multiply.outer(*(n - np.abs(shift) for n, shift in zip(side, shifts, strict=True)))
    enough = overlap * 3 >= overlap.max()
    spectra = _spectra(ground, count, shape)
    result = np.empty(len(fields))
    for index in range(len(fields)):
        product = (np.conj(_spectra(low[index : index + 1], count, shape)) * spectra).sum(axis=1)
        agreeing = fft.irfft2(product, shape)[:, shifts[0][:, None], shifts[1]]
        share = np.where(enough, agreeing / overlap, 0.0)
        closest = np.argsort(-share.max(axis=(1, 2)), kind="stable")[:_CLOSEST]
        found = [np.array(np.unravel_index(share[tile].argmax(), overlap.shape)) for tile in closest]
        result[index] = min(
            _difference(fields[index], training[tile], int(y) + dy, int(x) + dx)
            for tile, (y, x) in zip(closest, (2 * (at - reach) for at in found), strict=True)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        )
    return result


def _spectra(
    fields: UInt8[np.ndarray, "field y x"], count: int, shape: tuple[int, ...]
) -> Complex64[np.ndarray, "field facies v u"]:
    """Transforms of the indicators of every facies; padded so that shifts within reach do not wrap."""
    inside = [(fields == code).astype(np.float32) for code in range(count)]
    return np.asarray(fft.rfft2(np.stack(inside, axis=1), shape))


def _difference(field: UInt8[np.ndarray, "y x"], tile: UInt8[np.ndarray, "y x"], dy: int, dx: int) -> float:
    """Share of differing pixels where ``field[y, x]`` lies on ``tile[y + dy, x + dx]``."""
    rows, columns = field.shape
    own = field[max(0, -dy) : rows - max(0, dy), max(0, -dx) : columns - max(0, dx)]
    other = tile[max(0, dy) : rows - max(0, -dy), max(0, dx) : columns - max(0, -dx)]
    return float((own != other).mean())
