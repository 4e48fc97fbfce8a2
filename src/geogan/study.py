"""A study: a grid of variations of one experiment, each for several seeds. Planning alone; nothing is computed here.

A study file is an overlay of params.yaml with one more section, ``study``. An axis of the grid is a list of values of
one key of the experiment, or a mapping of labels to overlays of the experiment::

    study:
      experiment: channels_sgan
      grid:
        constraint.weight: [1.0, 10.0]
        critic: {plain: {system.condition_critic: false}, conditional: {system.condition_critic: true}}
"""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from geogan.choices import check, schema
from geogan.config import Params, nested, overlay, parse
from geogan.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One point for each variation: metrics, or axes of numbers, on ``x`` and ``y``.

    ``colour`` and ``marker`` name axes; ``log`` the scales that are logarithmic; ``pareto`` draws the variations that
    none beats in both metrics.
    """

    x: str
    y: str
    colour: str | None = None
    marker: str | None = None
    pareto: bool = False
    log: tuple[Literal["x", "y"], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """The section ``study`` as it stands in the file."""

    experiment: str
    grid: dict[str, Any]
    repeats: int = 1
    table: tuple[str, ...]
    plot: dict[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True)
class Cell:
    """One training of a study: the label of its value on every axis, and its seed."""

    name: str
    labels: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Study:
    """``axes`` maps the name of each axis to its values, label -> overlay of the experiment."""

    name: str
    experiment: str
    axes: Mapping[str, Mapping[str, dict[str, Any]]]
    repeats: int
    table: tuple[str, ...]
    plot: Plot | None
    data: dict[str, Any]  # the params, without the section

    @property
    def variations(self) -> list[tuple[str, ...]]:
        """Every combination of labels, the last axis fastest."""
        return list(itertools.product(*self.axes.values()))

    @property
    def cells(self) -> list[Cell]:
        """Every training: the variations in order, each with its seeds 0, 1, ... in turn."""
        return [
            Cell("-".join([self.name, *map(_word, labels), str(seed)]), labels, seed)
            for labels in self.variations
            for seed in range(self.repeats)
        ]

    def unknown(self, metrics: Collection[str]) -> Iterator[str]:
        """A line for each name in table or plot that is none of the metrics of a finished cell, nor an axis."""
        named = [("study.table", name) for name in self.table]
        if self.plot:
            named += [("study.plot.x", self.plot.x), ("study.plot.y", self.plot.y)]
        for where, name in named:
            if name not in metrics and name not in self.axes:
                near = ", ".join(difflib.get_close_matches(name, metrics)) or ", ".join(sorted(metrics))
                yield f"{where}: {name!r} is no metric of the first cell, its place stays empty; there is {near}"

    def params(self, cell: Cell) -> Params:
        """Params whose only experiment is the cell, under its name.

        Raises InputError for parts that do not go together.
        """
        return parse({**self.data, "seed": cell.seed, "experiments": {cell.name: self.experiment_of(cell)}})

    def varied(self, cell: Cell) -> dict[str, Any]:
        """The plain params in which the cell takes the place of the experiment that is varied."""
        experiments = {**self.data["experiments"], self.experiment: self.experiment_of(cell)}
        return {**self.data, "seed": cell.seed, "experiments": experiments}

    def experiment_of(self, cell: Cell) -> dict[str, Any]:
        """The plain experiment with the values of the cell."""
        overlays = [values[label] for values, label in zip(self.axes.values(), cell.labels, strict=True)]
        experiment: dict[str, Any] = functools.reduce(overlay, overlays, self.data["experiments"][self.experiment])
        return experiment


def plan(name: str, data: dict[str, Any]) -> Study:
    """The study in merged params; ``name`` is its name where the section gives none.

    Raises InputError for a section that is missing or wrong, an unknown experiment, and values that cannot be told
    from each other.
    """
    if not isinstance(data.get("study"), dict):
        raise InputError(f"{name}: has no section 'study' with the keys experiment, grid and table")
    section = Section(**check("study", data["study"], schema(Section)).model_dump())
    name = section.name or name
    if not re.fullmatch(r"\w[\w-]*", name):
        raise InputError(f"study.name: {name!r} must be of letters, digits, _ and -, it names a folder")
    experiments = data.get("experiments")
    if not isinstance(experiments, dict) or section.experiment not in experiments:
        known = ", ".join(experiments or ()) or "none"
        raise InputError(f"study.experiment: {section.experiment!r} is not in the params; there are {known}")
    if section.repeats < 1:
        raise InputError(f"study.repeats: must be at least 1, got {section.repeats}")
    axes = {axis: _values(f"study.grid.{axis}", axis, values) for axis, values in section.grid.items()}
    rest = {key: value for key, value in data.items() if key != "study"}
    study = Study(name, section.experiment, axes, section.repeats, section.table, _plot(section, axes), rest)
    _check_any(study)
    return study


def _check_any(study: Study) -> None:
    """Raise InputError where the params of no cell are right: of the first, which says what is wrong with all."""
    first = None
    for cell in study.cells:
        try:
            study.params(cell)
        except InputError as error:
            first = first or error
        else:
            return
    if first:
        raise InputError(f"study {study.name}: no cell can be trained; the first: {first}")


def _values(where: str, axis: str, values: Any) -> dict[str, dict[str, Any]]:
    """The values of an axis as overlays by label."""
    if not isinstance(values, list | dict) or not values:
        raise InputError(f"{where}: must be a list of values or a mapping of labels to overlays, got {values!r}")
    if isinstance(values, list):
        pairs = [(_label(value), nested(axis, value)) for value in values]
    else:
        pairs = [(str(label), _expanded(f"{where}.{label}", changes)) for label, changes in values.items()]
    words: dict[str, str] = {}
    for label, _ in pairs:
        if words.setdefault(_word(label), label) != label or [each for each, _ in pairs].count(label) > 1:
            raise InputError(f"{where}: two values are called {_word(label)!r}; give a mapping of labels to overlays")
    return dict(pairs)


def _expanded(where: str, changes: Any) -> dict[str, Any]:
    """An overlay whose keys may be dotted."""
    if not isinstance(changes, dict) or not all(isinstance(key, str) for key in changes):
        raise InputError(f"{where}: must be a mapping of keys of the experiment to values, got {changes!r}")
    parts = (nested(key, value) for key, value in changes.items())
    whole: dict[str, Any] = functools.reduce(overlay, parts, {})
    return whole


def _label(value: Any) -> str:
    """What a value of a list is called: a part by its name."""
    return str(value["name"]) if isinstance(value, dict) and "name" in value else str(value)


def _word(label: str) -> str:
    """A label as a part of a name of files."""
    return re.sub(r"\W+", "_", label).strip("_") or "_"


def _plot(section: Section, axes: Mapping[str, Any]) -> Plot | None:
    if section.plot is None:
        return None
    plot = Plot(**check("study.plot", section.plot, schema(Plot)).model_dump())
    for key in ("colour", "marker"):
        axis = getattr(plot, key)
        if axis is not None and axis not in axes:
            raise InputError(f"study.plot.{key}: {axis!r} is no axis of the grid; there are {', '.join(axes)}")
    return plot
