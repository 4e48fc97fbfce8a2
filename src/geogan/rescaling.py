"""Fields on a grid whose cells are not those of the training image: drawn in its cells, then brought to the grid's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from geogan.facies_variable import Facies
from geogan.grids import Grid
from geogan.hard_data import HardData

LIKE = 0.01  # cells that differ by less are the same


@dataclass(frozen=True)
class Spans:
    """The drawn cells that make up each wanted cell along one axis: ``start`` to ``stop``, at least one.

    Where wanted cells are smaller it is the drawn cell that holds their centre; where they are larger, the drawn
    cells whose centres they hold. ``centre`` is the drawn cell that holds the centre in either case.
    """

    start: Int64[np.ndarray, " wanted"]
    stop: Int64[np.ndarray, " wanted"]
    centre: Int64[np.ndarray, " wanted"]

    @classmethod
    def of(cls, number: int, ratio: float) -> Spans:
        """``number`` wanted cells, each ``ratio`` drawn cells long, from the same corner."""
        k = np.arange(number + 1)
        centre = np.floor((k[:-1] + 0.5) * ratio).astype(np.int64)
        if ratio < 1:
            return cls(centre, centre + 1, centre)
        edges = np.ceil(k * ratio - 0.5).astype(np.int64)
        return cls(edges[:-1], edges[1:], centre)


@dataclass(frozen=True)
class Rescaling:
    """From the ``drawn`` grid, in cells of the training image, to the ``wanted`` one; both begin at one corner."""

    wanted: Grid
    drawn: Grid
    rows: Spans
    columns: Spans

    @classmethod
    def of(cls, wanted: Grid, cell_size: tuple[float, float]) -> Rescaling | None:
        """The way to ``wanted`` from cells of this (height, width); None where they are the same within 1 %."""
        ratios = [own / trained for own, trained in zip(wanted.cell_size, cell_size, strict=True)]
        if all(abs(ratio - 1) <= LIKE for ratio in ratios):
            return None
        rows, columns = (
            max(1, math.ceil(number * ratio - 1e-6))
            for number, ratio in zip((wanted.rows, wanted.columns), ratios, strict=True)
        )
        _, _, west, _, _, north = wanted.transform
        drawn = Grid(rows, columns, (cell_size[1], 0.0, west, 0.0, -cell_size[0], north), wanted.crs)
        return cls(wanted, drawn, Spans.of(wanted.rows, ratios[0]), Spans.of(wanted.columns, ratios[1]))

    def data(self, hard: HardData, count: int) -> HardData:
        """What the generator is shown of data on the wanted grid; ``count`` facies.

        All drawn cells of a wanted one get its datum. Where wanted cells are smaller, several may share a drawn
        one: it gets their most frequent facies, none at a tie. The report stays that of the wanted grid.
        """
        votes = np.zeros((count, self.drawn.rows, self.drawn.columns), np.int32)
        for row, column in np.argwhere(hard.mask):
            held = np.s_[
                self.rows.start[row] : self.rows.stop[row], self.columns.start[column] : self.columns.stop[column]
            ]
            votes[hard.values[row, column]][held] += 1
        most = votes.max(axis=0)
        mask = (most > 0) & ((votes == most).sum(axis=0) == 1)
        return HardData(mask, np.where(mask, votes.argmax(axis=0), Facies.blank).astype(np.uint8), hard.report)

    def field(self, drawn: UInt8[np.ndarray, "drawn_y drawn_x"], count: int) -> UInt8[np.ndarray, "y x"]:
        """A field on the wanted grid: in each cell the most frequent facies of the drawn cells that make it up, at a
        tie that of the drawn cell at its centre if it is among them, else the lowest code."""
        middle = drawn[np.ix_(self.rows.centre, self.columns.centre)]
        best = np.zeros(middle.shape, np.uint8)
        most = np.full(middle.shape, -1.0)
        for code in range(count):
            votes = self._sums(drawn == code) + 0.5 * (middle == code)
            best[votes > most] = code
            most = np.maximum(most, votes)
        return best

    def report(self, shown: HardData, hard: HardData) -> dict[str, Any]:
        """The grid that fields are drawn on, and how many data of the wanted grid the generator is not shown."""
        seen = shown.values[np.ix_(self.rows.centre, self.columns.centre)]
        return {
            "cell_size": list(self.wanted.cell_size),
            "drawn_cell_size": list(self.drawn.cell_size),
            "drawn_rows": self.drawn.rows,
            "drawn_columns": self.drawn.columns,
            "cells_not_shown": int(np.count_nonzero(hard.mask & (seen != hard.values))),
        }

    def _sums(self, inside: np.ndarray) -> np.ndarray:
        """How many drawn cells of each wanted one are inside."""
        total = np.zeros((inside.shape[0] + 1, inside.shape[1] + 1), np.int64)
        total[1:, 1:] = inside.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
        rows, columns = self.rows, self.columns
        high, low = total[rows.stop], total[rows.start]
        return np.asarray(high[:, columns.stop] - high[:, columns.start] - low[:, columns.stop] + low[:, columns.start])
