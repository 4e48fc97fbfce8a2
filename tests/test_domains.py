"""What pixels mean: scaling, classes, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from geogan.domains import Domain, one_hot
from geogan.scenes import Palette

MAP = Palette(("land", "water", "road"), ((250, 240, 200), (90, 150, 220), (255, 255, 255)), (3, 7, 9))


def pan(dtype: str = "uint16", low: float = 100, high: float = 1100) -> Domain:
    return Domain(dtype, (1,), (float(low),), (float(high),), None, None, (1.0, 1.0))


def classes() -> Domain:
    return Domain("uint8", (1,), (), (), MAP, "EPSG:3857", (2.0, 2.0))


def all_valid(values: np.ndarray) -> np.ndarray:
    return np.ones((len(values), *values.shape[2:]), dtype=bool)


def test_low_and_high_become_minus_one_and_one_and_what_is_beyond_is_clipped() -> None:
    values = np.array([100, 600, 1100, 0, 65535, 350], dtype=np.uint16).reshape(1, 1, 2, 3)
    image = pan().encode(values, all_valid(values))
    assert image.flatten().tolist() == pytest.approx([-1, 0, 1, -1, 1, -0.5])
    back = pan().decode(image)
    assert back.dtype == np.uint16
    assert back.flatten().tolist() == [100, 600, 1100, 100, 1100, 350]


@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0, 255), ("uint16", 0, 65535), ("float32", -3.5, 8.25)])
def test_every_value_in_range_survives(dtype: str, low: float, high: float) -> None:
    domain = pan(dtype, low, high)
    values = np.linspace(low, high, 256).astype(dtype).reshape(1, 1, 16, 16)
    back = domain.decode(domain.encode(values, all_valid(values)))
    np.testing.assert_allclose(
        back, values, rtol=0, atol=1e-5 if dtype == "float32" else (0 if dtype == "uint8" else 1)
    )


def test_each_band_has_its_own_scale() -> None:
    domain = Domain("uint8", (1, 2), (0.0, 100.0), (255.0, 200.0), None, None, (1.0, 1.0))
    values = np.full((1, 2, 1, 1), 200, dtype=np.uint8)
    assert domain.encode(values, all_valid(values)).flatten().tolist() == pytest.approx([200 / 127.5 - 1, 1.0])


def test_what_is_not_valid_is_zero_even_where_it_is_nan() -> None:
    values = np.array([np.nan, 5.0], dtype=np.float32).reshape(1, 1, 1, 2)
    valid = np.array([[[False, True]]])
    assert pan("float32", 0, 10).encode(values, valid).flatten().tolist() == [0.0, 0.0]


def test_classes_have_their_colours_and_colours_the_nearest_class() -> None:
    codes = np.array([[[[0, 1], [2, 1]]]], dtype=np.uint8)
    domain = classes()
    image = domain.encode(codes, all_valid(codes))
    assert domain.channels == 3
    assert ((image[0, :, 0, 1] + 1) * 127.5).tolist() == pytest.approx([90, 150, 220])
    noisy = image + torch.tensor([0.05, -0.04, 0.03]).view(1, 3, 1, 1)
    assert np.array_equal(domain.decode(noisy), codes)


def test_one_hot_leaves_out_what_has_no_class() -> None:
    image = one_hot(torch.tensor([[[0, 2, 255]]], dtype=torch.uint8), 3)
    assert image[0, :, 0].T.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("domain", [pan(), classes()])
def test_a_domain_survives_json(domain: Domain) -> None:
    assert Domain.of(json.loads(json.dumps(domain.plain()))) == domain
