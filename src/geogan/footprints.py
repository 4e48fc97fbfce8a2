"""Where scenes lie on the ground, and which of them show the same ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geogan.errors import InputError
from geogan.grids import Grid, transformed
from geogan.tiles import Box

SLACK = 1e-3  # pixels: footprints that overlap by less only touch, they differ by rounding
DENSITY = 21  # points along an edge of a footprint that is brought into another CRS

Positions = Int64[np.ndarray, " window"]
RowLines = Int64[np.ndarray, " row_line"]
ColumnLines = Int64[np.ndarray, " column_line"]
Lines = Int64[np.ndarray, " _"]
Points = Float64[np.ndarray, "window point"]
Sides = Float64[np.ndarray, "window 4"]  # west, south, east, north; or top, left, bottom, right
ZERO = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True)
class Frame:
    """Pixels of one scene's grid, continued over the ground of others; negative ones too."""

    grid: Grid

    def windows(self, grid: Grid, row: Positions, column: Positions, rows: int, columns: int) -> Box:
        """The frame's pixels (top, left, bottom, right) that windows of another grid touch.

        ``row`` and ``column`` are the windows' top left pixels in ``grid``; ``bottom`` and ``right`` are exclusive.
        Raises InputError where the frame's CRS does not reach.
        """
        box = self._box(grid, row, column, rows, columns)
        top, left = (np.floor(box[:, side] + SLACK).astype(np.int64) for side in (0, 1))
        bottom, right = (np.ceil(box[:, side] - SLACK).astype(np.int64) for side in (2, 3))
        return top, left, bottom, right

    def scene(self, grid: Grid) -> tuple[int, int, int, int]:
        """The frame's pixels (top, left, bottom, right) that a whole scene touches; errors as in `windows`."""
        top, left, bottom, right = (int(side[0]) for side in self.windows(grid, ZERO, ZERO, grid.rows, grid.columns))
        return top, left, bottom, right

    def lines(self, grid: Grid, rows: RowLines, columns: ColumnLines) -> tuple[Lines, Lines]:
        """Where horizontal and vertical lines of the frame cross a scene: its first row (column) beyond each.

        Only lines inside the scene, and the scene's own borders. In another CRS they are those of the box around
        the scene, so nearly right.
        """
        top, left, bottom, right = self._box(grid, ZERO, ZERO, grid.rows, grid.columns)[0]
        down = np.ceil((rows - top) / (bottom - top) * grid.rows - SLACK).astype(np.int64)
        across = np.ceil((columns - left) / (right - left) * grid.columns - SLACK).astype(np.int64)
        return (
            np.unique(np.concatenate([np.clip(down, 0, grid.rows), [0, grid.rows]])),
            np.unique(np.concatenate([np.clip(across, 0, grid.columns), [0, grid.columns]])),
        )

    def _box(self, grid: Grid, row: Positions, column: Positions, rows: int, columns: int) -> Sides:
        sides = _into(self.grid.crs, grid, row, column, rows, columns)
        if not np.isfinite(sides).all():
            raise InputError("the CRS of another scene does not reach its ground; bring the scenes into one CRS first")
        across, _, west, _, down, north = self.grid.transform
        corners = (sides[:, 3] - north) / down, (sides[:, 0] - west) / across
        return np.stack([*corners, (sides[:, 1] - north) / down, (sides[:, 2] - west) / across], axis=1)


def groups(grids: Sequence[Grid], gap: int = 0) -> list[list[int]]:
    """Scenes, by their number, that share ground directly or through others; in order of their first scene.

    Scenes nearer to each other than ``gap`` pixels count as sharing it.
    """
    group = np.arange(len(grids))
    for first, second in overlapping(grids, gap):
        group[group == group[second]] = group[first]
    members: dict[int, list[int]] = {}
    for scene, number in enumerate(group.tolist()):
        members.setdefault(number, []).append(scene)
    return list(members.values())


def overlapping(grids: Sequence[Grid], gap: int = 0) -> list[tuple[int, int]]:
    """Pairs of scenes, the lower number first, whose footprints share an area, or are within ``gap`` pixels.

    They are compared in the CRS of the first, where that does not reach the second in the second's. Scenes without
    a CRS are compared with each other where they have a transform; pictures in cells share ground with no other.
    """
    everywhere = {crs: _footprints(crs, grids) for crs in {grid.crs for grid in grids}}
    pairs = []
    for first, grid in enumerate(grids):
        if not grid.in_map_units:
            continue
        shared, unknown = _shared(first, grid, everywhere[grid.crs], gap)
        for second in (np.flatnonzero((shared | unknown)[first + 1 :]) + first + 1).tolist():
            other = grids[second]
            if shared[second] or (other.in_map_units and _shared(second, other, everywhere[other.crs], gap)[0][first]):
                pairs.append((first, second))
    return pairs


def _shared(
    one: int, grid: Grid, sides: Sides, gap: int
) -> tuple[Bool[np.ndarray, " scene"], Bool[np.ndarray, " scene"]]:
    """Which footprints share an area with one of them or are within the gap, and of which it is not known."""
    across = np.minimum(sides[one, 2], sides[:, 2]) - np.maximum(sides[one, 0], sides[:, 0])
    along = np.minimum(sides[one, 3], sides[:, 3]) - np.maximum(sides[one, 1], sides[:, 1])
    height, width = grid.cell_size
    return (across > (SLACK - gap) * width) & (along > (SLACK - gap) * height), np.isnan(across)


def _footprints(crs: str | None, grids: Sequence[Grid]) -> Sides:
    """The bounds of grids in a CRS (or of those without one); NaN for others and where that CRS does not reach."""
    nowhere = np.full((1, 4), np.nan)
    return np.concatenate(
        [
            _into(crs, grid, ZERO, ZERO, grid.rows, grid.columns)
            if grid.in_map_units and (grid.crs is None) == (crs is None)
            else nowhere
            for grid in grids
        ]
    )


def _into(crs: str | None, grid: Grid, row: Positions, column: Positions, rows: int, columns: int) -> Sides:
    """The bounds of windows of a grid in a CRS; NaN for what cannot be transformed."""
    part = np.linspace(0, 1, 2 if grid.crs == crs else DENSITY)
    down = np.concatenate([np.zeros_like(part), np.ones_like(part), part, part])
    across = np.concatenate([part, part, np.zeros_like(part), np.ones_like(part)])
    a, _, c, _, e, f = grid.transform
    x = c + a * (column[:, None] + columns * across)
    y = f + e * (row[:, None] + rows * down)
    x, y = np.broadcast_arrays(x, y)
    if grid.crs is not None and crs is not None and grid.crs != crs:
        x, y = transformed(grid.crs, crs, x, y)
    return np.stack([x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)], axis=1)
