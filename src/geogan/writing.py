"""Writing prepared and constraint stores: one shard in memory at a time, one writer, the manifest last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Bool, Shaped

from geogan.files import replacing_folder
from geogan.manifests import write_manifest
from geogan.shards import Variable, write_coordinates, write_variable
from geogan.store import GROUPS, Prepared
from geogan.tiles import CLASSES, SPLIT_OF, SPLITS, Plan
from geogan.training_image import NODATA, TrainingImage
from geogan.value_range import ValueRange

# The tiles that hard data are read from: in training those of a pool apart from the real ones, else the held-out ones.
HARD_DATA_TILES = {"tiles": (("train", "constraint"),), "evaluation": (("validation", "image"), ("test", "image"))}

MaskOf = Callable[[str, int, int], Bool[np.ndarray, "y x"]]  # (group, source tile, draw) -> mask


def write_prepared(path: Path, image: TrainingImage, plans: dict[str, Plan], key: str) -> None:
    """Write the tiles of an image, one plan per group; the old store stays until the new one is whole.

    Memory stays flat: one shard is in memory at a time. The same input gives the same bytes.
    """
    grid = image.grid
    scale = _trained_range(image, plans["tiles"]) if image.continuous else None
    attributes = {
        "kind": "prepared",
        "key": key,
        "facies_names": list(image.names),
        "value_range": scale and [scale.low, scale.high],
        "source_sha256": image.sha256,
        "rows": grid.rows,
        "columns": grid.columns,
        "crs": grid.crs,
        "transform": list(grid.transform),
        "cell_size": list(grid.cell_size),
    }
    with replacing_folder(path) as folder:
        root = _create(folder, attributes)
        for name in GROUPS:
            _write_tiles(_subgroup(root, name), image, plans[name], scale)
        write_manifest(folder, "prepared")


def write_constraints(path: Path, prepared: Prepared, mask_of: MaskOf, *, draws: int, key: str) -> dict[str, int]:
    """Write the hard data over the tiles of ``HARD_DATA_TILES``; returns the number of masks per group.

    ``mask_of(group, source tile, draw)`` gives the masks; with 0 draws the store is empty.
    """
    attributes = {"kind": "constraints", "key": key, "draws": draws, "prepared_digest": prepared.digest}
    attributes["continuous"] = prepared.scale is not None
    with replacing_folder(path) as folder:
        root = _create(folder, attributes)
        counts = {name: _write_masks(_subgroup(root, name), prepared, name, mask_of, draws) for name in GROUPS}
        write_manifest(folder, "constraints")
    return counts


def write_no_constraints(path: Path, edges: dict[str, int], *, prepared: str, key: str) -> dict[str, int]:
    """Write the empty store of a dataset without facies; ``edges``: the groups' tiles, ``prepared``: digest."""
    attributes = {"kind": "constraints", "key": key, "draws": 0, "prepared_digest": prepared, "continuous": False}
    with replacing_folder(path) as folder:
        root = _create(folder, attributes)
        for name in GROUPS:
            _subgroup(root, name).attrs.update({"tile": edges[name], "counts": [0] * len(SPLITS)})
        write_manifest(folder, "constraints")
    return dict.fromkeys(GROUPS, 0)


def _trained_range(image: TrainingImage, plan: Plan) -> ValueRange:
    """The range of the values in the training tiles; those of held-out ground may lie beyond it."""
    of_training = np.flatnonzero(plan.classes == CLASSES.index(("train", "image")))
    windows = (
        image.values[row : row + plan.tile, column : column + plan.tile]
        for row, column in zip(plan.row[of_training], plan.column[of_training], strict=True)
    )
    return ValueRange.of(windows)


def _variable(
    scale: ValueRange | None, shape: tuple[int, ...], dimensions: tuple[str, ...], coordinates: tuple[str, ...]
) -> Variable:
    """Facies codes, or values scaled to [-1, 1] that xarray turns back into their own units."""
    if scale is None:
        return Variable("facies", shape, dimensions, np.uint8, NODATA, coordinates)
    return Variable("value", shape, dimensions, np.float32, float("nan"), coordinates, scale.packing())


def _write_tiles(group: zarr.Group, image: TrainingImage, plan: Plan, scale: ValueRange | None) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(image.values, (plan.tile, plan.tile))
    counts = [plan.count(split, role) for split, role in CLASSES]
    group.attrs.update({"tile": plan.tile, "counts": counts})
    names = np.array(CLASSES, dtype=object)[plan.classes]
    coordinates = {"split": names[:, 0], "role": names[:, 1], "row": plan.row, "column": plan.column}
    if image.labels is not None:
        coordinates["label"] = image.labels.at(plan.row, plan.column)
    write_coordinates(group, coordinates)
    shape = (plan.row.size, plan.tile, plan.tile)

    def tiles(start: int, stop: int) -> Shaped[np.ndarray, "tile y x"]:
        cut = windows[plan.row[start:stop], plan.column[start:stop]]
        return cut if scale is None else scale.scaled(cut)

    write_variable(group, _variable(scale, shape, ("tile", "y", "x"), tuple(coordinates)), tiles)


def _write_masks(group: zarr.Group, prepared: Prepared, name: str, mask_of: MaskOf, draws: int) -> int:
    plan, tile = prepared.plan(name), prepared.tile(name)
    source = np.flatnonzero(np.isin(plan.classes, [CLASSES.index(one) for one in HARD_DATA_TILES[name]]))
    split = SPLIT_OF[plan.classes[source]]
    group.attrs.update({"tile": tile, "counts": np.bincount(split, minlength=len(SPLITS)).tolist()})
    if draws == 0:
        return 0
    coordinates = {
        "source_tile": source,
        "split": np.array(SPLITS, dtype=object)[split],
        "row": plan.row[source],
        "column": plan.column[source],
    }
    write_coordinates(group, coordinates)

    def masks(start: int, stop: int) -> Bool[np.ndarray, "tile draw y x"]:
        return np.stack([[mask_of(name, int(at), draw) for draw in range(draws)] for at in source[start:stop]])

    def known(start: int, stop: int) -> Shaped[np.ndarray, "tile draw y x"]:
        own = prepared.take(source[start:stop], name)
        return np.where(mask[start:stop], own[:, None], own.dtype.type(variable.fill))

    shape, dimensions = (source.size, draws, tile, tile), ("tile", "draw", "y", "x")
    mask = write_variable(group, Variable("mask", shape, dimensions, np.bool_, False, tuple(coordinates)), masks)
    variable = _variable(prepared.scale, shape, dimensions, tuple(coordinates))
    write_variable(group, variable, known)
    return int(source.size) * draws


def _create(folder: Path, attributes: dict[str, Any]) -> zarr.Group:
    return zarr.create_group(folder, zarr_format=3, overwrite=True, attributes=attributes)


def _subgroup(root: zarr.Group, name: str) -> zarr.Group:
    return root if name == "tiles" else root.create_group(name)
