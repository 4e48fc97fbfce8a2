"""A made-up city: the satellite picture and the map of the same ground.

Lengths are in metres. Districts are the cells nearest to scattered sites; arterials run along their bent borders.
Every district has its own grid of streets and lanes, and in it blocks, plots and buildings. Rivers, lakes and parks
come before streets; only arterials that lead across a river have a bridge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from geogan.datasets.city_rendering import ASPHALT, GRASS, PAVING, ROOF, SOIL, SUN, WATER, Scene, noise, plant, render
from geogan.datasets.city_streets import (
    BANK,
    SITES,
    Draws,
    Mask,
    Numbers,
    Plane,
    nearest_arterial,
    nearest_river,
    nearest_street,
    number_of,
    roads_in_order,
)
from geogan.errors import InputError

CLASSES = {  # colours of the map, ordered by code
    "land": (238, 222, 180),
    "vegetation": (126, 190, 100),
    "water": (86, 156, 220),
    "road": (255, 255, 255),
    "building": (170, 92, 76),
}
CLASS = np.array([0, 0, 1, 1, 2, 3, 4], dtype=np.uint8)  # of each material
MARGIN = 32  # pixels drawn around the city, so that its borders are like its middle
WALK = 1.5  # width of a pavement
# in districts of homes, of the centre and of works:
FRONTAGE, DEPTH = np.array([15.5, 27, 36], np.float32), np.array([22, 25, 36], np.float32)  # of plots
SMALL, LARGE = np.array([4.2, 8, 9], np.float32), np.array([6.8, 13, 15], np.float32)  # half a building's breadth
LOW, HIGH = np.array([4, 8, 5], np.float32), np.array([7.5, 20, 10], np.float32)  # height of a building
GREEN, BARE = np.array([0.74, 0.3, 0.15], np.float32), np.array([0.9, 0.45, 0.6], np.float32)  # plots: grass, soil


@dataclass(frozen=True)
class City:
    """The picture as seen from above (red, green, blue, 0..255) and the codes of the map, the index in CLASSES."""

    satellite: UInt8[np.ndarray, "3 y x"]
    codes: UInt8[np.ndarray, "y x"]


def draw_city(seed: int | list[int], rows: int, columns: int, *, pixel: float = 1.0) -> City:
    """Draw the city of this seed; a pixel is ``pixel`` metres wide.

    Raises:
        InputError: fewer than 64 rows or columns, a negative seed, or a pixel not between 0.25 and 4 metres.
    """
    for key, value in (("rows", rows), ("columns", columns)):
        if value < 64:
            raise InputError(f"source.{key}: must be at least 64 pixels, not {value}")
    if min(seed if isinstance(seed, list) else [seed], default=0) < 0:
        raise InputError(f"source.seed: must be at least 0, not {seed}")
    if not 0.25 <= pixel <= 4:
        raise InputError(f"source.pixel: must lie between 0.25 and 4 metres, not {pixel}")
    rng = np.random.default_rng(seed)
    scene = _plan(rng, rows + 2 * MARGIN, columns + 2 * MARGIN, pixel)
    rows_seen, columns_seen = slice(MARGIN, MARGIN + rows), slice(MARGIN, MARGIN + columns)
    satellite = np.ascontiguousarray(render(rng, scene, pixel)[:, rows_seen, columns_seen])
    return City(satellite, CLASS[scene.material[rows_seen, columns_seen]])


def _plan(rng: np.random.Generator, rows: int, columns: int, pixel: float) -> Scene:
    """What lies where: water and parks, then arterials, streets, plots, buildings and trees."""
    draws, turn = rng.random((8, 2**16), dtype=np.float32), rng.uniform(0, math.pi)
    x, y = np.meshgrid(*((np.arange(n) * pixel - n * pixel / 2).astype(np.float32) for n in (columns, rows)))
    river = nearest_river(draws, turn, x, y)
    count = (math.ceil(n * pixel / SITES) + 4 for n in (columns, rows))
    lattice = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in count)), axis=-1).reshape(-1, 2)
    sites = SITES * (lattice + rng.uniform(-0.32, 0.32, lattice.shape))
    district, distance, arterial = nearest_arterial(rng, draws, sites, x, y, pixel)
    dry = nearest_river(draws, turn, *sites.T[:, None].astype(np.float32)).inside[0] < -95
    radius = np.minimum(160 * draws[7, : len(sites)] - 70, 66)
    radius = np.where(dry & (radius > 20), radius, -99).astype(np.float32)[district]
    park = distance - radius + 7 * noise(rng, x.shape, 60 / pixel)  # metres from the border of a park
    kind = np.array([0, 1, 0, 2, 1])[rng.permutation(len(sites)) % 5][district]
    bearing = rng.uniform(0, math.pi / 2, len(sites)).astype(np.float32)[district]
    streets, block, room = nearest_street(draws, district, bearing, x, y)
    roads, kerb = roads_in_order(river, arterial, streets, park, pixel)
    wild = (park < 0) | (river.inside > -BANK)
    clear = ~wild & (kerb < -WALK)
    plot, roof, lengthwise, crosswise, facing = _plots(draws, kind, block, room, bearing, clear, pixel)
    chance = draws[1, plot]
    ground = np.where(chance < GREEN[kind], GRASS, np.where(chance < BARE[kind], SOIL, PAVING))
    ground[wild | (draws[0, block] < 0.1)] = GRASS
    ground[(park < 0) & (np.abs(noise(rng, x.shape, 35 / pixel)) < 0.07)] = SOIL  # winding paths
    ground[~wild & (kerb > -WALK)] = PAVING
    lake = park + 8 * noise(rng, x.shape, 30 / pixel) < np.where(radius > 40, -28, -99)
    water = (river.inside > 0) | lake
    material = np.select([kerb > 0, water, roof], [ASPHALT, WATER, ROOF], ground).astype(np.uint8)
    height = np.where(material == ROOF, LOW[kind] + (HIGH - LOW)[kind] * draws[6, plot], 0)
    grove = np.where(noise(rng, x.shape, 22 / pixel) > 0.2, 0.85, 0.1)
    leafy = np.select([wild, ground == GRASS, ground == PAVING], [grove, 0.3 - 0.08 * kind, 0.06], 0.03)
    height = plant(rng, material, height, leafy.astype(np.float32), pixel)
    owner = np.where(wild, district * (park < 0), plot)
    tone = draws[5, np.where(material == ASPHALT, (64 * roads.half).astype(np.int64), owner)]
    house = (kind, plot, lengthwise, crosswise, facing)
    return Scene(material, height, tone, *house, roads.along, roads.across, roads.half)


def _plots(
    draws: Draws,
    kind: Numbers,
    block: Numbers,
    room: tuple[Plane, Plane, Plane, Plane],
    bearing: Plane,
    clear: Mask,
    pixel: float,
) -> tuple[Numbers, Mask, Plane, Plane, Plane]:
    """The plot; the roof on it, where six tenths of it find room; its lengthwise and crosswise places; its facing."""
    left, right, above, below = room
    long, deep = left + right, above + below
    columns = np.maximum(1, np.round(long / FRONTAGE[kind])).astype(np.float32)
    rows = np.maximum(1, np.round(deep / DEPTH[kind])).astype(np.float32)
    i, j = np.floor(left / long * columns), np.floor(above / deep * rows)
    plot = number_of(block, i.astype(np.int64), j.astype(np.int64))
    places, breadths = [], []
    for salt, at, whole, number, index in ((2, left, long, columns, i), (3, above, deep, rows, j)):
        side = whole / number
        most = np.minimum(LARGE[kind], side / 2 - 1.6)
        breadth = SMALL[kind] + draws[salt, plot] * np.maximum(most - SMALL[kind], 0)
        slack = np.maximum(side / 2 - 1.6 - breadth, 0)
        places.append(at - (index + 0.5) * side - (2 * draws[salt + 2, plot] - 1) * slack)
        breadths.append(np.where(most >= SMALL[kind] - 1, np.minimum(breadth, np.maximum(most, 4)), 0))
    (a, b), (wide, high) = places, breadths
    notched = (draws[7, plot] < 0.4) & (np.minimum(wide, high) > 5.5)
    notch = notched & (a > 0.1 * wide) & (b * np.where(draws[4, plot] < 0.5, 1, -1) > 0.1 * high)
    body = (np.abs(a) < wide) & (np.abs(b) < high) & ~notch & (draws[0, plot] < 0.93)
    body &= (draws[0, block] > 0.18) & clear
    parts = ndimage.label(body)[0]
    body &= np.bincount(parts.ravel())[parts] * pixel**2 > 0.6 * 4 * wide * high * np.where(notched, 0.8, 1)
    ridge = wide > high  # along the block
    facing = np.where(ridge, -np.sin(bearing), np.cos(bearing)) * SUN[0]
    facing += np.where(ridge, np.cos(bearing), np.sin(bearing)) * SUN[1]
    crosswise = np.where(ridge, b / np.maximum(high, 1), a / np.maximum(wide, 1))
    return plot, body, np.where(ridge, a, b), crosswise, facing.astype(np.float32)
