"""Whether a translated picture still shows what its original was labelled as, to a small classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.metrics.scores import BATCH, Source
from geogan.scenes import Tiles

STEPS, SAMPLES, RATE = 1000, 64, 2e-3  # of the training: so long for any number of tiles
_FILTERS = (16, 32)

Labels = Int16[np.ndarray, " tile"]


@dataclass(frozen=True)
class Classifier:
    """Two convolutions and a linear layer; ``labels`` are those of its outputs, in ascending order."""

    network: nn.Module
    labels: Int16[np.ndarray, " class"]

    @torch.no_grad()
    def __call__(self, image: Float32[np.ndarray, "tile channel y x"]) -> Labels:
        """The most probable label of each image in [-1, 1]."""
        scores: Tensor = self.network(torch.from_numpy(image))
        return np.asarray(self.labels[scores.argmax(dim=1).numpy()])


def train_classifier(domain: Domain, tiles: Tiles, *, seed: int = 0) -> Classifier:
    """A classifier of the labels of tiles, the same for the same tiles and seed; seconds on one core of a CPU.

    Tiles are shifted at random, by 1/14 of their edge at most. Raises InputError where they have no labels, or one
    label alone.
    """
    if tiles.labels is None or len(np.unique(tiles.labels)) < 2:
        raise InputError("labels of tiles: none, or all alike; a classifier needs tiles of two labels at least")
    labels, codes = np.unique(tiles.labels, return_inverse=True)
    edge = tiles.valid.shape[1]
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach into GPUs too
        network = _network(domain.channels, edge, len(labels))
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, STEPS)
        for _ in range(STEPS):
            index = rng.integers(len(tiles), size=SAMPLES)
            image = _shifted(domain.encode(tiles.values[index], tiles.valid[index]), rng, max(1, edge // 14))
            optimiser.zero_grad()
            torch.autograd.backward(F.cross_entropy(network(image), torch.from_numpy(codes[index])))
            optimiser.step()
            schedule.step()
    return Classifier(network.eval().requires_grad_(False), labels)


class LabelTally:
    """``label_accuracy``: share of the pictures that the classifier gives the label of their originals."""

    def __init__(self, classifier: Classifier, labels: Labels):
        self.classifier, self.labels, self.right = classifier, labels, np.zeros(len(labels), dtype=bool)

    def add(self, where: slice, made: Float32[np.ndarray, "tile output v u"]) -> None:
        """Take account of the pictures ``made`` of the tiles at ``where``."""
        self.right[where] = self.classifier(made) == self.labels[where]

    def figures(self) -> dict[str, float]:
        return {"label_accuracy": float(self.right.mean())}


def label_accuracy(classifier: Classifier, source: Source, labels: Labels) -> float:
    """Share of the tiles of a source that the classifier gives their label."""
    tally = LabelTally(classifier, labels)
    for first in range(0, len(labels), BATCH):
        where = slice(first, min(first + BATCH, len(labels)))
        tally.add(where, source(where).image)
    return tally.figures()["label_accuracy"]


def _network(channels: int, edge: int, classes: int) -> nn.Module:
    narrow, wide = _FILTERS
    side = min(7, max(1, edge // 4))
    return nn.Sequential(
        nn.Conv2d(channels, narrow, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(narrow, wide, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(side),
        nn.Flatten(),
        nn.Linear(wide * side**2, classes),
    )


def _shifted(
    image: Float[Tensor, "tile channel y x"], rng: np.random.Generator, reach: int
) -> Float[Tensor, "tile channel y x"]:
    """Each image moved by up to ``reach`` pixels along both axes; its border is repeated."""
    rows, columns = (
        torch.from_numpy(_places(length, rng.integers(-reach, reach + 1, size=len(image))))
        for length in image.shape[2:]
    )
    sample = torch.arange(len(image))[:, None, None]
    return image[sample, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def _places(length: int, shift: Int64[np.ndarray, " tile"]) -> Int64[np.ndarray, "tile pixel"]:
    return np.asarray(np.clip(np.arange(length) + shift[:, None], 0, length - 1))
