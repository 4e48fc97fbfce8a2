"""Metrics on small arrays whose values are known by hand, and against the published reference values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.metrics import by_facies, components, connectivity, controls, patterns, statistics, summary, variogram
from geogan.metrics.diversity import brier, hamming, hamming_ratio
from geogan.metrics.memory import copy_rate, nearest
from geogan.metrics.wells import accuracy, isolated, isolated_share


def stripes(size: int = 12) -> np.ndarray:
    """Rows 2-3 and 8-9 are facies 1: two components, each two rows high."""
    field = np.zeros((1, size, size), np.uint8)
    field[:, 2:4] = field[:, 8:10] = 1
    return field


def channels(number: int, size: int, seed: int, period: float = 16) -> np.ndarray:
    """Undulating channels along x with a random phase: cheap fields with long connections."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    shift = rng.uniform(0, period, (number, 1, 1)) + 3 * np.sin(x / 9 + rng.uniform(0, 6, (number, 1, 1)))
    return (((y + shift) % period) < period / 3).astype(np.uint8)


def test_coarsening_takes_the_majority_and_the_higher_code_on_a_tie():
    field = np.array([[[0, 1, 2, 2, 0, 0], [1, 0, 0, 1, 0, 2]]], np.uint8)
    assert patterns.coarsen(field, 3).tolist() == [[[1, 2, 0]]]
    assert patterns.coarsen(np.ones((1, 5, 7), np.uint8), 2).shape == (1, 2, 3)


@pytest.mark.parametrize("count", [2, 3, 200])
def test_pattern_histogram_counts_every_window(count):
    fields = np.random.default_rng(0).integers(0, count, (3, 9, 7), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(fields, (4, 4), axis=(1, 2)).reshape(-1, 16)
    expected = np.unique(windows, axis=0, return_counts=True)[1]
    found = patterns.histogram(fields, count)
    assert sorted(found.counts) == sorted(expected)
    assert found.counts.sum() == 3 * 6 * 4
    assert (np.diff(found.codes.astype(object)) > 0).all()


def test_divergence_is_0_for_equal_1_for_disjoint_and_exact_between():
    zeros, ones = (patterns.histogram(np.full((1, 8, 8), code, np.uint8), 2) for code in (0, 1))
    both = patterns.histogram(np.stack([np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)]), 2)
    assert patterns.divergence(zeros, zeros) == 0
    assert patterns.divergence(zeros, ones) == 1
    # p = (1, 0), q = (1/2, 1/2): H(3/4, 1/4) - (0 + 1) / 2
    assert patterns.divergence(zeros, both) == pytest.approx(2 - 0.75 * np.log2(3) - 0.5)


def test_connectivity_of_stripes():
    along_x, along_y = connectivity.curves(components.label(stripes() == 1), 11)[:, 0]
    assert along_x.tolist() == [1.0] * 11
    # rows 2, 3, 8, 9: lag 1 joins rows of one stripe, lags 5..7 only rows of different ones
    assert along_y[0] == 1
    assert along_y[4:7].tolist() == [0, 0, 0]
    assert np.isnan(along_y[1:4]).all()
    assert np.isnan(along_y[7:]).all()


def test_connectivity_ignores_diagonal_contact():
    checkerboard = np.indices((6, 6)).sum(axis=0)[None] % 2 == 1
    labels = components.label(checkerboard)
    assert components.counts(labels).tolist() == [18]
    along_x = connectivity.curves(labels, 5)[0, 0]
    assert np.isnan(along_x[[0, 2, 4]]).all()
    assert along_x[[1, 3]].tolist() == [0, 0]


def test_mean_curve_skips_fields_without_pairs_and_is_0_where_all_lack_them():
    curves = np.array([[1.0, np.nan, np.nan], [0.5, 0.25, np.nan]])
    assert connectivity.mean_curve(curves).tolist() == [0.75, 0.25, 0]


def test_variogram_of_stripes_and_checkerboard():
    along_x, along_y = variogram.curves(stripes() == 1, 6)[:, 0]
    assert along_x.tolist() == [0] * 6
    assert along_y[0] == pytest.approx(4 / 11 / 2)  # four changes between 11 pairs of rows
    assert along_y[2] == pytest.approx(6 / 9 / 2)  # of nine pairs of rows (1, 4), (4, 7), (7, 10) agree
    assert along_y[5] == 0  # the stripes repeat every six rows
    checkerboard = np.indices((6, 6)).sum(axis=0)[None] % 2 == 1
    assert variogram.curves(checkerboard, 3)[1, 0].tolist() == [0.5, 0, 0.5]


