"""The made-up city: reproducible, every class in it, a picture that belongs to its map, streets as in a town."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from geogan.datasets.city import CLASSES, City, draw_city
from geogan.datasets.city_rendering import SUN, noise
from geogan.errors import InputError

LAND, VEGETATION, WATER, ROAD, BUILDING = range(5)
SIZE = 512


@pytest.fixture(scope="module")
def cities() -> list[City]:
    return [draw_city(seed, SIZE, SIZE) for seed in range(6)]


def shares(city: City) -> np.ndarray:
    return np.bincount(city.codes.ravel(), minlength=len(CLASSES)) / city.codes.size


def shifted(mask: np.ndarray, metres: float) -> np.ndarray:
    """Where the mask is met that many pixels towards the sun."""
    return np.roll(mask, (-round(metres * SUN[1]), -round(metres * SUN[0])), axis=(0, 1))


def directions(codes: np.ndarray) -> np.ndarray:
    """Share of the kerbs by direction, in nine bins of 10 degrees from 0 to 90: a grid of streets fills one."""
    road = ndimage.gaussian_filter((codes == ROAD).astype(float), 2)
    down, right = ndimage.sobel(road, 0), ndimage.sobel(road, 1)
    strength = np.hypot(down, right)
    angle = np.degrees(np.arctan2(down, right)) % 90
    counts = np.histogram(angle, bins=9, range=(0, 90), weights=strength)[0]
    return np.asarray(counts / counts.sum())


def test_the_seed_and_the_size_alone_make_the_city() -> None:
    first, again, other = draw_city(3, 64, 80), draw_city(3, 64, 80), draw_city(4, 64, 80)
    assert np.array_equal(first.satellite, again.satellite)
    assert np.array_equal(first.codes, again.codes)
    assert (first.codes != other.codes).mean() > 0.3
    assert first.satellite.dtype == first.codes.dtype == np.uint8
    assert first.satellite.shape == (3, 64, 80)
    assert first.codes.shape == (64, 80)
    listed = [draw_city([1, two], 64, 64).codes for two in (2, 3)]
    assert (listed[0] != listed[1]).mean() > 0.3


def test_every_class_has_its_share(cities: list[City]) -> None:
    for city in cities:
        assert city.codes.max() < len(CLASSES)
        assert shares(city).min() > 0.04
        assert shares(city).max() < 0.45


def test_the_colours_of_the_map_are_far_apart() -> None:
    colours = np.array(list(CLASSES.values()))
    apart = np.abs(colours[:, None] - colours).max(axis=-1)[np.triu_indices(len(colours), 1)]
    assert apart.min() > 60


def test_classes_look_different_yet_colour_alone_does_not_tell_them(cities: list[City]) -> None:
    picture = np.concatenate([city.satellite.reshape(3, -1) for city in cities], axis=1).astype(np.int64)
    codes = np.concatenate([city.codes.ravel() for city in cities])
    means = np.array([picture[:, codes == code].mean(axis=1) for code in range(len(CLASSES))])
    assert np.abs(means[:, None] - means).max(axis=-1)[np.triu_indices(len(means), 1)].min() > 10
    colour = (picture[0] // 16 * 16 + picture[1] // 16) * 16 + picture[2] // 16
    counts = np.bincount(colour * len(CLASSES) + codes, minlength=16**3 * len(CLASSES)).reshape(-1, len(CLASSES))
    assert 0.55 < counts.max(axis=1).sum() / codes.size < 0.85  # the best that a table of colours can do


def test_shadows_fall_on_one_side_and_not_on_the_map(cities: list[City]) -> None:
    for city in cities:
        building, land = city.codes == BUILDING, city.codes == LAND
        inner = np.zeros_like(land)
        inner[8:-8, 8:-8] = True
        light = city.satellite.mean(axis=0)
        far, near = (light[inner & land & shifted(building, step) & ~shifted(building, -step)] for step in (3, -3))
        assert min(far.size, near.size) > 200
        assert far.mean() < 0.75 * near.mean()


def test_streets_have_three_widths(cities: list[City]) -> None:
    for city in cities:
        reach = ndimage.distance_transform_edt(city.codes == ROAD)
        middle = (reach == ndimage.maximum_filter(reach, 5)) & (reach > 1)
        counts = np.bincount(np.rint(2 * reach[middle]).astype(int), minlength=40)
        for low, high in ((4, 6), (7, 10), (12, 17)):  # lanes, streets, arterials
            assert counts[low : high + 1].sum() > 100


def test_districts_turn_their_streets_each_its_own_way(cities: list[City]) -> None:
    one_grid = np.zeros((128, 128), dtype=np.uint8)
    one_grid[::32], one_grid[:, ::32] = ROAD, ROAD
    assert directions(one_grid).max() > 0.6
    for city in cities:
        assert (directions(city.codes) > 0.05).sum() >= 6
        assert directions(city.codes).max() < 0.4


def test_buildings_have_several_sizes(cities: list[City]) -> None:
    for city in cities:
        parts, count = ndimage.label(city.codes[1:-1, 1:-1] == BUILDING)
        places = ndimage.find_objects(parts)
        whole = [p for p in places if all(s.start > 0 and s.stop < SIZE - 2 for s in p)]
        area = np.bincount(parts.ravel())[[parts[p][parts[p] > 0][0] for p in whole]]
        assert count > 80
        assert (area < 30).mean() < 0.03
        assert np.percentile(area, 90) > 3 * np.percentile(area, 10)


def test_arterials_bridge_the_water(cities: list[City]) -> None:
    bridged = 0
    for city in cities:
        parts, count = ndimage.label(city.codes == WATER)
        large = [code for code in range(1, count + 1) if (parts == code).sum() > 300]
        wide = [ndimage.binary_dilation(parts == code, np.ones((3, 3)), iterations=9) for code in large]
        bridged += any((a & b & (city.codes == ROAD)).sum() > 150 for i, a in enumerate(wide) for b in wide[:i])
    assert bridged >= 4


def test_noise_has_the_spread_told() -> None:
    field = noise(np.random.default_rng(0), (400, 400), 8.0)
    assert abs(field.mean()) < 0.1
    assert 0.8 < field.std() < 1.2


def test_pixels_of_two_metres_show_half_the_size() -> None:
    fine, coarse = draw_city(1, 256, 256), draw_city(1, 256, 256, pixel=2.0)
    assert ndimage.label(coarse.codes == BUILDING)[1] > 2 * ndimage.label(fine.codes == BUILDING)[1]


@pytest.mark.parametrize(
    ("seed", "rows", "columns", "pixel", "key"),
    [(0, 63, 64, 1.0, "rows"), (0, 64, 63, 1.0, "columns"), (-1, 64, 64, 1.0, "seed"), (0, 64, 64, 0.0, "pixel")],
)
def test_what_cannot_be_is_refused_by_key(seed: int, rows: int, columns: int, pixel: float, key: str) -> None:
    with pytest.raises(InputError, match=rf"^source\.{key}: must "):
        draw_city(seed, rows, columns, pixel=pixel)


def test_a_negative_number_in_a_list_of_seeds_is_refused() -> None:
    with pytest.raises(InputError, match=r"^source\.seed: "):
        draw_city([1, -2], 64, 64)
