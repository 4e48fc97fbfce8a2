"""Masks of hard data: exact numbers, lines where they should lie, one seed per tile and draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from geogan.choices import choose
from geogan.constraints import CONSTRAINTS, Clusters, Density, Mixture, NoConstraints, Number, WellColumns
from geogan.errors import InputError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("density", "edge", "points"), [(0.005, 64, 20), (0.005, 160, 128), (0.01, 160, 256), (1e-9, 64, 1)]
)
def test_density_gives_the_exact_number(density: float, edge: int, points: int) -> None:
    mask = Density(density=density).mask(edge, 64, rng())
    assert mask.shape == (edge, edge)
    assert mask.dtype == bool
    assert mask.sum() == points  # without replacement: no point is lost to another


def test_every_pixel_may_be_drawn_and_none_is_preferred() -> None:
    masks = [Density(density=0.1).mask(8, 8, rng(seed)) for seed in range(3000)]
    share = np.mean(masks, axis=0)
    assert share.min() > 0.07
    assert share.max() < 0.13


def test_number_is_per_training_tile() -> None:
    assert Number(number=50).mask(64, 64, rng()).sum() == 50
    assert Number(number=50).mask(160, 64, rng()).sum() == round(50 * 160**2 / 64**2)
    assert Number(number=64 * 64).mask(64, 64, rng()).all()
    assert Number(number=1).mask(32, 64, rng()).sum() == 1
    with pytest.raises(InputError, match=r"constraints\.number: 65 .* give at most 64"):
        Number(number=65).mask(8, 8, rng())


def test_clusters_have_the_exact_number_and_the_width_asked_for() -> None:
    mask = Clusters(clusters=4, wells=5).mask(64, 64, rng())
    assert mask.sum() == 20
    assert Clusters(clusters=4, wells=5).mask(160, 64, rng()).sum() == 25 * 5
    assert Clusters(clusters=1, wells=64).mask(8, 8, rng()).all()  # without replacement, and no pixel is out of reach
    one = [np.argwhere(Clusters(clusters=1, wells=6, spread=4.0).mask(200, 200, rng(seed))) for seed in range(400)]
    inside = [wells for wells in one if wells.min() > 20 and wells.max() < 180]
    spread = np.sqrt(np.mean([wells.var(axis=0, ddof=1) for wells in inside], axis=0))
    assert spread == pytest.approx([4, 4], rel=0.08)
    middles = np.array([wells.mean(axis=0) for wells in one])
    assert middles.mean(axis=0) == pytest.approx([99.5, 99.5], abs=10)
    assert middles.std(axis=0) == pytest.approx(200 / np.sqrt(12), rel=0.1)


def test_wells_of_clusters_are_closer_together_than_scattered_ones() -> None:
    def apart(mask: np.ndarray) -> float:
        points = np.argwhere(mask).astype(float)
        distance = np.hypot(*(points[:, None] - points[None, :]).transpose(2, 0, 1))
        return float((distance + 1e9 * np.eye(len(points))).min(axis=1).mean())

    tight = [apart(Clusters(clusters=4, wells=5, spread=2.0).mask(64, 64, rng(seed))) for seed in range(20)]
    loose = [apart(Number(number=20).mask(64, 64, rng(seed))) for seed in range(20)]
    assert np.mean(tight) < 0.4 * np.mean(loose)
    narrow = Clusters(clusters=1, wells=9, spread=1e-3).mask(64, 64, rng(1))
    assert narrow.sum() == 9
    assert np.ptp(np.argwhere(narrow), axis=0).max() <= 4  # the nearest pixels, as none is drawn twice


def test_clusters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"constraints\.wells: 2 clusters of 40 .* give at most 32"):
        Clusters(clusters=2, wells=40).mask(8, 8, rng())


def test_horizontal_lines_cross_the_tile() -> None:
    mask = WellColumns(wells=3, length=64, azimuth=90.0).mask(64, 64, rng())
    assert sorted(mask.sum(axis=1))[-4:] == [0, 64, 64, 64]
    longer = WellColumns(wells=3, length=500, azimuth=270.0).mask(64, 64, rng())
    assert longer.sum() == 3 * 64


def test_vertical_lines_are_columns_of_adjacent_pixels() -> None:
    for seed in range(20):
        mask = WellColumns(wells=1, length=20, azimuth=180.0).mask(64, 64, rng(seed))
        assert mask.sum() == 20
        assert mask.any(axis=0).sum() == 1
        rows = np.flatnonzero(mask.any(axis=1))
        assert rows.max() - rows.min() == 19


@pytest.mark.parametrize("azimuth", [0.0, 17.0, 45.0, 60.0, 90.0, 133.0, 350.0])
@pytest.mark.parametrize("length", [1, 5, 30, 64, 85, 200])
def test_a_line_is_one_piece_of_the_right_direction(azimuth: float, length: int) -> None:
    for seed in range(5):
        mask = WellColumns(wells=1, length=length, azimuth=azimuth).mask(64, 64, rng(seed))
        assert ndimage.label(mask, np.ones((3, 3)))[1] == 1
        row, column = np.nonzero(mask)
        if mask.sum() < 5:
            continue
        steep = abs(np.cos(np.radians(azimuth))) >= abs(np.sin(np.radians(azimuth)))
        assert mask.any(axis=1 if steep else 0).sum() == mask.sum()  # one pixel per row (column)
        up, right = np.ptp(row) / (mask.sum() - 1), np.ptp(column) / (mask.sum() - 1)
        if steep:
            assert up == 1
            assert right == pytest.approx(abs(np.tan(np.radians(azimuth))), abs=1 / (mask.sum() - 1))
        if length <= 45:  # fits: its Euclidean length is the one asked for
            assert np.hypot(np.ptp(row) + 1, np.ptp(column) + 1) == pytest.approx(length, abs=1.7)
    if azimuth == 17.0 and length == 30:  # towards the upper right: column grows while row falls
        assert np.corrcoef(row, column)[0, 1] < -0.9


def test_wells_are_distinct_and_scaled_to_the_tile() -> None:
    assert WellColumns(wells=64, length=64, azimuth=90.0).mask(64, 64, rng()).all()
    with pytest.raises(InputError, match=r"constraints\.wells: 65 lines"):
        WellColumns(wells=65, length=64, azimuth=90.0).mask(64, 64, rng())
    large = WellColumns(wells=4, length=10, azimuth=0.0).mask(128, 64, rng(1))
    assert 10 * 14 <= large.sum() <= 10 * 16


def test_a_mixture_draws_each_kind_equally_often_and_as_it_would_alone() -> None:
    mixture = Mixture(kinds=({"name": "density", "density": 0.01}, {"name": "well_columns", "wells": 1}))
    masks = [mixture.mask(64, 64, rng(seed)) for seed in range(400)]
    columns = [mask for mask in masks if mask.sum(axis=1).max() == 64]
    assert all(mask.sum() == 64 for mask in columns)
    assert {int(mask.sum()) for mask in masks} == {41, 64}
    assert 160 < len(columns) < 240
    assert np.array_equal(masks[0], mixture.mask(64, 64, rng(0)))


def test_a_mixture_names_what_a_kind_cannot_draw_in_a_tile() -> None:
    mixture = Mixture(kinds=({"name": "number", "number": 65},))
    with pytest.raises(InputError, match=r"constraints\.kinds\.0\.number: 65 .* give at most 64"):
        mixture.mask(8, 8, rng())


def test_none_draws_nothing() -> None:
    none = NoConstraints()
    assert none.draws == 0
    assert not none.mask(8, 8, rng()).any()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "density", "density": 0.0}, r"constraints\.density"),
        ({"name": "density", "density": 1.5}, r"constraints\.density"),
        ({"name": "density", "draws": 0}, r"constraints\.draws"),
        ({"name": "number", "number": 0}, r"constraints\.number"),
        ({"name": "clusters", "clusters": 0}, r"constraints\.clusters"),
        ({"name": "clusters", "wells": 0}, r"constraints\.wells"),
        ({"name": "clusters", "spread": 0.0}, r"constraints\.spread"),
        ({"name": "clusters", "spread": float("inf")}, r"constraints\.spread"),
        ({"name": "well_columns", "length": 0}, r"constraints\.length"),
        ({"name": "well_columns", "seed": -1}, r"constraints\.seed"),
        ({"name": "density", "number": 3}, r"constraints\.number: unknown key"),
        ({"name": "mixture", "kinds": []}, r"constraints\.kinds: must hold at least one kind"),
        ({"name": "mixture", "kinds": [{"name": "density"}, {"name": "none"}]}, r"constraints\.kinds\.1\.name: 'none'"),
        ({"name": "mixture", "kinds": [{"name": "density", "density": 2.0}]}, r"constraints\.kinds\.0\.density: must"),
        ({"name": "mixture", "kinds": [{"name": "density", "seed": 2}]}, r"constraints\.kinds\.0\.seed: belongs to"),
        ({"name": "mixture", "kinds": [{"density": 0.1}]}, r"constraints\.kinds\.0: must be a mapping with a 'name'"),
        ({"name": "mixture", "kinds": ["density"]}, r"constraints\.kinds"),
    ],
)
def test_what_cannot_be_is_refused_by_key(value: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose("constraints", value, CONSTRAINTS).build(CONSTRAINTS)