def test_components_are_counted_per_field_and_sized():
    fields = np.concatenate([stripes(), np.zeros((1, 12, 12), np.uint8), np.ones((1, 12, 12), np.uint8)])
    labels = components.label(fields == 1)
    assert components.counts(labels).tolist() == [2, 0, 1]
    assert components.sizes(labels).tolist() == [24, 24, 144]
    assert components.size_distance(np.array([24, 24]), np.array([20, 30])) == 5
    assert components.size_distance(np.array([24]), np.array([], int)) == 24


def test_accuracy_names_and_squared_error():
    fields = np.array([[[0, 1, 1, 0]]], np.uint8)
    facies = np.array([[[0, 1, 0, 255]]], np.uint8)
    result = accuracy(fields, facies != 255, facies, ("sand", "clay"))
    assert result == {
        "constraint_accuracy": pytest.approx(2 / 3),
        "constraint_accuracy_sand": 0.5,
        "constraint_accuracy_clay": 1,
        "constraint_mse": pytest.approx(4 / 3),
    }
    with pytest.raises(InputError, match="no datum"):
        accuracy(fields, np.zeros(fields.shape, bool), facies, ("sand", "clay"))


def test_isolated_pixels_differ_from_all_neighbours():
    field = np.zeros((1, 5, 5), np.uint8)
    field[0, 0, 0] = field[0, 2, 2] = field[0, 2, 3] = field[0, 4, 4] = 1
    expected = np.zeros((1, 5, 5), bool)
    expected[0, 0, 0] = expected[0, 4, 4] = True
    assert (isolated(field) == expected).all()
    mask = np.zeros(field.shape, bool)
    mask[0, [0, 2, 1], [0, 2, 1]] = True
    facies = np.where(mask, 1, 255).astype(np.uint8)  # (1, 1) is missed: not counted
    assert isolated_share(field, mask, facies) == 0.5


def test_hamming_is_the_mean_over_pairs():
    fields = np.random.default_rng(1).integers(0, 3, (5, 6, 7), dtype=np.uint8)
    pairs = [(fields[i] != fields[j]).mean() for i in range(5) for j in range(i)]
    assert hamming(fields) == pytest.approx(np.mean(pairs))
    assert hamming(np.repeat(fields[:1], 4, axis=0)) == 0


def test_hamming_ratio_is_1_for_a_calibrated_ensemble():
    rng = np.random.default_rng(2)
    p = rng.random((200, 200))
    ensemble = (rng.random((50, 200, 200)) < p).astype(np.uint8)
    truth = (rng.random((200, 200)) < p).astype(np.uint8)
    error = brier(np.stack([1 - p, p]), truth)
    assert error == pytest.approx(((p - truth) ** 2).mean())
    assert hamming_ratio(hamming(ensemble), error) == pytest.approx(1, abs=0.02)
    assert hamming_ratio(0.0, error) == 0


def test_copies_are_found_wherever_they_come_from():
    rng = np.random.default_rng(3)
    ground = patterns.coarsen(patterns.coarsen(rng.integers(0, 3, (1, 400, 400), dtype=np.uint8), 3), 3)[0]
    ground = ground.repeat(4, axis=0).repeat(4, axis=1)
    tiles = np.stack([ground[y : y + 64, x : x + 64] for y in range(0, 320, 64) for x in range(0, 320, 64)])
    straddling = ground[81:145, 130:194]
    dirty = straddling ^ (rng.random(straddling.shape) < 0.01)
    fresh = np.rot90(ground)[81:145, 30:94]
    distances = nearest(np.stack([tiles[7], straddling, dirty, fresh]).astype(np.uint8), tiles, 3)
    assert distances[:2].tolist() == [0, 0]
    assert 0 < distances[2] < 0.02 < distances[3]
    assert copy_rate(np.stack([straddling, fresh]).astype(np.uint8), tiles, 3) == 0.5
    with pytest.raises(ValueError, match="must be equal"):
        copy_rate(tiles[:, :32], tiles, 3)


