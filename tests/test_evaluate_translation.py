"""Evaluation of translators whose outputs are known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.evaluate_translation import evaluate_translation, validate_translation
from geogan.generators.translator import Translator
from geogan.metrics.directions import PICTURE_DIRECTIONS
from geogan.scenes import NO_CLASS, Palette, Tiles
from geogan.translation import PictureTranslator
from geogan.translation_sheets import as_rgb

COLOURS = ((200, 180, 120), (40, 90, 200), (30, 30, 30))
MAP = Domain("uint8", (1,), (), (), Palette(("bare land", "water", "road"), COLOURS, (1, 2, 3)), None, (1.0, 1.0))
PHOTO = Domain("uint8", (1, 2, 3), (0.0,) * 3, (255.0,) * 3, None, None, (1.0, 1.0))


class Exact(Translator):
    """Gives back the colours of its input, or the class of the nearest colour, each as raw output."""

    stride = 1

    def __init__(self, classes: bool):
        super().__init__()
        self.classes = classes

    def forward(self, image: Tensor) -> Tensor:
        if not self.classes:
            return torch.atanh(image.clamp(-0.99999, 0.99999))
        table = torch.tensor(COLOURS, dtype=torch.float32) / 127.5 - 1
        return -100 * (image.unsqueeze(1) - table.view(1, 3, 3, 1, 1)).square().sum(dim=2)


class Noise(Exact):
    def forward(self, image: Tensor) -> Tensor:
        return torch.randn(image.shape, generator=torch.Generator().manual_seed(0)) * 3


class Broken(Exact):
    def forward(self, image: Tensor) -> Tensor:
        return torch.full_like(image, torch.nan)


def translator(classes: bool = True, network: type[Exact] = Exact, target: Domain = MAP) -> PictureTranslator:
    return PictureTranslator(network(classes), PHOTO, target, classes, torch.device("cpu"))


def pairs(number: int, seed: int, size: int = 16, hole: bool = False) -> tuple[Tiles, Tiles]:
    """Photos that show the very colours of their maps."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, (number, size // 4, size // 4), p=(0.6, 0.3, 0.1)).astype(np.uint8)
    codes = codes.repeat(4, axis=1).repeat(4, axis=2)
    photos = np.array(COLOURS, np.uint8)[codes].transpose(0, 3, 1, 2)
    valid = np.ones(codes.shape, bool)
    if hole:
        valid[:, :4] = False
        codes = np.where(valid, codes, NO_CLASS).astype(np.uint8)
    return Tiles(photos, np.ones(codes.shape, bool)), Tiles(codes[:, None], valid)


@pytest.mark.parametrize("classes", [True, False])
def test_the_truth_as_output_is_perfect_and_beats_all_baselines(classes):
    found = evaluate_translation(translator(classes), pairs(30, 1), pairs(20, 2)).metrics
    assert found["l1"] == pytest.approx(0, abs=1e-6)
    assert found["rmse"] == pytest.approx(0, abs=1e-4)
    assert [found[name] for name in ("acc5", "acc10", "pixel_accuracy", "miou", "iou_bare_land")] == [1] * 5
    assert found["ssim"] == pytest.approx(1)
    assert found["fid"] == pytest.approx(0, abs=1e-4)
    assert found["fid_extractor"] == "random_conv"
    assert (found["n_test"], found["n_train"], found["size"], found["seed"]) == (20, 30, 16, 0)
    for metric, way in PICTURE_DIRECTIONS.items():
        for baseline in ("constant", "nearest"):
            assert way * found[metric] < way * found[f"{baseline}_{metric}"], (metric, baseline)
    assert 0 < found["floor_fid"] < found["constant_fid"]


@pytest.mark.parametrize("classes", [True, False])
def test_noise_is_worse_than_a_constant(classes):
    found = evaluate_translation(translator(classes, Noise), pairs(30, 1), pairs(20, 2)).metrics
    for metric in ("l1", "rmse", "psnr", "ssim", "pixel_accuracy"):
        way = PICTURE_DIRECTIONS[metric]
        assert way * found[metric] > way * found[f"constant_{metric}"], metric
    assert found["fid"] > 5 * found["floor_fid"]
    assert found["kid"] > 5 * abs(found["floor_kid"])


