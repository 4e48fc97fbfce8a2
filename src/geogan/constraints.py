"""Where the hard data lie in a tile: masks drawn at random, without replacement inside a draw.

Every kind carries ``draws`` (masks per tile) and ``seed``. Numbers refer to a tile of the training size;
a tile of another size (the evaluation tiles) gets the same number per pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64

from geogan.choices import choose
from geogan.errors import InputError


@runtime_checkable
class Masks(Protocol):
    """What `geogan.prepare.constrain` asks of a kind of hard data."""

    @property
    def draws(self) -> int:
        """Masks per tile; 0 for a dataset without hard data."""

    @property
    def seed(self) -> int:
        """The seed that every mask is derived from, together with its tile and draw."""

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """One mask of ``edge`` x ``edge`` pixels (True = hard datum); numbers refer to ``tile`` x ``tile``."""


@dataclass(frozen=True, kw_only=True)
class NoConstraints:
    """No hard data: the store stays empty."""

    draws: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws != 0:
            raise InputError(f"constraints.draws: must be 0 with the name none, not {self.draws}")

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """No pixel."""
        return np.zeros((edge, edge), dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Density:
    """Single pixels: a share ``density`` of the tile, at least one pixel."""

    density: float = 0.005
    draws: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check_draws(self.draws, self.seed)
        if not 0 < self.density <= 1:
            raise InputError(f"constraints.density: must lie in (0, 1], not {self.density}")

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """max(1, round(density * pixels)) pixels."""
        return _points(edge, max(1, round(self.density * edge * edge)), rng)


@dataclass(frozen=True, kw_only=True)
class Number:
    """Single pixels: ``number`` of them in a tile of the training size."""

    number: int = 50
    draws: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check_draws(self.draws, self.seed)
        if self.number < 1:
            raise InputError(f"constraints.number: must be at least 1, not {self.number}")

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """max(1, round(number * pixels / pixels of a training tile)) pixels."""
        if self.number > tile * tile:
            raise InputError(
                f"constraints.number: {self.number} pixels in a tile of {tile} x {tile}; give at most {tile * tile}"
            )
        return _points(edge, _scaled(self.number, edge, tile), rng)


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Single pixels that lie close together: ``clusters`` of ``wells`` pixels each in a tile of the training size.

    The centres are uniform over the tile; the wells of a cluster are Gaussian around its centre with standard
    deviation ``spread`` in pixels along x and along y, without those outside the tile. No pixel is drawn twice,
    so a cluster too narrow for its wells is wider. After the Thomas process (1949), with fixed numbers.
    """

    clusters: int = 4
    wells: int = 5
    spread: float = 4.0
    draws: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check_draws(self.draws, self.seed)
        for key, value in (("clusters", self.clusters), ("wells", self.wells)):
            if value < 1:
                raise InputError(f"constraints.{key}: must be at least 1, not {value}")
        if not 0 < self.spread < math.inf:
            raise InputError(f"constraints.spread: must be above 0 pixels and finite, not {self.spread}")

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """max(1, round(clusters * pixels / pixels of a training tile)) times ``wells`` pixels."""
        clusters = _scaled(self.clusters, edge, tile)
        if clusters * self.wells > edge * edge:
            raise InputError(
                f"constraints.wells: {clusters} clusters of {self.wells} pixels in a tile of {edge} x {edge}; "
                f"give at most {edge * edge // clusters}"
            )
        mask = np.zeros((edge, edge), dtype=bool)
        places = np.arange(edge)
        for row, column in rng.uniform(-0.5, edge - 0.5, (clusters, 2)):
            squared = (places[:, None] - row) ** 2 + (places - column) ** 2
            # Highest log density + Gumbel noise: a weighted sample without replacement (Efraimidis, Spirakis 2006).
            height = rng.gumbel(size=(edge, edge)) - squared / (2 * self.spread**2)
            height[mask] = -np.inf
            mask.flat[np.argpartition(height, -self.wells, axis=None)[-self.wells :]] = True
        return mask


