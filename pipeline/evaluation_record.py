"""What a bundle of a generator of fields keeps of its evaluation, from the metrics and the tables of the figures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def evaluation(metrics: dict[str, Any], figures: Path) -> dict[str, Any] | None:
    """``metrics``; ``curves`` of the held-out tiles, their ``size`` and number ``tiles``; ``reliability`` of the
    probabilities of each facies, where it was judged. None where there was no evaluation of fields."""
    curves = _columns(figures / "curves.csv", "statistic", {"mean": "real_mean", "min": "real_min", "max": "real_max"})
    if not metrics or not curves:
        return None
    record = {"size": metrics["size"], "tiles": metrics["n_real"], "metrics": metrics, "curves": curves}
    names = {name: name for name in ("level", "share", "observed", "calibrated")}
    reliability = _columns(figures / "reliability.csv", "facies", names)
    return record | ({"reliability": reliability} if reliability else {})


def _columns(table: Path, by: str, names: dict[str, str]) -> dict[str, dict[str, list[float | None]]]:
    """The columns of a table, apart for each value of ``by``: our name -> its name; nothing where there is no table."""
    found: dict[str, dict[str, list[float | None]]] = {}
    for row in _rows(table):
        kept = found.setdefault(row[by], {name: [] for name in names})
        for name, column in names.items():
            kept[name].append(float(row[column]) if row[column] else None)
    return found


def _rows(table: Path) -> Iterator[dict[str, str]]:
    if table.exists():
        with table.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