def test_the_metrics_are_json_of_six_digits_and_the_same_twice():
    first, second = (evaluate_translation(translator(), pairs(5, 1), pairs(6, 2), seed=3).metrics for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    numbers = {name: value for name, value in first.items() if name != "fid_extractor"}
    assert all(math.isfinite(value) for value in numbers.values())
    assert all(float(f"{value:.6g}") == value for value in numbers.values())


def test_at_most_so_many_tiles_evenly_spaced():
    test = pairs(10, 2)
    found = evaluate_translation(translator(network=Noise), pairs(9, 1), test, tiles=5)
    assert (found.metrics["n_test"], found.metrics["n_train"]) == (5, 5)
    every_second = tuple(Tiles(side.values[::2], side.valid[::2]) for side in test)
    same = evaluate_translation(translator(network=Noise), pairs(9, 1), every_second, tiles=5)
    assert found.metrics == same.metrics
    assert found.seconds_per_tile > 0


def test_pixels_without_a_class_count_for_nothing():
    whole, part = pairs(6, 2), pairs(6, 2, hole=True)
    found = evaluate_translation(translator(), pairs(6, 1, hole=True), part)
    assert found.metrics["rmse"] == 0
    assert found.metrics["pixel_accuracy"] == 1
    assert found.metrics["fid"] == pytest.approx(0, abs=1e-4)
    assert found.confusion is not None
    assert found.confusion.sum() == whole[1].valid.sum() * 3 // 4
    assert (found.samples.truths[:, :4] == 255).all()
    with pytest.raises(InputError, match="no pixel is valid"):
        evaluate_translation(translator(), part, (part[0], Tiles(part[1].values, np.zeros_like(part[1].valid))))


def test_the_confusion_matrix_and_sheets_show_what_is_wrong():
    inputs, truths = pairs(12, 2)
    swapped = truths.values.copy()
    swapped[7] = (swapped[7] + 1) % 3  # all wrong
    swapped[4, :, :8] = 1 - swapped[4, :, :8] % 2
    found = evaluate_translation(translator(), pairs(5, 1), (inputs, Tiles(swapped, truths.valid)))
    assert found.samples.numbers == (0, 1, 3, 4, 6, 7, 9, 10)
    assert found.worst.numbers[:2] == (7, 4)
    assert len(found.worst.numbers) == 10
    assert found.samples.wrong is not None
    assert found.samples.wrong.mean(axis=(1, 2))[5] == 1
    assert found.samples.wrong.mean(axis=(1, 2))[0] == 0
    assert (found.samples.outputs == found.samples.inputs).all()  # photos in the colours of the map
    assert found.worst.figures[0]["rmse"] == pytest.approx(np.sqrt(np.square(found.worst.errors[0]).mean()), rel=1e-5)
    assert found.worst.figures[0]["rmse"] > found.worst.figures[1]["rmse"] > 0 == found.worst.figures[2]["rmse"]
    assert found.confusion is not None
    assert found.confusion.sum() == 12 * 256
    assert 1 - np.trace(found.confusion) / found.confusion.sum() == pytest.approx(1 - found.metrics["pixel_accuracy"])
    truth = np.bincount(swapped.ravel(), minlength=3)
    assert found.confusion.sum(axis=1).tolist() == truth.tolist()


def test_images_without_classes_have_no_class_figures():
    photos, _ = pairs(8, 2)
    found = evaluate_translation(translator(False, target=PHOTO), (photos, photos), (photos, photos))
    assert found.confusion is None
    assert found.samples.wrong is None
    assert not any("iou" in name or "pixel_accuracy" in name for name in found.metrics)
    assert found.metrics["identity_l1"] == 0
    assert found.metrics["l1"] == pytest.approx(0, abs=1e-6)


def test_one_test_tile_has_no_distance_of_sets():
    found = evaluate_translation(translator(), pairs(3, 1), pairs(1, 2)).metrics
    assert found["rmse"] == 0
    assert not {"fid", "kid", "constant_fid", "floor_fid"} & found.keys()


def test_no_tiles_are_refused():
    some, none = pairs(3, 1), tuple(Tiles(side.values[:0], side.valid[:0]) for side in pairs(3, 1))
    with pytest.raises(InputError, match="test tiles: none"):
        evaluate_translation(translator(), some, none)
    with pytest.raises(InputError, match="training tiles: none"):
        evaluate_translation(translator(), none, some)


def test_validation_gives_the_named_metrics_of_the_evaluation():
    test = pairs(12, 2)
    names = ("rmse", "miou", "fid", "ssim")
    found = validate_translation(translator(network=Noise), test, names=names)
    full = evaluate_translation(translator(network=Noise), pairs(3, 1), test).metrics
    assert tuple(found) == names
    assert found == pytest.approx({name: full[name] for name in names}, rel=1e-5)
    with pytest.raises(InputError, match="'miou' needs a map of classes"):
        validate_translation(translator(False, target=PHOTO), (test[0], test[0]), names=["miou"])
    with pytest.raises(InputError, match="validation tiles: none"):
        validate_translation(translator(), tuple(Tiles(t.values[:0], t.valid[:0]) for t in test), names=["l1"])


def test_outputs_that_are_not_finite_are_refused_but_only_cost_a_checkpoint_its_place():
    test = pairs(4, 2)
    with pytest.raises(InputError, match="4 of 4 outputs are not finite"):
        evaluate_translation(translator(False, Broken), pairs(3, 1), test)
    found = validate_translation(translator(False, Broken), test, names=["rmse", "fid", "kid", "psnr", "ssim"])
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize(
    ("bands", "expected"), [([0.2], [153] * 3), ([1, 0.2], [255] * 3), ([1, 0.2, -1, 0.3, 0.7], [255, 153, 0])]
)
def test_bands_become_colours(bands, expected):
    image = np.broadcast_to(np.float32(bands)[None, :, None, None], (1, len(bands), 2, 2))
    shown = as_rgb(image, np.array([[[True, True], [True, False]]]))
    assert shown[0, 0, 0].tolist() == expected
    assert shown[0, 1, 1].tolist() == [255, 255, 255]
    assert as_rgb(image)[0, 1, 1].tolist() == expected
