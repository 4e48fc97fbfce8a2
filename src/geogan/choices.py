"""``{name: ..., key: value}`` -> a checked callable from a literal table.

The signature is the schema: positional arguments come from code, keyword-only arguments come
from ``params.yaml``. An unknown key or a wrong type is refused when the file is read.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from geogan.errors import InputError

Table = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Choice:
    """One entry of a table by name, with every keyword-only argument resolved (defaults too)."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, table: Table, *args: Any) -> Any:
        """Call the table's entry with ``args`` from code and the options from ``params.yaml``."""
        return table[self.name](*args, **self.options)

    def plain(self) -> dict[str, Any]:
        """The choice as it would stand in ``params.yaml``, defaults written out."""
        return {"name": self.name, **self.options}


@cache
def schema(function: Callable[..., Any]) -> type[BaseModel]:
    """A pydantic model of the keyword-only arguments of ``function`` (of ``__init__`` for a class)."""
    target: Any = inspect.unwrap(function.__init__ if inspect.isclass(function) else function)
    knobs = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    hints = _hints({knob.name: target.__annotations__[knob.name] for knob in knobs}, target.__globals__)
    fields: dict[str, Any] = {
        knob.name: (hints[knob.name], ... if knob.default is knob.empty else knob.default) for knob in knobs
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(getattr(function, "__name__", "options"), __config__=config, **fields)


def _hints(annotations: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The types of the annotations, evaluated among the ``names`` of their module."""

    def holder() -> None: ...

    holder.__annotations__ = annotations
    return get_type_hints(holder, globalns=names)


def check(where: str, value: Any, model: type[BaseModel]) -> BaseModel:
    """Validate plain YAML data strictly ("64" is no number) against a pydantic model.

    Raises InputError naming the first wrong key below ``where``, its value and what is allowed.
    """
    try:
        plain = json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        raise InputError(f"{where}: keys must be plain text, and no mapping may hold itself") from None
    try:
        return model.model_validate_json(plain, strict=True)
    except ValidationError as error:
        raise InputError(_first_error(where, error, model)) from None


def _first_error(where: str, error: ValidationError, model: type[BaseModel]) -> str:
    detail = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in (where, *detail["loc"]) if part != "")
    if detail["type"] == "extra_forbidden":
        known = ", ".join(sorted(model.model_fields)) if len(detail["loc"]) == 1 else None
        allowed = f"; known here: {known or 'none'}" if len(detail["loc"]) == 1 else ""
        return f"{key}: unknown key{allowed}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{key}: {message}, got {detail['input']!r}"


def choose(where: str, value: Any, table: Table) -> Choice:
    """Check a ``{name: ..., ...}`` mapping against a table and fill in the defaults.

    ``where`` is the dotted key of the mapping, used in messages. Raises InputError for a missing or
    unknown name, an unknown key, a missing key or a wrong type.
    """
    if not isinstance(value, dict) or "name" not in value:
        raise InputError(f"{where}: must be a mapping with a 'name', one of {', '.join(table)}; got {value!r}")
    options = {str(key): item for key, item in value.items()}
    name = options.pop("name")
    if not isinstance(name, str) or name not in table:
        raise InputError(f"{where}.name: {name!r} is not one of {', '.join(table)}")
    checked = check(where, options, schema(table[name]))
    return Choice(name, checked.model_dump())
