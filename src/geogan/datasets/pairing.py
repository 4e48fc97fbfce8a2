"""Files of scenes and maps found by patterns, and matched by the text that the wildcards stand for."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geogan.errors import InputError
from geogan.files import sha256_of

RASTERS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
VECTORS = (".gpkg", ".geojson", ".json")
SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Found:
    """A file, and the name that it is matched by."""

    name: str
    file: Path


def find(root: Path, pattern: str, *, key: str, suffixes: tuple[str, ...] = RASTERS) -> tuple[Found, ...]:
    """The files of a pattern, a folder or a path, in the natural order of their names.

    A relative pattern starts at ``root``; ``**`` stands for any number of folders. A name is the text that the
    wildcards stand for, without the suffix of the file, joined by "/"; in a folder, and of one file, the stem.

    Raises:
        InputError: there is no such file or folder, nothing matches, or two files have one name.
    """
    place = root / pattern
    if place.is_file():
        return (Found(place.stem, place),)
    if place.is_dir():
        files = (file for file in place.iterdir() if file.suffix.lower() in suffixes and file.name[0] != ".")
        found = [Found(file.stem, file) for file in files if file.is_file()]
        wrong = f"source.{key}: {place} holds no file ending in {', '.join(suffixes)}"
    elif glob.has_magic(pattern):
        found = _matching(root, pattern)
        wrong = f"source.{key}: no file matches {place}"
    else:
        raise InputError(f"source.{key}: there is no file or folder {place}")
    if not found:
        raise InputError(wrong)
    double = [name for name, count in Counter(one.name for one in found).items() if count > 1]
    if double:
        files_of = " and ".join(str(one.file) for one in found if one.name == double[0])
        raise InputError(f"source.{key}: {files_of} have one name, {double[0]!r}; names must differ")
    return tuple(sorted(found, key=lambda one: natural(one.name)))


def match(a: tuple[Found, ...], b: tuple[Found, ...]) -> tuple[tuple[Found, Found], ...]:
    """Pairs of one name. Raises InputError naming the first files that have no partner, on each side."""
    partners = {one.name: one for one in b}
    alone_a = [one.name for one in a if one.name not in partners]
    alone_b = [one.name for one in b if one.name not in {one.name for one in a}]
    if alone_a or alone_b:
        parts = [
            f"source.{key} has {len(names)} without a partner: {_few(names)}"
            for key, names in (("a", alone_a), ("b", alone_b))
            if names
        ]
        raise InputError(f"{a[0].file.parent}: {'; '.join(parts)}; files of a pair need the same name")
    return tuple((one, partners[one.name]) for one in a)


def digest(found: Sequence[Found], *, expected: str | None, key: str) -> str:
    """The sha256 of one file; of several that over their sorted names and the sha256 of each.

    Raises InputError if it is not the ``expected`` one.
    """
    if len(found) == 1:
        actual = sha256_of(found[0].file)
    else:
        lines = sorted(f"{one.name}{one.file.suffix} {sha256_of(one.file)}\n" for one in found)
        actual = hashlib.sha256("".join(lines).encode()).hexdigest()
    if expected is not None and expected.lower() != actual:
        raise InputError(f"{found[0].file}: source.{key}_sha256 asks for {expected}, that of the data is {actual}")
    return actual


def identity(**parts: object) -> str:
    """The sha256 of settings and other digests."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_percentiles(percentiles: tuple[float, float] | None) -> None:
    """Raise InputError unless the percentiles ascend between 0 and 100."""
    if percentiles is not None and not 0 <= percentiles[0] < percentiles[1] <= 100:
        low, high = percentiles
        raise InputError(f"source.percentiles: {low:g} and {high:g}, must ascend between 0 and 100")


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A sorting key by which "2" comes before "10"."""
    parts = re.findall(r"\d+|\D+", name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _matching(root: Path, pattern: str) -> list[Found]:
    start = Path(Path(pattern).anchor) if Path(pattern).is_absolute() else root
    pattern = os.path.relpath(pattern, start) if start != root else os.path.normpath(pattern)
    expression = _expression(pattern)
    found = []
    for path in glob.iglob(pattern, root_dir=start, recursive=True):
        matched = expression.fullmatch(os.path.normpath(path))
        if matched and (start / path).is_file():
            found.append(Found(_name(path, matched), start / path))
    return found


def _name(path: str, matched: re.Match[str]) -> str:
    """The text of the groups before the suffix."""
    end = len(path) - len(Path(path).suffix)
    spans = [matched.span(group) for group in range(1, len(matched.groups()) + 1)]
    texts = [path[start : min(stop, end)] for start, stop in spans if 0 <= start <= end]
    return "/".join(text.strip("/") for text in texts if text)


def _expression(pattern: str) -> re.Pattern[str]:
    """The pattern with a group for every wildcard."""
    wildcards = {"*": "([^/]*)", "?": "([^/])"}
    done = []
    for part in pattern.split("/"):
        if part == "**":
            done.append("((?:[^/]+/)*)")
            continue
        pieces = re.split(r"(\*+|\?|\[!?[^]]+\])", part)
        for piece in pieces:
            if piece.startswith("["):
                done.append(f"({piece.replace('[!', '[^', 1)})")
            else:
                done.append(wildcards[piece[0]] if piece[:1] in wildcards else re.escape(piece))
        done.append("/")
    return re.compile("".join(done).removesuffix("/"), re.DOTALL)


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
