"""Batches of pictures of two domains without pairs, a pure function of (seed, step, turn, repeat)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geogan.errors import InputError
from geogan.picture_batches import Pictures


@dataclass(frozen=True)
class UnpairedBatch:
    """Pictures of A and of B, 0 where not valid. ``rng`` draws the views."""

    a: Float[Tensor, "batch channel_a y_a x_a"]
    b: Float[Tensor, "batch channel_b y_b x_b"]
    valid_a: Bool[Tensor, "batch y_a x_a"]
    valid_b: Bool[Tensor, "batch y_b x_b"]
    rng: torch.Generator


class UnpairedBatches:
    """Draws from each domain with replacement, so that any step can be drawn without those before it.

    ``aligned``: picture i of B shows the ground of picture i of A, and a batch shows the same ground twice.
    """

    def __init__(self, a: Pictures, b: Pictures, *, batch: int, seed: int, device: torch.device, aligned: bool = False):
        for name, pictures in (("A", a), ("B", b)):
            if len(pictures.tiles) == 0:
                raise InputError(f"the training split holds no tiles of {name}: run prepare again")
        if aligned and len(a.tiles) != len(b.tiles):
            raise InputError(
                f"system.pairing: is 'aligned', but the training split holds {len(a.tiles)} tiles of A and "
                f"{len(b.tiles)} of B, which are no pairs; give none"
            )
        self.a, self.b, self.aligned = a, b, aligned
        self.batch, self.seed, self.device = batch, seed, device

    def draw(self, step: int, turn: int, repeat: int, rng: torch.Generator) -> UnpairedBatch:
        """The batch of one repeat of one turn of one step; ``rng`` is handed on for the views."""
        draws = np.random.default_rng([self.seed, step, turn, repeat])
        index = draws.integers(len(self.a.tiles), size=self.batch)
        other = index if self.aligned else draws.integers(len(self.b.tiles), size=self.batch)
        (a, valid_a), (b, valid_b) = self.a.take(index), self.b.take(other)
        a, b, valid_a, valid_b = (part.to(self.device, non_blocking=True) for part in (a, b, valid_a, valid_b))
        return UnpairedBatch(a, b, valid_a, valid_b, rng)
