"""How good a sampler is with other hard data than it was trained with: other densities, other kinds of wells."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from geogan.constraints import Masks
from geogan.errors import InputError
from geogan.evaluate import Evaluation, HardData, Sampler, evaluate
from geogan.evaluate_property import evaluate_property
from geogan.store import GROUPS, Prepared
from geogan.tiles import CLASSES
from geogan.training_image import NODATA

GROUP = "evaluation"


def judge(
    sample: Sampler, prepared: Prepared, masks: Masks, *, fields: int = 100, groups: int = 10, seed: int = 0
) -> Evaluation:
    """The evaluation on the test split with hard data of this kind, whatever the constraint store holds.

    Nothing is trained again. The ground is that of the prepared store, which may have been made with another size of
    evaluation tiles. Raises InputError as `geogan.evaluate.evaluate` and `hard_data` do.
    """
    hard = hard_data(prepared, masks)
    counts: dict[str, Any] = {"fields": fields, "groups": groups, "seed": seed}
    real, train = (prepared.tiles(split, "image", GROUP) for split in ("test", "train"))
    if prepared.scale:
        return evaluate_property(sample, real, train, hard, **counts)
    return evaluate(sample, real, train, hard, facies_names=prepared.names, **counts)


def hard_data(prepared: Prepared, masks: Masks, split: str = "test") -> HardData:
    """Hard data over the evaluation tiles of a held-out split.

    They are those that a constraint store of this kind holds, made from the same prepared store. Raises InputError
    for a kind without hard data.
    """
    if masks.draws == 0:
        raise InputError("constraints.name: none has no hard data to judge with; give density, number or another kind")
    edge, training = prepared.tile(GROUP), prepared.tile("tiles")
    tiles = prepared.tiles(split, "image", GROUP)
    positions = np.flatnonzero(prepared.plan(GROUP).classes == CLASSES.index((split, "image")))

    def draw(position: int, number: int) -> Bool[np.ndarray, "y x"]:
        return masks.mask(edge, training, np.random.default_rng([masks.seed, GROUPS.index(GROUP), position, number]))

    mask = np.array([[draw(int(position), number) for number in range(masks.draws)] for position in positions])
    return mask, np.where(mask, tiles[:, None], tiles.dtype.type(np.nan if prepared.scale else NODATA))
