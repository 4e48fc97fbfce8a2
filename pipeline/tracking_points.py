"""The points of a run: what a record of the history becomes in MLflow, and which of them a store lacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, NamedTuple

from .tracking_tags import legible_name


class Point(NamedTuple):
    """One value of one metric; ``milliseconds`` since 1970."""

    name: str
    value: float
    milliseconds: int
    step: int


def points_of(step: float, record: Mapping[str, Any], milliseconds: int) -> list[Point]:
    """The points of one record of the history: its numbers but inf and nan, which no store holds sanely."""
    return [
        Point(legible_name(name), float(value), milliseconds, int(step))
        for name, value in record.items()
        if name != "step" and isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    ]


def unsent(points: Iterable[Point], last: Mapping[str, int]) -> list[Point]:
    """Those points that come after the last step that a store has of their metric."""
    return [point for point in points if point.step > last.get(point.name, -1)]


def last_steps(run: Any) -> dict[str, int]:
    """The last step that the store has of every metric of a run."""
    return {metric.key: int(metric.step) for metric in run.data.to_proto().metrics}
