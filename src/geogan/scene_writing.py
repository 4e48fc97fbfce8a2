"""Writing prepared stores of scenes: arrays are created, tasks fill their shards, the manifest comes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import zarr
from jaxtyping import Int16

from geogan.domains import Domain
from geogan.files import replacing_folder
from geogan.manifests import write_manifest
from geogan.scaling import limits
from geogan.scene_tasks import Task, write_task
from geogan.scene_tiles import ScenePlan, names_of_b
from geogan.scenes import NO_CLASS, Layer, Scenes, Tiles
from geogan.shards import Variable, create_together, open_array, write_coordinates
from geogan.tiles import SPLITS
from geogan.workers import Run, sequential


def write_scenes(
    path: Path,
    scenes: Scenes,
    plans: Mapping[str, Mapping[str, ScenePlan]],
    *,
    key: str,
    run: Run = sequential,
) -> None:
    """Write the tiles of scenes by their plans (group -> domain -> plan); the old store stays until the new is whole.

    The same input gives the same bytes, however ``run`` spreads the work.
    """
    names = {"a": scenes.names, "b": names_of_b(scenes)}
    attributes = {
        "kind": "scenes",
        "key": key,
        "source_sha256": scenes.sha256,
        "aligned": scenes.aligned,
        "scenes_a": list(names["a"]),
        "scenes_b": list(names["b"]),
    }
    with replacing_folder(path.absolute()) as folder:  # workers may run in another folder
        root = zarr.create_group(folder, zarr_format=3, overwrite=True, attributes=attributes)
        tasks: list[Task] = []
        for name, plan in plans.items():
            group = root if name == "tiles" else root.create_group(name)
            where = folder if name == "tiles" else folder / name
            edges = {"tile": plan["a"].tile} | ({} if scenes.aligned else {"tile_b": plan["b"].tile})
            group.attrs.update(edges | {f"counts_{side}": plan[side].counts for side in "ab"})
            for sides in ("ab",) if scenes.aligned else ("a", "b"):
                shard = _create(group, scenes, sides, plan, names)
                tasks += _tasks(where, scenes, sides, plan[sides[0]], shard)
        run(write_task, tasks)
        root.attrs.update({side: _domain(folder, scenes, side, plans["tiles"][side]).plain() for side in "ab"})
        write_manifest(folder, "scenes")


def _create(
    group: zarr.Group,
    scenes: Scenes,
    sides: str,
    plan: Mapping[str, ScenePlan],
    names: Mapping[str, tuple[str, ...]],
) -> int:
    """Create the arrays of some domains, whose shards hold the same rows; returns how many."""
    variables = []
    for side in sides:
        planned, layers = plan[side], scenes.a if side == "a" else scenes.b
        layer = layers[0]
        dimensions = (f"tile_{side}", f"band_{side}", f"y_{side}", f"x_{side}")
        coordinates = {
            f"split_{side}": np.array(SPLITS, dtype=object)[planned.split],
            f"row_{side}": planned.row,
            f"column_{side}": planned.column,
            f"scene_{side}": np.array(names[side], dtype=object)[planned.scene],
        }
        if (labels := _labels(layers, planned)) is not None:
            coordinates[f"label_{side}"] = labels
        write_coordinates(group, coordinates, dimensions[0])
        shape = (len(planned), len(layer.bands), planned.tile, planned.tile)
        kind, fill = np.dtype(layer.dtype).type, 0 if layer.palette is None else NO_CLASS
        variables += [
            Variable(side, shape, dimensions, kind, fill, tuple(coordinates)),
            Variable(
                f"valid_{side}",
                (shape[0], *shape[2:]),
                (dimensions[0], *dimensions[2:]),
                np.bool_,
                False,
                tuple(coordinates),
            ),
        ]
    return create_together(group, variables)


def _labels(layers: Sequence[Layer], plan: ScenePlan) -> Int16[np.ndarray, " tile"] | None:
    """The label of each tile, None where a layer has none."""
    if any(layer.labels is None or layer.sample is None for layer in layers):
        return None
    found = np.empty(len(plan), dtype=np.int16)
    for number, layer in enumerate(layers):
        assert layer.labels is not None
        assert layer.sample is not None
        here = plan.scene == number
        found[here] = layer.labels[plan.row[here] // layer.sample]
    return found


def _tasks(folder: Path, scenes: Scenes, sides: str, plan: ScenePlan, shard: int) -> Iterator[Task]:
    pairs = list(zip(*((scenes.a if side == "a" else scenes.b) for side in sides), strict=True))
    for start in range(0, len(plan), shard):
        part = slice(start, start + shard)
        layers = {int(scene): pairs[scene] for scene in np.unique(plan.scene[part])}
        places = (plan.scene[part], plan.row[part], plan.column[part])
        yield Task(folder, start, plan.tile, tuple(sides), layers, *places)


def _domain(folder: Path, scenes: Scenes, side: str, plan: ScenePlan) -> Domain:
    """What the pixels mean: their scaling is that of the training tiles, which have just been written."""
    layer = (scenes.a if side == "a" else scenes.b)[0]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    if layer.palette is None:
        train = plan.counts[SPLITS.index("train")]
        low, high = limits(
            _stored(folder, side, train),
            pixels=train * plan.tile**2,
            dtype=layer.dtype,
            bands=len(layer.bands),
            percentiles=scenes.percentiles,
        )
    grid = layer.grid
    return Domain(layer.dtype, tuple(layer.bands), low, high, layer.palette, grid.crs, grid.cell_size)


def _stored(folder: Path, side: str, stop: int) -> Iterator[Tiles]:
    """The first tiles of a domain in the store, shard by shard."""
    values, valid = open_array(folder, "tiles", side), open_array(folder, "tiles", f"valid_{side}")
    step = (values.shards or values.chunks)[0]
    for start in range(0, stop, step):
        part = slice(start, min(start + step, stop))
        yield Tiles(np.asarray(values[part]), np.asarray(valid[part]))
