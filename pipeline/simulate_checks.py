"""What ``geogan simulate`` refuses before it draws anything, and the grid that it draws on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rescaling import Rescaling
from geogan.variable import Variable

if TYPE_CHECKING:
    from geogan.inference import Bundle

Bounds = tuple[float, float, float, float]


def grid_of(
    *,
    size: tuple[int, int] | None,
    like: Path | None,
    bounds: Bounds | None,
    resolution: float | None,
    crs: str | None,
) -> Grid:
    """The grid of the one way that was used to give it. Raises InputError where it is not one."""
    ways = {"--size": size, "--like": like, "--bounds": bounds}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        raise InputError(f"grid: give one of {', '.join(ways)}; given: {', '.join(given) or 'none'}")
    if bounds is not None:
        if resolution is None or crs is None:
            missing = "--resolution" if resolution is None else "--crs"
            raise InputError(f"--bounds: needs {missing} too (--resolution R --crs EPSG:n)")
        return Grid.from_bounds(bounds, resolution, crs)
    if resolution is not None or crs is not None:
        raise InputError(f"{given[0]}: does not go with --resolution and --crs; they belong to --bounds")
    if like is not None:
        return Grid.like(like)
    assert size is not None
    return Grid.in_cells(*size)


def check_options(variable: Variable, bundle: Path, given: Mapping[str, bool]) -> None:
    """Raise InputError for an option among those ``given`` that means nothing to what the bundle draws."""
    for option, reason in variable.refused.items():
        if given.get(option):
            raise InputError(f"{option}: {bundle} {reason}")


def check_room(
    model: Bundle, variable: Variable, grid: Grid, drawn: Grid, window: int | None, *, refined: bool
) -> None:
    """Raise InputError where one field, what draws it and the statistics of all do not fit into memory.

    ``drawn``: the grid that fields are drawn on. Hard data are a grid of bytes, the mask, and one of their values. The
    number of fields does not matter: they wait on disk.
    """
    cells = grid.rows * grid.columns
    known, statistics = (1 + variable.blank.itemsize) * cells, 4 * cells * variable.statistics
    room, needed = psutil.virtual_memory().available, known + statistics
    if needed <= room:  # else there might be too many windows to be counted
        drawing = model.memory(drawn.rows, drawn.columns, window)
        if refined:
            from geogan.refinement import memory

            drawing = max(drawing, memory(cells))
        needed = known + max(statistics, drawing)
    if needed > room:
        raise InputError(
            f"grid of {grid.rows} x {grid.columns}: {needed / 2**30:.1f} GiB are needed, "
            f"{room / 2**30:.1f} GiB of memory are free; take a smaller grid"
        )


def check_cell_size(trained: tuple[float, float] | None, grid: Grid, variable: Variable, *, force: bool) -> None:
    """Raise InputError where the grid's cells differ by over 1 % from those of the training image.

    A grid in cells has the bundle's by definition, and a bundle without a cell size fits any grid.
    """
    if trained is None or not grid.in_map_units or force:
        return
    if any(abs(own / wanted - 1) > 0.01 for own, wanted in zip(grid.cell_size, trained, strict=True)):
        own, wanted = (f"{height:g} x {width:g}" for height, width in (grid.cell_size, trained))
        brought = (
            "" if "--rescale" in variable.refused else "--rescale to draw in such cells and bring the fields to it, "
        )
        raise InputError(
            f"grid: its cells are {own} map units, the bundle was trained on {wanted}; give a grid of that cell "
            f"size, {brought}or --force if shapes may be scaled"
        )


def rescaling_of(trained: tuple[float, float] | None, grid: Grid, *, force: bool) -> Rescaling | None:
    """From cells of the training image to the grid's; None where they are the same."""
    if force:
        raise InputError("--rescale and --force: --rescale keeps shapes, --force scales them; pass one of them")
    if trained is None or not grid.in_map_units:
        whose = "the bundle's training image" if trained is None else "the grid"
        raise InputError(f"--rescale: {whose} has no cell size in map units, so that there is nothing to scale by")
    return Rescaling.of(grid, trained)
