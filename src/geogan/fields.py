"""Files of an ensemble: the format goes by the suffix, all files of a call appear together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from geogan import fields_gslib, fields_npz, fields_tif, fields_zarr
from geogan.ensemble import Ensemble
from geogan.errors import InputError
from geogan.files import replacing_file, replacing_folder

Writer = Callable[[Path, Ensemble], None]
# suffix -> what is written to which companion of OUT ("" is OUT itself)
WRITERS: dict[str, dict[str, Writer]] = {
    ".npz": {"": fields_npz.write},
    ".zarr": {"": fields_zarr.write},
    ".tif": {
        "": fields_tif.write_facies,
        ".probability": fields_tif.write_probability,
        ".entropy": fields_tif.write_entropy,
        ".e_type": fields_tif.write_e_type,
        ".std": fields_tif.write_std,
    },
    ".gslib": {"": fields_gslib.write_facies, ".probability": fields_gslib.write_probability},
}


def check_output(path: Path) -> None:
    """Raise InputError where ``write`` would refuse ``path``: before an hour of sampling, not after."""
    if path.suffix not in WRITERS:
        raise InputError(f"{path}: unknown suffix {path.suffix or '(none)'}; use {', '.join(WRITERS)}")
    if path.suffix != ".zarr":
        for one in paths(path):
            if one.is_dir():
                raise InputError(f"{one}: is a folder; name a file")
    elif path.exists() and not (path / "zarr.json").exists():
        raise InputError(f"{path}: exists and is no Zarr store; it is not replaced")
    parent = next(one for one in path.absolute().parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a folder that can be written to")


def paths(path: Path) -> list[Path]:
    """The files of an ensemble written to OUT: OUT itself, ..., OUT.report.html, OUT.report.json."""
    fields = [path.with_name(path.name + part + path.suffix) if part else path for part in WRITERS[path.suffix]]
    return [*fields, *(path.with_name(path.name + suffix) for suffix in (".report.html", ".report.json"))]


def write(path: Path, ensemble: Ensemble, report: dict[str, Any], page: str = "") -> list[Path]:
    """Write the ensemble, its report and the page that shows it; the paths written.

    Every file is complete and on the device before the first takes its place: if one cannot be written,
    all that was there before stays and nothing is added. Raises InputError then (no room, no permission).
    """
    check_output(path)
    made = paths(path)
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    try:
        with ExitStack() as stack:
            # The report is entered first, so that it takes its place last.
            for target, content in ((made[-1], text), (made[-2], page)):
                temporary = stack.enter_context(replacing_file(target))
                temporary.write_text(content, encoding="utf-8")
                _to_device(temporary)
            for target, writer in zip(made[:-2], WRITERS[path.suffix].values(), strict=True):
                replacing = replacing_folder if path.suffix == ".zarr" else replacing_file
                temporary = stack.enter_context(replacing(target))
                writer(temporary, ensemble)
                if temporary.is_file():
                    _to_device(temporary)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    return made


def _to_device(path: Path) -> None:
    """Wait until a file is on the device; raises OSError where there is no room for it."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
