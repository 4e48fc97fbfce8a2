"""``geogan simulate``: a bundle and the user's wells in, conditional fields out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from jaxtyping import UInt8

import geogan
from geogan import drawn_fields, fields
from geogan.ensemble import Ensemble, report
from geogan.errors import InputError
from geogan.field_curves import field_curves
from geogan.files import sha256_of
from geogan.grids import Grid
from geogan.hard_data import HardData, OnConflict, snap
from geogan.rescaling import Rescaling
from geogan.target_proportions import Fit, fit, parse
from geogan.wells import Wells
from geogan.wells import read as read_wells

from .refine import NO_REFINEMENT, Refinement, Refining

if TYPE_CHECKING:
    from geogan.inference import Bundle

Bounds = tuple[float, float, float, float]


def simulate(
    bundle: Path,
    out: Path,
    *,
    wells: Path | None = None,
    size: tuple[int, int] | None = None,
    like: Path | None = None,
    bounds: Bounds | None = None,
    resolution: float | None = None,
    crs: str | None = None,
    count: int = 100,
    seed: int = 0,
    unconditional: bool = False,
    columns: Mapping[str, str] | None = None,
    on_conflict: OnConflict = "error",
    refinement: Refinement = NO_REFINEMENT,
    proportions: str | None = None,
    rescale: bool = False,
    window: int | None = None,
    soft: Path | None = None,
    force: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Write ``count`` fields to ``out`` (the format goes by its suffix) that honour ``wells``; the report.

    The grid is given by ``size`` (rows, columns), by ``like`` (a raster), or by ``bounds`` (W, S, E, N),
    ``resolution`` and ``crs``. ``refinement`` makes fields honour wells that they miss. ``proportions``
    (NAME=SHARE,...) are reached by a shift of the raw outputs. Of a grid with another cell size than the bundle's,
    ``rescale`` draws in cells of the training image and brings the fields to the grid, ``force`` takes its cells for
    those of the training image. ``window`` is the side of the windows that large fields are computed by, in cells; by
    default it follows from the generator. ``soft`` is a raster of facies probabilities, for bundles that were trained
    with soft data. Raises InputError for whatever the user can mend; nothing is written then.
    """
    fields.check_output(out)
    if count < 1 or seed < 0:
        raise InputError(f"-n {count} --seed {seed}: at least 1 realization and a seed from 0 are needed")
    grid = grid_of(size=size, like=like, bounds=bounds, resolution=resolution, crs=crs)
    if (wells is None) != unconditional:
        given = "both given" if unconditional else "neither given"
        raise InputError(f"--wells and --unconditional: {given}; pass one of them")
    refinement.check(wells=wells is not None)
    known = None if wells is None else read_wells(wells, columns=columns)

    from geogan.inference import load_bundle

    model = load_bundle(bundle)
    if not model.names:
        raise InputError(f"{bundle}: draws a continuous property; simulate takes bundles of facies")
    if rescale and refinement.asked:
        raise InputError(
            "--rescale: does not go with --refine and --exact, which look at the cells that fields are drawn in"
        )
    plan = _rescaling(model.cell_size, grid, force=force) if rescale else None
    if plan is None:
        _check_cell_size(model.cell_size, grid, force=force)
    _check_room(model, grid, plan.drawn if plan else grid, window, refined=refinement.asked)
    if soft or model.soft:
        model = _believing(model, bundle, soft, grid, rescale=rescale, quiet=quiet)
    hard = HardData.none(grid) if known is None else snap(known, grid, model.names, on_conflict=on_conflict)
    if known is not None and not quiet:
        _tell(known, hard)
    shown = hard if plan is None else plan.data(hard, len(model.names))
    shift = _fitted(model, refinement.shown(shown), proportions, seed, window)
    if shift is not None:
        model = model.shifted(shift.shift)
    start = time.perf_counter()
    drawn = _sample(model, refinement.shown(shown), count, seed, window, out.parent, quiet=quiet)
    seconds = time.perf_counter() - start
    refining = Refining(refinement, model, shown, seed, known.source) if known and refinement.asked else None
    if refining:
        with _progress("refined", count, quiet=quiet) as progress:
            drawn = drawn_fields.keep(refining.fields(drawn, progress), count, shown.mask.shape, out.parent)
    facies = drawn
    if plan is not None:
        brought = (plan.field(field, len(model.names)) for field in drawn)
        facies = drawn_fields.keep(brought, count, hard.mask.shape, out.parent)
    ensemble = Ensemble.of(facies, grid=grid, names=model.names, seed=seed, hard=hard)
    told = report(ensemble, bundle=model.digest, training=model.proportions)
    told["target_proportions"] = shift and shift.report(model.names)
    told["rescaled"] = plan and plan.report(shown, hard)
    told["refinement"] = refining and refining.block(seconds)
    curves = field_curves(drawn, model.names, model.evaluation)
    told["curves"] = curves.report()
    told["wells"] = known and {
        "file": known.source,
        "sha256": sha256_of(Path(known.source)),
        "columns": known.columns,
        "notes": list(known.notes),
    }
    options: dict[str, Any] = {"size": size, "like": like and str(like), "bounds": bounds, "resolution": resolution}
    options |= {"crs": crs, "columns": columns and dict(columns), "on_conflict": on_conflict, "force": force}
    told["provenance"] = _provenance(
        model,
        options
        | {"unconditional": unconditional, "proportions": proportions, "rescale": rescale, "soft": soft and str(soft)}
        | {"window": window}
        | {"refine": refinement.steps or None, "exact": refinement.exact, "hide_wells": refinement.hidden},
    )
    told["files"] = [path.name for path in fields.paths(out)]
    from .simulation_page import write_page

    fields.write(out, ensemble, told, write_page(ensemble, told, curves, model.evaluation))
    return told


