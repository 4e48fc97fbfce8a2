"""Features of pictures from a small network that learned to tell their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor, nn
from torch.nn import functional as F

from geogan.errors import InputError
from geogan.metrics.features import Extractor

STEPS, SAMPLES, RATE = 1000, 64, 2e-3  # of the training
FEATURES = 64
_FILTERS = (16, 32)


@dataclass(frozen=True)
class LabelFeatures:
    """``extract`` gives the activations before the last layer of the network, 64 numbers to a picture."""

    extract: Extractor
    network: nn.Module
    labels: Int16[np.ndarray, " class"]

    @torch.no_grad()
    def accuracy(self, pictures: Float32[np.ndarray, "picture y x"], labels: Int16[np.ndarray, " picture"]) -> float:
        """Share of the pictures whose most probable label is right."""
        parts = torch.split(torch.from_numpy(pictures).unsqueeze(1), 256)
        found = torch.cat([self.network(part).argmax(dim=1) for part in parts])
        return float((self.labels[found.numpy()] == labels).mean())


def learn_features(
    pictures: Float32[np.ndarray, "picture y x"],
    labels: Int16[np.ndarray, " picture"],
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> LabelFeatures:
    """Train a classifier of pictures in [-1, 1]; the same for the same pictures, seed and number of threads.

    Two convolutions 3 x 3 with max pooling, a layer of 64 ReLU and a linear one; ``steps`` of Adam on 64 pictures
    each, for digits a quarter of a minute on one core of a CPU. Raises InputError where there are not two labels.
    """
    known, codes = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        raise InputError("labels of tiles: none, or all alike; features of labels need tiles of two labels at least")
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach into GPUs too
        body = _body(pictures.shape[1])
        network = nn.Sequential(body, nn.Linear(FEATURES, len(known)))
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
        for _ in range(steps):
            index = rng.integers(len(pictures), size=SAMPLES)
            optimiser.zero_grad()
            scores = network(torch.from_numpy(pictures[index]).unsqueeze(1))
            torch.autograd.backward(F.cross_entropy(scores, torch.from_numpy(codes[index])))
            optimiser.step()
            schedule.step()
    network.eval().requires_grad_(False)

    @torch.no_grad()
    def compute(images: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile feature"]:
        features: Tensor = body(images)
        return features

    return LabelFeatures(Extractor(f"labels, seed {seed}", compute), network, known)


def _body(edge: int) -> nn.Module:
    narrow, wide = _FILTERS
    return nn.Sequential(
        nn.Conv2d(1, narrow, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(narrow, wide, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(wide * (edge // 4) ** 2, FEATURES),
        nn.ReLU(),
    )