def test_a_sample_against_itself_differs_in_nothing():
    sample = statistics(channels(6, 40, 0), 2)
    result = summary(sample, sample, ("mud", "sand"))
    assert sample.lags == 39
    zero = [key for key in result if not key.endswith(("_mean", "_std")) and key != "components"]
    assert {key: result[key] for key in zero} == dict.fromkeys(zero, 0.0)
    assert result["proportion_sand_mean"] + result["proportion_mud_mean"] == pytest.approx(1)


def test_negative_controls_fail_where_fresh_real_fields_pass():
    real = channels(30, 64, 0)
    truth = statistics(real, 2)
    fresh = summary(truth, statistics(channels(30, 64, 1), 2), ("0", "1"))
    noise = summary(truth, statistics(controls.noise(real, 2, 0), 2), ("0", "1"))
    turned = summary(truth, statistics(controls.rotated(real), 2), ("0", "1"))
    assert noise["proportion_1_difference"] == pytest.approx(0, abs=0.01)
    for key in ("mph_js_0", "mph_js_1", "mph_js_2", "connectivity_x", "connectivity_y", "variogram_x", "variogram_y"):
        assert fresh[key] < 0.25 * noise[key], key
        assert fresh[key] < 0.25 * turned[key], key
    assert noise["components"] > 20 * fresh["components"]


def test_figures_of_more_than_two_facies_are_means_over_them():
    rng = np.random.default_rng(4)
    a, b = (statistics(rng.integers(0, 3, (4, 20, 20), dtype=np.uint8) // (1 + i), 3) for i in (0, 1))
    names = ("a", "b", "c")
    total, each = summary(a, b, names), by_facies(a, b, names)
    assert total["connectivity_x"] == pytest.approx(np.mean([each[f"connectivity_x_{name}"] for name in names]))
    assert total["proportion_difference"] == max(abs(total[f"proportion_{name}_difference"]) for name in names)
    assert by_facies(*[statistics(stripes(), 2)] * 2, ("a", "b")) == {}


def test_a_sample_without_the_facies_is_far_off_and_not_nan():
    result = summary(statistics(channels(4, 32, 0), 2), statistics(np.zeros((4, 32, 32), np.uint8), 2), ("0", "1"))
    assert np.isfinite(list(result.values())).all()
    assert result["connectivity_x"] == pytest.approx(1)
    assert result["components_difference"] < 0


@pytest.mark.skipif("GEOGAN_DATA" not in os.environ, reason="GEOGAN_DATA is unset: no real training image")
def test_reference_values_of_the_real_channel_field():
    """Held-out rows against the rest, 100 tiles of 160 x 160 each: the floor and noise columns of the reference."""
    from PIL import Image

    image = np.array(Image.open(Path(os.environ["GEOGAN_DATA"]) / "channels/laloy_channels_2500.png")) // 255
    rng = np.random.default_rng(28)

    def tiles(rows: np.ndarray) -> np.ndarray:
        corners = zip(rng.integers(0, len(rows) - 159, 100), rng.integers(0, 2341, 100), strict=True)
        return np.stack([rows[y : y + 160, x : x + 160] for y, x in corners])

    real = tiles(image[:2000])
    truth = statistics(real, 2)
    floor = summary(truth, statistics(tiles(image[2000:]), 2), ("0", "1"))
    noise = summary(truth, statistics(controls.noise(real, 2, 0), 2), ("0", "1"))
    assert [floor[f"mph_js_{i}"] for i in range(3)] == pytest.approx([0.0018, 0.0037, 0.0093], rel=0.35)
    assert [noise[f"mph_js_{i}"] for i in range(3)] == pytest.approx([0.94, 0.94, 0.96], abs=0.015)
    assert [noise["connectivity_x"], noise["connectivity_y"]] == pytest.approx([0.97, 0.64], abs=0.1)
    assert [noise["variogram_x"], noise["variogram_y"]] == pytest.approx([0.069, 0.026], abs=0.01)
    assert floor["connectivity_x"] < 0.01
    assert floor["connectivity_y"] < 0.1
    assert max(floor["variogram_x"], floor["variogram_y"]) < 0.025
    assert floor["components"] == pytest.approx(3.1, abs=0.3)
    assert noise["components"] == pytest.approx(3338, rel=0.02)
