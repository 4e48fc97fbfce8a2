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

Size = int | tuple[int, int]  # pixels: of both domains, or of A and of B


def prepare_scenes(
    scenes: Scenes,
    *,
    tile: Size,
    stride: Size,
    evaluation_tile: Size,
    split: Split,
    nodata: float,
    path: Path,
    key: str,
    run: Run = sequential,
) -> dict[str, Any]:
    """Cut scenes into tiles and write the prepared store at ``path``.

    Sizes are in pixels, one number for both domains or two (of A, of B) where these are not aligned; ``nodata`` is
    the largest share of a tile (0..1) that may be without data. Windows of ``tile`` lie on a grid of ``stride`` that
    restarts at every block, those of ``evaluation_tile`` do not overlap.
    ``run`` does the writing, see `workers`. Returns, per group, ``tile``, ``left_out`` (windows with too much
    nodata), ``skipped`` (scenes smaller than a tile) and the count of each split; where the domains are not
    aligned those of B too, as ``<name>_b``.

    Raises:
        InputError: parameters that do not fit the scenes (samples are cut as they are), or damaged data; nothing is
            written then.
    """
    sizes = {
        key: _of_domains(key, size, scenes)
        for key, size in (("tile", tile), ("stride", stride), ("evaluation_tile", evaluation_tile))
    }
    if not 0 <= nodata < 1:
        raise InputError(f"nodata: must be a share of a tile from 0 to below 1, not {nodata:g}")
    held_out = sizes["evaluation_tile"]
    cuttings = {
        "tiles": {side: Cutting("tile", sizes["tile"][side], sizes["stride"][side]) for side in "ab"},
        "evaluation": {side: Cutting("evaluation_tile", held_out[side], held_out[side], inside=True) for side in "ab"},
    }
    plans = plan_scenes(scenes, cuttings, split=split, nodata=nodata)
    write_scenes(path, scenes, plans, key=key, run=run)
    summary = {group: {"tile": plan["a"].tile, **_summary(plan["a"])} for group, plan in plans.items()}
    if not scenes.aligned:
        for group, plan in plans.items():
            own = {"tile": plan["b"].tile, **_summary(plan["b"])}
            summary[group] |= {f"{name}_b": value for name, value in own.items()}
    return summary


def _of_domains(key: str, size: Size, scenes: Scenes) -> dict[str, int]:
    """Domain -> its size. Raises InputError for what the pixels of the domain cannot have."""
    a, b = size if isinstance(size, tuple) else (size, size)
    if scenes.aligned and a != b:
        raise InputError(f"{key}: [{a}, {b}], but tiles of A and B show the same ground; give one number")
    if min(a, b) < 1:
        raise InputError(f"{key}: must be at least 1 pixel, not {min(a, b)}")
    right = tuple(layers[0].sample or value if layers else value for layers, value in ((scenes.a, a), (scenes.b, b)))
    advice = right[0] if right[0] == right[1] else list(right)
    for domain, value, sample in zip("AB", (a, b), right, strict=True):
        if value != sample:
            raise InputError(f"{key}: {value}, but samples of {domain} are {sample} x {sample}; give {advice}")
    return {"a": a, "b": b}


def _summary(plan: ScenePlan) -> dict[str, int]:
    counts = dict(zip(SPLITS, plan.counts, strict=True))
    return {"left_out": plan.left_out, "skipped": plan.skipped, **counts}
