"""Hard data: wells that have been snapped to the cells of a grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from geogan.errors import InputError
from geogan.facies_variable import Facies
from geogan.grids import Grid, transformed, wkt_of
from geogan.variable import Field, OnConflict, Value, Variable
from geogan.wells import Wells


@dataclass(frozen=True)
class HardData:
    """What is known of a grid, and how it came to be known.

    ``values`` holds facies codes 0..K-1, or values of a property in its units, where ``mask``; else 255, or NaN.
    ``report`` (JSON values only): ``wells_read``;
    ``wells_used``, those whose datum is that of their cell or part of its mean; ``wells_dropped``; ``cells_snapped``,
    the cells with a datum; ``duplicates``, used wells beyond the first of their cell; ``conflicts``, a list of
    cells that wells disagree on with what was kept; ``dropped``, a list of wells left out with the reason.
    """

    mask: Bool[np.ndarray, "y x"]
    values: Field
    report: dict[str, Any]

    @classmethod
    def none(cls, grid: Grid, blank: np.uint8 | np.float32 = Facies.blank) -> HardData:
        """No datum at all, for unconditional fields; ``blank`` is that of the variable."""
        shape = (grid.rows, grid.columns)
        counts = ("wells_read", "wells_used", "wells_dropped", "cells_snapped", "duplicates")
        report: dict[str, Any] = {**dict.fromkeys(counts, 0), "conflicts": [], "dropped": []}
        return cls(np.zeros(shape, bool), np.full(shape, blank), report)


def snap(wells: Wells, grid: Grid, variable: Variable, *, on_conflict: OnConflict = "error") -> HardData:
    """The wells on the cells of a grid.

    ``variable`` tells what their labels mean: the name or code of a facies (a name comes first, so that facies
    called "1" and "2" are found by these), or a value of a property. Wells with a CRS are reprojected to the grid's.
    An unknown facies, a value out of range, a well outside the grid and wells that disagree in one cell raise
    InputError, or with another ``on_conflict`` are left out and reported: of a cell in dispute ``drop`` uses no well,
    ``majority`` the most frequent facies, and none at a tie, ``mean`` the mean value. Raises InputError too where no
    well is left, and for ``majority`` of values or ``mean`` of facies.
    """
    if on_conflict not in ("error", "drop", variable.settling):
        raise InputError(f"--on-conflict {on_conflict}: must be error, drop or {variable.settling}")
    strict = on_conflict == "error"
    x, y = _on_grid(wells, grid)
    dropped: list[dict[str, str]] = []
    held: dict[tuple[int, int], list[tuple[int, Value]]] = defaultdict(list)  # cell -> (well, value)
    for well, label in enumerate(wells.labels):
        cell = (int(x[well]), int(y[well])) if wells.by_cell else grid.cell_of(x[well], y[well])
        try:
            value = variable.read(label)
            if not grid.holds(*cell):
                place = _position(wells, well, x, y)
                raise ValueError(f"{place} lies outside the grid, {_extent(grid, wells.by_cell)}")
        except ValueError as error:
            if strict:
                raise InputError(f"{wells.source}: {wells.places[well]}: {error}") from None
            dropped.append({"well": wells.places[well], "reason": str(error)})
        else:
            held[cell].append((well, value))
    return _settle(wells, grid, variable, held, dropped, on_conflict)


def _settle(
    wells: Wells,
    grid: Grid,
    variable: Variable,
    held: dict[tuple[int, int], list[tuple[int, Value]]],
    dropped: list[dict[str, str]],
    on_conflict: OnConflict,
) -> HardData:
    """One datum per cell, where the wells in it allow one."""
    data = HardData.none(grid, variable.blank)
    conflicts, used = [], 0
    for cell, found in sorted(held.items()):
        values = [value for _, value in found]
        kept: Value | None = values[0]
        agree: Sequence[bool] = [True] * len(values)
        if len(set(values)) > 1:
            told = [f"{wells.places[well]} ({variable.plain(value)})" for well, value in found]
            where = f"cell row {cell[0]}, column {cell[1]}"
            if on_conflict == "error":
                raise InputError(
                    f"{wells.source}: wells disagree in {where}: "
                    f"{', '.join(told)}; correct them or pass --on-conflict drop or {variable.settling}"
                )
            kept, agree = (None, [False] * len(values)) if on_conflict == "drop" else variable.settled(values)
            why = "outvoted in" if kept is not None else "a conflict in" if on_conflict == "drop" else "a tie in"
            dropped += [
                {"well": wells.places[well], "reason": f"{why} {where}"}
                for (well, _), agrees in zip(found, agree, strict=True)
                if not agrees
            ]
            name = None if kept is None else variable.plain(kept)
            conflicts.append({"row": cell[0], "column": cell[1], "wells": told, "kept": name})
        if kept is not None:
            data.mask[cell], data.values[cell] = True, kept
            used += sum(agree)
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
    x, y = transformed(wkt_of(wells.crs), grid.crs, wells.first, wells.second)
    if np.isnan(x).all():  # where one has no place, PROJ may say so of all: ask for each
        places = np.stack([wells.first, wells.second], axis=1)[..., None]
        x, y = np.concatenate([transformed(wkt_of(wells.crs), grid.crs, *place) for place in places], axis=1)
    for place, one, two in zip(wells.places, x, y, strict=True):
        if not np.isfinite(one + two):
            raise InputError(f"{wells.source}: {place}: has no place in the CRS of the grid")
    return x, y


def _position(wells: Wells, well: int, x: Float64[np.ndarray, " well"], y: Float64[np.ndarray, " well"]) -> str:
    names = ("row", "column") if wells.by_cell else ("x", "y")
    return f"{names[0]} {x[well]:.12g}, {names[1]} {y[well]:.12g}"


def _extent(grid: Grid, by_cell: bool) -> str:
    if by_cell:
        return f"rows 0 to {grid.rows - 1}, columns 0 to {grid.columns - 1}"
    west, south, east, north = grid.bounds
    end = "" if grid.in_map_units else " (cells from 0, the end not included)"
    return f"x {west:.12g} to {east:.12g}, y {south:.12g} to {north:.12g}{end}"
