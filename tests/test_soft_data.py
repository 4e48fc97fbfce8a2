"""Soft data: the smoothing, and that both networks are shown it with the hard data of the same ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from geogan import facies
from geogan.batches import FaciesBatches
from geogan.soft_data import smooth
from geogan.systems.constrained_sgan import ConstrainedSGAN
from tests.test_system import slots


def source(count: int, draws: int = 2) -> FaciesBatches:
    rng = np.random.default_rng(0)
    real, truth = (rng.integers(count, size=(number, 16, 16)).astype(np.uint8) for number in (6, 3))
    mask = rng.random((3, draws, 16, 16)) < 0.1
    codes = np.where(mask, truth[:, None], 255).astype(np.uint8)
    return FaciesBatches(real, mask, codes, truth=truth, batch=8, seed=0, device=torch.device("cpu"))


def test_smoothing_keeps_constants_and_spreads_a_pixel_as_a_gaussian() -> None:
    constant = torch.full((1, 2, 5, 7), 0.3)
    torch.testing.assert_close(smooth(constant, 4.0), constant)
    pixel = torch.zeros(1, 1, 41, 41)
    pixel[0, 0, 20, 20] = 1
    spread = smooth(pixel, 2.0)[0, 0]
    assert spread.sum().item() == pytest.approx(1)
    assert (spread[20, 24] / spread[20, 20]).item() == pytest.approx(math.exp(-2))  # two standard deviations
    torch.testing.assert_close(spread, spread.T)
    assert spread[20, 27].item() == 0  # beyond three


def test_borders_are_mirrored() -> None:
    half = torch.zeros(1, 1, 8, 12)
    half[..., 6:] = 1
    soft = smooth(half, 1.0)[0, 0]
    assert soft[:, 0].max().item() < 1e-3
    torch.testing.assert_close(soft[:, 5] + soft[:, 6], torch.ones(8))


@pytest.mark.parametrize("count", [2, 3])
def test_truth_is_that_of_the_hard_data(count: int) -> None:
    batch = source(count).draw(0, 0, 0, torch.Generator())
    assert batch.truth is not None
    assert torch.equal(batch.truth[batch.mask], batch.codes[batch.mask])


@pytest.mark.parametrize("count", [2, 3])
def test_both_networks_are_shown_soft_data(count: int) -> None:
    cost = {"name": "masked_l2" if count == 2 else "masked_cross_entropy"}
    system = ConstrainedSGAN(slots(constraint=cost), count, soft=3.0)
    batch = source(count).draw(0, 0, 0, torch.Generator().manual_seed(0))
    shown = system._condition(batch.mask, batch.codes, batch.truth)
    image = facies.channels(count)
    assert shown.shape[1] == 1 + 2 * image
    torch.testing.assert_close(shown[:, 1 + image :], smooth(facies.encode(batch.truth, count), 3.0))
    real = system._real(batch)
    torch.testing.assert_close(real[:, 1 + 2 * image :], smooth(facies.encode(batch.real, count), 3.0))
    for turn in ("critic", "generator"):
        assert all(torch.isfinite(term) for term in system.losses(turn, batch).values())
    assert system.generator(torch.zeros(8, 3, 4, 4), shown).shape == (8, image, 16, 16)


def test_pairs_have_the_soft_data_of_their_common_hard_data() -> None:
    twice = ConstrainedSGAN._twice(source(2).draw(0, 0, 0, torch.Generator()))
    assert twice.truth is not None
    assert torch.equal(twice.truth[twice.mask], twice.codes[twice.mask])
    assert torch.equal(twice.truth[:4], twice.truth[4:])
