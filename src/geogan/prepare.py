"""A training image -> a prepared store -> a constraint store: the two data stages, without files around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from geogan.constraints import Masks
from geogan.errors import InputError
from geogan.store import GROUPS, Prepared
from geogan.tiles import CLASSES, Plan, Split, check_classes, cut, plan, without_nodata
from geogan.training_image import TrainingImage
from geogan.writing import write_constraints, write_prepared


def prepare(
    image: TrainingImage,
    *,
    tile: int,
    stride: int,
    evaluation_tile: int,
    split: Split,
    pool: float,
    path: Path,
    key: str,
) -> dict[str, Any]:
    """Cut an image into tiles and write the prepared store at ``path``.

    Sizes are in pixels. The evaluation windows lie on a stride of a quarter of their edge. Returns, per group,
    ``tile``, ``left_out`` (windows dropped for nodata) and the counts ``<split>_<role>``.

    Raises:
        InputError: parameters that do not fit the image; nothing is written then.
    """
    for name, value in (("tile", tile), ("stride", stride), ("evaluation_tile", evaluation_tile)):
        if value < 1:
            raise InputError(f"{name}: must be at least 1 pixel, not {value}")
    rows, columns = image.values.shape
    blocks = cut(rows, columns, largest_tile=max(tile, evaluation_tile), split=split, pool=pool)
    sizes = {
        "tiles": ("tile", tile, stride),
        "evaluation": ("evaluation_tile", evaluation_tile, max(1, evaluation_tile // 4)),
    }
    plans: dict[str, Plan] = {}
    for group, (name, edge, step) in sizes.items():
        planned = plan(blocks, tile=edge, stride=step, gap=split.gap, key=name)
        plans[group] = without_nodata(planned, image.values)
        check_classes(plans[group], blocks, gap=split.gap, key=name)
    write_prepared(path, image, plans, key)
    return {group: _summary(plans[group]) for group in GROUPS}


def constrain(prepared: Prepared, masks: Masks, *, path: Path, key: str) -> dict[str, Any]:
    """Draw hard data over ``HARD_DATA_TILES`` of a prepared store and write the constraint store at ``path``.

    A mask depends on the seed, the tile's position in the store and the draw only. Returns ``draws`` and the
    number of masks per group (0 where there are no hard data).
    """
    training = prepared.tile("tiles")
    edges = {group: prepared.tile(group) for group in GROUPS}

    def mask_of(group: str, tile: int, draw: int) -> Bool[np.ndarray, "y x"]:
        rng = np.random.default_rng([masks.seed, GROUPS.index(group), tile, draw])
        return masks.mask(edges[group], training, rng)

    counts = write_constraints(path, prepared, mask_of, draws=masks.draws, key=key)
    return {"draws": masks.draws, **counts}


def _summary(planned: Plan) -> dict[str, int]:
    counts = {f"{split}_{role}": planned.count(split, role) for split, role in CLASSES}
    return {"tile": planned.tile, "left_out": planned.left_out, **counts}
