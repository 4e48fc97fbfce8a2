"""Hard data: wells that have been snapped to the cells of a grid."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from geogan.errors import InputError
from geogan.grids import Grid, wkt_of
from geogan.wells import Wells

NONE = 255  # the code of a cell without a datum
OnConflict = Literal["error", "drop", "majority"]


@dataclass(frozen=True)
class HardData:
    """What is known of a grid, and how it came to be known.

    ``values`` holds codes 0..K-1 where ``mask``, else 255. ``report`` (JSON values only): ``wells_read``;
    ``wells_used``, those whose facies is that of their cell; ``wells_dropped``; ``cells_snapped``, the
    cells with a datum; ``duplicates``, used wells beyond the first of their cell; ``conflicts``, a list of
    cells that wells disagree on with what was kept; ``dropped``, a list of wells left out with the reason.
    """

    mask: Bool[np.ndarray, "y x"]
    values: UInt8[np.ndarray, "y x"]
    report: dict[str, Any]

    @classmethod
    def none(cls, grid: Grid) -> HardData:
        """No datum at all: for unconditional fields."""
        shape = (grid.rows, grid.columns)
        counts = ("wells_read", "wells_used", "wells_dropped", "cells_snapped", "duplicates")
        report: dict[str, Any] = {**dict.fromkeys(counts, 0), "conflicts": [], "dropped": []}
        return cls(np.zeros(shape, bool), np.full(shape, NONE, np.uint8), report)


def snap(wells: Wells, grid: Grid, names: tuple[str, ...], *, on_conflict: OnConflict = "error") -> HardData:
    """The wells on the cells of a grid.

    ``names`` are the facies that a code 0..K-1 or a name may mean; a name comes first, so that facies
    called "1" and "2" are found by these. Wells with a CRS are reprojected to the grid's. An unknown
    facies, a well outside the grid and wells that disagree in one cell raise InputError, or with another
    ``on_conflict`` are left out and reported: of a cell in dispute ``drop`` uses no well, ``majority`` the
    most frequent facies, and none at a tie. Raises InputError too where no well is left.
    """
    if on_conflict not in ("error", "drop", "majority"):
        raise InputError(f"--on-conflict {on_conflict}: must be error, drop or majority")
    strict = on_conflict == "error"
    x, y = _on_grid(wells, grid)
    dropped: list[dict[str, str]] = []
    held: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)  # cell -> (well, code)
    for well, label in enumerate(wells.labels):
        code = code_of(label, names)
        cell = (int(x[well]), int(y[well])) if wells.by_cell else grid.cell_of(x[well], y[well])
        if code is None:
            reason = f"unknown facies {label!r}; known are {_known(names)}"
        elif not grid.holds(*cell):
            reason = f"{_position(wells, well, x, y)} lies outside the grid, {_extent(grid, wells.by_cell)}"
        else:
            held[cell].append((well, code))
            continue
        if strict:
            raise InputError(f"{wells.source}: {wells.places[well]}: {reason}")
        dropped.append({"well": wells.places[well], "reason": reason})
    return _settle(wells, grid, names, held, dropped, on_conflict)


def code_of(label: str, names: tuple[str, ...]) -> int | None:
    """The code that a facies label means: a name (case aside), else a whole number below K; else None."""
    for candidates, wanted in ((names, label), (tuple(map(str.lower, names)), label.lower())):
        if wanted in candidates:
            return candidates.index(wanted)
    try:
        value = float(label)
    except ValueError:
        return None
    return int(value) if value in range(len(names)) else None


def _settle(
    wells: Wells,
    grid: Grid,
    names: tuple[str, ...],
    held: dict[tuple[int, int], list[tuple[int, int]]],
    dropped: list[dict[str, str]],
    on_conflict: OnConflict,
) -> HardData:
    """One facies per cell, where the wells in it allow one."""
    data = HardData.none(grid)
    conflicts, used = [], 0
    for cell, found in sorted(held.items()):
        ranked = Counter(code for _, code in found).most_common()
        tie = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        kept = None if len(ranked) > 1 and (tie or on_conflict == "drop") else ranked[0][0]
        if len(ranked) > 1:
            told = [f"{wells.places[well]} ({names[code]})" for well, code in found]
            if on_conflict == "error":
                raise InputError(
                    f"{wells.source}: wells disagree in cell row {cell[0]}, column {cell[1]}: "
                    f"{', '.join(told)}; correct them or pass --on-conflict drop or majority"
                )
            why = "a tie in" if tie and on_conflict == "majority" else "a conflict in"
            why = f"{'outvoted in' if kept is not None else why} cell row {cell[0]}, column {cell[1]}"
            dropped += [{"well": wells.places[w], "reason": why} for w, code in found if code != kept]
            name = None if kept is None else names[kept]
            conflicts.append({"row": cell[0], "column": cell[1], "wells": told, "kept": name})
        if kept is not None:
            data.mask[cell], data.values[cell] = True, kept
            used += sum(code == kept for _, code in found)
    cells = int(data.mask.sum())
    if cells == 0:
        raise InputError(f"{wells.source}: no well is left; the first: {dropped[0]['well']}: {dropped[0]['reason']}")
    counts = {"wells_read": len(wells.labels), "wells_used": used, "wells_dropped": len(dropped)}
    details = {"cells_snapped": cells, "duplicates": used - cells, "conflicts": conflicts, "dropped": dropped}
    return HardData(data.mask, data.values, counts | details)


def _on_grid(wells: Wells, grid: Grid) -> tuple[Float64[np.ndarray, " well"], Float64[np.ndarray, " well"]]:
    """The wells' positions in the grid's CRS (unchanged where they have none or the same)."""
    if wells.crs is None or wells.by_cell:
        return wells.first, wells.second
    if grid.crs is None:
        raise InputError(
            f"{wells.source}: the wells have a CRS and the grid has none; "
            "give the grid by --like RASTER or by --bounds, --resolution and --crs"
        )
    from rasterio.warp import transform

    x, y = transform(wkt_of(wells.crs), grid.crs, wells.first.tolist(), wells.second.tolist())
    for place, one, two in zip(wells.places, x, y, strict=True):
        if not np.isfinite(one + two):
            raise InputError(f"{wells.source}: {place}: has no place in the CRS of the grid")
    return np.array(x), np.array(y)


def _known(names: tuple[str, ...]) -> str:
    codes = [str(code) for code in range(len(names))]
    return ", ".join(c if c == name else f"{c} ({name})" for c, name in zip(codes, names, strict=True))


def _position(wells: Wells, well: int, x: Float64[np.ndarray, " well"], y: Float64[np.ndarray, " well"]) -> str:
    names = ("row", "column") if wells.by_cell else ("x", "y")
    return f"{names[0]} {x[well]:.12g}, {names[1]} {y[well]:.12g}"


def _extent(grid: Grid, by_cell: bool) -> str:
    if by_cell:
        return f"rows 0 to {grid.rows - 1}, columns 0 to {grid.columns - 1}"
    west, south, east, north = grid.bounds
    end = "" if grid.in_map_units else " (cells from 0, the end not included)"
    return f"x {west:.12g} to {east:.12g}, y {south:.12g} to {north:.12g}{end}"
