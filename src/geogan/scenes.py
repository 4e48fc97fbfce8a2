"""Scenes and maps: rasters of any size on a grid, read window by window."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int16, Shaped, UInt8

from geogan.grids import Grid

NO_CLASS = 255  # the code of a map's pixel without a class


@dataclass(frozen=True)
class Palette:
    """The classes of a map: class k has the name ``names[k]`` and the colour (red, green, blue) ``colours[k]``.

    ``values[k]`` is what the class is called in the files it comes from, and in those that are written.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    values: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def table(self) -> UInt8[np.ndarray, "class 3"]:
        """The colours as an array, 0..255."""
        return np.array(self.colours, dtype=np.uint8).reshape(-1, 3)


@dataclass(frozen=True)
class Piece:
    """The pixels of a window: ``values`` in the layer's dtype, and where they mean something."""

    values: Shaped[np.ndarray, "band y x"]
    valid: Bool[np.ndarray, "y x"]


@dataclass(frozen=True)
class Tiles:
    """Windows of one size: ``values`` in the domain's dtype (classes: codes), and where they mean something.

    ``labels``: the class of each tile as a whole, the digit for example; None where the source has none.
    """

    values: Shaped[np.ndarray, "tile band y x"]
    valid: Bool[np.ndarray, "tile y x"]
    labels: Int16[np.ndarray, " tile"] | None = None

    def __len__(self) -> int:
        return len(self.values)


class Layer(ABC):
    """One raster on a north-up grid. With a palette it is a map of classes: one band of codes 0..K-1, uint8.

    A layer holds no open file and can be sent to another process. Values that are not valid are any (codes: 255).
    With ``sample`` it is square pictures of that edge, stacked from top to bottom: its grid has as many columns and no
    CRS, and a tile is one of them; ``labels`` has the class of each, where these are known.
    """

    name: str  # for messages: the file
    grid: Grid
    bands: tuple[int, ...]  # the bands read, counted from 1 as in the file
    dtype: str  # uint8, uint16 or float32
    palette: Palette | None
    sample: int | None = None
    labels: Int16[np.ndarray, " sample"] | None = None

    @abstractmethod
    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        """The window whose top left pixel is (row, column); it lies inside the grid.

        Raises InputError for damaged data and for a class that the palette lacks.
        """


@dataclass(frozen=True)
class Scenes:
    """What a source of pictures gives: layers of the domains A and B (scene and map).

    Where ``aligned``, ``b[i]`` shows the same ground as ``a[i]`` on the same grid. ``names``: one per ``a``,
    unique, by which a split may choose; ``names_b``: one per ``b`` where not aligned, None takes those of its files.
    All layers of a domain agree in bands, dtype and palette.
    ``percentiles`` are those between which the values of a domain are scaled to [-1, 1]; None takes all of
    0..255 for uint8, and the percentiles 1 and 99 for other types. ``sha256`` identifies files and settings.
    """

    a: tuple[Layer, ...]
    b: tuple[Layer, ...]
    names: tuple[str, ...]
    aligned: bool
    sha256: str
    percentiles: tuple[float, float] | None = None
    names_b: tuple[str, ...] | None = None
