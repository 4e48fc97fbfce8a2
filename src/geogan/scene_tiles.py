"""Which windows (tiles) of scenes and maps serve which split. Of the pixels only their validity is read here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from geogan.errors import InputError
from geogan.scene_windows import Cutting, Windows, windows_of
from geogan.scenes import Layer, Scenes
from geogan.territories import Picture, territories
from geogan.tiles import SPLITS, Split


@dataclass(frozen=True)
class ScenePlan:
    """Windows of edge ``tile`` of one domain, ordered by split, scene, row, column.

    ``scene`` is the number among the domain's scenes, ``split`` that in SPLITS; ``left_out`` counts windows with
    too much nodata, ``skipped`` the scenes that are smaller than a tile.
    """

    tile: int
    scene: Int64[np.ndarray, " tile"]
    row: Int64[np.ndarray, " tile"]
    column: Int64[np.ndarray, " tile"]
    split: UInt8[np.ndarray, " tile"]
    left_out: int
    skipped: int

    def __len__(self) -> int:
        return len(self.row)

    @property
    def counts(self) -> list[int]:
        """The number of windows of each split."""
        return [int(count) for count in np.bincount(self.split, minlength=len(SPLITS))]


def pictures_of(scenes: Scenes) -> list[Picture]:
    """What windows are cut from: aligned pairs, or each scene of A and then of B."""
    if scenes.aligned:
        pairs = zip(scenes.names, scenes.a, scenes.b, strict=True)
        return [Picture(name, index, "ab", (a, b)) for index, (name, a, b) in enumerate(pairs)]
    named = (("a", scenes.names, scenes.a), ("b", names_of_b(scenes), scenes.b))
    return [
        Picture(name, index, domain, (layer,))
        for domain, names, layers in named
        for index, (name, layer) in enumerate(zip(names, layers, strict=True))
    ]


def names_of_b(scenes: Scenes) -> tuple[str, ...]:
    """Names of the scenes of B: those of A where aligned, else those that the source gave, or of the files."""
    if scenes.aligned:
        return scenes.names
    return names_of(scenes.b) if scenes.names_b is None else scenes.names_b


def names_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Names of scenes by their files: the path below the folder that all are in, without suffix."""
    files = [Path(layer.name) for layer in layers]
    folder = os.path.commonpath([file.parent for file in files]) if files else ""
    return tuple(file.with_suffix("").relative_to(folder or ".").as_posix() for file in files)


def plan_scenes(
    scenes: Scenes, cuttings: Mapping[str, Mapping[str, Cutting]], *, split: Split, nodata: float
) -> dict[str, dict[str, ScenePlan]]:
    """Plan the windows of every group: group -> domain ("a", "b") -> plan, the same for both where aligned.

    ``cuttings``: group -> domain -> how its windows are cut; of aligned domains both are the same.
    All ground under a window, and within ``split.gap`` pixels of it, is of one split (see `territories`). Windows
    whose share of pixels that are not valid (in either layer of a pair) is above ``nodata`` are left out.

    Raises:
        InputError: a scene without a valid pixel, no scene as large as a tile, a split without a window, and what
            `territories` refuses.
    """
    pictures = pictures_of(scenes)
    largest = {side: max((sides[side] for sides in cuttings.values()), key=lambda cut: cut.tile) for side in "ab"}
    for domain in "ab":
        _check_size(domain, [picture for picture in pictures if domain in picture.domains], largest[domain])
    grounds = territories(pictures, split, {domain: cutting.tile for domain, cutting in largest.items()})
    windows = [
        windows_of(picture, ground, [sides[picture.domains[0]] for sides in cuttings.values()], split.gap, nodata)
        for picture, ground in zip(pictures, grounds, strict=True)
    ]
    plans: dict[str, dict[str, ScenePlan]] = {}
    for number, (group, sides) in enumerate(cuttings.items()):
        plans[group] = {}
        for domain in "ab":
            chosen = [at for at, picture in enumerate(pictures) if domain in picture.domains]
            plan = _plan(sides[domain], [pictures[at] for at in chosen], [windows[at][number] for at in chosen])
            _check_splits(domain, plan, sides[domain], split, nodata)
            plans[group][domain] = plan
    return plans


def _plan(cutting: Cutting, pictures: Sequence[Picture], windows: Sequence[Windows]) -> ScenePlan:
    scene = np.repeat([picture.index for picture in pictures], [some.row.size for some in windows])
    row, column, split = (
        np.concatenate([getattr(some, name) for some in windows]) for name in ("row", "column", "split")
    )
    order = np.lexsort((column, row, scene, split))
    return ScenePlan(
        cutting.tile,
        scene[order].astype(np.int64),
        row[order],
        column[order],
        split[order],
        left_out=sum(some.left_out for some in windows),
        skipped=sum(not picture.holds(cutting.tile) for picture in pictures),
    )


def _check_size(domain: str, pictures: Sequence[Picture], largest: Cutting) -> None:
    if not pictures:
        raise InputError(f"source: has no scene of {domain.upper()}")
    if not any(picture.holds(largest.tile) for picture in pictures):
        grid = max((picture.grid for picture in pictures), key=lambda grid: min(grid.rows, grid.columns))
        raise InputError(
            f"{largest.key}: {largest.tile} is larger than every scene of {domain.upper()}, the best is "
            f"{grid.rows} x {grid.columns} pixels; give at most {min(grid.rows, grid.columns)}"
        )


def _check_splits(domain: str, plan: ScenePlan, cutting: Cutting, split: Split, nodata: float) -> None:
    for name, count in zip(SPLITS, plan.counts, strict=True):
        if count == 0:
            by_name = isinstance(split.validation, tuple)
            advice = f"other scenes in split.{name}" if by_name else "another split.seed, other shares"
            raise InputError(
                f"{cutting.key}: no tile of {cutting.tile} pixels for {name} in {domain.upper()} ({plan.left_out} "
                f"hold more nodata than {nodata:g}, {plan.skipped} scenes are smaller, gap {split.gap}); "
                f"give a smaller {cutting.key} or {advice}"
            )
