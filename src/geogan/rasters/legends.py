"""Legends of maps: which class a pixel value or a colour stands for."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from geogan.rasters.headers import Colour
from geogan.scenes import Palette

UNSEEN = 254  # the code of a value that is no class and is not ignored
MOST = 250  # classes in a map
# Clearly distinct colours: Sasha Trubetskoy's list, without black and white
DISTINCT: tuple[Colour, ...] = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (67, 99, 216),
    (245, 130, 49),
    (145, 30, 180),
    (66, 212, 244),
    (240, 50, 230),
    (191, 239, 69),
    (250, 190, 212),
    (70, 153, 144),
    (220, 190, 255),
    (154, 99, 36),
    (255, 250, 200),
    (128, 0, 0),
    (170, 255, 195),
    (128, 128, 0),
    (255, 216, 177),
    (0, 0, 117),
)


@dataclass(frozen=True, eq=False)
class Legend:
    """Which code each key stands for; keys are the values of one band, or colours packed into one number.

    Codes are 0..K-1, and 255 for keys that mean "no class"; any other key is `UNSEEN`.
    """

    keys: Shaped[np.ndarray, " key"]  # ascending
    codes: UInt8[np.ndarray, " key"]

    @classmethod
    def of(cls, codes: dict[int, int]) -> Legend:
        """The legend of a mapping from keys to codes."""
        keys = sorted(codes)
        return cls(np.array(keys, dtype=np.int64), np.array([codes[key] for key in keys], dtype=np.uint8))

    def code(self, values: Shaped[np.ndarray, "band y x"]) -> UInt8[np.ndarray, "y x"]:
        """The codes of one band of values, or of three of colours."""
        keys = packed(values)
        if len(self.keys) == 0:
            return np.full(keys.shape, UNSEEN, dtype=np.uint8)
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.codes[place], np.uint8(UNSEEN)).astype(np.uint8)


def pack(colour: Colour) -> int:
    """A colour as one number."""
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def unpack(key: int) -> Colour:
    """The colour that `pack` made a number of."""
    return key >> 16, key >> 8 & 255, key & 255


def packed(values: Shaped[np.ndarray, "band y x"]) -> Shaped[np.ndarray, "y x"]:
    """Keys of a legend: the values of one band, or three bands of 0..255 packed into one number."""
    keys: Shaped[np.ndarray, "y x"] = values[0]
    if len(values) == 3:
        colours = values.astype(np.int32)
        keys = colours[0] << 16 | colours[1] << 8 | colours[2]
    return keys


def hex_of(colour: Colour) -> str:
    """A colour as ``#rrggbb``."""
    return "#" + "".join(f"{part:02x}" for part in colour)


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """Colours that an eye tells apart; beyond the list, hues around the circle, no colour twice."""
    found = list(DISTINCT[:count])
    turn = 0
    while len(found) < count:
        hue, shade = turn * 0.61803399 % 1, turn // 7 % 3
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.9 - 0.25 * shade, 0.55 + 0.2 * shade)
        colour = (round(255 * red), round(255 * green), round(255 * blue))
        if colour not in found:
            found.append(colour)
        turn += 1
    return tuple(found)


def palette_of(colours: dict[int, Colour]) -> tuple[Palette, Legend]:
    """The palette of values that occur, by their colours; values of one colour are one class.

    Classes are ordered by value and named ``#rrggbb``.
    """
    values: dict[Colour, int] = {}
    for value, colour in sorted(colours.items()):
        values.setdefault(colour, value)
    names = tuple(hex_of(colour) for colour in values)
    code = {colour: number for number, colour in enumerate(values)}
    legend = Legend.of({value: code[colour] for value, colour in colours.items()})
    return Palette(names, tuple(values), tuple(values.values())), legend