def _provenance(model: Bundle, options: Mapping[str, Any]) -> dict[str, Any]:
    """Where the fields come from: of the bundle, of this program, and the options that were given."""
    known = {key: model.system.get(key) for key in ("experiment", "key", "source_sha256", "step")}
    known["dataset"] = model.system.get("config", {}).get("dataset")
    given = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in options.items()
        if value is not None and value is not False
    }
    return {"geogan": geogan.__version__, **known, "options": given}


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


def _check_room(model: Bundle, grid: Grid, drawn: Grid, window: int | None, *, refined: bool) -> None:
    """Raise InputError where one field, what draws it and the statistics of all do not fit into memory.

    ``drawn``: the grid that fields are drawn on.

    The statistics are grids of float32, the probability of each facies, the maps and what computes them; hard
    data are two grids of bytes. The number of fields does not matter: they wait on disk.
    """
    cells = grid.rows * grid.columns
    statistics = 4 * cells * (len(model.names) + 6)
    room, needed = psutil.virtual_memory().available, 2 * cells + statistics
    if needed <= room:  # else there might be too many windows to be counted
        drawing = model.memory(drawn.rows, drawn.columns, window)
        if refined:
            from geogan.refinement import memory

            drawing = max(drawing, memory(cells))
        needed = 2 * cells + max(statistics, drawing)
    if needed > room:
        raise InputError(
            f"grid of {grid.rows} x {grid.columns}: {needed / 2**30:.1f} GiB are needed, "
            f"{room / 2**30:.1f} GiB of memory are free; take a smaller grid"
        )


def _check_cell_size(trained: tuple[float, float] | None, grid: Grid, *, force: bool) -> None:
    """Raise InputError where the grid's cells differ by over 1 % from those of the training image.

    A grid in cells has the bundle's by definition, and a bundle without a cell size fits any grid.
    """
    if trained is None or not grid.in_map_units or force:
        return
    if any(abs(own / wanted - 1) > 0.01 for own, wanted in zip(grid.cell_size, trained, strict=True)):
        own, wanted = (f"{height:g} x {width:g}" for height, width in (grid.cell_size, trained))
        raise InputError(
            f"grid: its cells are {own} map units, the bundle was trained on {wanted}; give a grid of that cell "
            "size, --rescale to draw in such cells and bring the fields to the grid, or --force if shapes may be scaled"
        )


def _rescaling(trained: tuple[float, float] | None, grid: Grid, *, force: bool) -> Rescaling | None:
    """From cells of the training image to the grid's; None where they are the same."""
    if force:
        raise InputError("--rescale and --force: --rescale keeps shapes, --force scales them; pass one of them")
    if trained is None or not grid.in_map_units:
        whose = "the bundle's training image" if trained is None else "the grid"
        raise InputError(f"--rescale: {whose} has no cell size in map units, so that there is nothing to scale by")
    return Rescaling.of(grid, trained)


def _tell(wells: Wells, hard: HardData) -> None:
    """What the user should know of the wells, on stderr."""
    for note in wells.notes:
        print(note, file=sys.stderr)
    counts = hard.report
    left_out = f", {counts['wells_dropped']} left out (see the report)" if counts["wells_dropped"] else ""
    print(
        f"{wells.source}: {counts['wells_used']} of {counts['wells_read']} wells "
        f"in {counts['cells_snapped']} cells{left_out}",
        file=sys.stderr,
    )


def _believing(model: Bundle, bundle: Path, soft: Path | None, grid: Grid, *, rescale: bool, quiet: bool) -> Bundle:
    """The bundle with the user's soft data. Raises InputError where it takes none, or needs some."""
    if not model.soft:
        raise InputError(f"--soft {soft}: {bundle} was trained without soft data (system.soft is 0)")
    if soft is None:
        raise InputError(f"{bundle}: was trained with soft data; give a raster of facies probabilities, --soft FILE")
    if rescale:
        raise InputError("--soft and --rescale: do not go together; give a grid of the bundle's cell size")
    from geogan.soft_maps import read_soft_map

    believed = read_soft_map(soft, grid, {name: model.proportions[name] for name in model.names})
    for note in () if quiet else believed.notes:
        print(note, file=sys.stderr)
    return model.believing(believed.values)


def _fitted(model: Bundle, hard: HardData, proportions: str | None, seed: int, window: int | None) -> Fit | None:
    """The shift that reaches the proportions, where some were given."""
    if proportions is None:
        return None
    wanted = parse(proportions, model.names)
    return fit(lambda k: model.sampler.levels(hard.mask, hard.values, k, seed, window), hard, wanted)


def _sample(
    model: Bundle, hard: HardData, count: int, seed: int, window: int | None, folder: Path, *, quiet: bool
) -> UInt8[np.ndarray, "realization y x"]:
    """The fields, on disk."""
    with _progress("fields", count, quiet=quiet) as progress:
        fields = model.fields(hard.mask, hard.values, count, seed, progress, window)
        return drawn_fields.keep(fields, count, hard.mask.shape, folder)


@contextmanager
def _progress(what: str, count: int, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """A callable that takes the number of fields done so far, or None."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(what, total=count)
        yield lambda done: bar.update(task, completed=done)
