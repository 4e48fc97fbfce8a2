"""Which ground of scenes serves which split: whole scenes, or blocks of ground that scenes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from geogan.errors import InputError
from geogan.footprints import Frame, groups, overlapping
from geogan.grids import Grid
from geogan.ground import CLASSES, SPLITS, Blocks, Split, cut, shares
from geogan.scenes import Layer

TRAIN = SPLITS.index("train")


@dataclass(frozen=True)
class Picture:
    """One scene of a domain, or an aligned scene and its map, whose windows are cut from all ``layers`` alike.

    ``domains`` ("a", "b" or "ab") are those of the layers; ``index`` is its number among the scenes of a domain.
    """

    name: str
    index: int
    domains: str
    layers: tuple[Layer, ...]

    @property
    def grid(self) -> Grid:
        """The grid of all its layers."""
        return self.layers[0].grid

    def holds(self, tile: int) -> bool:
        """Whether a tile of this edge fits in."""
        return tile <= min(self.grid.rows, self.grid.columns)


@dataclass(frozen=True)
class Territory:
    """Ground in pixels of a frame, cut into blocks of which each has the class (split, "image")."""

    frame: Frame
    blocks: Blocks


def territories(pictures: Sequence[Picture], split: Split, largest: Mapping[str, int]) -> list[Territory]:
    """The ground on which each picture lies. No ground is in two splits.

    ``largest``: domain -> edge of its largest tile, the same for both domains of a pair.
    Named scenes serve their split, all others train. With shares the scenes that lie on the same ground stay
    together. Where three grounds or more hold the same domains, whole grounds are dealt to the splits, by their
    pixels; else the largest of them is cut into blocks and the others train (all train where other grounds give
    their domains to every split). Ground whose scenes are smaller than the ``largest`` tile trains.

    Raises:
        InputError: shares or patterns that cannot be, scenes of different splits that share ground, or a ground
            too small to be cut.
    """
    if isinstance(split.validation, tuple) or isinstance(split.test, tuple):
        return _by_name(pictures, split)
    shares(split)
    grounds = [
        [pictures[scene] for scene in scenes] for scenes in groups([picture.grid for picture in pictures], split.gap)
    ]
    chosen = _choose(grounds, split, largest)
    found: dict[tuple[str, int], Territory] = {}
    for ground, to in zip(grounds, chosen, strict=True):
        territory = _cut(ground, split, largest) if to is None else _whole(ground, to)
        found |= {(picture.domains, picture.index): territory for picture in ground}
    return [found[picture.domains, picture.index] for picture in pictures]


def _by_name(pictures: Sequence[Picture], split: Split) -> list[Territory]:
    chosen = [TRAIN] * len(pictures)
    for key, wanted in (("validation", split.validation), ("test", split.test)):
        if not isinstance(wanted, tuple):
            raise InputError(
                f"split.{key}: is a share ({wanted:g}) and the other names scenes; give both as shares or both as names"
            )
        for pattern in wanted:
            found = [number for number, picture in enumerate(pictures) if fnmatchcase(picture.name, pattern)]
            if not found:
                some = ", ".join(picture.name for picture in pictures[:5])
                raise InputError(f"split.{key}: no scene is called {pattern}; there are {len(pictures)} ({some}, ...)")
            for number in found:
                if chosen[number] not in (TRAIN, SPLITS.index(key)):
                    raise InputError(f"split: the scene {pictures[number].name} is in validation and in test")
                chosen[number] = SPLITS.index(key)
    for first, second in overlapping([picture.grid for picture in pictures], split.gap):
        if chosen[first] != chosen[second]:
            raise InputError(
                f"split: {pictures[first].name} ({SPLITS[chosen[first]]}) and {pictures[second].name} "
                f"({SPLITS[chosen[second]]}) show the same ground, or lie within the gap of it; put them into one split"
            )
    return [_whole([picture], to) for picture, to in zip(pictures, chosen, strict=True)]


def _choose(grounds: Sequence[Sequence[Picture]], split: Split, largest: Mapping[str, int]) -> list[int | None]:
    """The split of each ground; None where it is to be cut."""
    kinds: dict[str, list[int]] = {}
    for number, ground in enumerate(grounds):
        domains = {
            domain for picture in ground for domain in picture.domains if picture.holds(largest[picture.domains[0]])
        }
        kinds.setdefault("".join(sorted(domains)), []).append(number)
    kinds.pop("", None)
    pixels = [sum(picture.grid.rows * picture.grid.columns for picture in ground) for ground in grounds]
    chosen: list[int | None] = [TRAIN] * len(grounds)
    covered: set[str] = set()
    rng = np.random.default_rng(split.seed)
    for kind in sorted(kinds, key=lambda kind: (len(kinds[kind]) < len(SPLITS), -len(kind), kind)):
        here = kinds[kind]
        if len(here) >= len(SPLITS):
            for number, to in zip(here, deal([pixels[number] for number in here], shares(split), rng), strict=True):
                chosen[number] = to
        elif not covered.issuperset(kind):
            chosen[max(here, key=lambda number: pixels[number])] = None
        covered |= set(kind)
    return chosen


def deal(pixels: Sequence[int], wanted: Sequence[float], rng: np.random.Generator) -> list[int]:
    """The split of each ground: in random order, those of about twice the size first, each to the split that
    lacks most pixels. There are at least as many grounds as splits, and every split gets one.
    """
    order = sorted(rng.permutation(len(pixels)).tolist(), key=lambda ground: -pixels[ground].bit_length())
    lacking = [share * sum(pixels) for share in wanted]
    chosen = [TRAIN] * len(pixels)
    empty = set(range(len(lacking)))
    for left, ground in zip(range(len(order), 0, -1), order, strict=True):
        options = empty if left == len(empty) else range(len(lacking))
        chosen[ground] = max(sorted(options), key=lambda to: lacking[to])
        lacking[chosen[ground]] -= pixels[ground]
        empty.discard(chosen[ground])
    return chosen


def _whole(ground: Sequence[Picture], to: int) -> Territory:
    frame, (top, left, bottom, right) = _union(ground)
    classes = np.array([[CLASSES.index((SPLITS[to], "image"))]], np.uint8)
    return Territory(frame, Blocks(np.array([top, bottom]), np.array([left, right]), classes))


def _cut(ground: Sequence[Picture], split: Split, largest: Mapping[str, int]) -> Territory:
    frame, (top, left, bottom, right) = _union(ground)
    tiles = [(picture, largest[picture.domains[0]]) for picture in ground]
    edge = max(_span(frame, picture, tile) for picture, tile in tiles if picture.holds(tile))
    try:
        blocks = cut(bottom - top, right - left, largest_tile=edge, split=split, pool=0.0)
    except InputError as error:
        more = f" and {len(ground) - 1} others on its ground" if len(ground) > 1 else ""
        raise InputError(f"{error} (scene {ground[0].name}{more})") from None
    return Territory(frame, Blocks(blocks.rows + top, blocks.columns + left, blocks.classes))


def _union(ground: Sequence[Picture]) -> tuple[Frame, tuple[int, int, int, int]]:
    """The frame of the ground's first scene, and the box (top, left, bottom, right) of all in it."""
    frame = Frame(ground[0].grid)
    boxes = []
    for picture in ground:
        try:
            boxes.append(frame.scene(picture.grid))
        except InputError as error:
            raise InputError(f"{picture.name}: {error} (that of {ground[0].name})") from None
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return frame, (min(tops), min(lefts), max(bottoms), max(rights))


def _span(frame: Frame, picture: Picture, tile: int) -> int:
    """The frame's pixels that a tile of the picture needs, down or across.

    One pixel more where the pixels of the picture are not the frame's, so that tiles begin beyond a border.
    """
    grid = picture.grid
    top, left, bottom, right = frame.scene(grid)
    edge = tile if (bottom - top, right - left) == (grid.rows, grid.columns) else tile + 1
    row, column = (np.array([0, size - edge]) for size in (grid.rows, grid.columns))
    top_, left_, bottom_, right_ = frame.windows(grid, row, column, edge, edge)
    return int(max((bottom_ - top_).max(), (right_ - left_).max()))
