"""Batches of pictures, a pure function of (seed, step, turn, repeat)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geogan.domains import Domain, one_hot
from geogan.errors import InputError
from geogan.scenes import Tiles


@dataclass(frozen=True)
class Pictures:
    """Tiles of a domain as the networks see them: images in [-1, 1], or one channel per class where ``classes``."""

    domain: Domain
    tiles: Tiles
    classes: bool = False

    def take(self, index: np.ndarray) -> tuple[Float[Tensor, "tile channel y x"], Bool[Tensor, "tile y x"]]:
        """Images and validity of the tiles at these positions."""
        values, valid = self.tiles.values[index], self.tiles.valid[index]
        if self.classes:
            assert self.domain.palette is not None
            image = one_hot(torch.from_numpy(values[:, 0]), len(self.domain.palette))
            return image * torch.from_numpy(valid).unsqueeze(1), torch.from_numpy(valid)
        return self.domain.encode(values, valid), torch.from_numpy(valid)


@dataclass(frozen=True)
class PairBatch:
    """Scenes and the maps of the same ground; ``valid`` where both mean something. ``rng`` draws the views."""

    source: Float[Tensor, "batch channel y x"]
    target: Float[Tensor, "batch channel2 y x"]
    valid: Bool[Tensor, "batch y x"]
    rng: torch.Generator


class PairBatches:
    """Draws pairs with replacement, so that any step can be drawn without those before it."""

    def __init__(self, source: Pictures, target: Pictures, *, batch: int, seed: int, device: torch.device):
        if len(source.tiles) == 0 or len(source.tiles) != len(target.tiles):
            raise InputError("the training split holds no pairs of tiles: run prepare again")
        self.source, self.target = source, target
        self.batch, self.seed, self.device = batch, seed, device

    def draw(self, step: int, turn: int, repeat: int, rng: torch.Generator) -> PairBatch:
        """The batch of one repeat of one turn of one step; ``rng`` is handed on for the views."""
        index = np.random.default_rng([self.seed, step, turn, repeat]).integers(len(self.source.tiles), size=self.batch)
        (source, valid), (target, known) = self.source.take(index), self.target.take(index)
        parts = (source, target, valid & known)
        source, target, valid = (part.to(self.device, non_blocking=True) for part in parts)
        return PairBatch(source, target, valid, rng)
