"""The plot of a study: a point for each variation, its spread over the seeds, the variations that none beats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geogan.study import Study
from geogan.study_table import HIGH, LOW, Row, Summary, less_is_better, pareto

# after Okabe and Ito (2008); marks that differ in shape, for those who see no colour
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#262626", "#8c8c8c")
MARKERS = "osD^vP*X"


def draw(study: Study, table: Sequence[Row], path: Path) -> bool:
    """Write a PNG of the finished variations; False, and nothing written, where none has both values."""
    from . import figure_parts as parts

    plot = study.plot
    assert plot is not None
    found = [(row, _value(study, row, plot.x), _value(study, row, plot.y)) for row in table]
    points = [(row, x, y) for row, x, y in found if x and y]
    if not points:
        return False
    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (6.2, 4.4))
        for row, x, y in points:
            axis.errorbar(
                x.median,
                y.median,
                xerr=[[x.median - x.low], [x.high - x.median]],
                yerr=[[y.median - y.low], [y.high - y.median]],
                color=COLOURS[_place(study, row, plot.colour) % len(COLOURS)],
                marker=MARKERS[_place(study, row, plot.marker) % len(MARKERS)],
                markersize=6,
                elinewidth=0.8,
                linestyle="none",
            )
        if plot.pareto:
            values = np.array([(x.median, y.median) for _, x, y in points])
            signs = np.array([1 if less_is_better(name) else -1 for name in (plot.x, plot.y)])
            front = values[pareto(values * signs)]
            front = front[np.lexsort((front[:, 1], front[:, 0]))]
            axis.plot(*front.T, color=parts.GREY, linewidth=1, dashes=(4, 2), zorder=0, label="none better")
        for letter, name in (("x", plot.x), ("y", plot.y)):
            getattr(axis, f"set_{letter}label")(name)
            if letter in plot.log:
                getattr(axis, f"set_{letter}scale")("log")
        entries = [*_entries(study, plot.colour, plot.marker), *axis.get_legend_handles_labels()[0]]
        if entries:
            title = ", ".join(dict.fromkeys(name for name in (plot.colour, plot.marker) if name))
            figure.legend(handles=entries, loc="outside right center", title=title)
        if study.repeats > 1:
            axis.set_title(f"median of {study.repeats} seeds, percentiles {LOW} to {HIGH}", loc="left")
        parts.save(figure, path)
    return True


def _value(study: Study, row: Row, name: str) -> Summary | None:
    """A metric of a variation, or its place on an axis of numbers."""
    if name not in study.axes:
        return row.summary(name)
    try:
        number = float(row.labels[list(study.axes).index(name)])
    except ValueError:
        return None
    return Summary(number, number, number)


def _place(study: Study, row: Row, axis: str | None) -> int:
    """Which value of an axis a variation has."""
    if axis is None:
        return 0
    return list(study.axes[axis]).index(row.labels[list(study.axes).index(axis)])


def _entries(study: Study, colour: str | None, marker: str | None) -> list[Any]:
    """Entries of the legend for both axes."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    entries = []
    for number, label in enumerate(study.axes[colour] if colour else ()):
        mark = MARKERS[number % len(MARKERS)] if marker == colour else "o"
        entries.append(Line2D([], [], color=COLOURS[number % len(COLOURS)], marker=mark, label=label, **style))
    for number, label in enumerate(study.axes[marker] if marker and marker != colour else ()):
        entries.append(Line2D([], [], color="#262626", marker=MARKERS[number % len(MARKERS)], label=label, **style))
    return entries