@dataclass(frozen=True, kw_only=True)
class WellColumns:
    """Boreholes in a section: ``wells`` straight lines of adjacent pixels in a tile of the training size.

    ``length`` is in pixel edges along the line; ``azimuth`` in degrees clockwise from north (up): 0 and 180
    are vertical, 90 horizontal. A line lies inside the tile where it fits, else it crosses the tile and is
    clipped. No two lines of a draw start in the same pixel.
    """

    wells: int = 5
    length: int = 64
    azimuth: float = 90.0
    draws: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check_draws(self.draws, self.seed)
        for key, value in (("wells", self.wells), ("length", self.length)):
            if value < 1:
                raise InputError(f"constraints.{key}: must be at least 1, not {value}")

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """max(1, round(wells * pixels / pixels of a training tile)) lines."""
        line = self._line(edge)
        low = np.minimum(0, edge - 1 - line.max(axis=0))
        places = np.abs(edge - 1 - line.max(axis=0)) + 1
        wells = _scaled(self.wells, edge, tile)
        if wells > places.prod():
            raise InputError(
                f"constraints.wells: {wells} lines of length {self.length} have {places.prod()} places in a tile of "
                f"{edge} x {edge}; give fewer wells or a shorter length"
            )
        chosen = rng.choice(int(places.prod()), size=wells, replace=False)
        start = np.stack(np.unravel_index(chosen, tuple(places)), axis=1) + low
        pixels = (start[:, None, :] + line[None, :, :]).reshape(-1, 2)
        pixels = pixels[((pixels >= 0) & (pixels < edge)).all(axis=1)]
        mask = np.zeros((edge, edge), dtype=bool)
        mask[pixels[:, 0], pixels[:, 1]] = True
        return mask

    def _line(self, edge: int) -> Int64[np.ndarray, "pixel 2"]:
        """(row, column) offsets of adjacent pixels, from 0; no longer than the tile's diagonal."""
        length = min(float(self.length), edge * math.sqrt(2))
        down, across = -math.cos(math.radians(self.azimuth)), math.sin(math.radians(self.azimuth))
        count = max(1, round(length * max(abs(down), abs(across))))
        along = np.arange(count) / max(abs(down), abs(across))
        line: Int64[np.ndarray, "pixel 2"] = np.rint(np.stack([along * down, along * across], axis=1)).astype(np.int64)
        line -= line.min(axis=0)
        return line


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Each mask of one of several ``kinds``, all equally often: for models that shall take many kinds of wells.

    A kind is ``{name: ..., key: value}`` as it would stand alone, without ``draws`` and ``seed``; one that is given
    twice is drawn twice as often.
    """

    kinds: tuple[dict[str, Any], ...]
    draws: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        _check_draws(self.draws, self.seed)
        if not self.kinds:
            raise InputError("constraints.kinds: must hold at least one kind, as {name: density, density: 0.01}")
        for number, kind in enumerate(self.kinds):
            if taken := {"draws", "seed"} & set(kind):
                raise InputError(f"constraints.kinds.{number}.{min(taken)}: belongs to the mixture, not to one kind")
        _ = self._masks

    @cached_property
    def _masks(self) -> tuple[Masks, ...]:
        kinds = {name: kind for name, kind in CONSTRAINTS.items() if name not in ("none", "mixture")}
        masks = []
        for number, kind in enumerate(self.kinds):
            choice = choose(f"constraints.kinds.{number}", kind, kinds)
            with _below(number):
                masks.append(choice.build(kinds))
        return tuple(masks)

    def mask(self, edge: int, tile: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
        """The mask of the kind that ``rng`` chooses."""
        number = int(rng.integers(len(self._masks)))
        with _below(number):
            return self._masks[number].mask(edge, tile, rng)


CONSTRAINTS: dict[str, Callable[..., Masks]] = {
    "none": NoConstraints,
    "density": Density,
    "number": Number,
    "clusters": Clusters,
    "well_columns": WellColumns,
    "mixture": Mixture,
}


def _check_draws(draws: int, seed: int) -> None:
    if draws < 1:
        raise InputError(f"constraints.draws: must be at least 1, not {draws}; for no hard data give the name none")
    if seed < 0:
        raise InputError(f"constraints.seed: must be at least 0, not {seed}")


@contextmanager
def _below(number: int) -> Iterator[None]:
    """Refusals name their key below that kind of a mixture."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace("constraints.", f"constraints.kinds.{number}.", 1)) from None


def _scaled(number: int, edge: int, tile: int) -> int:
    return max(1, round(number * edge * edge / (tile * tile)))


def _points(edge: int, number: int, rng: np.random.Generator) -> Bool[np.ndarray, "y x"]:
    mask = np.zeros(edge * edge, dtype=bool)
    mask[rng.choice(edge * edge, size=number, replace=False)] = True
    return mask.reshape(edge, edge)
