"""Local texture: histograms of oriented gradients (HOG) and of local binary patterns (LBP), and their distance.

Facies codes have no order, so both look at the indicator of each facies, 1 inside and 0 outside; the histograms
of all facies stand one behind the other and sum to 1 together.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

CELL = 8  # pixels: edge of the cells that orientations are counted in
BINS = 9  # orientations without sign, 20 degrees each
RADII = (1, 2)
_CLIP = 0.2  # largest share of a block's norm that one bin may keep
_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def chi_square(p: Float64[np.ndarray, " bin"], q: Float64[np.ndarray, " bin"]) -> float:
    """1/2 sum (p - q)^2 / (p + q) of two histograms that each sum to 1, in [0, 1]: 0 equal, 1 no bin in common.

    Bins that are empty in both count nothing. A histogram without any entry is 1 from all others.
    """
    if p.any() != q.any():
        return 1.0
    total = p + q
    return float(((p - q) ** 2 / np.where(total > 0, total, 1)).sum() / 2)


def hog(fields: UInt8[np.ndarray, "field y x"], count: int) -> Float64[np.ndarray, " facies_orientation"]:
    """Mean histogram of oriented gradients of each facies; all 0 where no block has an edge.

    Dalal, Triggs (2005), sections 6.2 to 6.4: central differences, 9 orientations over 180 degrees weighted by
    magnitude, cells of 8 x 8 pixels, overlapping blocks of 2 x 2 cells normalised to length 1, clipped at 0.2 and
    normalised again. The mean is over the cells of all blocks: a field is stationary, so places are no features.
    Votes go to one bin each. Of two facies the second has all edges. Smaller fields than a block have no histogram.
    """
    codes = (1,) if count == 2 else tuple(range(count))
    total = np.zeros((len(codes), BINS))
    rows, columns = (edge // CELL for edge in fields.shape[1:])
    if min(rows, columns) < 2:
        return total.ravel()
    for index, code in enumerate(codes):
        for field in fields == code:
            total[index] += _blocks(_cells(field[: rows * CELL, : columns * CELL]))
    return np.asarray((total / (total.sum() or 1)).ravel())


def _cells(inside: Bool[np.ndarray, "y x"]) -> Float32[np.ndarray, "row column bin"]:
    """Magnitudes of the gradients by orientation, summed over cells; the outermost pixels have none."""
    image = inside.astype(np.int8)
    down, right = np.zeros_like(image), np.zeros_like(image)
    down[1:-1] = image[2:] - image[:-2]
    right[:, 1:-1] = image[:, 2:] - image[:, :-2]
    weights = np.zeros((BINS, *image.shape), np.float32)
    # A difference of an indicator is -1, 0 or 1: the orientations are 0, 45, 90 and 135 degrees.
    for degrees, here in (
        (0, (right != 0) & (down == 0)),
        (45, (down != 0) & (down == right)),
        (90, (down != 0) & (right == 0)),
        (135, (down != 0) & (down == -right)),
    ):
        weights[degrees * BINS // 180][here] = np.sqrt(2) if degrees % 90 else 1
    rows, columns = (edge // CELL for edge in image.shape)
    return np.asarray(weights.reshape(BINS, rows, CELL, columns, CELL).sum(axis=(2, 4)).transpose(1, 2, 0))


def _blocks(cells: Float32[np.ndarray, "row column bin"]) -> Float64[np.ndarray, " bin"]:
    """Normalised histograms, summed over the cells of all blocks."""
    blocks = np.lib.stride_tricks.sliding_window_view(cells, (2, 2), axis=(0, 1)).reshape(-1, BINS * 4)
    for bound in (_CLIP, 1.0):
        norm = np.sqrt((blocks.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        blocks = np.minimum(blocks / np.where(norm > 0, norm, 1), bound)
    return np.asarray(blocks.reshape(-1, BINS, 4).sum(axis=(0, 2)), np.float64)


def lbp(fields: UInt8[np.ndarray, "field y x"], count: int) -> Float64[np.ndarray, " radius_facies_pattern"]:
    """Histogram of the local binary patterns at radius 1 and 2, pooled over the fields.

    Ojala, Pietikainen, Maenpaa (2002), equation 9 with eight neighbours, here at r pixels along rows, columns and
    diagonals: bit i of the pattern says whether neighbour i is at least as large as the centre. In the indicator
    of a facies that is constant outside of the facies, so a pixel counts in its own facies alone: there the bit
    says whether the neighbour has the facies of the centre. Pixels nearer than r to the border are no centres;
    a radius that leaves none has an empty histogram.
    """
    histograms = []
    for radius in RADII:
        rows, columns = (edge - 2 * radius for edge in fields.shape[1:])
        found = np.zeros(count * 256, np.int64)
        if min(rows, columns) > 0:
            centre = fields[:, radius : radius + rows, radius : radius + columns]
            pattern = np.zeros(centre.shape, np.uint8)
            for bit, (dy, dx) in enumerate(_RING):
                top, left = radius * (1 + dy), radius * (1 + dx)
                same = fields[:, top : top + rows, left : left + columns] == centre
                pattern |= same.view(np.uint8) << np.uint8(bit)
            found = np.bincount((centre.astype(np.intp) * 256 + pattern).ravel(), minlength=count * 256)
        histograms.append(found / max(1, found.sum()))
    total = np.concatenate(histograms)
    return np.asarray(total / (total.sum() or 1))
