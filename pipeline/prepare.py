"""Stages ``prepare`` and ``constrain``: a source becomes tiles, tiles become hard data."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from typing import Any

from geogan.constraints import CONSTRAINTS
from geogan.datasets import SOURCES
from geogan.errors import InputError
from geogan.prepare import constrain as constrain_store
from geogan.prepare import prepare as prepare_store
from geogan.store import open_constraints, open_prepared

from .project import Project


def prepare(project: Project, name: str) -> dict[str, Any]:
    """Make ``data/prepared/<name>.zarr``; returns the counts of tiles."""
    dataset = project.dataset(name)
    try:
        image = dataset.source.build(SOURCES, project.context)
        return prepare_store(
            image,
            tile=dataset.tiling.tile,
            stride=dataset.tiling.stride,
            evaluation_tile=dataset.tiling.evaluation_tile,
            split=dataset.split,
            pool=dataset.tiling.pool,
            path=project.prepared(name),
            key=project.prepared_key(name),
        )
    except InputError as error:
        raise InputError(f"datasets.{name}: {error}") from None


def prepare_all(project: Project, names: list[str], workers: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Prepare datasets in up to ``workers`` processes; name and counts of each, in the order of ``names``."""
    if min(workers, len(names)) <= 1:
        for name in names:
            yield name, prepare(project, name)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from zip(names, pool.map(prepare, repeat(project), names), strict=True)


def constrain(project: Project, name: str) -> dict[str, Any]:
    """Make ``data/constraints/<name>.zarr`` from the prepared store; returns the counts of draws."""
    masks = project.dataset(name).constraints.build(CONSTRAINTS)
    prepared = open_prepared(project.prepared(name))
    try:
        return constrain_store(prepared, masks, path=project.constraints(name), key=project.constraints_key(name))
    except InputError as error:
        raise InputError(f"datasets.{name}: {error}") from None


def refresh(project: Project, name: str) -> list[str]:
    """Make whichever store of the dataset is missing or made with other params; says which and why."""
    made = []
    why = _stale(project, name, "prepared")
    if why:
        prepare(project, name)
        made.append(f"{project.prepared(name).relative_to(project.root)} made: it {why}")
    why = _stale(project, name, "constraints")
    if why:
        constrain(project, name)
        made.append(f"{project.constraints(name).relative_to(project.root)} made: it {why}")
    return made


def _stale(project: Project, name: str, kind: str) -> str | None:
    path = project.prepared(name) if kind == "prepared" else project.constraints(name)
    if not path.exists():
        return "was missing"
    if kind == "prepared":
        return None if open_prepared(path).key == project.prepared_key(name) else "was of other params"
    found = open_constraints(path)
    fresh = (
        found.key == project.constraints_key(name) and found.prepared == open_prepared(project.prepared(name)).digest
    )
    return None if fresh else "was of other params"
