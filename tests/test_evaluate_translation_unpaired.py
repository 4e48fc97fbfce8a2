"""Evaluation where nobody knows the true picture, and of translators that have a way back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from geogan.errors import InputError
from geogan.evaluate_translation import evaluate_translation, validate_translation
from geogan.generators.translator import Translator
from geogan.metrics import labels
from geogan.metrics.labels import train_classifier
from geogan.scenes import Tiles
from geogan.translation import PictureTranslator
from tests.translators import Same, picture, shapes, translator

GREY, COLOUR = picture(bands=1), picture()


class Resized(Translator):
    """The image on another grid, as raw output; negative where ``sign`` is -1."""

    def __init__(self, ratio: Fraction, sign: int = 1, bands: int = 1):
        super().__init__()
        self.ratio, self.stride, self.sign, self.bands = ratio, ratio.denominator, sign, bands

    def forward(self, image: Tensor) -> Tensor:
        size = [int(side * self.ratio) for side in image.shape[2:]]
        made = F.interpolate(image, size=size, mode="bilinear", antialias=True).mean(dim=1, keepdim=True)
        return torch.atanh(self.sign * made.clamp(-0.9999, 0.9999)).expand(-1, self.bands, -1, -1)


class OneBar(Resized):
    """A bar in the middle, whatever comes."""

    def forward(self, image: Tensor) -> Tensor:
        made = torch.full((len(image), 1, 16, 16), -2.0)
        made[:, :, 7:9, 1:-1] = 2
        return made


class Broken(Resized):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) * torch.nan


SMALL, LARGE = Fraction(4, 7), Fraction(7, 4)


def sets(numbers: tuple[int, int], seed: int) -> tuple[Tiles, Tiles]:
    """Shapes of 28 and of 16 pixels, which have nothing to do with one another."""
    return shapes(numbers[0], 28, seed=seed), shapes(numbers[1], 16, seed=seed + 50)


def shrinking(network: type[Resized] = Resized) -> PictureTranslator:
    return translator(network(SMALL), GREY, GREY)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "STEPS", 60)


def test_sets_of_other_counts_and_edges_have_the_figures_that_need_no_pairs() -> None:
    found = evaluate_translation(shrinking(), sets((30, 25), 1), sets((22, 17), 2), aligned=False)
    assert {name: found.metrics[name] for name in ("seed", "size", "n_test", "n_train", "n_target")} == {
        "seed": 0,
        "size": 16,
        "n_test": 22,
        "n_train": 25,
        "n_target": 17,
    }
    pairs = {f"{prefix}{name}" for prefix in ("", "constant_", "identity_", "floor_") for name in ("fid", "kid")}
    assert found.metrics.keys() == pairs | {"seed", "size", "n_test", "n_train", "n_target", "fid_extractor"}
    assert found.metrics["fid"] == pytest.approx(found.metrics["identity_fid"], rel=1e-3)
    assert found.metrics["fid"] < found.metrics["constant_fid"] / 10
    assert found.worst is None
    assert found.confusion is None
    for part in (found.samples.truths, found.samples.errors, found.samples.wrong, found.samples.reconstructions):
        assert part is None
    assert found.samples.figures == ()
    assert found.samples.inputs.shape == (8, 28, 28, 3)
    assert found.samples.outputs.shape == (8, 16, 16, 3)
    assert (found.samples.outputs[..., 0] == found.samples.outputs[..., 2]).all()
    again = evaluate_translation(shrinking(), sets((30, 25), 1), sets((22, 17), 2), aligned=False)
    assert json.dumps(found.metrics, allow_nan=False) == json.dumps(again.metrics)


def test_a_worse_set_is_farther_away() -> None:
    test, train = sets((20, 20), 2), sets((20, 20), 1)
    negative = evaluate_translation(translator(Resized(SMALL, -1), GREY, GREY), train, test, aligned=False).metrics
    right = evaluate_translation(shrinking(), train, test, aligned=False).metrics
    for name in ("fid", "kid"):
        assert negative[name] > 10 * abs(right[name])
        assert negative[f"floor_{name}"] == right[f"floor_{name}"] < negative[name] / 10


def test_the_way_back_is_measured_and_shown() -> None:
    test = sets((20, 20), 2)
    back = translator(Resized(LARGE), GREY, GREY)
    found = evaluate_translation(shrinking(), sets((9, 9), 1), test, back=back, aligned=False)
    for name in ("cycle_l1", "cycle_l1_quantised"):
        assert found.metrics[name] == pytest.approx(found.metrics[f"identity_{name}"], rel=1e-2)
    assert found.metrics["cycle_l1"] < found.metrics["cycle_l1_quantised"] < 0.5
    assert found.samples.reconstructions is not None
    assert found.samples.reconstructions.shape == found.samples.inputs.shape
    off = np.abs(found.samples.reconstructions.astype(int) - found.samples.inputs).mean() / 127.5
    assert off == pytest.approx(found.metrics["cycle_l1"], rel=0.2)
    negative = translator(Resized(LARGE, -1), GREY, GREY)
    lost = evaluate_translation(shrinking(), sets((9, 9), 1), test, back=negative, aligned=False).metrics
    assert lost["cycle_l1"] > 5 * lost["identity_cycle_l1"]


def test_aligned_pictures_keep_their_paired_figures_beside_the_cycle() -> None:
    photos = shapes(12, 16, bands=3)
    same = translator(Same(stride=1), COLOUR, COLOUR)
    with_back = evaluate_translation(same, (photos, photos), (photos, photos), back=same)
    without = evaluate_translation(same, (photos, photos), (photos, photos))
    cycles = {"cycle_l1", "cycle_l1_quantised", "identity_cycle_l1", "identity_cycle_l1_quantised"}
    assert with_back.metrics.keys() - without.metrics.keys() == cycles
    assert {name: with_back.metrics[name] for name in without.metrics} == without.metrics
    assert with_back.metrics["l1"] == pytest.approx(with_back.metrics["cycle_l1"], abs=1e-5)
    assert with_back.worst is not None
    assert with_back.worst.reconstructions is not None
    assert "label_accuracy" not in with_back.metrics
    assert "n_target" not in with_back.metrics


def test_labels_tell_whether_a_picture_shows_what_it_did(few_steps: None) -> None:
    train, test = sets((20, 60), 1), sets((40, 30), 2)
    right, wrong = (
        evaluate_translation(shrinking(network), train, test, aligned=False, labelled=train[1]).metrics
        for network in (Resized, OneBar)
    )
    assert right["label_accuracy"] == right["untranslated_label_accuracy"] == right["classifier_accuracy"] == 1
    assert wrong["label_accuracy"] == 0.5
    assert wrong["untranslated_label_accuracy"] == wrong["classifier_accuracy"] == 1
    bare = Tiles(test[0].values, test[0].valid), test[1]
    alike = replace(train[1], labels=np.full(60, 3, np.int16))
    for tiles, known in ((bare, train[1]), (test, alike), (test, None), (test, replace(alike, labels=None))):
        found = evaluate_translation(shrinking(), train, tiles, aligned=False, labelled=known).metrics
        assert not any(name.endswith("_accuracy") for name in found)


def test_tiles_that_are_left_out_take_their_labels_along(few_steps: None) -> None:
    train, test = sets((20, 60), 1), sets((40, 30), 2)
    found = evaluate_translation(shrinking(), train, test, aligned=False, labelled=train[1], tiles=21).metrics
    assert (found["n_test"], found["n_target"], found["n_train"]) == (21, 21, 21)
    assert found["label_accuracy"] == 1


def test_another_number_of_bands_becomes_grey_in_what_is_not_translated(few_steps: None) -> None:
    train, test = (shapes(20, 16, seed=1, bands=3), shapes(60, 16, seed=2)), (shapes(20, 16, bands=3), shapes(9, 16))
    grey = translator(Resized(Fraction(1)), COLOUR, GREY)
    found = evaluate_translation(grey, train, test, aligned=False, labelled=train[1]).metrics
    assert found["identity_fid"] == pytest.approx(found["fid"], abs=1e-4)
    assert found["untranslated_label_accuracy"] == 1
    back = translator(Resized(Fraction(1), bands=3), GREY, COLOUR)
    ways = evaluate_translation(grey, train, test, aligned=False, back=back).metrics
    assert ways["identity_cycle_l1"] == 0 < ways["cycle_l1"]


def test_one_test_tile_no_tiles_and_broken_outputs() -> None:
    train = sets((5, 5), 1)
    alone = evaluate_translation(shrinking(), train, sets((3, 1), 2), aligned=False).metrics
    assert not {"fid", "kid", "constant_fid"} & alone.keys()
    with pytest.raises(InputError, match="test tiles: none"):
        evaluate_translation(shrinking(), train, sets((3, 0), 2), aligned=False)
    test = sets((3, 4), 2)
    for side in range(2):
        dark = tuple(replace(t, valid=np.zeros_like(t.valid)) if n == side else t for n, t in enumerate(test))
        with pytest.raises(InputError, match="test tiles: no pixel is valid"):
            evaluate_translation(shrinking(), train, dark, aligned=False)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="translator: 3 of 3 outputs are not finite"):
        evaluate_translation(shrinking(Broken), train, sets((3, 4), 2), aligned=False)


def test_validation_gives_the_named_metrics_of_the_evaluation(few_steps: None) -> None:
    train, test = sets((9, 60), 1), sets((20, 15), 2)
    back = translator(Resized(LARGE, -1), GREY, GREY)
    full = evaluate_translation(shrinking(OneBar), train, test, back=back, aligned=False, labelled=train[1]).metrics
    classifier = train_classifier(GREY, train[1])
    for names in (
        ["fid"],
        ["cycle_l1"],
        ["label_accuracy"],
        ["cycle_l1_quantised", "kid", "fid"],
        ["label_accuracy", "cycle_l1"],
    ):
        found = validate_translation(
            shrinking(OneBar), test, names=names, back=back, aligned=False, classifier=classifier
        )
        assert list(found) == names
        assert found == pytest.approx({name: full[name] for name in names}, rel=1e-5)
    broken = validate_translation(shrinking(Broken), test, names=["fid", "cycle_l1"], back=back, aligned=False)
    assert all(math.isnan(value) for value in broken.values())


def test_validation_of_aligned_tiles_knows_the_cycle_too() -> None:
    photos = shapes(12, 16, bands=3)
    same = translator(Same(stride=1), COLOUR, COLOUR)
    found = validate_translation(same, (photos, photos), names=["l1", "cycle_l1"], back=same)
    assert found == pytest.approx({"l1": 0, "cycle_l1": 0}, abs=1e-5)
    alone = validate_translation(same, (photos, photos), names=["cycle_l1"], back=same)
    assert alone == pytest.approx({"cycle_l1": found["cycle_l1"]})


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("l1", {"aligned": False}, "'l1' needs the true picture of each tile, and A and B are not aligned; one of fid"),
        ("miou", {"aligned": False}, "'miou' needs the true picture of each tile"),
        ("cycle_l1", {}, "'cycle_l1' needs a system that translates both ways, such as cyclegan"),
        ("label_accuracy", {}, "'label_accuracy' needs tiles with labels in A and in B"),
    ],
)
def test_metrics_that_need_more_than_there_is_are_refused(name: str, options: dict[str, bool], reason: str) -> None:
    photos = shapes(4, 16)
    same = translator(Same(stride=1), GREY, GREY)
    with pytest.raises(InputError, match="select_by") as caught:
        validate_translation(same, (photos, photos), names=[name], **options)  # type: ignore[arg-type]
    assert reason in str(caught.value)
