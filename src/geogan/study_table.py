"""What became of a study: each cell, each variation over its seeds, and the variations that none beats."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from geogan.metrics.directions import FIELD_DIRECTIONS, TRANSLATION_DIRECTIONS
from geogan.study import Cell, Study

Status = Literal["finished", "refused", "diverged", "failed", "not run"]
LOW, HIGH = 10, 90  # percentiles of the spread


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its metrics if it is finished, else the reason why not."""

    cell: Cell
    status: Status
    reason: str = ""
    key: str = ""
    metrics: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Summary:
    """A metric over the seeds of a variation: median, and the 10th and 90th percentile (linear interpolation)."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        """``0.98``, or with a spread ``0.98 (0.97 to 0.99)``."""
        spread = f" ({self.low:.4g} to {self.high:.4g})" if self.low < self.high else ""
        return f"{self.median:.4g}{spread}"


@dataclass(frozen=True)
class Row:
    """A variation: its labels, how many of its cells are finished, and why the others are not."""

    labels: tuple[str, ...]
    finished: int
    cells: int
    reasons: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    def summary(self, metric: str) -> Summary | None:
        """The metric over the finished cells; None where none of them has it."""
        found = [(outcome.metrics or {}).get(metric) for outcome in self.outcomes]
        values = [float(value) for value in found if isinstance(value, int | float) and np.isfinite(value)]
        return Summary(*map(float, np.percentile(values, (50, LOW, HIGH)))) if values else None


def rows(study: Study, outcomes: Sequence[Outcome]) -> list[Row]:
    """One row for each variation, in the order of the grid."""
    found = []
    for labels in study.variations:
        own = tuple(outcome for outcome in outcomes if outcome.cell.labels == labels)
        reasons = dict.fromkeys(
            f"{outcome.status}: {outcome.reason}" if outcome.reason else outcome.status
            for outcome in own
            if outcome.status != "finished"
        )
        done = sum(outcome.status == "finished" for outcome in own)
        found.append(Row(labels, done, len(own), tuple(reasons), own))
    return found


def table_csv(study: Study, table: Sequence[Row]) -> str:
    """One line for each variation: every metric of the table as its median, ``_p10`` and ``_p90``."""
    head = [*study.axes, "finished", "cells"]
    head += [f"{metric}{end}" for metric in study.table for end in ("", f"_p{LOW}", f"_p{HIGH}")]
    lines: list[list[Any]] = []
    for row in table:
        numbers: list[str] = []
        for metric in study.table:
            summary = row.summary(metric)
            values = (summary.median, summary.low, summary.high) if summary else ()
            numbers += [f"{value:.6g}" for value in values] or ["", "", ""]
        lines.append([*row.labels, row.finished, row.cells, *numbers, "; ".join(row.reasons)])
    return _csv([*head, "reason"], lines)


def cells_csv(study: Study, outcomes: Iterable[Outcome]) -> str:
    """One line for each cell, with the metrics of table and plot."""
    shown = dict.fromkeys((*study.table, *((study.plot.x, study.plot.y) if study.plot else ())))
    metrics = [name for name in shown if name not in study.axes]
    lines = [
        [
            outcome.cell.name,
            *outcome.cell.labels,
            outcome.cell.seed,
            outcome.status,
            *((outcome.metrics or {}).get(metric, "") for metric in metrics),
            outcome.key,
            outcome.reason,
        ]
        for outcome in outcomes
    ]
    return _csv(["cell", *study.axes, "seed", "status", *metrics, "key", "reason"], lines)


def table_markdown(study: Study, table: Sequence[Row]) -> str:
    """The table to read: a line for each variation, and what the numbers are."""
    spread = any(row.cells > 1 for row in table)
    why = any(row.reasons for row in table)
    head = [*study.axes, *(["seeds"] if spread else []), *study.table, *(["not finished"] if why else [])]
    lines = [head, ["---"] * len(head)]
    for row in table:
        summaries = (row.summary(metric) for metric in study.table)
        cells = [*row.labels, *([f"{row.finished} of {row.cells}"] if spread else [])]
        cells += [summary.text() if summary else "" for summary in summaries]
        lines.append([*cells, *(["; ".join(row.reasons)] if why else [])])
    told = f"{study.name}: {study.experiment}"
    if spread:
        told += f"; median of the seeds, in brackets their percentiles {LOW} to {HIGH}"
    escaped = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return told + "\n\n" + "\n".join(escaped) + "\n"


def less_is_better(metric: str) -> bool:
    """Whether smaller values of a metric are the better ones; so of one that no checkpoint is selected by."""
    return (FIELD_DIRECTIONS | TRANSLATION_DIRECTIONS).get(metric, +1) > 0


def pareto(points: Float[np.ndarray, "point objective"]) -> Bool[np.ndarray, " point"]:
    """Which points no other beats: none is as small in every objective and smaller in one."""
    no_larger = (points[:, None] <= points[None]).all(axis=2)
    smaller = (points[:, None] < points[None]).any(axis=2)
    return np.asarray(~(no_larger & smaller).any(axis=0))


def _csv(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(lines)
    return text.getvalue()
