"""The page of ``geogan simulate``: what the report says, with maps and curves, in one file that loads nothing."""

from __future__ import annotations

import json
from typing import Any

from geogan.ensemble import Ensemble
from geogan.facies_variable import Facies
from geogan.field_curves import FieldCurves
from geogan.property_variable import Property
from geogan.variable import Variable

from . import pages, simulation_maps
from . import simulation_sections as sections
from .facies_look import FaciesLook
from .pages import Html
from .property_look import PropertyLook
from .simulation_look import Look
from .simulation_sections import percent

LOOKS: dict[type[Variable], type[Look]] = {Facies: FaciesLook, Property: PropertyLook}


def write_page(ensemble: Ensemble, told: dict[str, Any], curves: FieldCurves, evaluation: dict[str, Any] | None) -> str:
    """The page: ``told`` is the report, ``evaluation`` that of the bundle."""
    look = LOOKS[type(ensemble.variable)](ensemble)
    title = told["provenance"]["experiment"] or "simulation"
    wells = told["wells"] and told["wells"]["file"]
    return pages.page(
        f"{title}: {told['realizations']} realizations",
        [
            _head(title, told, wells, look.card(told)),
            pages.attend(_attend(told, look)),
            _maps(ensemble, look, told["cells_missed"]),
            sections.wells(ensemble, look, told),
            look.section(told),
            sections.curve_sheet(told, curves, look),
            sections.model(evaluation),
            _provenance(told),
        ],
    )


def _head(title: str, told: dict[str, Any], wells: str | None, last: tuple[Any, Any]) -> Html:
    grid, system = told["grid"], _crs(told) or "no CRS"
    given = f"conditioned to {wells}" if wells else "without hard data"
    line = f"{told['realizations']} realizations of {grid['rows']} x {grid['columns']} cells, {given}"
    entries: list[tuple[Any, Any]] = [(told["realizations"], "realizations")]
    entries.append((f"{grid['rows']} x {grid['columns']}", f"rows x columns ({system})"))
    if wells:
        entries.append(
            (f"{told['wells_used']} of {told['wells_read']}", f"wells used, in {told['cells_snapped']} cells")
        )
        entries.append((percent(told["honoured_share"]), "of the data honoured, mean"))
        entries.append((percent(told["honoured_share_min"]), "in the worst realization"))
    entries.append(last)
    kind = "Conditional simulation" if wells else "Unconditional simulation"
    return Html(
        f"<header><p>{kind} with geogan</p><h1>{pages.text(title)}</h1><p>{pages.text(line)}</p></header>\n"
        + pages.cards(entries)
    )


def _attend(told: dict[str, Any], look: Look) -> list[str]:
    """What a reader must not overlook."""
    lines = []
    if told["wells_dropped"]:
        lines.append(f"{told['wells_dropped']} of {told['wells_read']} wells were left out; the reasons are below.")
    if told["honoured_share"] is not None and told["honoured_share"] < 1:
        missed, cells = told["cells_missed"], told["cells_snapped"]
        lines.append(
            f"{percent(told['honoured_share'])} of the hard data are honoured: {missed} of {cells} cells are missed by "
            "one realization or more."
        )
    lines += look.attend(told)
    refined = told["refinement"]
    if refined:
        before = percent(refined["honoured_share_before"])
        lines.append(
            f"Fields refined by descent on their noise: {refined['fields_changed']}; before, {before} of the hard "
            f"data were honoured, {percent(refined['isolated_share_before'])} of these by single pixels (now "
            f"{percent(refined['isolated_share_after'])})."
        )
    if told["rescaled"]:
        lines.append("The fields were drawn in cells of the training image and brought to those of the grid.")
    curves = told["curves"]
    if curves["tile"] and min(curves["window"]) < curves["tile"]:
        lines.append(
            f"The fields are smaller than the tiles of {curves['tile']} cells that the training image was judged on: "
            "the curves compare only roughly."
        )
    return lines


def _maps(ensemble: Ensemble, look: Look, missed: int) -> Html:
    key = [f'<span><i style="background:{c}"></i>{pages.text(n)}</span>' for n, c in look.legend().items()]
    data = int(ensemble.hard.mask.sum())
    drawn = 0 < data <= simulation_maps.WELLS
    if drawn:
        key.append(f'<span><i class="round"></i>hard datum, {look.datum}</span>')
        if missed:
            key.append('<span><i class="round missed"></i>missed</span>')
    notes = ["Row 0 is at the top."]
    if data and not drawn:
        notes.append(f"The {data} hard data are too many to draw.")
    if max(ensemble.fields.shape[1:]) > simulation_maps.PIXELS:
        notes.append(
            f"Maps show at most {simulation_maps.PIXELS} cells a side: of larger grids every n-th cell of "
            "realizations, means of n x n cells of the others."
        )
    shown = simulation_maps.realizations(ensemble, look)
    some = len(shown) < len(ensemble.fields)
    of = f"The first {len(shown)} of {len(ensemble.fields)} realizations." if some else "All realizations."
    return pages.section(
        "Maps",
        pages.paragraph(of, *notes, note=True),
        f'<div class="key">{"".join(key)}</div>',
        pages.maps([pages.figure(one.png, one.title, one.note) for one in shown]),
        f"<h3>Over all {len(ensemble.fields)} realizations</h3>",
        pages.maps([pages.figure(one.png, one.title, one.note) for one in look.statistics()]),
    )


def _provenance(told: dict[str, Any]) -> Html:
    known, grid = told["provenance"], told["grid"]
    west, south, east, north = (f"{value:.12g}" for value in grid["bounds"])
    options = " ".join(f"{key}={json.dumps(value)}" for key, value in known["options"].items())
    rows = [
        ("weights, sha256", _code(told["bundle"])),
        ("key of the training", _code(known["key"])),
        ("experiment, dataset", ", ".join(str(known[key]) for key in ("experiment", "dataset") if known[key])),
        ("training image, sha256", _code(known["source_sha256"])),
        ("wells, sha256", _code(told["wells"] and told["wells"]["sha256"])),
        ("geogan", known["geogan"]),
        ("seed", told["seed"]),
        ("options", _code(options)),
        ("extent", f"x {west} to {east}, y {south} to {north}"),
        ("cells", _cells(told)),
        ("CRS", _crs(told) or "none"),
        ("files", ", ".join(told["files"])),
    ]
    return pages.section("Provenance", pages.facts(rows))


def _cells(told: dict[str, Any]) -> str:
    """Size of the cells, and of those that the fields were drawn in where they are others."""
    width, _, _, _, height, _ = told["grid"]["transform"]
    units = "map units" if told["grid"]["crs"] else "(cells)"
    said, scaled = f"{-height:g} x {width:g} {units}", told["rescaled"]
    if scaled:
        tall, wide = scaled["drawn_cell_size"]
        said += (
            f"; drawn on {scaled['drawn_rows']} x {scaled['drawn_columns']} cells of {tall:g} x {wide:g}, "
            f"where {scaled['cells_not_shown']} cells with data are not shown to the generator"
        )
    return said


def _crs(told: dict[str, Any]) -> str | None:
    """The name of the grid's CRS, which is the first text of its WKT."""
    wkt = told["grid"]["crs"]
    return None if wkt is None else str(wkt.split('"')[1])


def _code(value: Any) -> Html:
    return Html(f"<code>{pages.text('-' if value is None else value)}</code>")
