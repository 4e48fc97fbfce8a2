"""``geogan simulate``: a bundle and the user's wells in, conditional fields out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geogan
from geogan import fields
from geogan.ensemble import Ensemble, report
from geogan.errors import InputError
from geogan.facies_variable import Facies
from geogan.files import sha256_of
from geogan.grids import Grid
from geogan.hard_data import HardData, snap
from geogan.property_variable import Property
from geogan.value_range import ValueRange
from geogan.variable import OnConflict, Variable
from geogan.wells import Wells
from geogan.wells import read as read_wells

from .refine import NO_REFINEMENT, Refinement
from .simulate_checks import Bounds, check_cell_size, check_options, check_room, grid_of, rescaling_of
from .simulate_drawing import Drawing

if TYPE_CHECKING:
    from geogan.inference import Bundle


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
    if count < 1 or seed < 0:
        raise InputError(f"-n {count} --seed {seed}: at least 1 realization and a seed from 0 are needed")
    inputs = (wells, like, soft)
    fields.check_output(out, count=count, inputs=inputs)
    grid = grid_of(size=size, like=like, bounds=bounds, resolution=resolution, crs=crs)
    if (wells is None) != unconditional:
        given = "both given" if unconditional else "neither given"
        raise InputError(f"--wells and --unconditional: {given}; pass one of them")
    refinement.check(wells=wells is not None)

    from geogan.inference import load_bundle

    model = load_bundle(bundle)
    variable = variable_of(model)
    options: dict[str, Any] = {
        "--proportions": proportions is not None,
        "--rescale": rescale,
        "--soft": soft or model.soft,
    }
    check_options(variable, bundle, options | {"--refine": refinement.steps, "--exact": refinement.exact})
    fields.check_output(out, variable.map_names, count=count, inputs=inputs)
    if rescale and refinement.asked:
        raise InputError(
            "--rescale: does not go with --refine and --exact, which look at the cells that fields are drawn in"
        )
    known = None if wells is None else read_wells(wells, columns=columns, key=variable.key)
    plan = rescaling_of(model.cell_size, grid, force=force) if rescale else None
    if plan is None:
        check_cell_size(model.cell_size, grid, variable, force=force)
        if model.cell_size is None and grid.in_map_units and not quiet:
            print(f"{bundle}: training image of unknown cell size, the grid's is taken for it", file=sys.stderr)
    check_room(model, variable, grid, plan.drawn if plan else grid, window, refined=refinement.asked)
    if soft or model.soft:
        model = _believing(model, bundle, soft, grid, rescale=rescale, quiet=quiet)
    if known is None:
        hard = HardData.none(grid, variable.blank)
    else:
        hard = snap(known, grid, variable, on_conflict=on_conflict)
        if not quiet:
            _tell(known, hard)
    drawing = Drawing(model, variable, hard, plan, refinement, count, seed, window, out.parent, quiet)
    drawn = drawing.drawn(proportions, known.source if known else None)
    ensemble = Ensemble.of(drawn.fields, grid=grid, variable=variable, seed=seed, hard=hard)
    curves = variable.curves(drawn.own, model.evaluation)
    given_grid = {"size": size, "like": like and str(like), "bounds": bounds, "resolution": resolution, "crs": crs}
    given_wells = {"columns": columns and dict(columns), "on_conflict": on_conflict, "force": force}
    told = report(ensemble, bundle=model.digest) | {
        **drawn.report,
        "curves": curves.report(),
        "wells": known and _source(known),
        "provenance": _provenance(
            model,
            given_grid
            | given_wells
            | {"unconditional": unconditional, "proportions": proportions, "rescale": rescale}
            | {"soft": soft and str(soft), "window": window}
            | {"refine": refinement.steps or None, "exact": refinement.exact, "hide_wells": refinement.hidden},
        ),
        "files": [path.name for path in fields.paths(out, variable.map_names)],
    }
    from .simulation_page import write_page

    fields.write(out, ensemble, told, write_page(ensemble, told, curves, model.evaluation))
    return told


def variable_of(model: Bundle) -> Variable:
    """What the bundle draws, with what it knows of the training image."""
    if model.names:
        return Facies(model.names, model.proportions)
    return Property(ValueRange(*model.system["value_range"]), model.system.get("values"))


def _source(known: Wells) -> dict[str, Any]:
    """Where the wells come from, and what was assumed of them."""
    file = {"file": known.source, "sha256": sha256_of(Path(known.source))}
    return file | {"columns": known.columns, "notes": list(known.notes)}


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
