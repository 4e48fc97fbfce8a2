"""Translations without a network, against values known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from geogan.domains import Domain
from geogan.metrics.baselines import baseline_figures, best, colours, constant_figures, most_frequent_class, nearest
from geogan.metrics.directions import TRANSLATION_DIRECTIONS
from geogan.metrics.features import extractor
from geogan.metrics.scores import Judge, real
from geogan.scenes import Palette, Tiles

PALETTE = Palette(("land", "water", "road"), ((200, 180, 120), (40, 90, 200), (30, 30, 30)), (1, 2, 3))
CLASSES = Domain("uint8", (1,), (), (), PALETTE, None, (1.0, 1.0))


def bands(count: int, dtype: str = "uint8", high: float = 255.0) -> Domain:
    return Domain(dtype, tuple(range(1, count + 1)), (0.0,) * count, (high,) * count, None, None, (1.0, 1.0))


def tiles(values: np.ndarray) -> Tiles:
    return Tiles(values, np.ones((len(values), *values.shape[2:]), bool))


def judge(domain: Domain, maps: Tiles, *, features: bool = True) -> Judge:
    names = domain.palette.names if domain.palette else ()
    return Judge(real(domain, maps), len(maps), names, extractor(None, domain.channels) if features else None)


def some(domain: Domain, number: int, seed: int, size: int = 16) -> Tiles:
    """Tiles of large blocks; the levels and classes are not equally frequent."""
    rng = np.random.default_rng(seed)
    shape = (number, len(domain.bands), size // 4, size // 4)
    top = len(domain.palette) if domain.palette else 256
    values = (rng.beta(0.7, 1.5, shape) * top).astype(domain.dtype)
    return tiles(values.repeat(4, axis=2).repeat(4, axis=3))


def grey(levels: np.ndarray) -> np.ndarray:
    return (levels + 1) * 127.5


def test_colours_are_mean_median_and_mode_of_the_valid_pixels():
    domain = bands(2)
    values = np.zeros((1, 2, 1, 6), np.uint8)
    values[0, 0] = [10, 10, 40, 60, 80, 255]
    values[0, 1] = [7, 7, 3, 3, 3, 255]
    maps = Tiles(values, np.array([[[True] * 5 + [False]]]))
    found = colours(domain, maps)
    assert grey(found["mean"]) == pytest.approx([40, 4.6], abs=1e-4)
    assert grey(found["median"]) == pytest.approx([40, 3], abs=1e-4)
    assert grey(found["most_frequent"]) == pytest.approx([10, 7], abs=1e-4)
    nothing = colours(domain, Tiles(values, np.zeros((1, 1, 6), bool)))
    assert all((colour == 0).all() for colour in nothing.values())


@pytest.mark.parametrize("count", [1, 3, 12])
def test_colours_do_not_depend_on_how_tiles_are_batched(count):
    domain = bands(count)
    maps = some(domain, 40, 0)
    pixels = maps.values.transpose(1, 0, 2, 3).reshape(count, -1)
    found = {name: grey(colour) for name, colour in colours(domain, maps).items()}
    assert found["mean"] == pytest.approx(pixels.mean(axis=1), abs=1e-3)
    assert found["median"] == pytest.approx(np.sort(pixels, axis=1)[:, pixels.shape[1] // 2 - 1], abs=1e-3)
    distinct, numbers = np.unique(pixels, axis=1, return_counts=True)
    most = np.rint(found["most_frequent"]).astype(int)
    where = (distinct == most[:, None]).all(axis=0)
    assert numbers[where].tolist() == [numbers.max()]


def test_the_most_frequent_class_is_one_of_valid_pixels():
    codes = np.array([[[[0, 0, 0, 1, 1, 255]]]], np.uint8)
    valid = codes[:, 0] != 255
    assert most_frequent_class(CLASSES, Tiles(codes, valid)) == 0
    valid[0, 0, :2] = False
    assert most_frequent_class(CLASSES, Tiles(codes, valid)) == 1
    assert most_frequent_class(bands(1), Tiles(codes, valid)) is None
    assert grey(colours(CLASSES, Tiles(codes, valid))["most_frequent"]) == pytest.approx([40, 90, 200], abs=1e-4)


@pytest.mark.parametrize("domain", [bands(3), bands(1, "uint16", 1000.0), CLASSES])
def test_the_constant_is_the_best_of_three_on_the_training_maps(domain):
    known = judge(domain, some(domain, 20, 1))
    maps = some(domain, 20, 1)
    chosen = constant_figures(domain, maps, known, known)
    for colour in colours(domain, maps).values():
        code = most_frequent_class(domain, maps)
        flat = judge_of_constant(known, colour, code)
        for metric, way in TRANSLATION_DIRECTIONS.items():
            if metric in chosen:
                assert way * chosen[metric] <= way * flat[metric] + 1e-12, metric
    assert {"l1", "rmse", "acc5", "psnr", "ssim", "fid", "kid"} <= chosen.keys()


def judge_of_constant(known: Judge, colour: np.ndarray, code: int | None) -> dict[str, float]:
    from geogan.metrics.baselines import constant

    return known.figures(known.score(constant(known.truth, colour, code)))


def test_the_candidate_is_chosen_on_training_maps_and_judged_on_the_others():
    domain = bands(1)
    train = tiles(np.repeat(np.uint8([0, 0, 0, 200, 250]), 256).reshape(5, 1, 16, 16))
    test = tiles(np.full((2, 1, 16, 16), 100, np.uint8))
    found = constant_figures(domain, train, judge(domain, train, features=False), judge(domain, test, features=False))
    assert found["l1"] == pytest.approx(100 / 127.5, rel=1e-5)  # of the median, 0: least there, though the mean, 90,
    assert found["rmse"] == pytest.approx(100, rel=1e-4)  # is nearer here
    assert found["acc5"] == 0
    assert best({"a": {"l1": 2.0, "ssim": 0.5, "iou_x": 0.0}, "b": {"l1": 1.0, "ssim": 0.5, "iou_x": 0.0}}) == {
        "l1": "b",
        "ssim": "a",
        "iou_x": "a",
    }


def test_a_constant_class_has_the_share_of_that_class():
    train, test = some(CLASSES, 20, 2), some(CLASSES, 10, 3)
    found = constant_figures(CLASSES, train, judge(CLASSES, train), judge(CLASSES, test))
    share = (test.values == most_frequent_class(CLASSES, train)).mean()
    assert found["pixel_accuracy"] == found["iou_land"] == pytest.approx(share)
    assert found["iou_water"] == found["iou_road"] == 0
    assert found["miou"] == pytest.approx(share / 3)


def test_the_nearest_input_is_found_by_its_thumbnail():
    domain = bands(2)
    known = some(domain, 30, 4, size=32)
    noise = np.random.default_rng(5).integers(-3, 4, (4, 2, 32, 32))
    order = [17, 3, 29, 0]
    asked = tiles((known.values[order].astype(int) + noise).clip(0, 255).astype(np.uint8))
    assert nearest(domain, asked, known).tolist() == order
    odd = Tiles(known.values[:, :, :29, :5], known.valid[:, :29, :5])
    assert nearest(domain, odd, odd).tolist() == list(range(30))


def test_all_baselines_by_prefix():
    scene, other = bands(3), bands(3, "uint16")
    train = some(scene, 12, 6), some(CLASSES, 12, 7)
    figures = baseline_figures(scene, CLASSES, train, train[0], judge(CLASSES, train[1]))
    assert figures["nearest_l1"] == 0  # every input is known
    assert figures["nearest_miou"] == figures["nearest_pixel_accuracy"] == 1
    assert figures["floor_fid"] == figures["nearest_fid"] == pytest.approx(0, abs=1e-6)
    assert figures["constant_l1"] > 0.1
    assert not any(name.startswith("identity") for name in figures)
    assert "floor_kid" in figures

    pictures = train[0], some(scene, 12, 8)
    identity = baseline_figures(scene, scene, pictures, pictures[0], judge(scene, pictures[0]))
    assert identity["identity_l1"] == 0  # the truth is the input here
    assert identity["nearest_l1"] > 0.1
    wide = tiles(pictures[1].values.astype(np.uint16))
    assert not any(
        name.startswith("identity")
        for name in baseline_figures(scene, other, (pictures[0], wide), pictures[0], judge(other, wide, features=False))
    )


def test_without_an_extractor_there_is_no_distance_of_sets():
    train = some(bands(1), 6, 9), some(CLASSES, 6, 10)
    figures = baseline_figures(bands(1), CLASSES, train, train[0], judge(CLASSES, train[1], features=False))
    assert not any(name.endswith(("fid", "kid")) for name in figures)
