"""``geogan profile NAME``: merge an overlay into params.yaml, with its comments."""

from __future__ import annotations

import copy
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from geogan.config import other_part, parse, read_yaml
from geogan.errors import InputError
from geogan.files import write_text

from .root import project_root


def merge(name: str) -> str:
    """Write profiles/<name>.yaml over params.yaml, key by key; what it did, in one line.

    Raises InputError, and writes nothing, if there is no such overlay or the result is not valid.
    """
    root = project_root()
    file = root / "profiles" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml"))) or "none"
        raise InputError(f"profile {name!r}: there is no {file}; there are {known}")
    above = read_yaml(file)
    write_text(root / "params.yaml", edited(root / "params.yaml", above))
    return f"params.yaml: profiles/{name}.yaml merged; 'dvc repro' uses it"


def edited(params: Path, above: dict[str, Any], whole: Collection[str] = ()) -> str:
    """The text of a params file with plain data merged into it, comments kept; keys of ``whole`` are replaced.

    Raises InputError if the result is not valid.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    document = yaml.load(params.read_text(encoding="utf-8"))
    _merge(document, above, whole)
    text = io.StringIO()
    yaml.dump(document, text)
    parse(YAML(typ="safe", pure=True).load(text.getvalue()))
    return text.getvalue()


def _merge(below: Any, above: dict[str, Any], whole: Collection[str]) -> None:
    """As ``config.overlay``, in place; the mappings under keys of ``whole`` are not merged but replaced."""
    for key, value in above.items():
        old = below.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        if both and key not in whole and not other_part(old, value):
            _merge(old, value, whole)
        else:
            below[key] = copy.deepcopy(value)  # what an overlay shares by an anchor is written out each time
