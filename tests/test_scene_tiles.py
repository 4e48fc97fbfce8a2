"""Splits by ground. Postconditions are checked by painting every window on the ground that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.scene_tiles import ScenePlan, names_of, plan_scenes
from geogan.scene_windows import Cutting
from geogan.scenes import Layer, Scenes
from geogan.territories import deal
from geogan.tiles import SPLITS, Split, cut
from tests.layers import aligned, at, layer, unaligned


def plan(
    scenes: Scenes,
    tile: int = 16,
    stride: int = 8,
    evaluation: int = 32,
    nodata: float = 0.0,
    split: Split | None = None,
) -> dict[str, dict[str, ScenePlan]]:
    cuttings = {
        "tiles": dict.fromkeys("ab", Cutting("tile", tile, stride)),
        "evaluation": dict.fromkeys("ab", Cutting("evaluation_tile", evaluation, evaluation, inside=True)),
    }
    return plan_scenes(scenes, cuttings, split=split or Split(), nodata=nodata)


def paint(plans: Sequence[tuple[ScenePlan, Sequence[Layer]]], scale: int = 1, reach: int = 0) -> np.ndarray:
    """Which splits use each piece of ground, of 1/scale metres: bool (split, y, x); windows grown by ``reach``."""
    ground = np.zeros((3, 900 * scale, 900 * scale), dtype=bool)
    for planned, layers in plans:
        for scene, row, column, split in zip(planned.scene, planned.row, planned.column, planned.split, strict=True):
            cell, _, west, _, _, north = layers[scene].grid.transform
            top, left = 6_000_000 - north + row * cell + 50, west - 500_000 + column * cell + 50
            edges = [top - reach, top + planned.tile * cell + reach, left - reach, left + planned.tile * cell + reach]
            a, b, c, d = (int(round(edge * scale, 6)) for edge in edges)
            ground[split, max(a, 0) : b, max(c, 0) : d] = True
    return ground


def splits_of(planned: ScenePlan) -> dict[int, set[str]]:
    """The splits that each scene serves."""
    pairs = zip(planned.scene.tolist(), planned.split.tolist(), strict=True)
    found: dict[int, set[str]] = {}
    for scene, split in pairs:
        found.setdefault(scene, set()).add(SPLITS[split])
    return found


def test_one_scene_is_cut_into_blocks() -> None:
    scenes = aligned(at(256, 300))
    plans = plan(scenes)
    both = [(plans[group]["a"], scenes.a) for group in ("tiles", "evaluation")]
    used = paint(both)
    assert (used.sum(axis=0) <= 1).all()
    assert used.any(axis=(1, 2)).all()
    for group in plans.values():
        assert all(np.array_equal(getattr(group["a"], k), getattr(group["b"], k)) for k in ("row", "column", "split"))


@pytest.mark.parametrize("gap", [0, 9])
def test_scenes_that_overlap_share_splits(gap: int) -> None:
    grids = (at(200, 260), at(240, 200, east=130, south=90), at(150, 150, east=300, south=-30))
    scenes = aligned(*grids)
    plans = plan(scenes, split=Split(gap=gap, block=50))
    both = [(plans[group]["a"], scenes.a) for group in ("tiles", "evaluation")]
    assert (paint(both).sum(axis=0) <= 1).all()
    assert set(splits_of(plans["tiles"]["a"])) == {0, 1, 2}
    grown = np.stack(
        [
            paint(both, reach=gap)[split] & paint(both)[[s for s in range(3) if s != split]].any(axis=0)
            for split in range(3)
        ]
    )
    assert not grown.any()


def test_scenes_of_other_resolution_and_offset_share_splits() -> None:
    grids = (at(200, 260), at(500, 500, east=30.25, south=20.25, cell=0.5), at(120, 120, east=10, south=10, cell=1.5))
    scenes = aligned(*grids)
    plans = plan(scenes, split=Split(block=60))
    used = paint([(plans[group]["a"], scenes.a) for group in plans], scale=4)
    assert (used.sum(axis=0) <= 1).all()
    assert set(splits_of(plans["tiles"]["a"])) == {0, 1, 2}


def test_another_crs_shares_splits_too() -> None:
    from rasterio.warp import transform, transform_bounds

    first = at(300, 300)
    west, south, east, north = transform_bounds("EPSG:32632", "EPSG:4326", *first.bounds)
    other = Grid(300, 400, ((east - west) / 400, 0.0, west, 0.0, (south - north) / 300, north), "EPSG:4326")
    scenes = aligned(first, other)
    planned = plan(scenes, split=Split(block=70))["tiles"]["a"]
    assert set(splits_of(planned)) == {0, 1}
    centres = {}
    for scene, crs in ((0, "EPSG:32632"), (1, "EPSG:4326")):
        here = planned.scene == scene
        a, _, c, _, e, f = scenes.a[scene].grid.transform
        x, y = c + a * (planned.column[here] + 8), f + e * (planned.row[here] + 8)
        centres[scene] = np.array(transform(crs, "EPSG:32632", x, y)), planned.split[here]
    for point, split in zip(centres[1][0].T, centres[1][1], strict=True):
        near = (np.abs(centres[0][0].T - point) < 8).all(axis=1)  # windows of the first scene that cover the point
        assert set(centres[0][1][near]) <= {split}


def test_whole_scenes_go_to_splits_where_there_are_enough() -> None:
    grids = [at(64, 64, east=70 * number) for number in range(10)]
    scenes = aligned(*grids)
    first = splits_of(plan(scenes, split=Split(validation=0.2, test=0.2))["tiles"]["a"])
    assert all(len(splits) == 1 for splits in first.values())
    named = [next(iter(first[scene])) for scene in range(10)]
    assert [named.count(split) for split in SPLITS] == [6, 2, 2]
    others = [
        splits_of(plan(scenes, split=Split(validation=0.2, test=0.2, seed=seed))["tiles"]["a"]) for seed in range(6)
    ]
    assert others[0] == first
    assert any(other != first for other in others)


def test_overlapping_scenes_of_many_stay_together() -> None:
    grids = [at(64, 64, east=150 * number) for number in range(5)]
    grids += [at(64, 64, east=150 * number, south=40) for number in range(5)]
    scenes = aligned(*grids)
    for seed in range(5):
        found = splits_of(plan(scenes, split=Split(seed=seed))["tiles"]["a"])
        assert all(found[number] == found[number + 5] for number in range(5))


def test_of_two_grounds_the_larger_is_cut() -> None:
    scenes = aligned(at(64, 64), at(200, 200, east=100))
    found = splits_of(plan(scenes)["tiles"]["a"])
    assert found == {0: {"train"}, 1: set(SPLITS)}


@pytest.mark.parametrize("seed", range(20))
def test_dealing_is_near_the_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = [int(size) for size in rng.integers(1_000, 9_000, 60)]
    shares = (0.7, 0.15, 0.15)
    chosen = deal(pixels, shares, rng)
    for split, share in enumerate(shares):
        got = sum(size for size, to in zip(pixels, chosen, strict=True) if to == split)
        assert abs(got / sum(pixels) - share) < 0.03
    assert sorted(deal([5, 5, 5], shares, rng)) == [0, 1, 2]
    assert deal([900, 30, 30, 30], shares, rng)[0] == 0  # the giant trains


def test_unaligned_domains_share_no_ground_between_splits() -> None:
    scenes = unaligned([at(200, 260), at(64, 64, east=400)], [at(300, 300, east=60, south=60, cell=0.5)])
    plans = plan(scenes, split=Split(block=50))
    both = [(plans[group][side], getattr(scenes, side)) for group in plans for side in "ab"]
    assert (paint(both, scale=2).sum(axis=0) <= 1).all()
    for side in "ab":
        assert min(plans["tiles"][side].counts) > 0
    assert splits_of(plans["tiles"]["a"])[1] == {"train"}
    assert plans["tiles"]["a"].counts != plans["tiles"]["b"].counts


def test_unaligned_domains_without_a_crs_are_each_split() -> None:
    cells = Grid.in_cells(64, 64)
    plans = plan(unaligned([cells] * 3, [cells] * 9))
    assert all(len(splits) == 1 for side in "ab" for splits in splits_of(plans["tiles"][side]).values())
    assert set().union(*splits_of(plans["tiles"]["a"]).values()) == set(SPLITS)
    few = plan(unaligned([Grid.in_cells(128, 128)], [cells] * 3))
    assert splits_of(few["tiles"]["a"]) == {0: set(SPLITS)}


def test_ground_of_both_domains_that_is_too_small_to_cut_trains_where_others_do() -> None:
    apart = [at(64, 64, east=100 * number) for number in range(4)]
    scenes = unaligned([*apart[:3], apart[3]], [apart[3], *(at(64, 64, south=100 * n) for n in (1, 2, 3))])
    plans = plan(scenes)
    assert splits_of(plans["tiles"]["a"])[3] == splits_of(plans["tiles"]["b"])[0] == {"train"}


def test_scenes_are_chosen_by_name() -> None:
    scenes = aligned(*[at(64, 64, east=70 * number) for number in range(4)])
    scenes = replace(scenes, names=("1/x", "1/y", "2/x", "3/x"))
    found = splits_of(plan(scenes, split=Split(validation=("2/*",), test=("3/?", "1/y")))["tiles"]["a"])
    assert found == {0: {"train"}, 1: {"test"}, 2: {"validation"}, 3: {"test"}}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(validation=("s1",)), r"split\.test: is a share \(0\.15\) and the other names scenes"),
        (Split(test=("s1",)), r"split\.validation: is a share"),
        (Split(validation=("s1",), test=("s9", "s2")), r"split\.test: no scene is called s9; there are 4 \(s0, s1"),
        (Split(validation=("s[12]",), test=("s2",)), "the scene s2 is in validation and in test"),
        (Split(validation=("s0",), test=("s3",)), r"s0 \(validation\) and s1 \(train\) show the same ground"),
        (Split(validation=("s*",), test=()), r"evaluation_tile|tile: no tile of 16 pixels for train"),
        (Split(validation=0.0), r"split\.validation: must lie between 0 and 1"),
        (Split(gap=-1), r"split\.gap"),
    ],
)
def test_splits_that_cannot_be_are_refused(split: Split, message: str) -> None:
    scenes = aligned(at(64, 64), at(64, 64, east=60), at(64, 64, east=130), at(64, 64, east=200))
    with pytest.raises(InputError, match=message) as caught:
        plan(scenes, split=split)
    assert "\n" not in str(caught.value)


def test_windows_with_too_much_nodata_are_left_out() -> None:
    scenes = aligned(at(256, 300))
    rng = np.random.default_rng(0)
    for part in (*scenes.a, *scenes.b):
        part.valid[rng.integers(0, 256, 60), rng.integers(0, 300, 60)] = False
    valid = scenes.a[0].valid & scenes.b[0].valid
    everything = plan(scenes, nodata=0.99)["tiles"]["a"]
    assert everything.left_out == 0
    places = list(zip(everything.row, everything.column, strict=True))
    hidden = [(~valid[row : row + 16, column : column + 16]).sum() for row, column in places]
    for nodata in (0.0, 1 / 256, 2 / 256):
        kept = plan(scenes, nodata=nodata)["tiles"]["a"]
        expected = [place for place, count in zip(places, hidden, strict=True) if count <= nodata * 256]
        assert list(zip(kept.row, kept.column, strict=True)) == expected
        assert kept.left_out == len(places) - len(expected) > 0


def test_validity_is_read_once_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = aligned(at(256, 300))
    scenes.a[0].valid[100:130, 40:77] = False
    whole = plan(scenes)["tiles"]["a"]
    assert scenes.a[0].pixels_read == 256 * 300
    monkeypatch.setattr("geogan.scene_windows.PIECE", (37, 41))
    pieces = plan(scenes)["tiles"]["a"]
    assert np.array_equal(whole.row, pieces.row)
    assert np.array_equal(whole.column, pieces.column)
    assert whole.left_out == pieces.left_out > 0


def test_a_scene_of_nodata_is_named() -> None:
    scenes = aligned(*[at(64, 64, east=70 * number) for number in range(3)])
    scenes.b[1].valid[:] = False
    with pytest.raises(InputError, match=r"map_s1\.tif: holds nothing but nodata"):
        plan(scenes)
    scenes.b[1].valid[:20] = True
    scenes.a[1].valid[:20] = False
    with pytest.raises(InputError, match=r"s1\.tif: where it has data, its map map_s1\.tif has none"):
        plan(scenes)


def test_windows_are_ordered_and_held_out_ones_do_not_overlap() -> None:
    scenes = aligned(at(200, 200), at(256, 300, east=100, south=100))
    plans = plan(scenes, split=Split(block=50))
    for planned in (group["a"] for group in plans.values()):
        order = np.lexsort((planned.column, planned.row, planned.scene, planned.split))
        assert order.tolist() == list(range(len(planned)))
    held_out = plans["evaluation"]["a"]
    for scene in (0, 1):
        cover = np.zeros((256, 300), dtype=int)
        here = held_out.scene == scene
        for row, column in zip(held_out.row[here], held_out.column[here], strict=True):
            cover[row : row + 32, column : column + 32] += 1
        assert cover.max() == 1


def test_small_scenes_are_skipped_and_counted() -> None:
    scenes = aligned(
        *[at(64, 64, east=70 * number) for number in range(3)], at(12, 90, south=100), at(20, 20, south=200)
    )
    plans = plan(scenes)
    assert (plans["tiles"]["a"].skipped, plans["evaluation"]["a"].skipped) == (1, 2)
    found = splits_of(plans["tiles"]["a"])
    assert found[4] == {"train"}  # holds a tile, no held-out tile
    assert 3 not in found
    with pytest.raises(
        InputError, match=r"evaluation_tile: 70 is larger .* of A, the best is 64 x 64 pixels; .*most 64"
    ):
        plan(scenes, evaluation=70)


@pytest.mark.parametrize(
    ("size", "change", "message"),
    [
        ((41, 41), {"evaluation": 40}, r"evaluation_tile: blocks of 40 .* three are needed .*most 20 \(scene s0\)"),
        ((96, 64), {"split": Split(gap=10)}, r"blocks of 52 pixels cut .* into 1, three are needed .*most 12"),
        ((96, 64), {"tile": 33}, r"tile: blocks of 33 .* into 2, three .*most 32"),
    ],
)
def test_what_does_not_fit_is_named(size: tuple[int, int], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        plan(aligned(at(*size)), **change)
    assert "\n" not in str(caught.value)
    assert plan(aligned(at(96, 64)), tile=32)


def test_a_split_without_windows_is_named() -> None:
    scenes = aligned(at(96, 96))
    scenes.a[0].valid[:, ::8] = False
    with pytest.raises(InputError, match=r"tile: no tile of 16 pixels for train in A \(\d+ hold more nodata than 0, 0"):
        plan(scenes)


def test_names_by_files() -> None:
    def named(*files: str) -> tuple[str, ...]:
        return names_of([layer(at(4, 4), file) for file in files])

    assert named("/x/a/1.png", "/x/a/2.png") == ("1", "2")
    assert named("/x/a/1.png", "/x/b/1.png") == ("a/1", "b/1")
    assert named("data/y.tif") == ("y",)


def test_ground_without_a_pool_has_three_classes() -> None:
    for seed in range(10):
        blocks = cut(90, 64, largest_tile=32, split=Split(seed=seed, block=30), pool=0.0)
        assert np.bincount(blocks.classes.ravel(), minlength=4).tolist() == [4, 0, 1, 1]
        assert sorted(cut(32, 96, largest_tile=32, split=Split(seed=seed), pool=0.0).classes.ravel()) == [0, 2, 3]
    many = cut(1000, 1000, largest_tile=50, split=Split(validation=0.2, test=0.1, block=50), pool=0.0)
    assert np.bincount(many.classes.ravel()).tolist() == [280, 0, 80, 40]
    with pytest.raises(InputError, match=r"pool: must lie between 0 and 1, not -0\.1"):
        cut(90, 90, largest_tile=30, split=Split(), pool=-0.1)


def test_a_training_image_has_no_names() -> None:
    with pytest.raises(InputError, match=r"^split\.test: x\*, y choose among named scenes; give a share"):
        cut(200, 200, largest_tile=16, split=Split(test=("x*", "y")), pool=0.1)
