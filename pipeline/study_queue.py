"""Cells of a study as experiments of DVC's queue: each is what it changes in params.yaml.

The queue's workers share the checkpoints of the project, and the key of a work does not hold its name: what they
trained is finished for ``geogan study`` too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from geogan.config import read_yaml
from geogan.errors import InputError
from geogan.study import Cell, Study


def enqueue(root: Path, study: Study, cells: Sequence[Cell]) -> Iterator[Cell]:
    """Queue cells one after another; yields each that is queued. Raises InputError for what DVC refuses."""
    below = read_yaml(root / "params.yaml")
    for cell in cells:
        sets = [word for item in changes(below, study.varied(cell)) for word in ("-S", item)]
        words = ["exp", "run", "--queue", "-n", cell.name, *sets, f"evaluate@{study.experiment}"]
        done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr]
            raise InputError(f"{cell.name}: DVC does not queue it: {lines[0].removeprefix('ERROR: ')}")
        yield cell


def changes(below: Mapping[str, Any], above: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What ``dvc exp run -S`` is told so that ``below`` becomes ``above``: ``key=value``, ``+key=value``, ``~key``."""
    found = []
    for key in [*below, *(key for key in above if key not in below)]:
        path = f"{prefix}{key}"
        if key not in above:
            found.append(f"~{path}")
        elif key not in below:
            found.append(f"+{path}={_written(above[key])}")
        elif isinstance(below[key], dict) and isinstance(above[key], dict):
            found += changes(below[key], above[key], f"{path}.")
        elif below[key] != above[key]:
            found.append(f"{path}={_written(above[key])}")
    return found


def _written(value: Any) -> str:
    """A value in the grammar of Hydra, which DVC reads settings with."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, str):  # a quote is escaped, and so are backslashes before one, but no others
        return "'" + re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value) + "'"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), repr(value))
