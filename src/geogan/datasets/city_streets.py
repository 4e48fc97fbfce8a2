"""The streets and rivers of a made-up city: the nearest one to every pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy import ndimage
from scipy.spatial import cKDTree

from geogan.datasets.city_rendering import noise

SITES, RIVERS = 190.0, 700.0  # metres between neighbouring sites and between rivers
BANK = 9.0  # width of a river's bank
QUAY, RING = 3.7, 2.4  # half the widths of roads along rivers and around parks
Plane = Float32[np.ndarray, "y x"]
Mask = Bool[np.ndarray, "y x"]
Numbers = Int64[np.ndarray, "y x"]
Draws = Float32[np.ndarray, "salt 65536"]  # evenly spread over 0..1; chosen by the number of what is drawn


@dataclass(frozen=True)
class Course:
    """The nearest road or river: metres along it and from its middle, and half its width."""

    along: Plane
    across: Plane
    half: Plane

    @property
    def inside(self) -> Plane:
        """Metres from the edge, positive inside."""
        inside: Plane = self.half - np.abs(self.across)
        return inside

    def or_if(self, where: Mask, other: Course) -> Course:
        """The other course where told."""
        pairs = ((self.along, other.along), (self.across, other.across), (self.half, other.half))
        return Course(*(np.where(where, second, first) for first, second in pairs))


def number_of(*ids: Numbers | int) -> Numbers:
    """A number below 65536 for every combination of ids, as if drawn at random."""
    mixed = np.zeros((1, 1), dtype=np.int64)
    for one in ids:
        mixed = ((mixed ^ one) * 0x9E3779 + 0x7F4A7C) & 0x7FFFFFFF
        mixed = mixed ^ (mixed >> 15)
    return mixed & 0xFFFF


def nearest_river(draws: Draws, turn: float, x: Plane, y: Plane) -> Course:
    """The nearest river, which meanders; the first of the parallel rivers crosses the middle of the city."""
    u, v = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    which = np.floor(v / RIVERS + 0.5).astype(np.int64)
    phase = 2 * math.pi * draws[:4, which & 0xFFFF]
    v = v - np.float32(RIVERS) * which.astype(np.float32) + 40 * np.sin(phase[3])
    swing = 34 * np.sin(u / 68 + phase[0]) + 10 * np.sin(u / 29 + phase[1])
    slope = 34 / 68 * np.cos(u / 68 + phase[0]) + 10 / 29 * np.cos(u / 29 + phase[1])
    return Course(u, (v - swing) / np.sqrt(1 + slope**2), 18 + 7 * np.sin(u / 50 + phase[2]))


def nearest_arterial(
    rng: np.random.Generator, draws: Draws, sites: Float64[np.ndarray, "site 2"], x: Plane, y: Plane, pixel: float
) -> tuple[Numbers, Plane, Course]:
    """The nearest site, the distance from it, and the nearest arterial, 12 to 16 wide."""
    bent = [place + 10 * noise(rng, x.shape, 110 / pixel) for place in (x, y)]
    found = cKDTree(sites).query(np.stack(bent, axis=-1), k=2)
    distance, nearest = np.asarray(found[0], np.float32), np.asarray(found[1], np.int64)
    district = nearest[..., 0]
    low, high = nearest.min(axis=-1), nearest.max(axis=-1)
    right, down = (sites[high] - sites[low]).astype(np.float32).transpose(2, 0, 1)
    gap = np.hypot(right, down)
    side = np.where(district == low, -1, 1).astype(np.float32)
    across = side * (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * gap)
    half = 6 + 2 * draws[0, number_of(low, high)]
    return district, distance[..., 0], Course((bent[1] * right - bent[0] * down) / gap, across, half)


def nearest_street(
    draws: Draws, district: Numbers, bearing: Plane, x: Plane, y: Plane
) -> tuple[Course, Numbers, tuple[Plane, Plane, Plane, Plane]]:
    """The nearest street, the block, and the room from its four kerbs: left, right, above, below."""
    cosine, sine = np.cos(bearing), np.sin(bearing)
    bend = np.where(draws[1, number_of(district, 1)] < 0.5, 8, 0).astype(np.float32)
    u, v = cosine * x + sine * y, cosine * y - sine * x
    v = v + bend * np.sin(u / 36)
    row, above, below, main = _strips(draws, number_of(district, 2), v, 52 + 18 * draws[2, number_of(district, 3)])
    shift = np.where(draws[3, number_of(district, row, 4)] < 0.4, 50, 0).astype(np.float32)
    column, left, right, cross = _strips(
        draws, number_of(district, 5), u + shift, 90 + 50 * draws[2, number_of(district)]
    )
    main, cross = Course(u, main.across, main.half), Course(v, cross.across, cross.half)
    return main.or_if(cross.inside > main.inside, cross), number_of(district, row, column), (left, right, above, below)


def _strips(draws: Draws, family: Numbers, place: Plane, spacing: Plane) -> tuple[Numbers, Plane, Plane, Course]:
    """Between two parallel streets: the strip's number, metres from the kerb before and after, and the nearer one.

    Six in ten are streets, 7 to 9 wide; the others are lanes, 4 to 5 wide.
    """
    strip = np.floor(place / spacing).astype(np.int64)
    strip -= place < (strip + 0.3 * draws[0, number_of(family, strip)]) * spacing
    edges = []
    for one, sign in ((strip, 1), (strip + 1, -1)):
        number = number_of(family, one)
        line = ((one + 0.3 * draws[0, number]) * spacing).astype(np.float32)
        chance = draws[1, number]
        half = np.where(chance < 0.4, 2 + 1.25 * chance, 3.5 + (chance - 0.4) / 0.6)
        edges.append((sign * (place - line) - half, place - line, half))
    before, after = edges
    near = Course(place, before[1], before[2]).or_if(after[0] < before[0], Course(place, after[1], after[2]))
    return strip, before[0], after[0], near


def roads_in_order(river: Course, arterial: Course, streets: Course, park: Plane, pixel: float) -> tuple[Course, Plane]:
    """The roads in their order, and metres from their nearest kerb, positive on the road."""
    shore = np.abs(river.across) - river.half - BANK  # from the middle of the road along the river
    parts, count = ndimage.label((shore < 0) & (arterial.inside > 0))
    area = np.bincount(parts.ravel(), minlength=count + 1) * pixel**2
    left, right = (np.unique(parts[(river.inside < 0) & (river.across * sign > 0)]) for sign in (-1, 1))
    spans = np.bincount(parts.ravel(), (river.half + BANK).ravel() * 2 * pixel**2, count + 1) / np.maximum(area, 1)
    bridge = np.isin(np.arange(count + 1), np.intersect1d(left, right)) & (area < 21 * spans)
    bridge[0] = False
    crossing = bridge[parts]
    quay, ring = (Course(river.along, at, np.full_like(at, half)) for at, half in ((shore, QUAY), (park, RING)))
    outside = (park > 0) & (shore > 0)
    courses = [(streets, outside), (ring, shore > 0), (quay, shore > -QUAY), (arterial, (shore > 0) | crossing)]
    roads, kerb = streets, np.full_like(park, -99)
    for course, allowed in courses:
        inside = np.where(allowed, course.inside, -99)
        roads = roads.or_if(inside > np.maximum(kerb, 0), course)
        kerb = np.maximum(kerb, inside)
    filled = ndimage.binary_closing(kerb > 0, iterations=max(1, round(3 / pixel))) & (shore > 0)  # slivers
    kerb = np.where(filled & (kerb <= 0), 0.01, kerb)
    return roads.or_if(arterial.inside * ((shore > 0) | crossing) > 0, arterial), kerb
