"""The page of ``geogan simulate``: what the report says, with maps and curves, in one file that loads nothing."""

from __future__ import annotations

import json
from typing import Any

from geogan.ensemble import Ensemble
from geogan.field_curves import FieldCurves

from . import pages, simulation_maps
from .pages import Html

NEAR = 0.05  # a share that differs by more is pointed at
ABOUT = {
    "constraint_accuracy": "share of the hard data honoured",
    "isolated_share": "share of honoured data that differ from all eight neighbours",
    "mph_js_0": "patterns of 4 x 4 cells: divergence",
    "mph_js_1": "the same at half resolution",
    "mph_js_2": "the same at quarter resolution",
    "connectivity_x": "connectivity along x: mean difference",
    "connectivity_y": "connectivity along y: mean difference",
    "variogram_x": "indicator variogram along x: mean difference",
    "variogram_y": "indicator variogram along y: mean difference",
    "components": "connected bodies of a field",
    "hamming": "share of cells that differ between two fields of the same data",
    "hamming_ratio": "the same over that of a calibrated ensemble: 1 is right, 0 ignores the noise",
    "brier": "squared error of the probability map against the truth",
    "copy_rate": "share of fields that copy a training tile",
}


def write_page(ensemble: Ensemble, told: dict[str, Any], curves: FieldCurves, evaluation: dict[str, Any] | None) -> str:
    """The page: ``told`` is the report, ``evaluation`` that of the bundle."""
    title = told["provenance"]["experiment"] or "simulation"
    wells = told["wells"] and told["wells"]["file"]
    return pages.page(
        f"{title}: {told['realizations']} realizations",
        [
            _head(title, told, wells),
            pages.attend(_attend(told)),
            _maps(ensemble, told["cells_missed"]),
            _wells(ensemble, told),
            _proportions(told),
            _curves(told["curves"], curves),
            _model(evaluation),
            _provenance(told),
        ],
    )


def percent(share: float | None) -> str:
    """A share of 1 in percent; a dash for none. Only what is 1 says 100 %."""
    if share is None:
        return "-"
    shown = f"{100 * share:.2f}".removesuffix(".00")
    return "< 100 %" if shown == "100" and share < 1 else f"{shown} %"


def number(value: Any) -> str:
    """Four digits of a number; a dash for none."""
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def _head(title: str, told: dict[str, Any], wells: str | None) -> Html:
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
    entries += [(percent(share), pages.text(name)) for name, share in list(told["proportions"].items())[-1:]]
    kind = "Conditional simulation" if wells else "Unconditional simulation"
    return Html(
        f"<header><p>{kind} with geogan</p><h1>{pages.text(title)}</h1><p>{pages.text(line)}</p></header>\n"
        + pages.cards(entries)
    )


def _attend(told: dict[str, Any]) -> list[str]:
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
    for name, share in list(told["proportions"].items())[len(told["proportions"]) == 2 :]:
        trained = (told["proportions_training"] or {}).get(name)
        if trained is not None and abs(share - trained) > NEAR and not told["target_proportions"]:
            lines.append(f"{name}: {percent(share)} simulated, {percent(trained)} in the training image.")
    if told["target_proportions"]:
        lines.append("The proportions were shifted to those asked for; they are not the model's own.")
    curves = told["curves"]
    if curves["tile"] and min(curves["window"]) < curves["tile"]:
        lines.append(
            f"The fields are smaller than the tiles of {curves['tile']} cells that the training image was judged on: "
            "connectivity and variograms compare only roughly."
        )
    return lines


