"""Splits in space. Postconditions are checked by painting every window on the image."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.tiles import CLASSES, SPLIT_OF, Blocks, Plan, Split, check_classes, cut, plan, without_nodata


def cut_image(rows: int, columns: int, tile: int, split: Split, pool: float = 0.1) -> Blocks:
    return cut(rows, columns, largest_tile=tile, split=split, pool=pool)


def painted(planned: Plan, rows: int, columns: int) -> np.ndarray:
    """For each class, the pixels that its windows cover: bool (class, row, column)."""
    cover = np.zeros((len(CLASSES), rows, columns), dtype=bool)
    for row, column, at in zip(planned.row, planned.column, planned.classes, strict=True):
        assert row >= 0
        assert column >= 0
        assert row + planned.tile <= rows
        assert column + planned.tile <= columns
        cover[at, row : row + planned.tile, column : column + planned.tile] = True
    return cover


CASES = [
    (200, 300, 16, 8, Split()),
    (201, 307, 17, 5, Split(seed=3, block=40)),
    (200, 300, 16, 8, Split(gap=6)),
    (290, 330, 24, 7, Split(gap=11, block=50, seed=5)),
    (256, 256, 32, 64, Split(validation=0.4, test=0.4)),
    (40, 60, 20, 20, Split()),
]


@pytest.mark.parametrize(("rows", "columns", "tile", "stride", "split"), CASES)
def test_no_two_splits_and_no_two_roles_share_a_pixel(
    rows: int, columns: int, tile: int, stride: int, split: Split
) -> None:
    blocks = cut_image(rows, columns, tile, split)
    cover = painted(plan(blocks, tile=tile, stride=stride, gap=split.gap), rows, columns)
    assert (cover.sum(axis=0) <= 1).all()
    assert cover.any(axis=(1, 2)).all()


@pytest.mark.parametrize(("rows", "columns", "tile", "stride", "split"), [case for case in CASES if case[4].gap])
def test_tiles_keep_the_gap_from_other_splits_ground(
    rows: int, columns: int, tile: int, stride: int, split: Split
) -> None:
    blocks = cut_image(rows, columns, tile, split)
    planned = plan(blocks, tile=tile, stride=stride, gap=split.gap)
    ground = SPLIT_OF[ground_of(blocks)]
    for row, column, at in zip(planned.row, planned.column, planned.classes, strict=True):
        top, left = max(0, row - split.gap), max(0, column - split.gap)
        around = ground[top : row + tile + split.gap, left : column + tile + split.gap]
        assert (around == SPLIT_OF[at]).all()
    closer = plan(blocks, tile=tile, stride=stride)
    assert closer.row.size > planned.row.size  # the gap does cost windows


def ground_of(blocks: Blocks) -> np.ndarray:
    """The class of every pixel."""
    by_row = np.repeat(blocks.classes, np.diff(blocks.rows), axis=0)
    return np.repeat(by_row, np.diff(blocks.columns), axis=1)


def test_every_window_that_may_be_is_there() -> None:
    blocks = cut_image(120, 180, 20, Split(block=30))
    planned = plan(blocks, tile=20, stride=10)
    ground = ground_of(blocks)
    starts = [
        sorted({int(a + k) for a in borders[:-1] for k in (0, 10, 20)}) for borders in (blocks.rows, blocks.columns)
    ]
    expected = {
        (row, column, int(ground[row, column]))
        for row, column in product(*starts)
        if row + 20 <= 120 and column + 20 <= 180 and len(np.unique(ground[row : row + 20, column : column + 20])) == 1
    }
    found = set(zip(planned.row.tolist(), planned.column.tolist(), planned.classes.tolist(), strict=True))
    assert found == expected
    assert len(found) == planned.row.size
    inner = planned.row % 30 > 10
    assert inner.any()  # some windows cross the border between two blocks of one class


def test_windows_are_ordered_and_repeatable() -> None:
    blocks = cut_image(200, 300, 16, Split())
    first, again = (plan(blocks, tile=16, stride=8) for _ in range(2))
    order = np.lexsort((first.column, first.row, first.classes))
    assert order.tolist() == list(range(first.row.size))
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in ("row", "column", "classes"))


def test_shares_are_those_asked_for() -> None:
    blocks = cut_image(1000, 1000, 40, Split(validation=0.2, test=0.1, block=50), pool=0.25)
    counts = dict(zip(CLASSES, np.bincount(blocks.classes.ravel(), minlength=4).tolist(), strict=True))
    assert counts == {
        ("train", "image"): 210,
        ("train", "constraint"): 70,
        ("validation", "image"): 80,
        ("test", "image"): 40,
    }


def test_small_shares_still_get_a_block_each() -> None:
    for seed in range(20):
        blocks = cut_image(60, 60, 30, Split(validation=0.01, test=0.01, seed=seed), pool=0.01)
        assert sorted(blocks.classes.ravel()) == [0, 1, 2, 3]


def test_the_seed_chooses_and_the_choice_is_spread() -> None:
    choices = [cut_image(800, 800, 100, Split(block=100, seed=seed)).classes for seed in range(30)]
    assert len({choice.tobytes() for choice in choices}) == 30
    assert np.array_equal(choices[4], cut_image(800, 800, 100, Split(block=100, seed=4)).classes)
    for choice in choices:
        test_rows = np.nonzero(SPLIT_OF[choice] == 2)[0]
        assert test_rows.min() <= 2
        assert test_rows.max() >= 5  # ten of 64 blocks are never all in one half


def test_default_blocks() -> None:
    wide = cut_image(2500, 2500, 160, Split())
    assert wide.classes.shape == (8, 8)
    assert set(np.diff(wide.rows)) == {312, 313}
    tight = cut_image(1000, 700, 160, Split())
    assert tight.classes.shape == (6, 4)
    spaced = cut_image(1000, 700, 160, Split(gap=20))
    assert spaced.classes.shape == (5, 3)


def test_windows_with_nodata_are_left_out_and_counted() -> None:
    blocks = cut_image(120, 180, 20, Split(block=30))
    planned = plan(blocks, tile=20, stride=5)
    facies = np.zeros((120, 180), dtype=np.uint8)
    assert without_nodata(planned, facies).left_out == 0
    facies[[3, 77, 119], [170, 41, 0]] = 255
    kept = without_nodata(planned, facies)
    holds = [
        (facies[row : row + 20, column : column + 20] == 255).any()
        for row, column in zip(planned.row, planned.column, strict=True)
    ]
    assert kept.left_out == sum(holds) > 0
    assert kept.row.tolist() == planned.row[~np.array(holds)].tolist()
    assert kept.column.tolist() == planned.column[~np.array(holds)].tolist()


def test_a_class_whose_ground_is_all_nodata_is_named() -> None:
    blocks = cut_image(120, 180, 20, Split(block=30))
    facies = np.where(ground_of(blocks) == CLASSES.index(("test", "image")), 255, 0).astype(np.uint8)
    left = without_nodata(plan(blocks, tile=20, stride=5), facies)
    with pytest.raises(InputError, match=r"tile: no window of 20 pixels in the ground of test/image.*nodata"):
        check_classes(left, blocks)


@pytest.mark.parametrize(
    ("rows", "columns", "tile", "split", "pool", "message"),
    [
        (100, 300, 101, Split(), 0.1, "evaluation_tile: 101 is larger than the image of 100 x 300 pixels"),
        (250, 250, 160, Split(), 0.1, r"evaluation_tile: .* into 1, four are needed.*give at most 125"),
        (250, 250, 64, Split(block=126), 0.1, r"split\.block: .* into 1, four are needed.*give at most 125"),
        (250, 250, 104, Split(gap=20), 0.1, r"evaluation_tile: .*give at most 85"),
        (250, 250, 64, Split(block=0), 0.1, r"split\.block"),
        (250, 250, 64, Split(gap=-1), 0.1, r"split\.gap"),
        (250, 250, 64, Split(validation=0.0), 0.1, r"split\.validation"),
        (250, 250, 64, Split(validation=0.6, test=0.5), 0.1, "split: validation"),
        (250, 250, 64, Split(), 1.0, "pool"),
    ],
)
def test_what_does_not_fit_is_named(
    rows: int, columns: int, tile: int, split: Split, pool: float, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        cut_image(rows, columns, tile, split, pool)
    assert "\n" not in str(caught.value)


def test_the_advice_is_right() -> None:
    assert cut_image(250, 250, 83, Split()).classes.size >= 6
    assert cut_image(250, 250, 43, Split(gap=20)).classes.size >= 6


def test_tile_and_stride_are_checked() -> None:
    blocks = cut_image(200, 300, 16, Split(block=30))
    with pytest.raises(InputError, match="tile: must be at least 1"):
        plan(blocks, tile=0, stride=8)
    with pytest.raises(InputError, match="stride: must be at least 1"):
        plan(blocks, tile=16, stride=0)
    with pytest.raises(InputError, match="evaluation_tile: no window of 180 pixels"):
        plan(blocks, tile=180, stride=8, key="evaluation_tile")
