"""How a city looks from above: materials, relief, sunlight, shadows and a camera that blurs and adds noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from scipy import ndimage

SOIL, PAVING, GRASS, CROWN, WATER, ASPHALT, ROOF = range(7)  # materials
DARK = np.array(  # colour of the darkest and of the lightest piece of each material
    [(126, 104, 80), (142, 137, 130), (82, 106, 56), (44, 68, 36), (40, 62, 70), (84, 85, 89), (0, 0, 0)], np.float32
)
LIGHT = np.array(
    [(182, 160, 128), (190, 184, 174), (132, 146, 88), (84, 108, 54), (66, 88, 84), (128, 127, 126), (0, 0, 0)],
    np.float32,
)
GRAIN = np.array([7, 4, 6, 8, 2, 3, 4], np.float32)  # standard deviation of the texture from pixel to pixel
PATCHES = np.array([14, 6, 11, 5, 5, 5, 4], np.float32)  # and over about 7 pixels
ROOFS = np.array(
    [
        *((158, 88, 66), (142, 76, 60), (172, 108, 82)),  # tiles
        *((118, 96, 80), (86, 82, 82), (112, 112, 116)),  # shingle, slate, felt
        *((124, 122, 118), (176, 172, 164), (206, 204, 200)),  # gravel, concrete, white membrane
        *((112, 128, 148), (150, 158, 160)),  # sheet metal
    ],
    np.float32,
)
ROOF_RANGES = np.array([(0, 5), (3, 9), (5, 11)])  # roofs of homes, of the centre, of works
CARS = np.array([(225, 225, 225), (40, 42, 48), (150, 152, 155), (150, 50, 45), (60, 80, 120)], np.float32)
PAINT = np.array((205, 203, 196), np.float32)
SUN = (0.64, 0.77)  # towards the sun, in columns and rows: the lower right
SHADOW = 0.75  # metres of shadow per metre of height
SHADE = np.array((0.46, 0.50, 0.58), np.float32)  # light that is left in a shadow: the blue of the sky
TALLEST = 24.0  # metres
TREES = 5.5  # metres between neighbouring places for a tree
SPREAD = 0.65  # standard deviation of the point spread, in pixels
SENSOR = 3.5  # standard deviation of the sensor's noise

Plane = Float32[np.ndarray, "y x"]


@dataclass(frozen=True)
class Scene:
    """What lies where: the material of every pixel, and what its look depends on."""

    material: UInt8[np.ndarray, "y x"]
    height: Float32[np.ndarray, "y x"]  # of roofs and crowns, in metres; elsewhere 0
    tone: Float32[np.ndarray, "y x"]  # 0..1, dark to light, one value per roof, plot, block or road
    kind: Int64[np.ndarray, "y x"]  # of district: 0 homes, 1 centre, 2 works
    building: Int64[np.ndarray, "y x"]  # number of the building, where there is one
    lengthwise: Float32[np.ndarray, "y x"]  # metres from the middle of the roof along its ridge
    crosswise: Float32[np.ndarray, "y x"]  # and across it, over half its breadth: -1..1
    facing: Float32[np.ndarray, "y x"]  # cosine between the positive crosswise direction and the sun
    along: Float32[np.ndarray, "y x"]  # metres along the road
    across: Float32[np.ndarray, "y x"]  # and from its middle
    half: Float32[np.ndarray, "y x"]  # half its width


def render(rng: np.random.Generator, scene: Scene, pixel: float) -> UInt8[np.ndarray, "3 y x"]:
    """The picture as seen from above in red, green and blue, 0..255; a pixel is ``pixel`` metres wide."""
    material, shape = scene.material, scene.material.shape
    tone = scene.tone[..., None]
    colour = DARK[material] * (1 - tone) + LIGHT[material] * tone
    _roofs(rng, scene, colour)
    _crowns(rng, scene, colour)
    _traffic(rng, scene, colour)
    texture = GRAIN[material] * rng.standard_normal(shape, dtype=np.float32)
    texture += PATCHES[material] * noise(rng, shape, 7.0)
    colour += texture[..., None]
    tint = 5 * noise(rng, shape, 15.0) * (material != ROOF)
    colour[..., 0] += tint
    colour[..., 2] -= tint
    shade = ndimage.gaussian_filter(shadows(scene.height, pixel).astype(np.float32), 0.5)[..., None]
    colour *= 1 - shade * (1 - SHADE)
    colour *= (1 + 0.05 * noise(rng, shape, 220.0) + _ramp(rng, shape))[..., None]
    picture = np.empty((3, *shape), dtype=np.uint8)
    for band in range(3):
        seen = ndimage.gaussian_filter(colour[..., band], SPREAD)
        seen += SENSOR * rng.standard_normal(shape, dtype=np.float32)
        picture[band] = np.clip(np.rint(seen), 0, 255)
    return picture


def noise(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Float32[np.ndarray, "y x"]:
    """Smooth noise, mean 0 and standard deviation about 1; ``scale`` is the size of its patches in pixels."""
    knots = [math.ceil(size / scale) + 4 for size in shape]
    coarse = rng.standard_normal(knots, dtype=np.float32)
    rows, columns = (np.arange(size) / scale + 1.5 for size in shape)
    # the cubic B-spline through random weights, one axis after the other
    smooth = _spline(_spline(coarse, rows).T, columns).T
    return np.ascontiguousarray(smooth * np.float32(2.1))


def _spline(knots: Float32[np.ndarray, "knot other"], at: np.ndarray) -> Float32[np.ndarray, "place other"]:
    first, t = np.floor(at).astype(np.int64) - 1, (at % 1)[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    total = np.zeros((at.size, knots.shape[1]), dtype=np.float32)
    for step, weight in enumerate(weights):
        total += (weight / 6).astype(np.float32) * knots[np.minimum(first + step, len(knots) - 1)]
    return total


def shadows(height: Float32[np.ndarray, "y x"], pixel: float) -> Bool[np.ndarray, "y x"]:
    """Where the sun does not come: something towards it is higher than the ray by a metre or more."""
    dark = np.zeros(height.shape, dtype=bool)
    for step in range(1, math.ceil(TALLEST * SHADOW / pixel) + 1):
        right, down = round(step * SUN[0]), round(step * SUN[1])
        here = (slice(0, -down or None), slice(0, -right or None))
        there = (slice(down, None), slice(right, None))
        dark[here] |= height[there] - height[here] > max(step * pixel / SHADOW, 1)
    return dark


def plant(rng: np.random.Generator, material: np.ndarray, height: Plane, leafy: Plane, pixel: float) -> Plane:
    """Plant trees on open ground where ``leafy``, the chance, asks for them: material and height in place."""
    cell = TREES / pixel
    rows, columns = (np.arange(int(size / cell)) for size in material.shape)
    y, x = ((at + rng.random((rows.size, columns.size))) * cell for at in (rows[:, None], columns))
    wanted = rng.random(y.shape) < leafy[y.astype(np.int64), x.astype(np.int64)]
    y, x = y[wanted], x[wanted]
    radius = rng.uniform(1.7, 3.8, y.size)
    reach = math.ceil(3.8 / pixel)
    offset = np.arange(-reach, reach + 1)
    row, column = y.astype(np.int64)[:, None] + offset, x.astype(np.int64)[:, None] + offset
    apart = np.hypot((row + 0.5 - y[:, None])[:, :, None], (column + 0.5 - x[:, None])[:, None, :]) * pixel
    crown = (2.2 * np.sqrt(np.maximum(radius[:, None, None] ** 2 - apart**2, 0))).astype(np.float32)
    canopy = np.zeros([size + 2 * reach + 1 for size in material.shape], dtype=np.float32)
    np.maximum.at(canopy, (row[:, :, None] + reach, column[:, None, :] + reach), crown)
    canopy = canopy[reach : reach + material.shape[0], reach : reach + material.shape[1]]
    grown = (canopy > 1) & np.isin(material, (SOIL, PAVING, GRASS))
    material[grown] = CROWN
    return np.where(grown, canopy, height)


def _roofs(rng: np.random.Generator, scene: Scene, colour: Float32[np.ndarray, "y x 3"]) -> None:
    """Roofs in place: gables of homes have a bright and a dark side, flat roofs an edge and boxes on top."""
    at = scene.material == ROOF
    low, high = ROOF_RANGES[scene.kind[at]].T
    table = rng.random((2, 2**12), dtype=np.float32)
    chosen, gain = table[:, scene.building[at] % 2**12]
    gabled = scene.kind[at] == 0
    crosswise, lengthwise = scene.crosswise[at], scene.lengthwise[at]
    light = 0.86 + 0.3 * gain
    light += np.where(gabled, 0.16 * np.sign(crosswise) * scene.facing[at], 0)
    light += np.where(~gabled & (np.abs(crosswise) > 0.86), 0.10, 0)
    box = (np.floor(lengthwise / 3.5).astype(np.int64) * 31 + np.floor(crosswise * 4).astype(np.int64)) * 17
    box_gain = table[0, (box + scene.building[at]) % 2**12]
    light += np.where(~gabled & (np.abs(crosswise) < 0.7), np.where(box_gain > 0.9, 0.22, 0), 0)
    light -= np.where(~gabled & (np.abs(crosswise) < 0.7), np.where(box_gain < 0.07, 0.25, 0), 0)
    roof = ROOFS[low + (chosen * (high - low)).astype(np.int64)]
    colour[at] = roof * light[:, None]


def _crowns(rng: np.random.Generator, scene: Scene, colour: Float32[np.ndarray, "y x 3"]) -> None:
    """Crowns in place: bright towards the sun, dark on the far side and where they meet."""
    at = scene.material == CROWN
    crown = np.where(at, scene.height, 0)
    slope = ndimage.sobel(crown, axis=1) * SUN[0] + ndimage.sobel(crown, axis=0) * SUN[1]
    light = 0.78 + 0.055 * crown - 0.035 * np.clip(slope, -9, 9)
    colour[at] *= light[at][:, None]


def _traffic(rng: np.random.Generator, scene: Scene, colour: Float32[np.ndarray, "y x 3"]) -> None:
    """Markings of arterials and cars in place, in metres of the road."""
    road, aside = scene.material == ASPHALT, np.abs(scene.across)
    wide = road & (scene.half > 5.5)
    colour[wide & (aside < 0.5) & (scene.along % 9 < 5)] = PAINT
    colour[wide & (np.abs(scene.half - aside - 1.0) < 0.4)] += 35
    lane = np.where(wide, scene.half / 2, scene.half - 1.3)
    cell = np.floor(scene.along / 8).astype(np.int64)
    number = cell * 7 + (scene.across > 0) * 3 + (scene.half * 64).astype(np.int64) * 101
    draw = rng.random(2**14, dtype=np.float32)[number % 2**14]
    place = np.abs(scene.along % 8 - 4)
    car = road & (scene.half > 2.6) & (np.abs(aside - lane) < 1.05) & (place < 2.2) & (draw < 0.13)
    colour[car] = CARS[(draw[car] / 0.13 * len(CARS)).astype(np.int64) % len(CARS)]


def _ramp(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32[np.ndarray, "y x"]:
    """An even change of light across the picture, at most 6 % either way."""
    right, down = rng.uniform(-0.03, 0.03, 2)
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    ramp: Plane = (right * x + down * y).astype(np.float32)
    return ramp