def _maps(ensemble: Ensemble, missed: int) -> Html:
    key = [
        f'<span><i style="background:{c}"></i>{pages.text(n)}</span>'
        for n, c in simulation_maps.legend(ensemble).items()
    ]
    data = int(ensemble.hard.mask.sum())
    drawn = 0 < data <= simulation_maps.WELLS
    if drawn:
        key.append('<span><i class="round"></i>hard datum, in the colour of its facies</span>')
        if missed:
            key.append('<span><i class="round missed"></i>missed</span>')
    notes = ["Row 0 is at the top."]
    if data and not drawn:
        notes.append(f"The {data} hard data are too many to draw.")
    if max(ensemble.facies.shape[1:]) > simulation_maps.PIXELS:
        notes.append(
            f"Maps show at most {simulation_maps.PIXELS} cells a side: of larger grids every n-th cell of "
            "realizations, means of n x n cells of the others."
        )
    shown = simulation_maps.realizations(ensemble)
    some = len(shown) < len(ensemble.facies)
    of = f"The first {len(shown)} of {len(ensemble.facies)} realizations." if some else "All realizations."
    return pages.section(
        "Maps",
        pages.paragraph(of, *notes, note=True),
        f'<div class="key">{"".join(key)}</div>',
        pages.maps([pages.figure(one.png, one.title, one.note) for one in shown]),
        f"<h3>Over all {len(ensemble.facies)} realizations</h3>",
        pages.maps([pages.figure(one.png, one.title, one.note) for one in simulation_maps.statistics(ensemble)]),
    )


def _wells(ensemble: Ensemble, told: dict[str, Any]) -> Html:
    if not told["wells"]:
        return pages.section("Wells", pages.paragraph("None: the fields are unconditional."))
    counts = ("wells_read", "wells_used", "wells_dropped", "cells_snapped", "duplicates", "cells_missed")
    rows: list[tuple[Any, Any]] = [("file", told["wells"]["file"])]
    rows.append(("columns", ", ".join(f"{key}: {value}" for key, value in told["wells"]["columns"].items())))
    rows += [(key.replace("_", " "), told[key]) for key in counts]
    rows.append(("honoured, mean over realizations", percent(told["honoured_share"])))
    rows.append(("honoured, worst realization", percent(told["honoured_share_min"])))
    rows += [("assumed", note) for note in told["wells"]["notes"]]
    parts: list[str] = [pages.facts(rows)]
    if told["missed"]:
        a, _, c, _, e, f = ensemble.grid.transform
        parts.append("<h3>Data that are missed</h3>")
        if told["cells_missed"] > len(told["missed"]):
            parts.append(pages.paragraph(f"The {len(told['missed'])} most often missed ones.", note=True))
        parts.append(
            pages.table(
                ("row", "column", "x", "y", "facies", "missed in realizations"),
                (
                    (
                        one["row"],
                        one["column"],
                        f"{c + a * (one['column'] + 0.5):.10g}",
                        f"{f + e * (one['row'] + 0.5):.10g}",
                        one["facies"],
                        f"{one['realizations']} of {told['realizations']}",
                    )
                    for one in told["missed"]
                ),
                numbers=(0, 1, 2, 3, 5),
            )
        )
    if told["conflicts"]:
        parts.append("<h3>Cells that wells disagree on</h3>")
        rows_ = (
            (one["row"], one["column"], ", ".join(one["wells"]), one["kept"] or "none") for one in told["conflicts"]
        )
        parts.append(pages.table(("row", "column", "wells", "kept"), rows_, numbers=(0, 1)))
    if told["dropped"]:
        parts.append("<h3>Wells that were left out</h3>")
        parts.append(pages.table(("well", "reason"), ((one["well"], one["reason"]) for one in told["dropped"])))
    return pages.section("Wells", *parts)


