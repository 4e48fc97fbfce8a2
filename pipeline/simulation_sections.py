"""Sections of the page of a simulation that tell its numbers."""

from __future__ import annotations

from typing import Any

from geogan.ensemble import Ensemble
from geogan.field_curves import FieldCurves

from . import pages, simulation_maps
from .pages import Html
from .simulation_look import Look

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
    "constant_brier": "of the shares of the training image everywhere",
    "nearest_well_brier": "of the facies of the nearest well",
    "kriging_brier": "of indicator kriging",
    "reliability": "how far the probabilities are from what is true as often",
    "well_halo": "how far the surroundings of wells differ from those of real data",
    "constraint_mse": "squared error at the hard data",
    "value_mean_difference": "simulated less real mean, scaled",
    "value_std_ratio": "simulated over real standard deviation",
    "value_wasserstein": "distance of the distributions of all values, scaled",
    "value_variogram_x_share": "variogram along x: mean difference as a share of the variance",
    "value_variogram_y_share": "variogram along y: mean difference as a share of the variance",
    "hog_chi2": "orientation of edges: distance of histograms",
    "lbp_chi2": "local texture: distance of histograms",
    "copy_rate": "share of fields that copy a training tile",
}


def percent(share: float | None) -> str:
    """A share of 1 in percent; a dash for none. Only what is 1 says 100 %."""
    if share is None:
        return "-"
    shown = f"{100 * share:.2f}".removesuffix(".00")
    return "< 100 %" if shown == "100" and share < 1 else f"{shown} %"


def number(value: Any) -> str:
    """Four digits of a number; a dash for none."""
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def wells(ensemble: Ensemble, look: Look, told: dict[str, Any]) -> Html:
    """Which wells were used, and which of them are missed."""
    if not told["wells"]:
        return pages.section("Wells", pages.paragraph("None: the fields are unconditional."))
    counts = ("wells_read", "wells_used", "wells_dropped", "cells_snapped", "duplicates", "cells_missed")
    rows: list[tuple[Any, Any]] = [("file", told["wells"]["file"])]
    rows.append(("columns", ", ".join(f"{key}: {value}" for key, value in told["wells"]["columns"].items())))
    rows += [(key.replace("_", " "), told[key]) for key in counts]
    rows.append(("honoured, mean over realizations", percent(told["honoured_share"])))
    rows.append(("honoured, worst realization", percent(told["honoured_share_min"])))
    rows += look.honoured(told)
    rows += [("assumed", note) for note in told["wells"]["notes"]]
    parts: list[str] = [pages.facts(rows)]
    key = ensemble.variable.key
    if told["missed"]:
        a, _, c, _, e, f = ensemble.grid.transform
        parts.append("<h3>Data that are missed</h3>")
        if told["cells_missed"] > len(told["missed"]):
            parts.append(pages.paragraph(f"The {len(told['missed'])} most often missed ones.", note=True))
        parts.append(
            pages.table(
                ("row", "column", "x", "y", key, "missed in realizations"),
                (
                    (
                        one["row"],
                        one["column"],
                        f"{c + a * (one['column'] + 0.5):.10g}",
                        f"{f + e * (one['row'] + 0.5):.10g}",
                        one[key],
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
            (one["row"], one["column"], ", ".join(one["wells"]), "none" if one["kept"] is None else one["kept"])
            for one in told["conflicts"]
        )
        parts.append(pages.table(("row", "column", "wells", "kept"), rows_, numbers=(0, 1)))
    if told["dropped"]:
        parts.append("<h3>Wells that were left out</h3>")
        parts.append(pages.table(("well", "reason"), ((one["well"], one["reason"]) for one in told["dropped"])))
    return pages.section("Wells", *parts)


def curve_sheet(report: dict[str, Any], curves: FieldCurves, look: Look) -> Html:
    """Curves over the lag; ``report`` is the whole one."""
    told, title = report["curves"], look.curves
    if not curves.curves:
        return pages.section(title, pages.paragraph("The grid is too small for them."))
    rows, columns = told["window"]
    notes = [
        f"From the first {told['realizations']} realizations, in {told['windows']} windows of {rows} x {columns} cells "
        f"from the middle of the fields, lags 1 to {told['lags']}.",
    ]
    if report["rescaled"]:
        notes.append("They are of the fields as drawn, in cells of the training image.")
    if told["differences"]:
        notes.append(f"The training image: its {look.ground} of {told['tile']} x {told['tile']} cells.")
    else:
        notes.append("Curves of the training image: not in this bundle.")
    parts: list[str] = [pages.paragraph(*notes, note=True)]
    png = simulation_maps.curves(curves.curves, look.axes)
    parts.append(pages.figure(png, look.figure, look.curves_about))
    if told["differences"]:
        lines = [(name, number(off), percent(told["inside"][name])) for name, off in told["differences"].items()]
        head = ("curve", "mean difference from the training image", "lags inside its envelope")
        parts.append(pages.table(head, lines, numbers=(1, 2)))
    return pages.section(title, *parts)


def model(evaluation: dict[str, Any] | None) -> Html:
    """What the bundle knows of its model's evaluation."""
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
    parts: list[str] = []
    if evaluation.get("reliability"):
        png = simulation_maps.reliability(evaluation["reliability"])
        note = (
            "dashed: a calibrated ensemble of as few fields; on it a probability is as often true as it can be. "
            "The larger the disc, the more cells have it"
        )
        parts = [pages.figure(png, "Reliability of the probabilities", note)]
    return pages.section(
        title,
        pages.paragraph(
            f"From its evaluation on ground that it never saw: {metrics.get('n_fields', '-')} fields of {tile} x "
            f"{tile} cells against {evaluation['tiles']} held-out tiles. It says nothing of these wells.",
            note=True,
        ),
        pages.table(("metric", "model", "real data", "independent pixels"), rows, numbers=(1, 2, 3)),
        *parts,
    )
