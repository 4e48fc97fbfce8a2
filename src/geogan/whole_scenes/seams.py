"""Whether the borders of windows show in a translated scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from geogan.domains import Domain
from geogan.scenes import NO_CLASS

LATTICE = 16  # pixels; that of the first four levels of a U-Net
ACROSS, IN_PHASE, OTHER = range(3)

Image = Shaped[np.ndarray, "band y x"]
Known = Bool[np.ndarray, "y x"]


class Seams:
    """Gradients across the lines where windows meet, and elsewhere, gathered from rows in order.

    The gradient of two neighbouring pixels is the absolute difference of their colours or values, mean over
    the bands, in units of which 255 span the range of the target domain. ``rows`` and ``columns``: the lines, as
    the index of the first pixel behind. Pairs with a pixel that is not valid do not count.

    Networks that double their pixels leave a pattern with the period of their lattice, and windows meet on it
    always: without any seam the plain ratio is below 1 (measured: 0.53 to 0.75). The ratio "in phase" compares
    with those lines alone that lie as seams do modulo 16 pixels.
    """

    def __init__(self, target: Domain, rows: Sequence[int], columns: Sequence[int]):
        self.target = target
        self.distances = _distances(target)
        self.lines = (set(rows), set(columns))
        self.phases = tuple({line % LATTICE for line in lines} for lines in self.lines)
        self.sums = np.zeros((2, 3))  # along (rows, columns), kind of line
        self.counts = np.zeros((2, 3), dtype=np.int64)
        self._row = 0
        self._before: tuple[Image, Known] | None = None

    def add(self, values: Shaped[np.ndarray, "band y x"], valid: Known) -> None:
        """The next rows of the scene."""
        image = self._image(values)
        self._count(1, 1, self._difference(image[:, :, 1:], image[:, :, :-1]), valid[:, 1:] & valid[:, :-1])
        first = self._row + 1
        self._row += len(valid)
        if self._before is not None:
            image = np.concatenate([self._before[0], image], axis=1)
            valid = np.concatenate([self._before[1], valid])
            first -= 1
        self._count(0, first, self._difference(image[:, 1:], image[:, :-1]), valid[1:] & valid[:-1])
        self._before = image[:, -1:].copy(), valid[-1:].copy()

    def report(self) -> dict[str, Any]:
        """The ratios, and the means that they are made of; None where there are no such pairs, or no gradient.

        Elsewhere rows and columns count in the proportion that they have across lines: a scene whose
        texture has a direction would give another ratio than 1 without a seam.
        """
        across, in_phase = self._mean([ACROSS]), self._mean([IN_PHASE])
        elsewhere = self._mean([IN_PHASE, OTHER])
        return {
            "seam_ratio": across / elsewhere if across is not None and elsewhere else None,
            "seam_ratio_in_phase": across / in_phase if across is not None and in_phase else None,
            "gradient_across_seams": across,
            "gradient_elsewhere": elsewhere,
            "gradient_in_phase": in_phase,
        }

    def _mean(self, kinds: list[int]) -> float | None:
        sums, counts = self.sums[:, kinds].sum(axis=1), self.counts[:, kinds].sum(axis=1)
        shares = self.counts[:, ACROSS] if self.counts[:, ACROSS].any() else counts
        if (counts[shares > 0] == 0).any() or not shares.any():
            return None
        return float((sums / np.maximum(1, counts) * shares).sum() / shares.sum())

    def _count(self, axis: int, first: int, differences: Float32[np.ndarray, "y x"], known: Known) -> None:
        """Pairs along an axis, at the lines ``first``, ``first`` + 1, ..."""
        if not known.all():
            differences = differences * known
        sums, counts = differences.sum(axis=1 - axis), np.count_nonzero(known, axis=1 - axis)
        at = np.arange(first, first + len(sums))
        kinds = np.where(np.isin(at % LATTICE, list(self.phases[axis])), IN_PHASE, OTHER)
        kinds[np.isin(at, list(self.lines[axis]))] = ACROSS
        self.sums[axis] += np.bincount(kinds, sums, minlength=3)
        self.counts[axis] += np.bincount(kinds, counts, minlength=3).astype(np.int64)

    def _image(self, values: Shaped[np.ndarray, "band y x"]) -> Image:
        """Values in units of which 255 span the range; codes as they are."""
        if self.distances is not None:
            return values
        scale = 255 / (np.array(self.target.high) - np.array(self.target.low))
        image: Image = np.nan_to_num(values).astype(np.float32)
        image *= scale.astype(np.float32)[:, None, None]
        return image

    def _difference(self, one: Image, two: Image) -> Float32[np.ndarray, "y x"]:
        """Absolute, mean over the bands or colours."""
        if self.distances is not None:
            differences = np.zeros(one.shape[1:], dtype=np.float32)
            changed = one[0] != two[0]  # few pixels as a rule
            differences[changed] = self.distances[one[0][changed], two[0][changed]]
            return differences
        total: Float32[np.ndarray, "y x"] = np.abs(one[0] - two[0])
        for band in range(1, len(one)):
            total += np.abs(one[band] - two[band])
        total /= len(one)
        return total


def _distances(target: Domain) -> Float32[np.ndarray, "code code"] | None:
    """Between the colours of classes: absolute, mean over red, green and blue. None where there are none."""
    if target.palette is None:
        return None
    table = np.zeros((NO_CLASS + 1, 3), dtype=np.float32)
    table[: len(target.palette)] = target.palette.table
    distances: Float32[np.ndarray, "code code"] = np.abs(table[:, None] - table).mean(axis=-1)
    return distances
