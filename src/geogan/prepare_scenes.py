"""Scenes and maps -> a prepared store, without files around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geogan.errors import InputError
from geogan.scene_tiles import ScenePlan, plan_scenes
from geogan.scene_windows import Cutting
from geogan.scene_writing import write_scenes
from geogan.scenes import Scenes
from geogan.tiles import SPLITS, Split
from geogan.workers import Run, sequential


def prepare_scenes(
    scenes: Scenes,
    *,
    tile: int,
    stride: int,
    evaluation_tile: int,
    split: Split,
    nodata: float,
    path: Path,
    key: str,
    run: Run = sequential,
) -> dict[str, Any]:
    """Cut scenes into tiles and write the prepared store at ``path``.

    Sizes are in pixels; ``nodata`` is the largest share of a tile (0..1) that may be without data. Windows of
    ``tile`` lie on a grid of ``stride`` that restarts at every block, those of ``evaluation_tile`` do not overlap.
    ``run`` does the writing, see `workers`. Returns, per group, ``tile``, ``left_out`` (windows with too much
    nodata), ``skipped`` (scenes smaller than a tile) and the count of each split; where the domains are not
    aligned those of B too, as ``<name>_b``.

    Raises:
        InputError: parameters that do not fit the scenes, or damaged data; nothing is written then.
    """
    for name, value in (("tile", tile), ("stride", stride), ("evaluation_tile", evaluation_tile)):
        if value < 1:
            raise InputError(f"{name}: must be at least 1 pixel, not {value}")
    if not 0 <= nodata < 1:
        raise InputError(f"nodata: must be a share of a tile from 0 to below 1, not {nodata:g}")
    cuttings = {
        "tiles": Cutting("tile", tile, stride),
        "evaluation": Cutting("evaluation_tile", evaluation_tile, evaluation_tile, inside=True),
    }
    plans = plan_scenes(scenes, cuttings, split=split, nodata=nodata)
    write_scenes(path, scenes, plans, key=key, run=run)
    summary = {group: {"tile": plan["a"].tile, **_summary(plan["a"])} for group, plan in plans.items()}
    if not scenes.aligned:
        for group, plan in plans.items():
            summary[group] |= {f"{name}_b": value for name, value in _summary(plan["b"]).items()}
    return summary


def _summary(plan: ScenePlan) -> dict[str, int]:
    counts = dict(zip(SPLITS, plan.counts, strict=True))
    return {"left_out": plan.left_out, "skipped": plan.skipped, **counts}
