"""A classifier of labelled tiles: of shapes that are known, and of real digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.metrics import labels
from geogan.metrics.labels import LabelTally, label_accuracy, train_classifier
from geogan.metrics.scores import Batch, fitted, real, resize, resized
from geogan.scenes import Tiles
from tests.translators import picture, shapes

GREY = picture(bands=1)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes are learned in no time."""
    monkeypatch.setattr(labels, "STEPS", 60)


def test_shapes_are_told_apart_and_labels_are_those_given() -> None:
    classifier = train_classifier(GREY, shapes(80, 16, seed=1))
    assert classifier.labels.tolist() == [3, 8]
    test = shapes(40, 16, seed=2)
    assert test.labels is not None
    assert label_accuracy(classifier, real(GREY, test), test.labels) == 1
    assert label_accuracy(classifier, real(GREY, test), (11 - test.labels).astype(np.int16)) == 0
    assert label_accuracy(classifier, real(GREY, test), np.full(40, 5, np.int16)) == 0


def test_the_same_seed_gives_the_same_classifier_and_draws_from_no_one_else() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (train_classifier(GREY, shapes(20, 16), seed=seed) for seed in (0, 0, 1))
    assert (torch.get_rng_state() == before).all()
    weights = [next(one.network.parameters()) for one in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("edge", [5, 31])
def test_tiles_of_any_edge_and_number_of_bands(edge: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (30, 3, edge, edge)).astype(np.uint8)
    marks = (np.arange(30) % 2).astype(np.int16)
    values[marks == 1, 2] = 255
    tiles = Tiles(values, np.ones((30, edge, edge), bool), marks)
    assert label_accuracy(train_classifier(picture(), tiles), real(picture(), tiles), marks) == 1


def test_tiles_without_labels_are_refused() -> None:
    some = shapes(6, 16)
    for marks in (None, np.full(6, 3, np.int16)):
        with pytest.raises(InputError, match="labels of tiles: none, or all alike"):
            train_classifier(GREY, Tiles(some.values, some.valid, marks))


def test_a_tally_counts_the_pictures_that_keep_their_label() -> None:
    test = shapes(30, 16, seed=3)
    assert test.labels is not None
    tally = LabelTally(train_classifier(GREY, shapes(80, 16, seed=1)), test.labels)
    image = GREY.encode(test.values, test.valid).numpy()
    tally.add(slice(0, 20), image[:20])
    tally.add(slice(20, 30), image[[0] * 10])  # all the same picture
    same = test.labels[20:] == test.labels[0]
    assert tally.figures() == {"label_accuracy": pytest.approx((20 + same.sum()) / 30)}


def test_resizing_keeps_shapes_and_mixes_bands_to_grey() -> None:
    colours = np.broadcast_to(np.float32([-1, 0, 0.4])[None, :, None, None], (2, 3, 28, 28)).copy()
    colours[:, :, :, 14:] = 1
    valid = np.ones((2, 28, 28), bool)
    valid[0, :7] = False
    found = resized(lambda where: Batch(colours[where], None, valid[where]), (16, 16), 1)(slice(None))
    assert found.image.shape == (2, 1, 16, 16)
    assert found.image[0, 0, 8, 2] == pytest.approx(-0.2, abs=1e-6)
    assert found.image[0, 0, 8, 13] == pytest.approx(1)
    assert not found.valid[0, :4].any()
    assert found.valid[0, 4:].all()
    assert found.valid[1].all()
    wide = resized(lambda where: Batch(colours[where, :1], None, valid[where]), (28, 28), 3)(slice(None))
    assert (wide.image == colours[:, :1]).all()
    assert wide.image.shape[1] == 3
    same = torch.from_numpy(colours)
    assert resize(same, (28, 28)) is same
    assert fitted(valid, (28, 28)) is valid
    assert fitted(valid, (56, 56))[0].sum() == 42 * 56


@pytest.mark.slow
def test_real_digits(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.undo()

    def digits(part: str) -> Tiles:
        with h5py.File(real_data / "digits/usps.h5") as file:
            values = np.rint(file[part]["data"][:] * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
            return Tiles(values, np.ones((len(values), 16, 16), bool), file[part]["target"][:].astype(np.int16))

    grey = Domain("uint8", (1,), (0.0,), (255.0,), None, None, (1.0, 1.0))
    test = digits("test")
    assert test.labels is not None
    assert label_accuracy(train_classifier(grey, digits("train")), real(grey, test), test.labels) > 0.95
