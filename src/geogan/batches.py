"""Batches of facies tiles and hard data, a pure function of (seed, step, turn, repeat)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from geogan.errors import InputError
from geogan.facies import Codes


@dataclass(frozen=True)
class FaciesBatch:
    """Real tiles, each with one mask over its own pixels, and hard data from the constraint pool.

    ``codes`` and ``real`` hold facies codes, or scaled values of a property; outside ``mask`` codes mean nothing.
    ``truth`` is the tile that the hard data were read from. ``rng`` draws the noise.
    """

    real: Codes
    real_mask: Bool[Tensor, "batch y x"]
    codes: Codes
    mask: Bool[Tensor, "batch y x"]
    truth: Codes
    rng: torch.Generator


class FaciesBatches:
    """Draws batches with replacement, so that any step can be drawn without those before it.

    ``real`` are the image tiles of the training split, ``mask`` and ``codes`` the hard data of its pool;
    the mask shown with a real tile is that of an independent draw of the pool. ``truth`` are the tiles of the
    ground of the hard data, in the order of their sources.
    """

    def __init__(
        self,
        real: UInt8[np.ndarray, "tile y x"] | Float32[np.ndarray, "tile y x"],
        mask: Bool[np.ndarray, "source draw y x"],
        codes: UInt8[np.ndarray, "source draw y x"] | Float32[np.ndarray, "source draw y x"],
        truth: UInt8[np.ndarray, "source y x"] | Float32[np.ndarray, "source y x"],
        *,
        batch: int,
        seed: int,
        device: torch.device,
    ):
        if len(real) == 0 or len(mask) == 0:
            raise InputError("the training split holds no image tile or no hard data: run prepare and constrain again")
        self.real, self.draws = torch.from_numpy(real), mask.shape[1]
        self.truth = torch.from_numpy(truth)
        self.mask = torch.from_numpy(mask.reshape(-1, *mask.shape[2:]))
        self.codes = torch.from_numpy(codes.reshape(-1, *codes.shape[2:]))
        self.batch, self.seed, self.device = batch, seed, device

    def draw(self, step: int, turn: int, repeat: int, rng: torch.Generator) -> FaciesBatch:
        """The batch of one repeat of one turn of one step; ``rng`` is handed on for the noise."""
        order = np.random.default_rng([self.seed, step, turn, repeat])
        tiles = order.integers(len(self.real), size=self.batch)
        shown = order.integers(len(self.mask), size=self.batch)
        wells = order.integers(len(self.mask), size=self.batch)
        truth = self.truth[wells // self.draws]
        drawn = (self.real[tiles], self.mask[shown], self.codes[wells], self.mask[wells], truth)
        real, real_mask, codes, mask, truth = (part.to(self.device, non_blocking=True) for part in drawn)
        return FaciesBatch(real, real_mask, codes, mask, truth, rng)
