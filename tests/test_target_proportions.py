"""Shifts of the raw outputs that reach wanted proportions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from geogan.choices import Choice
from geogan.errors import InputError
from geogan.generators import Generator
from geogan.grids import Grid
from geogan.hard_data import HardData
from geogan.inference import FieldSampler
from geogan.target_proportions import PILOT, fit, parse, shifts

NAMES = ("clay", "sand", "gravel")


class Smooth(Generator):
    """Sums of its noise, and far from a border of facies where the condition holds a datum."""

    stride = 1

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.channels, rows, columns

    def forward(
        self, z: Float[Tensor, "batch noise zy zx"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "batch image y x"]:
        values = condition[:, -self.channels :]
        known = values * 2 - condition[:, :1] if self.channels > 1 else values
        return torch.where(condition[:, :1] > 0, 1.5 * known, z)


def sampler(count: int) -> FieldSampler:
    channels = 1 if count == 2 else count
    choice = Choice("uniform", {"channels": channels})
    return FieldSampler(Smooth(channels).eval(), choice, count, torch.device("cpu"))


def hard(rows: int = 32, columns: int = 24) -> HardData:
    data = HardData.none(Grid.in_cells(rows, columns))
    for cell, code in (((0, 0), 1), ((9, 9), 0), ((31, 23), 1)):
        data.mask[cell], data.values[cell] = True, code
    return data


@pytest.mark.parametrize("wanted", [(0.9, 0.1), (0.5, 0.5), (0.25, 0.75)])
def test_two_facies_reach_what_is_wanted(wanted: tuple[float, float]) -> None:
    draw, data = sampler(2), hard()
    found = fit(lambda k: draw.levels(data.mask, data.values, k, 3), data, wanted)
    assert found.before == pytest.approx((0.5, 0.5), abs=0.02)
    assert found.after == pytest.approx(wanted, abs=1e-4)
    assert found.honoured == (1, 1)  # the data are further from the border than any shift
    shifted = FieldSampler(draw.generator, draw.latent, 2, draw.device, found.shift)
    fields = shifted.sample(data.mask, data.values, PILOT, 3)
    assert np.mean(fields == 1) == pytest.approx(found.after[1], abs=1e-6)
    more = shifted.sample(data.mask, data.values, PILOT + 4, 3)
    assert np.array_equal(more[:PILOT], fields)
    assert np.mean(more == 1) == pytest.approx(wanted[1], abs=0.01)


@pytest.mark.parametrize("wanted", [(0.6, 0.3, 0.1), (0.02, 0.03, 0.95), (0.5, 0.5, 0.0)])
def test_three_facies_reach_what_is_wanted(wanted: tuple[float, ...]) -> None:
    draw, data = sampler(3), hard()
    found = fit(lambda k: draw.levels(data.mask, data.values, k, 0), data, wanted)
    assert found.after == pytest.approx(wanted, abs=2e-3)
    assert sum(found.shift) == pytest.approx(0, abs=1e-9)
    shifted = FieldSampler(draw.generator, draw.latent, 3, draw.device, found.shift)
    fields = shifted.sample(data.mask, data.values, PILOT, 0)
    assert [np.mean(fields == code) for code in range(3)] == pytest.approx(list(wanted), abs=2e-3)


def test_wells_that_a_shift_costs_are_told() -> None:
    draw, data = sampler(2), hard()
    found = fit(lambda k: draw.levels(data.mask, data.values, k, 0), data, (1.0, 0.0))
    assert found.after == (1, 0)
    assert found.honoured == (1, pytest.approx(1 / 3))
    told = found.report(NAMES[:2])
    assert told["wanted"] == {"clay": 1, "sand": 0}
    assert (told["honoured_share_before"], told["honoured_share_after"], told["pilot"]) == (1, pytest.approx(1 / 3), 16)
    json.dumps(told, allow_nan=False)


def test_no_shift_where_nothing_is_off_and_exact_values() -> None:
    levels = np.array([[0, 0, 0, 0], [-3, -1, 1, 3]], np.float32)
    assert shifts(levels, (0.5, 0.5)) == (0, 0)
    low, high = shifts(levels, (0.25, 0.75))
    assert high - low == 2  # between the margins 1 and 3, that is in the middle of -1 and -3
    tied = np.array([[0, 0, 0, 0], [-1, -1, -1, 2]], np.float32)
    assert shifts(tied, (0.7, 0.3)) == (0, 0)  # 1/4 is nearer than 4/4, and nothing lies between
    low, high = shifts(tied, (0.2, 0.8))
    assert high - low > 1


def test_a_sampler_without_shift_is_unchanged_and_levels_choose_the_facies() -> None:
    data = hard()
    for count in (2, 3):
        draw = sampler(count)
        fields = draw.sample(data.mask, data.values, 2, 5)
        assert np.array_equal(draw.levels(data.mask, data.values, 1, 5).argmax(axis=0), fields[1])
        zero = FieldSampler(draw.generator, draw.latent, count, draw.device, (0.0,) * count)
        assert np.array_equal(zero.sample(data.mask, data.values, 2, 5), fields)


@pytest.mark.parametrize(
    ("text", "names", "shares"),
    [
        ("sand=0.3", NAMES[:2], (0.7, 0.3)),
        ("0.3", NAMES[:2], (0.7, 0.3)),
        ("0.3", ("0", "1"), (0.7, 0.3)),
        ("1=.3,0=.7", NAMES[:2], (0.7, 0.3)),
        (" Clay = 0.2, gravel=0.3", NAMES, (0.2, 0.5, 0.3)),
        ("a=b=0.25", ("a=b", "c"), (0.25, 0.75)),
    ],
)
def test_proportions_are_read(text: str, names: tuple[str, ...], shares: tuple[float, ...]) -> None:
    assert parse(text, names) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clay=0.5,sand=0.2,gravel=0.2", "sum to 0.9, must sum to 1"),
        ("clay=0.8,sand=0.4", "sum to 1.2, must sum to 1"),
        ("clay=-0.1", "the share of clay is -0.1, must be a number from 0 to 1"),
        ("clay=nan,sand=0.1", "the share of clay is nan"),
        ("clay=", "the share of clay is missing"),
        ("mud=0.1,sand=0.1", "unknown facies 'mud'; known are clay, sand, gravel"),
        ("clay=0.1,0=0.1", "clay is given twice"),
        ("clay=0.1", "lacks sand, gravel; one facies at most takes the rest"),
        ("0.3", "must be like clay=0.7,sand=0.3"),
        ("", "must be like"),
    ],
)
def test_bad_proportions_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse(text, NAMES)
    assert str(caught.value).startswith("--proportions ")
    assert "\n" not in str(caught.value)
