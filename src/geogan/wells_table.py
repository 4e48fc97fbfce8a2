"""Wells from text: tables with a separator, and GSLIB/GEO-EAS points."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geogan import well_columns
from geogan.errors import InputError
from geogan.wells import Wells

LONGEST = 100  # characters of a number of columns; blanks may follow it


@dataclass(frozen=True)
class Table:
    """Cells of text. ``header`` has one name per column, empty where the file names none;
    ``by_position`` says whether columns that no name fits may be taken by position."""

    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]  # (line number, cells)
    by_position: bool


def read(path: Path, given: Mapping[str, str], key: str) -> Wells:
    """Wells from a table or from GSLIB points; see ``wells.read``. Raises InputError."""
    source = str(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: byte {error.start} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    try:
        table = _points(source, lines) if _is_geo_eas(lines) else _separated(source, lines, key)
    except csv.Error as error:
        raise InputError(f"{source}: is no table of wells ({error})") from None
    if not table.rows:
        raise InputError(f"{source}: no rows; one well at least is needed")
    return _wells(source, table, given, key)


def _wells(source: str, table: Table, given: Mapping[str, str], key: str) -> Wells:
    """The wells of a table: columns found, numbers checked."""
    header = table.header
    one, two, first, second = well_columns.coordinates(source, header, given, by_position=table.by_position)
    datum = well_columns.datum(source, header, given, key, by_position=table.by_position)
    titles = [name or str(position + 1) for position, name in enumerate(header)]
    by_cell = one == "row"
    values = np.array(
        [
            [_number(source, line, titles[at], cells[at], whole=by_cell) for at in (first, second)]
            for line, cells in table.rows
        ]
    )
    for line, cells in table.rows:
        if cells[datum].lower() in ("", "nan", "na", "null", "none"):
            text = cells[datum] or "empty"
            raise InputError(f"{source}: line {line}, column {titles[datum]}: {text}; a {key} is needed")
    notes = []
    if one == "x" and well_columns.find(header, "x") is None and "x" not in given:
        notes.append(
            f"{source}: columns {titles[first]}, {titles[second]} taken for x, y by position; "
            "if they are rows and columns, pass --columns row=..,column=.."
        )
    if well_columns.find(header, key) is None and key not in given:
        notes.append(f"{source}: column {titles[datum]} taken for {key} by position; --columns {key}=.. decides")
    elif len(rivals := well_columns.fitting(header, key)) > 1 and key not in given:
        notes.append(f"{source}: column {titles[datum]} taken for {key}, not {rivals[1]}; --columns {key}=.. decides")
    return Wells(
        source=source,
        by_cell=by_cell,
        first=values[:, 0],
        second=values[:, 1],
        labels=tuple(cells[datum] for _, cells in table.rows),
        places=tuple(f"line {line}" for line, _ in table.rows),
        columns={one: titles[first], two: titles[second], key: titles[datum]},
        notes=tuple(notes),
    )


def _number(source: str, line: int, title: str, text: str, *, whole: bool) -> float:
    value = _float(text)
    if value is None or not math.isfinite(value):
        raise InputError(f"{source}: line {line}, column {title}: {text!r} is not a number")
    if whole and value != int(value):
        raise InputError(f"{source}: line {line}, column {title}: {text} is not a whole number of cells")
    return value


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_geo_eas(lines: list[str]) -> bool:
    """A title, then the number of columns alone on its line, then a name on each of as many lines."""
    if len(lines) < 3 or not lines[1].strip().isdecimal() or len(lines[1]) > LONGEST:
        return False
    names = lines[2 : 2 + int(lines[1])]
    return len(names) == int(lines[1]) >= 1 and all(_float(name) is None for name in names)


def _points(source: str, lines: list[str]) -> Table:
    """GSLIB/GEO-EAS points (Deutsch and Journel, GSLIB, 1998): title, count, names, rows."""
    count = int(lines[1])
    header = tuple(line.strip() for line in lines[2 : 2 + count])
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if number > 2 + count]
    return Table(header, _even(source, rows, count), by_position=True)


def _separated(source: str, lines: list[str], key: str) -> Table:
    """A table whose separator is told by its first line that is neither blank nor a comment.

    The header is that line where no cell of it is a number; else the last comment line before it, if it
    has as many cells, none of them a number, and names a column ``key``, or x or a row; else there is none.
    """
    start = next((n for n, line in enumerate(lines) if _is_data(line)), len(lines))
    separator = next((mark for mark in ";\t," if start < len(lines) and mark in lines[start]), " ")
    rows = [(number, _split(line, separator)) for number, line in enumerate(lines[start:], start + 1) if _is_data(line)]
    if not rows:
        return Table((), [], by_position=False)
    first = rows[0][1]
    if all(_float(cell) is None for cell in first):
        return Table(tuple(first), _even(source, rows[1:], len(first)), by_position=False)
    comments = [line.lstrip()[1:] for line in lines[:start] if line.lstrip().startswith("#")]
    said = _split(comments[-1], separator) if comments else []
    named = len(said) == len(first) and all(_float(cell) is None for cell in said)
    known = named and any(well_columns.find(said, one) is not None for one in (key, "x", "row"))
    header = said if known else [""] * len(first)
    return Table(tuple(header), _even(source, rows, len(first)), by_position=True)


def _is_data(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line.strip(" \r\n")], delimiter=separator))]


def _even(source: str, rows: list[tuple[int, list[str]]], width: int) -> list[tuple[int, list[str]]]:
    """The rows that hold anything, each of ``width`` cells; empty ones beyond that are dropped.

    Raises InputError for a row of another width."""
    full = [(line, cells) for line, cells in rows if any(cells)]
    for line, cells in full:
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if len(cells) != width:
            raise InputError(f"{source}: line {line}: {len(cells)} cells where the table has {width} columns")
    return full
