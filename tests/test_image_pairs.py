"""Pairs of pictures: two sets of files, or both in one picture side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geogan.datasets import Context
from geogan.datasets.image_pairs import read
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.scenes import NO_CLASS
from tests.test_rasters import numbers, whole, write

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
RED, BLUE, BLACK = (200, 0, 0), (0, 0, 200), (0, 0, 0)


def painted(codes: np.ndarray, colours: list[tuple[int, int, int]]) -> np.ndarray:
    return np.moveaxis(np.array(colours, dtype=np.uint8)[codes], -1, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scenes in one folder; an RGB map and a paletted one in another."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in "xy":
        write(tmp_path / f"a/{name}.jpg", np.stack([numbers() * 5] * 3))
    write(tmp_path / "b/x.png", painted(numbers() % 2, [RED, BLUE]))
    write(tmp_path / "b/y.png", numbers() % 3, colours={0: BLUE, 1: BLACK, 2: RED, 3: (1, 2, 3)})
    return tmp_path


def test_folders_with_the_same_stems_and_maps_of_two_kinds(folder: Path) -> None:
    scenes = read(Context(folder), a="a", b="b", classes={"red": RED, "blue": BLUE}, ignore=(BLACK,))
    assert scenes.names == ("x", "y")
    assert scenes.a[0].grid == scenes.b[0].grid == Grid.in_cells(4, 6)
    assert (scenes.a[0].bands, scenes.b[0].bands, scenes.b[1].bands) == ((1, 2, 3), (1,), (1,))
    assert scenes.b[0].palette == scenes.b[1].palette
    assert np.array_equal(whole(scenes.b[0]).values[0], numbers() % 2)
    assert np.array_equal(whole(scenes.b[1]).values[0], np.array([1, NO_CLASS, 0])[numbers() % 3])
    assert np.array_equal(whole(scenes.b[1]).valid, numbers() % 3 != 1)


def test_a_colour_that_is_no_class(folder: Path) -> None:
    with pytest.raises(InputError, match=r"y\.png: the value 1 of colour \(0, 0, 0\) is no class, 8 pixels hold it"):
        read(Context(folder), a="a", b="b", classes={"red": RED, "blue": BLUE})
    scenes = read(Context(folder), a="a/x.*", b="b/x.*", classes={"red": RED, "black": BLACK})
    with pytest.raises(InputError, match=r"x\.png: the colour \(0, 0, 200\) is no class, 3 pixels hold it"):
        scenes.b[0].read(0, 0, 1, 6)
    with pytest.raises(InputError, match=r"y\.png is paletted, .*x\.png is not; name the colours in source\.classes"):
        read(Context(folder), a="a", b="b")
    with pytest.raises(InputError, match=r"x\.png: has 3 bands; source\.classes names pixel values"):
        read(Context(folder), a="a", b="b", classes={"low": 0, "high": 1})


def test_stems_that_do_not_match(folder: Path) -> None:
    for name in ("p", "q", "r", "s"):
        write(folder / f"a/{name}.png", numbers())
    (folder / "b/x.png").rename(folder / "b/z.png")
    with pytest.raises(InputError, match=r"a has 5 without a partner: p, q, r, \.\.\.; source\.b has 1 .*: z; files"):
        read(Context(folder), a="a", b="b")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"source\.a: .*empty holds no file ending in \.tif"):
        read(Context(folder), a="empty", b="b")


def test_sizes_and_bands_agree(folder: Path) -> None:
    write(folder / "b/x.png", numbers(4, 5))
    with pytest.raises(InputError, match=r"b/x\.png: 4 x 5 pixels, .*a/x\.jpg has 4 x 6; pictures of a pair"):
        read(Context(folder), a="a/x*", b="b/x*")
    write(folder / "a/y.jpg", numbers())
    with pytest.raises(InputError, match=r"a/y\.jpg: has 1 bands of uint8, .*a/x\.jpg has 3 of uint8"):
        read(Context(folder), a="a", b="a")


@pytest.mark.parametrize(("side", "left", "right"), [("left", "a", "b"), ("right", "b", "a")])
def test_side_by_side(tmp_path: Path, side: str, left: str, right: str) -> None:
    image = np.stack([numbers(4, 10)] * 3)
    write(tmp_path / "1.png", image)
    scenes = read(Context(tmp_path), a="*.png", b=None, side=side)  # type: ignore[arg-type]
    layers = {"a": scenes.a[0], "b": scenes.b[0]}
    assert layers["a"].grid == layers["b"].grid
    assert (layers["a"].grid.rows, layers["a"].grid.columns) == (4, 5)
    assert np.array_equal(whole(layers[left]).values, image[:, :, :5])
    assert np.array_equal(layers[right].read(1, 2, 2, 3).values, image[:, 1:3, 7:10])
    other = read(Context(tmp_path), a="*.png", b=None, side="right" if side == "left" else "left")
    assert other.sha256 != scenes.sha256


def test_an_odd_width_side_by_side(tmp_path: Path) -> None:
    write(tmp_path / "1.png", numbers(4, 7))
    with pytest.raises(InputError, match=r"1\.png: is 7 pixels wide; a pair side by side has an even width"):
        read(Context(tmp_path), a="*.png", b=None)
    with pytest.raises(InputError, match=r"source\.b_sha256: there is no source\.b"):
        read(Context(tmp_path), a="*.png", b=None, b_sha256="0" * 64)


def test_two_sets_without_pairs(folder: Path) -> None:
    """Any counts, names and sizes; the maps share their classes still."""
    write(folder / "a/z.png", np.stack([numbers(9, 5)] * 3))
    classes: dict[str, int | tuple[int, int, int]] = {"red": RED, "blue": BLUE}
    options: dict[str, Any] = {"a": "a", "b": "b", "classes": classes, "ignore": (BLACK,)}
    with pytest.raises(InputError, match=r"source\.a has 1 without a partner: z"):
        read(Context(folder), **options)
    scenes = read(Context(folder), **options, pairing="none")
    assert (scenes.aligned, scenes.names, scenes.names_b) == (False, ("x", "y", "z"), ("x", "y"))
    assert [(layer.grid.rows, layer.grid.columns) for layer in scenes.a] == [(4, 6), (4, 6), (9, 5)]
    assert scenes.b[0].palette == scenes.b[1].palette
    pairs = read(Context(folder), **(options | {"a": "a/*.jpg"}))
    apart = read(Context(folder), **(options | {"a": "a/*.jpg"}), pairing="none")
    assert (pairs.aligned, pairs.names_b) == (True, None)
    assert pairs.sha256 != apart.sha256
    digest = "0" * 64
    with pytest.raises(InputError, match=r"source\.b_sha256 asks for 0+"):
        read(Context(folder), **options, pairing="none", b_sha256=digest)
    with pytest.raises(InputError, match=r"^source\.b: is null, .* pairs; with source\.pairing none give"):
        read(Context(folder), a="a", b=None, pairing="none")


def test_content_is_pinned(folder: Path) -> None:
    classes: dict[str, int | tuple[int, int, int]] = {"red": RED, "blue": BLUE}
    with pytest.raises(InputError, match=r"source\.b_sha256 asks for 0+, that of the data is (\w+)") as caught:
        read(Context(folder), a="a", b="b", classes=classes, ignore=(BLACK,), b_sha256="0" * 64)
    digest = str(caught.value).split()[-1]
    before = read(Context(folder), a="a", b="b", classes=classes, ignore=(BLACK,), b_sha256=digest).sha256
    write(folder / "b/x.png", painted(1 - numbers() % 2, [RED, BLUE]))
    assert read(Context(folder), a="a", b="b", classes=classes, ignore=(BLACK,)).sha256 != before
    with pytest.raises(InputError, match=r"source\.b_sha256"):
        read(Context(folder), a="a", b="b", classes=classes, ignore=(BLACK,), b_sha256=digest)


def test_real_pairs_share_six_colours(real_data: Path) -> None:
    colours: dict[str, int | tuple[int, int, int]] = {
        "water": (226, 169, 41),
        "land": (132, 41, 246),
        "road": (110, 193, 228),
        "building": (60, 16, 152),
        "vegetation": (254, 221, 58),
        "unlabelled": (155, 155, 155),
    }
    place = "pairs/dubai_mbrsc/tile_*"
    options = {"a": f"{place}/images/*.jpg", "b": f"{place}/masks/*.png"}
    scenes = read(Context(real_data), **options, classes=colours, ignore=((0, 0, 0),))  # type: ignore[arg-type]
    assert len(scenes.a) == len(scenes.b) == 55
    assert scenes.names[0] == "1/image_part_001"
    assert scenes.names == tuple(sorted(scenes.names))
    assert {layer.palette for layer in scenes.b} == {scenes.b[0].palette}
    assert scenes.b[0].palette is not None
    assert scenes.b[0].palette.names == tuple(colours)
    assert len({len(layer.header.colours) > 0 for layer in scenes.b}) == 2  # type: ignore[attr-defined]
    number = scenes.names.index("2/image_part_001")  # paletted
    piece = whole(scenes.b[number])
    assert piece.valid.all()
    assert set(np.unique(piece.values)) <= set(range(6))
    assert json.loads((real_data / "pairs/dubai_mbrsc/classes.json").read_text())  # other colours, not used
