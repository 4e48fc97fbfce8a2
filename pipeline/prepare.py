"""Stages ``prepare`` and ``constrain``: a source becomes tiles, tiles become hard data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geogan.constraints import CONSTRAINTS
from geogan.datasets import SOURCES
from geogan.errors import InputError
from geogan.prepare import constrain as constrain_store
from geogan.prepare import prepare as prepare_store
from geogan.prepare_scenes import prepare_scenes
from geogan.scene_store import open_scenes
from geogan.scenes import Scenes
from geogan.store import GROUPS, open_constraints, open_prepared
from geogan.workers import Run, cluster, sequential
from geogan.writing import write_no_constraints

from .project import Project


def prepare(project: Project, name: str, run: Run = sequential) -> dict[str, Any]:
    """Make ``data/prepared/<name>.zarr``; returns the counts of tiles. ``run`` takes the shards of scenes."""
    dataset = project.dataset(name)
    tiling = dataset.tiling
    common: dict[str, Any] = {
        "tile": tiling.tile,
        "stride": tiling.stride,
        "evaluation_tile": tiling.evaluation_tile,
        "split": dataset.split,
        "path": project.prepared(name),
        "key": project.prepared_key(name),
    }
    try:
        source = dataset.source.build(SOURCES, project.context)
        if isinstance(source, Scenes):
            return prepare_scenes(source, **common, nodata=tiling.nodata, run=run)
        return prepare_store(source, **common, pool=tiling.pool)
    except InputError as error:
        raise InputError(f"datasets.{name}: {error}") from None


def prepare_all(
    project: Project, names: list[str], workers: int = 1, scheduler: str | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Prepare datasets one after another; name and counts of each.

    The shards of scenes are written by ``workers`` processes, or by those of the ``scheduler`` at an address.
    """
    with cluster(workers, scheduler) as run:
        for name in names:
            yield name, prepare(project, name, run)


def constrain(project: Project, name: str) -> dict[str, Any]:
    """Make ``data/constraints/<name>.zarr`` from the prepared store; returns the counts of draws."""
    dataset, path, key = project.dataset(name), project.constraints(name), project.constraints_key(name)
    if dataset.task == "translation":
        scenes = open_scenes(project.prepared(name))
        edges = {group: scenes.tile(group) for group in GROUPS}
        return {"draws": 0, **write_no_constraints(path, edges, prepared=scenes.digest, key=key)}
    masks = dataset.constraints.build(CONSTRAINTS)
    prepared = open_prepared(project.prepared(name))
    try:
        return constrain_store(prepared, masks, path=path, key=key)
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
    opened = open_scenes if project.dataset(name).task == "translation" else open_prepared
    if kind == "prepared":
        return None if opened(path).key == project.prepared_key(name) else "was of other params"
    found = open_constraints(path)
    fresh = found.key == project.constraints_key(name) and found.prepared == opened(project.prepared(name)).digest
    return None if fresh else "was of other params"
