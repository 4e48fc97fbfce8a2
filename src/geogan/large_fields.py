"""Windows over a field: each is computed with so much around it that together they are the field in one piece."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from geogan.errors import InputError
from geogan.receptive_field import ReceptiveField

FEATURES = 2**29  # bytes that a layer may read and write at once; see ReceptiveField.bytes_per_cell


@dataclass(frozen=True)
class Span:
    """Along an axis: the cells ``start``..``end`` that a window gives, of the cells ``first``..``last`` that it sees.

    ``start``, ``first`` and ``last`` are multiples of the stride; ``last`` may lie past the end of the field, by less
    than a stride, where the field is continued by nothing known.
    """

    start: int
    end: int
    first: int
    last: int

    @property
    def given(self) -> slice:
        """In the field."""
        return slice(self.start, self.end)

    @property
    def cut(self) -> slice:
        """The same cells in what was computed."""
        return slice(self.start - self.first, self.end - self.first)

    def seen(self, scale: int = 1, margin: int = 0) -> slice:
        """In the field, or in a map whose cells are ``scale`` of the field's, and that has a margin around it."""
        return slice(self.first // scale, (self.last + 2 * margin) // scale)


@dataclass(frozen=True)
class Window:
    """A rectangle of a field."""

    rows: Span
    columns: Span

    def cells(self, margin: int) -> int:
        """Cells that are computed."""
        sides = (side.last - side.first + 2 * margin for side in (self.rows, self.columns))
        return math.prod(sides)


def plan_windows(
    rows: int, columns: int, stride: int, field: ReceptiveField, window: int | None = None, at_once: int = 1
) -> list[Window]:
    """Windows that cover a field of rows x columns, in order of rows.

    A window ends where the field ends or sees ``field.margin`` cells more, so each cell has what it has in one piece:
    real neighbours inside, the zeros of the network's padding at the border of the field alone. ``window`` is the
    longest side that a window gives (in cells, a multiple of the stride). By default there is one window if the
    features of ``at_once`` fields of this size fit into 512 MiB, or if the generator needs the whole field at once;
    else as long as fits, or as the margin.

    Raises InputError for a ``window`` that is no multiple of the stride, or where the generator allows none.
    """
    if window is None:
        cells = FEATURES / at_once / field.bytes_per_cell
        if field.margin is None or _up(rows, stride) * _up(columns, stride) <= cells:
            window = _up(max(rows, columns), stride)
        else:
            around = 2 * field.margin
            window = _up(max(field.margin, math.isqrt(int(cells)) - around - stride, 1), stride)
    elif field.margin is None:
        raise InputError(
            f"--window {window}: the generator cannot draw a field by windows, {field.why} takes in the whole field; "
            "leave --window out"
        )
    if window < 1 or window % stride:
        raise InputError(f"--window {window}: must be a multiple of the generator's stride, {stride}")
    sides = [_spans(length, window, field.margin or 0, stride) for length in (rows, columns)]
    return [Window(over_rows, over_columns) for over_rows in sides[0] for over_columns in sides[1]]


def _spans(length: int, window: int, margin: int, stride: int) -> list[Span]:
    """As few as can be, evenly long up to the stride."""
    steps = -(-length // stride)
    count = -(-length // window)
    starts = [number * steps // count * stride for number in range(count + 1)]
    return [
        Span(start, min(end, length), max(0, start - margin), min(steps * stride, end + margin))
        for start, end in itertools.pairwise(starts)
    ]


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
