"""Files of an ensemble: the format goes by the suffix, all files of a call appear together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geogan import fields_gslib, fields_npz, fields_tif, fields_zarr
from geogan.ensemble import Ensemble
from geogan.errors import InputError
from geogan.files import replacing_file, replacing_folder


@dataclass(frozen=True)
class Format:
    """``fields`` writes OUT itself; ``maps``, where OUT does not hold the maps too, writes those of the names given:
    each to a file of its own where they lie ``apart``, else all to one, which is called by the first."""

    fields: Callable[[Path, Ensemble], None]
    maps: Callable[[Path, Ensemble, Sequence[str]], None] | None = None
    apart: bool = False

    def companions(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Which maps go to which file beside OUT."""
        if self.maps is None or not names:
            return {}
        return {name: (name,) for name in names} if self.apart else {names[0]: tuple(names)}


FORMATS = {
    ".npz": Format(fields_npz.write),
    ".zarr": Format(fields_zarr.write),
    ".tif": Format(fields_tif.write_fields, fields_tif.write_maps, apart=True),
    ".gslib": Format(fields_gslib.write_fields, fields_gslib.write_maps),
}


def check_output(path: Path, maps: Sequence[str] = (), *, count: int = 1, inputs: Sequence[Path | None] = ()) -> None:
    """Raise InputError where ``write`` would refuse ``path``: before an hour of sampling, not after.

    ``maps``: the names of those that the ensemble of ``count`` fields will have, where they are known; ``inputs``:
    files that must stay.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: unknown suffix {path.suffix or '(none)'}; use {', '.join(FORMATS)}")
    if path.suffix == ".tif" and count > fields_tif.MOST:
        raise InputError(f"{path}: {count} realizations; a TIFF holds {fields_tif.MOST} bands, take another suffix")
    for one in paths(path, maps):
        if one.is_dir() and not (one == path and path.suffix == ".zarr"):
            raise InputError(f"{one}: is a folder; name a file")
        for given in inputs:
            if given and given.resolve().is_relative_to(one.resolve()):
                raise InputError(f"{path}: would replace {given}, which is read; name another file")
    if path.suffix == ".zarr" and path.exists() and not fields_zarr.is_ensemble(path):
        raise InputError(f"{path}: exists and is no Zarr store of fields; it is not replaced")
    parent = next(one for one in path.absolute().parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a folder that can be written to")


def paths(path: Path, maps: Sequence[str]) -> list[Path]:
    """The files of an ensemble written to OUT: OUT itself, ..., OUT.report.html, OUT.report.json."""
    beside = [f".{name}{path.suffix}" for name in FORMATS[path.suffix].companions(maps)]
    return [path.with_name(path.name + part) for part in ("", *beside, ".report.html", ".report.json")]


def write(path: Path, ensemble: Ensemble, report: dict[str, Any], page: str = "") -> list[Path]:
    """Write the ensemble, its report and the page that shows it; the paths written.

    Every file is complete and on the device before the first takes its place: if one cannot be written,
    all that was there before stays and nothing is added. Raises InputError then (no room, no permission).
    """
    names = list(ensemble.maps)
    check_output(path, names)
    made, form = paths(path, names), FORMATS[path.suffix]
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    try:
        with ExitStack() as stack:
            # The report is entered first, so that it takes its place last.
            for target, content in ((made[-1], text), (made[-2], page)):
                temporary = stack.enter_context(replacing_file(target))
                temporary.write_text(content, encoding="utf-8")
                _to_device(temporary)
            for target, shown in zip(made[:-2], (None, *form.companions(names).values()), strict=True):
                replacing = replacing_folder if path.suffix == ".zarr" else replacing_file
                temporary = stack.enter_context(replacing(target))
                if shown is None:
                    form.fields(temporary, ensemble)
                elif form.maps:
                    form.maps(temporary, ensemble, shown)
                if temporary.is_file():
                    _to_device(temporary)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    return made


def _to_device(path: Path) -> None:
    """Wait until a file is on the device; raises OSError where there is no room for it."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
