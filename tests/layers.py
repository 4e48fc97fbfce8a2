"""Scenes in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Shaped

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.scenes import Layer, Palette, Piece, Scenes

UTM = "EPSG:32632"
PALETTE = Palette(("land", "water"), ((200, 180, 90), (0, 0, 255)), (10, 20))


@dataclass
class ArrayLayer(Layer):
    """An array as a layer; counts the pixels that are read."""

    name: str
    values: Shaped[np.ndarray, "band y x"]
    valid: Bool[np.ndarray, "y x"]
    grid: Grid
    palette: Palette | None = None
    pixels_read: int = field(default=0, compare=False)

    @property
    def bands(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.values) + 1))

    @property
    def dtype(self) -> str:
        return str(self.values.dtype)

    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        assert row >= 0
        assert column >= 0
        assert row + rows <= self.grid.rows
        assert column + columns <= self.grid.columns
        self.pixels_read += rows * columns
        window = np.s_[row : row + rows, column : column + columns]
        return Piece(self.values[:, window[0], window[1]].copy(), self.valid[window].copy())


@dataclass
class TornLayer(ArrayLayer):
    """A file that fails where tiles are read, not where its validity is."""

    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        if row > 0:
            raise InputError("torn.tif: cut off below row 0")
        return super().read(row, column, rows, columns)


def torn(layer: Layer) -> TornLayer:
    """The layer, broken."""
    return TornLayer(layer.name, layer.values, layer.valid, layer.grid)


def at(rows: int, columns: int, east: float = 0, south: float = 0, cell: float = 1.0, crs: str | None = UTM) -> Grid:
    """A grid whose upper left corner lies so many metres east and south of a place in Germany."""
    return Grid(rows, columns, (cell, 0.0, 500_000.0 + east, 0.0, -cell, 6_000_000.0 - south), crs)


def layer(grid: Grid, name: str = "x", *, bands: int = 1, dtype: str = "uint8", seed: int = 0) -> ArrayLayer:
    """Random values, all valid."""
    values = np.random.default_rng(seed).integers(0, 200, (bands, grid.rows, grid.columns)).astype(dtype)
    return ArrayLayer(name, values, np.ones((grid.rows, grid.columns), dtype=bool), grid)


def map_of(grid: Grid, name: str = "m", seed: int = 0) -> ArrayLayer:
    """A random map of two classes."""
    codes = np.random.default_rng([seed, 1]).integers(0, 2, (1, grid.rows, grid.columns)).astype(np.uint8)
    return ArrayLayer(name, codes, np.ones((grid.rows, grid.columns), dtype=bool), grid, PALETTE)


def aligned(*grids: Grid, bands: int = 3, dtype: str = "uint8") -> Scenes:
    """Pairs of a scene and a map of classes, named s0, s1, ..."""
    names = tuple(f"s{number}" for number in range(len(grids)))
    a = tuple(
        layer(grid, f"{name}.tif", bands=bands, dtype=dtype, seed=number)
        for number, (grid, name) in enumerate(zip(grids, names, strict=True))
    )
    b = tuple(
        map_of(grid, f"map_{name}.tif", seed=number)
        for number, (grid, name) in enumerate(zip(grids, names, strict=True))
    )
    return Scenes(a, b, names, True, "ab" * 32)


def unaligned(a: list[Grid], b: list[Grid]) -> Scenes:
    """Scenes a/0.png, ... of three bands, and b/0.png, ... of one."""
    first = tuple(layer(grid, f"data/a/a{number}.png", bands=3, seed=number) for number, grid in enumerate(a))
    second = tuple(layer(grid, f"data/b/b{number}.png", seed=99 + number) for number, grid in enumerate(b))
    return Scenes(first, second, tuple(f"a{number}" for number in range(len(a))), False, "cd" * 32)
