"""Windows cover every pixel, weigh it to 1, and start where a U-Net may be shifted to."""

from __future__ import annotations

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.whole_scenes.windows import Axis, plan_windows

LENGTHS = (1, 2, 7, 31, 32, 33, 63, 64, 65, 96, 97, 127, 128, 129, 200, 255, 257, 384, 511, 513, 700, 1023, 1025, 1999)


@pytest.mark.parametrize(
    ("stride", "window"), [(1, 16), (4, 8), (8, 24), (8, 64), (16, 80), (32, 64), (64, 448), (12, 60), (128, None)]
)
def test_weights_sum_to_one_at_every_pixel_of_any_scene(stride: int, window: int | None) -> None:
    for length in LENGTHS:
        plan = plan_windows(length, 700, stride, window)
        axis = plan.rows
        total, covered = np.zeros(length), np.zeros(length, dtype=int)
        for number, start in enumerate(axis.starts):
            first, end = axis.span(number)
            assert start % stride == 0
            assert start <= first < end <= min(length, start + axis.edge)
            weights = axis.weights(number)
            assert len(weights) == end - first
            assert weights.min() > 0
            total[first:end] += weights
            covered[first:end] += 1
            before, after = axis.overlap(number)
            assert number == 0 or first - start >= plan.margin
            assert number == len(axis) - 1 or start + axis.edge - end >= plan.margin
            assert before + after <= end - first  # ramps of three windows never meet
        assert np.abs(total - 1).max() < 1e-6
        assert set(covered) <= {1, 2}
        if len(axis) > 1:
            assert axis.starts[-1] + axis.edge - length < stride
            assert max(np.diff(axis.starts)) <= plan.step


@pytest.mark.parametrize(
    ("stride", "edge", "step", "margin", "ramp"),
    [(8, 512, 384, 32, 64), (128, 512, 384, 32, 64), (256, 512, 256, 64, 128), (512, 1024, 512, 128, 256),
     (96, 576, 384, 48, 96)],
)  # fmt: skip
def test_default_windows_by_stride(stride: int, edge: int, step: int, margin: int, ramp: int) -> None:
    plan = plan_windows(5000, 4000, stride)
    assert (plan.edge, plan.step, plan.margin, plan.rows.ramp) == (edge, step, margin, ramp)


def test_a_scene_within_a_window_is_one_window_no_longer_than_needed() -> None:
    plan = plan_windows(300, 130, 64)
    assert (len(plan), plan.edge) == (1, 320)
    assert plan.rows.span(0) == (0, 300)
    assert plan.columns.span(0) == (0, 130)
    assert (plan.rows.lines, plan.columns.lines) == ((), ())


def test_a_narrow_scene_has_windows_along_its_length_alone() -> None:
    plan = plan_windows(1300, 40, 64)
    assert (len(plan.rows), len(plan.columns)) == (4, 1)
    assert plan.rows.starts == (0, 256, 512, 832)  # evenly, over multiples of 64, up to the end of the scene


def test_lines_are_in_the_middle_of_overlaps_and_weights_one_half_around_them() -> None:
    axis = Axis(length=20, edge=12, ramp=4, starts=(0, 8))
    assert axis.lines == (10,)
    assert (axis.span(0), axis.span(1)) == ((0, 12), (8, 20))
    rise = np.float32([0.038060, 0.308658, 0.691342, 0.961940])
    np.testing.assert_allclose(axis.weights(1), [*rise, *[1] * 8], atol=1e-6)
    np.testing.assert_allclose(axis.weights(0), [*[1] * 8, *rise[::-1]], atol=1e-6)


@pytest.mark.parametrize("window", [0, 64, 100, -128])
def test_a_window_must_be_a_multiple_of_the_stride_with_room_for_an_overlap(window: int) -> None:
    with pytest.raises(InputError, match=f"^--window {window}: must be a multiple .* stride, 64, from 128 on$"):
        plan_windows(1000, 1000, 64, window)
