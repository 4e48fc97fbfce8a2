"""Which columns of a wells file are which: by the user's word, by name, by position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from geogan.errors import InputError

SYNONYMS = {
    "x": ("x", "utmx", "xutm", "easting", "east", "xcoord", "xcoordinate", "coordx", "longitude", "lon"),
    "y": ("y", "utmy", "yutm", "northing", "north", "ycoord", "ycoordinate", "coordy", "latitude", "lat"),
    "row": ("row", "rows", "rowindex", "r"),
    "column": ("column", "columns", "col", "cols", "columnindex", "colindex", "c"),
    "facies": (
        *("facies", "faciescode", "value", "val", "code", "class", "category", "cat"),
        *("lithofacies", "lithology", "litho", "rocktype", "var"),
    ),
    "value": (
        *("value", "val", "v", "property", "porosity", "poro", "phi", "permeability", "perm", "grade"),
        *("measurement", "var"),
    ),
}
HEIGHTS = ("z", "utmz", "depth", "elevation", "elev", "zcoord")


def plain(name: str) -> str:
    """A column name without case, units in brackets, blanks and punctuation: "UTM X [m]" -> "utmx"."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)|\[.*?\]", "", name.lower()))


def fitting(header: Sequence[str], key: str) -> list[str]:
    """The columns that are called like ``key``, the commonest name first."""
    names = [plain(name) for name in header]
    return [header[names.index(name)] for name in SYNONYMS[key] if name in names]


def find(header: Sequence[str], key: str) -> int | None:
    """The position of the first column that is ``fitting``; else None."""
    names = fitting(header, key)
    return list(header).index(names[0]) if names else None


def chosen(source: str, header: Sequence[str], key: str, wanted: str) -> int:
    """The position of the column that the user asked for by header name or by 1-based position.

    Raises InputError where there is none.
    """
    for candidates, name in ((list(header), wanted), ([plain(one) for one in header], plain(wanted))):
        if name and name in candidates:
            return candidates.index(name)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1
    raise InputError(f"{source}: --columns {key}={wanted}: no such column; there are {listed(header)}")


def listed(header: Sequence[str]) -> str:
    """The columns of a file in words."""
    return ", ".join(header) if any(header) else f"{len(header)} columns without names"


def coordinates(
    source: str, header: Sequence[str], given: Mapping[str, str], *, by_position: bool
) -> tuple[str, str, int, int]:
    """(key, key, position, position) of the coordinates: ``x``, ``y`` or ``row``, ``column``.

    ``by_position`` allows the first two columns to be x and y where no name fits. Raises InputError where
    none or both pairs are there.
    """
    pairs = []
    for keys in (("x", "y"), ("row", "column")):
        found = [chosen(source, header, key, given[key]) if key in given else find(header, key) for key in keys]
        named = [key for key in keys if key in given]
        if found[0] is not None and found[1] is not None:
            pairs.append((named, (*keys, found[0], found[1])))
        elif named:
            other = next(key for key in keys if key not in given)
            raise InputError(
                f"{source}: no {other} column to go with {named[0]} among {listed(header)}; "
                f"pass --columns {named[0]}=..,{other}=.."
            )
    asked = [pair for named, pair in pairs if named]
    if len(asked) == 1 or len(pairs) == 1:
        return (asked or [pair for _, pair in pairs])[0]
    if pairs:
        raise InputError(
            f"{source}: both x, y and row, column among {listed(header)}; "
            "pass --columns x=..,y=.. or --columns row=..,column=.."
        )
    if by_position and len(header) >= 3:
        return "x", "y", 0, 1
    raise InputError(
        f"{source}: no x, y or row, column columns among {listed(header)}; "
        "pass --columns x=..,y=.. or --columns row=..,column=.. (names or positions)"
    )


def datum(source: str, header: Sequence[str], given: Mapping[str, str], key: str, *, by_position: bool) -> int:
    """The position of the column ``key``, facies or value. ``by_position`` allows the last one where no name fits, as
    a value only where no column has a name: what is called otherwise is another quantity.

    Raises InputError where there is none.
    """
    if key in given:
        return chosen(source, header, key, given[key])
    position = find(header, key)
    if position is None and by_position and not (key == "value" and any(header)):
        known = {name for other in ("x", "y", "row", "column") for name in SYNONYMS[other]} | set(HEIGHTS)
        if len(header) >= 3 and plain(header[-1]) not in known:
            position = len(header) - 1
    if position is None:
        raise InputError(
            f"{source}: no {key} column among {listed(header)}; "
            f"call one {key} or pass --columns {key}=NAME (or its position)"
        )
    return position
