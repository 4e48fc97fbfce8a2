"""Wells: where a facies or a value is known, as a table, GSLIB points or a point layer says it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geogan.errors import InputError


@dataclass(frozen=True)
class Wells:
    """Points with a datum each, as read; not yet on a grid.

    ``first``, ``second`` are row and column (0-based, from the top left, whole numbers) where
    ``by_cell``, else x and y (map units of ``crs``, or of the grid where that is None; cells with y
    upwards on a grid in cells). ``labels`` are what the file says: a code, a
    name or a number. ``places`` says where
    each was read ("line 7", "feature 3"), ``columns`` which column was taken for what, ``notes`` what was
    assumed. Nothing is empty, all coordinates are finite.
    """

    source: str
    by_cell: bool
    first: Float64[np.ndarray, " well"]
    second: Float64[np.ndarray, " well"]
    labels: tuple[str, ...]
    places: tuple[str, ...]
    columns: dict[str, str]
    crs: str | None = None
    notes: tuple[str, ...] = ()


def read(path: Path, *, columns: Mapping[str, str] | None = None, key: str = "facies") -> Wells:
    """Wells from a table (comma, semicolon, tab or blanks), GSLIB points, GeoPackage or GeoJSON.

    ``key`` is what is wanted of the wells, ``facies`` or the ``value`` of a property. ``columns`` names the columns to
    take: keys ``x``, ``y``, ``row``, ``column`` and ``key``; values a header name or a 1-based position. What it leaves
    out is found by name, else, where the file has no header, by position (x, y, last = ``key``). The format is told by
    the content, not by the suffix.
    Raises InputError (file, line, column) for text in numbers, NaN, no rows, no column ``key``, and a
    file that cannot be read.
    """
    from geogan import wells_layer, wells_table

    chosen = dict(columns or {})
    unknown = sorted(set(chosen) - {"x", "y", "row", "column", key})
    if unknown:
        raise InputError(f"--columns {unknown[0]}: unknown; the keys are x, y, row, column, {key}")
    for one, other in itertools.combinations(chosen, 2):
        if chosen[one] == chosen[other]:
            raise InputError(f"--columns: {one} and {other} are both {chosen[one]!r}; name a column for each")
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        raise InputError(f"{path}: is no regular file; save the table to one")
    try:
        with Path(path).open("rb") as stream:
            start = stream.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a table of wells") from error
    if start.startswith(b"SQLite format 3\0") or start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return wells_layer.read(Path(path), chosen, key)
    return wells_table.read(Path(path), chosen, key)
