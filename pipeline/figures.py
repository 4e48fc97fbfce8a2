"""Figures of an evaluation and of a training; the same PNG for the same input, byte for byte."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geogan.evaluate import Evaluation
from geogan.files import write_text
from geogan.metrics.curves import Curve

from .trust_figures import draw_trust

_AXES = {
    "connectivity": "connectivity τ(h)",
    "variogram": "indicator variogram γ(h)",
}


def draw_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write ``samples.png``, ``constraints.png``, ``curves``, ``reliability`` and ``distances``; the last three as a
    PNG and a table each. Their paths.
    """
    paths = [folder / name for name in ("samples.png", "constraints.png", "curves.png", "curves.csv")]
    sample_sheet(evaluation, paths[0])
    constraint_overlay(evaluation, paths[1])
    curve_sheet(evaluation.curves, paths[2])
    write_curves(evaluation.curves, paths[3])
    return paths + draw_trust(evaluation.reliability, evaluation.profiles, folder)


def sample_sheet(evaluation: Evaluation, path: Path, *, sets: int = 3, noises: int = 3) -> None:
    """Real held-out fields on top; below, for every set of hard data, the data and different noises."""
    from . import figure_parts as parts

    count, groups = len(evaluation.facies_names), evaluation.groups
    sets, noises = min(sets, len(groups)), min(noises, groups.shape[1])
    shape = groups.shape[-2] / groups.shape[-1]
    with parts.style():
        figure, axes = parts.panels(sets + 1, noises + 1, (1.9, 1.9 * shape + 0.1))
        shown = min(noises + 1, len(evaluation.real))
        for column, axis in enumerate(axes[0]):
            if column < shown:  # evenly spaced: neighbouring tiles may overlap
                parts.field(axis, evaluation.real[column * len(evaluation.real) // shown], count)
            else:
                axis.set_axis_off()
        for row, (data, *simulated) in enumerate(axes[1:]):
            mask, facies = evaluation.mask[row], evaluation.facies[row]
            parts.wells(data, mask, facies, facies, count, size=8.0)
            data.set_ylabel(f"hard data {row + 1}")
            for noise, axis in enumerate(simulated):
                parts.field(axis, groups[row, noise], count)
                parts.wells(axis, mask, facies, groups[row, noise], count, size=4.0)
        axes[0][0].set_ylabel("real, held out")
        axes[1][0].set_title("hard data")
        for noise, axis in enumerate(axes[1][1:]):
            axis.set_title(f"simulated, noise {noise + 1}")
        parts.legend(figure, evaluation.facies_names, missed=bool(_misses(evaluation)[:sets, :noises].any()))
        parts.save(figure, path)


def constraint_overlay(evaluation: Evaluation, path: Path) -> None:
    """One simulated field, large, with its hard data: honoured or missed."""
    from . import figure_parts as parts

    count = len(evaluation.facies_names)
    mask, facies, field = evaluation.mask[0], evaluation.facies[0], evaluation.groups[0, 0]
    missed = int(_misses(evaluation)[0, 0])
    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (6.2, 6.2 * field.shape[0] / field.shape[1] + 0.5))
        parts.field(axis, field, count)
        parts.wells(axis, mask, facies, field, count, size=26.0)
        axis.set_title(f"{mask.sum() - missed} of {mask.sum()} hard data honoured", loc="left")
        parts.legend(figure, evaluation.facies_names, missed=missed > 0)
        parts.save(figure, path)


def curve_sheet(curves: Sequence[Curve], path: Path) -> None:
    """Connectivity and variogram along x and y: simulated mean, real mean, real min-max envelope.

    A row per statistic; with more than two facies a row per facies.
    """
    from . import figure_parts as parts

    kinds = list(dict.fromkeys(tuple(curve.name.split("_")[:2]) for curve in curves))
    facies = list(dict.fromkeys("_".join(curve.name.split("_")[2:]) for curve in curves))
    columns = 2 if len(facies) == 1 else len(kinds)
    size = (3.5, 2.5) if len(facies) == 1 else (2.6, 2.1)
    with parts.style():
        figure, axes = parts.panels(len(curves) // columns, columns, size, share=True)
        for curve in curves:
            statistic, direction, *rest = curve.name.split("_")
            name = "_".join(rest)
            row, column = divmod(facies.index(name) * len(kinds) + kinds.index((statistic, direction)), columns)
            axis = axes[row][column]
            lags = np.arange(1, len(curve.simulated) + 1)
            band = axis.fill_between(lags, curve.real_min, curve.real_max, label="real, min to max")
            band.set(color=parts.GREY, alpha=0.25, linewidth=0)
            axis.plot(lags, curve.real_mean, color=parts.INK, linewidth=1.2, dashes=(4, 2), label="real, mean")
            axis.plot(lags, curve.simulated, color=parts.BLUE, linewidth=1.6, label="simulated, mean")
            axis.set_xlim(0, lags[-1] + 1)
            axis.set_ylim(0, _top(curves, statistic))
            axis.set_title(f"along {direction}" + (f", {parts.label(name)}" if name else ""), loc="left")
            if column % 2 == 0:
                axis.set_ylabel(_AXES[statistic])
            if row == len(axes) - 1:
                axis.set_xlabel("lag h (pixels)")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        parts.save(figure, path)


def _top(curves: Sequence[Curve], statistic: str) -> float:
    """Upper end of the axis of a statistic, the same in all its panels."""
    if statistic == "connectivity":
        return 1.05
    highest = [max(c.real_max.max(), c.simulated.max()) for c in curves if c.name.startswith(statistic)]
    return 1.05 * float(max(highest)) or 1.0


def loss_sheet(history: Sequence[Mapping[str, float]], path: Path, *, columns: int = 3) -> None:
    """One panel per term of the history over the step: every record, and a running median of them.

    A record is ``{"step": ..., "<term>": value, ...}`` and need not hold every term. A term that spans
    more than two decades gets a logarithmic axis.
    """
    from . import figure_parts as parts

    terms = list(dict.fromkeys(key for record in history for key in record if key != "step"))
    columns = max(1, min(columns, len(terms)))
    with parts.style():
        figure, axes = parts.panels(max(1, -(-len(terms) // columns)), columns, (2.9, 1.9), share=True)
        last = max((record["step"] for record in history), default=1)
        flat = [axis for row in axes for axis in row]
        for axis in flat[len(terms) :]:
            axis.set_axis_off()
        for index, (term, axis) in enumerate(zip(terms, flat, strict=False)):
            series = np.array([(record["step"], record[term]) for record in history if term in record], float)
            series = series[np.isfinite(series[:, 1])]
            steps, values = series.T
            smooth = _running_median(values)
            axis.plot(steps, values, color=parts.GREY, linewidth=0.6, alpha=0.7)
            axis.plot(steps, smooth, color=parts.BLUE, linewidth=1.4, marker="o" * (len(steps) < 30), markersize=2.5)
            if len(values) and values.min() > 0 and values.max() > 100 * values.min():
                axis.set_yscale("log")
            axis.set_xlim(0, last)
            axis.set_title(term, loc="left")
            if index + columns >= len(terms):
                axis.set_xlabel("step")
                axis.tick_params(labelbottom=True)
        parts.save(figure, path)


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """A table for ``dvc plots``: lag, statistic, simulated, real_mean, real_min, real_max."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["lag", "statistic", "simulated", "real_mean", "real_min", "real_max"])
    for curve in curves:
        columns = np.stack([curve.simulated, curve.real_mean, curve.real_min, curve.real_max], axis=1)
        table.writerows([lag, curve.name, *(f"{value:.6g}" for value in row)] for lag, row in enumerate(columns, 1))
    write_text(path, text.getvalue())


def _running_median(values: Float64[np.ndarray, " record"]) -> Float64[np.ndarray, " record"]:
    """Median of a twentieth of the records (501 at most) around each; of few records, themselves."""
    from scipy.ndimage import median_filter

    half = min(len(values) // 40, 250)
    return np.asarray(median_filter(values, 2 * half + 1, mode="nearest")) if half else values


def _misses(evaluation: Evaluation) -> np.ndarray:
    """Hard data missed by every field of every group."""
    wrong = evaluation.groups != evaluation.facies[:, None]
    return np.asarray((wrong & evaluation.mask[:, None]).sum(axis=(2, 3)))
