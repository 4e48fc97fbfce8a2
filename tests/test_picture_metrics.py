"""Metrics of images and classes on small arrays whose values are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from geogan.metrics.classes import class_figures, confusion, iou
from geogan.metrics.pictures import PictureStatistics, compare, picture_figures

LEVEL = 1 / 127.5


def image(*levels: float, size: int = 16) -> np.ndarray:
    """One tile of one colour, given in grey levels 0..255."""
    return np.broadcast_to(np.float32(levels)[None, :, None, None] * LEVEL - 1, (1, len(levels), size, size)).copy()


def everywhere(tiles: np.ndarray) -> np.ndarray:
    return np.ones((len(tiles), *tiles.shape[2:]), bool)


def figures(output: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None) -> dict[str, float]:
    return picture_figures(compare(output, truth, everywhere(truth) if valid is None else valid))


def test_equal_images_have_no_error_and_a_finite_psnr():
    rng = np.random.default_rng(0)
    tiles = rng.uniform(-1, 1, (2, 4, 20, 24)).astype(np.float32)
    assert figures(tiles, tiles.copy()) == {
        "l1": 0,
        "rmse": 0,
        "acc5": 1,
        "acc10": 1,
        "psnr": pytest.approx(10 * np.log10(255**2 * 12)),
        "ssim": 1,
    }


def test_two_colours_by_hand():
    # 3, 0 and 4 grey levels apart: the squares add up to 25 over the channels, and are 25 / 3 in the mean
    found = figures(image(103, 50, 204), image(100, 50, 200))
    assert found["l1"] == pytest.approx(7 / 3 * LEVEL, rel=1e-4)
    assert found["rmse"] == pytest.approx(5, rel=1e-4)
    assert found["psnr"] == pytest.approx(10 * np.log10(255**2 * 3 / 25), rel=1e-5)
    # of constants the structural similarity is (2 a b + C1) / (a^2 + b^2 + C1), C1 = (0.01 * 255)^2
    pairs = ((103, 100), (50, 50), (204, 200))
    expected = np.mean([(2 * a * b + 6.5025) / (a * a + b * b + 6.5025) for a, b in pairs])
    assert found["ssim"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("off", "within5", "within10"), [(4, 1, 1), (5, 0, 1), (9, 0, 1), (10, 0, 0)])
def test_pixels_are_near_when_every_channel_is_under_the_limit(off, within5, within10):
    for base in range(0, 240, 7):
        found = figures(image(base, base + off), image(base, base))
        assert (found["acc5"], found["acc10"]) == (within5, within10), base


def test_rmse_psnr_and_ssim_are_means_over_tiles():
    truth = np.concatenate([image(100), image(100)])
    output = np.concatenate([image(102), image(108)])
    found = figures(output, truth)
    assert found["rmse"] == pytest.approx((2 + 8) / 2, rel=1e-4)
    assert found["psnr"] == pytest.approx(np.mean([10 * np.log10(255**2 / mse) for mse in (4, 64)]), rel=1e-5)
    assert found["acc5"] == 0.5
    assert found["ssim"] == pytest.approx(
        np.mean([figures(image(level), image(100))["ssim"] for level in (102, 108)]), abs=1e-7
    )


def test_structural_similarity_is_that_of_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0, 255, (2, 19, 23))
    b = 0.6 * a + 0.4 * b

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b, both = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2, mean(a * b) - mean_a * mean_b
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    tiles = [(values * LEVEL - 1).astype(np.float32)[None, None] for values in (a, b)]
    assert figures(*tiles)["ssim"] == pytest.approx(expected.mean(), abs=1e-5)


def test_what_is_not_valid_counts_for_nothing():
    truth, output = image(100, 100, size=24), image(103, 100, size=24)
    valid = everywhere(truth)
    valid[:, :, 20:] = False
    spoiled = np.where(valid[:, None], output, np.float32(0.9))
    whole, part = figures(output, truth), figures(spoiled, truth, valid)
    assert part == pytest.approx(whole, rel=1e-6)
    assert compare(spoiled, truth, valid).windows.tolist() == [14 * (20 - 10)]
    hole = everywhere(truth)
    hole[0, 12, 12] = False  # 11 x 11 of the 14 x 14 windows hold it
    assert compare(spoiled, truth, hole).windows.tolist() == [14 * 14 - 11 * 11]


def test_tiles_without_a_valid_pixel_or_window_are_left_out():
    truth, output = np.concatenate([image(100)] * 3), np.concatenate([image(104), image(200), image(106)])
    valid = everywhere(truth)
    valid[1] = False
    valid[2, :, ::3] = False
    found = figures(output, truth, valid)
    assert found["rmse"] == pytest.approx((4 + 6) / 2, rel=1e-4)
    assert found["ssim"] == pytest.approx(figures(image(104), image(100))["ssim"], abs=1e-6)
    assert "ssim" not in figures(image(104, size=10), image(100, size=10))
    assert figures(output, truth, np.zeros_like(valid)) == {}


def test_tiles_may_come_in_any_batches():
    rng = np.random.default_rng(2)
    output, truth = rng.uniform(-1, 1, (2, 5, 3, 16, 16)).astype(np.float32)
    valid = rng.random((5, 16, 16)) < 0.999
    whole = compare(output, truth, valid)
    parts = [compare(output[i:j], truth[i:j], valid[i:j]) for i, j in ((0, 1), (1, 4), (4, 5))]
    assert picture_figures(PictureStatistics.pooled(parts)) == picture_figures(whole)
    assert picture_figures(whole.take([3])) == picture_figures(compare(output[3:4], truth[3:4], valid[3:4]))


def test_noise_is_worse_than_a_constant():
    rng = np.random.default_rng(3)
    truth = ndimage.gaussian_filter(rng.uniform(-1, 1, (4, 3, 32, 32)), (0, 0, 3, 3)).astype(np.float32)
    noise = figures(rng.uniform(-1, 1, truth.shape).astype(np.float32), truth)
    grey = figures(np.zeros_like(truth), truth)
    assert noise["rmse"] > 2 * grey["rmse"]
    assert noise["l1"] > 2 * grey["l1"]
    assert noise["psnr"] < grey["psnr"] - 3
    assert noise["ssim"] < 0.1 < grey["ssim"]


def test_confusion_and_its_figures_by_hand():
    truth = np.array([[[0, 0, 0, 1], [1, 1, 255, 0]]], np.uint8)
    found = np.array([[[0, 0, 1, 1], [1, 0, 1, 3]]], np.uint8)
    valid = truth != 255
    valid[0, 1, 0] = False
    matrix = confusion(truth, found, valid, 4)
    assert matrix.tolist() == [[2, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert iou(matrix)[[0, 1, 3]].tolist() == [2 / 5, 1 / 3, 0]
    assert class_figures(matrix, ("bare land", "road", "water", "Roof (flat)")) == {
        "iou_bare_land": 2 / 5,
        "iou_road": 1 / 3,
        "iou_Roof_(flat)": 0,
        "miou": pytest.approx((2 / 5 + 1 / 3) / 3),
        "pixel_accuracy": 0.5,
    }


def test_confusion_of_equal_maps_is_perfect_and_of_no_pixel_empty():
    truth = np.random.default_rng(4).integers(0, 3, (2, 8, 8), dtype=np.uint8)
    everything = np.ones(truth.shape, bool)
    perfect = class_figures(confusion(truth, truth, everything, 5), tuple("abcde"))
    assert perfect == {"iou_a": 1, "iou_b": 1, "iou_c": 1, "miou": 1, "pixel_accuracy": 1}
    assert class_figures(confusion(truth, truth, ~everything, 5), tuple("abcde")) == {}