def _proportions(told: dict[str, Any]) -> Html:
    trained, target = told["proportions_training"] or {}, told["target_proportions"]
    head = ["facies", "", "simulated", "deviation between fields", "training image", "difference"]
    rows = []
    for name, share in told["proportions"].items():
        own = trained.get(name)
        off = None if own is None else share - own
        row = [name, pages.bar(share, own), percent(share), percent(told["proportions_std"][name]), percent(own)]
        row.append("-" if off is None else f"{100 * off:+.2f} points")
        rows.append(row)
    parts: list[str] = [pages.table(head, rows, numbers=range(2, 6))]
    parts.append(pages.paragraph("The mark in a bar is the share in the training image.", note=True))
    if target:
        parts.append("<h3>Asked for</h3>")
        parts.append(
            pages.paragraph(
                "A constant per facies was added to the raw outputs of the generator before the facies was chosen. It "
                f"was fitted to the realizations 0 to {target['pilot'] - 1} of the seed and is the same for all.",
                note=True,
            )
        )
        rows = [
            [
                name,
                *(percent(target[key][name]) for key in ("wanted", "before", "after")),
                number(target["shift"][name]),
            ]
            for name in target["wanted"]
        ]
        head = ["facies", "wanted", "pilot before", "pilot after", "shift"]
        parts.append(pages.table(head, rows, numbers=range(1, 5)))
        if target["honoured_share_before"] is not None:
            before, after = (percent(target[f"honoured_share_{when}"]) for when in ("before", "after"))
            parts.append(pages.paragraph(f"Hard data honoured in the pilot: {before} before, {after} after."))
    return pages.section("Proportions", *parts)


def _curves(told: dict[str, Any], curves: FieldCurves) -> Html:
    if not curves.curves:
        return pages.section("Connectivity and variogram", pages.paragraph("The grid is too small for them."))
    rows, columns = told["window"]
    notes = [
        f"From the first {told['realizations']} realizations, in {told['windows']} windows of {rows} x {columns} cells "
        f"from the middle of the fields, lags 1 to {told['lags']}.",
    ]
    if told["differences"]:
        notes.append(f"The training image: its held-out tiles of {told['tile']} x {told['tile']} cells.")
    else:
        notes.append("Curves of the training image: not in this bundle.")
    parts: list[str] = [pages.paragraph(*notes, note=True)]
    note = "connectivity: probability that two cells of the facies at lag h belong to the same body"
    parts.append(pages.figure(simulation_maps.curves(curves.curves), "Connectivity and indicator variogram", note))
    if told["differences"]:
        lines = [(name, number(off), percent(told["inside"][name])) for name, off in told["differences"].items()]
        head = ("curve", "mean difference from the training image", "lags inside its envelope")
        parts.append(pages.table(head, lines, numbers=(1, 2)))
    return pages.section("Connectivity and variogram", *parts)


def _model(evaluation: dict[str, Any] | None) -> Html:
    title = "How far to trust the model"
    if evaluation is None:
        return pages.section(title, pages.paragraph("The evaluation of the model: not in this bundle."))
    metrics = evaluation["metrics"]
    more = [key for key in metrics if ("brier" in key or "reliab" in key) and key not in ABOUT]
    rows = []
    for key in (*ABOUT, *sorted(more)):
        if key in metrics:
            real = metrics.get(f"{key}_real", metrics.get(f"floor_{key}"))
            about = Html(f"<code>{pages.text(key)}</code> <small>{pages.text(ABOUT.get(key, ''))}</small>")
            rows.append((about, number(metrics[key]), number(real), number(metrics.get(f"noise_{key}"))))
    tile = evaluation["size"]
    return pages.section(
        title,
        pages.paragraph(
            f"From its evaluation on ground that it never saw: {metrics.get('n_fields', '-')} fields of {tile} x "
            f"{tile} cells against {evaluation['tiles']} held-out tiles. It says nothing of these wells.",
            note=True,
        ),
        pages.table(("metric", "model", "real data", "independent pixels"), rows, numbers=(1, 2, 3)),
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
        ("CRS", _crs(told) or "none"),
        ("files", ", ".join(told["files"])),
    ]
    return pages.section("Provenance", pages.facts(rows))


def _crs(told: dict[str, Any]) -> str | None:
    """The name of the grid's CRS, which is the first text of its WKT."""
    wkt = told["grid"]["crs"]
    return None if wkt is None else str(wkt.split('"')[1])


def _code(value: Any) -> Html:
    return Html(f"<code>{pages.text('-' if value is None else value)}</code>")
