"""Georeferenced pairs: matched files, classes shared by all maps, vector maps, and the made-up city."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from geogan.choices import choose
from geogan.datasets import Context, Limits, synthetic_city
from geogan.datasets.pairing import find, natural
from geogan.datasets.raster_pairs import read
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.scene_tiles import plan_scenes
from geogan.scene_windows import Cutting
from geogan.scenes import NO_CLASS
from geogan.tiles import Split
from tests.test_rasters import NORTH_UP, SHAPES, UTM, numbers, vectors, whole, write

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
PLACE = {"crs": UTM, "transform": NORTH_UP}
EAST = {"crs": UTM, "transform": Affine(10, 0, 500_060, 0, -10, 5_000_000)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scenes beside one another and their maps."""
    for number, place in ((2, PLACE), (10, EAST)):
        write(tmp_path / f"scene_{number}.tif", np.stack([numbers() + number] * 3), **place)
        write(tmp_path / f"map_{number}.tif", numbers() % 3, **place)
    return tmp_path


def test_files_are_paired_by_what_the_wildcard_stands_for(folder: Path) -> None:
    scenes = read(Context(folder), a="scene_*.tif", b="map_*.tif", a_bands=(2, 1), percentiles=(2.0, 98.0))
    assert scenes.names == ("2", "10")
    assert scenes.aligned
    assert scenes.percentiles == (2.0, 98.0)
    assert [Path(layer.name).name for layer in scenes.a + scenes.b] == [
        "scene_2.tif",
        "scene_10.tif",
        "map_2.tif",
        "map_10.tif",
    ]
    assert {layer.bands for layer in scenes.a} == {(2, 1)}
    assert np.array_equal(whole(scenes.b[0]).values[0], numbers() % 3)
    assert scenes.b[0].palette is None
    assert all(first.grid == second.grid for first, second in zip(scenes.a, scenes.b, strict=True))


def test_two_sets_without_pairs(folder: Path) -> None:
    """Rasters of B keep their own grids, and need not lie on the ground of A."""
    (folder / "map_10.tif").unlink()
    far = {"crs": UTM, "transform": Affine(7, 0, 700_000, 0, -7, 5_500_000)}
    write(folder / "map_far.tif", numbers(8, 9) % 3, **far)
    options: dict[str, Any] = {"a": "scene_*.tif", "b": "map_*.tif", "classes": {"x": 0, "y": 1, "z": 2}}
    with pytest.raises(InputError, match="without a partner"):
        read(Context(folder), **options)
    scenes = read(Context(folder), **options, pairing="none")
    assert (scenes.aligned, scenes.names, scenes.names_b) == (False, ("2", "10"), ("2", "far"))
    assert scenes.b[1].grid.transform == (7, 0, 700_000, 0, -7, 5_500_000)
    assert np.array_equal(whole(scenes.b[1]).values[0], numbers(8, 9) % 3)
    assert scenes.b[0].palette == scenes.b[1].palette
    assert read(Context(folder), **options, pairing="none", b_bands=(1,)).sha256 != scenes.sha256
    single = {"a": "scene_2.tif", "b": "map_2.tif"}
    assert read(Context(folder), **single).sha256 != read(Context(folder), **single, pairing="none").sha256
    with pytest.raises(InputError, match=r"source\.width: is for vector maps"):
        read(Context(folder), **options, pairing="none", width=2.0)
    turned = {"crs": UTM, "transform": Affine(10, 1, 500_000, 1, -10, 5_000_000)}
    write(folder / "map_far.tif", numbers() % 3, **turned)
    with pytest.raises(InputError, match=r"map_far\.tif: rotated or not north up"):
        read(Context(folder), **options, pairing="none")


def test_vector_maps_need_the_grid_of_a_scene(folder: Path) -> None:
    for name in ("map.geojson", "other.gpkg"):
        (folder / name).write_text("{}")
        with pytest.raises(InputError, match=rf"^source\.b: .*{name} is a vector map, .*pairing none no scene"):
            read(Context(folder), a="scene_*.tif", b=name, pairing="none")


def test_names_choose_scenes_of_both_sets(folder: Path) -> None:
    """One pattern serves A and B; what shows the same ground shares a split."""
    for number in (2, 10):
        for kind in ("scene", "map"):
            place = {"crs": UTM, "transform": Affine(10, 0, 500_000 + 1000 * number, 0, -10, 5_000_000)}
            write(folder / f"{kind}_{number}.tif", numbers(), **place)
    for kind, east in (("scene", 0), ("map", 400)):
        place = {"crs": UTM, "transform": Affine(10, 0, 600_000 + east, 0, -10, 5_000_000)}
        write(folder / f"{kind}_{kind}.tif", numbers(), **place)
    scenes = read(Context(folder), a="scene_*.tif", b="map_*.tif", pairing="none")
    cutting = dict.fromkeys("ab", Cutting("tile", 2, 2))
    cuttings = {"tiles": cutting, "evaluation": cutting}
    plans = plan_scenes(scenes, cuttings, split=Split(validation=("2",), test=("10",)), nodata=0.0)["tiles"]
    for plan, names in ((plans["a"], scenes.names), (plans["b"], scenes.names_b or ())):
        served = {names[scene]: split for scene, split in zip(plan.scene.tolist(), plan.split.tolist(), strict=True)}
        assert [served[name] for name in ("2", "10")] == [1, 2]
    with pytest.raises(InputError, match=r"no tile of 2 pixels for test in B"):
        plan_scenes(scenes, cuttings, split=Split(validation=("2",), test=("scene",)), nodata=0.0)
    write(folder / "map_map.tif", numbers(), crs=UTM, transform=Affine(10, 0, 600_010, 0, -10, 5_000_000))
    scenes = read(Context(folder), a="scene_*.tif", b="map_*.tif", pairing="none")
    with pytest.raises(InputError, match=r"^split: scene \(train\) and map \(test\) show the same ground"):
        plan_scenes(scenes, cuttings, split=Split(validation=("2",), test=("10", "map")), nodata=0.0)


def test_one_map_serves_all_scenes(folder: Path) -> None:
    mosaic = np.concatenate([numbers(), numbers() + 100], axis=1)
    write(folder / "all.tif", mosaic, **PLACE)
    scenes = read(Context(folder), a=str(folder / "scene_*.tif"), b="all.tif")
    assert np.array_equal(whole(scenes.b[1]).values[0], numbers() + 100)
    single = read(Context(folder), a="scene_2.tif", b="map_10.tif".replace("10", "2"))
    assert single.names == ("scene_2",)


def test_the_digest_is_that_of_files_and_settings(folder: Path) -> None:
    context, options = Context(folder), {"a": "scene_*.tif", "b": "map_*.tif"}
    first = read(context, **options).sha256
    assert first == read(Context(folder.parent), a=f"{folder.name}/scene_*.tif", b=f"{folder.name}/map_*.tif").sha256
    others = {
        read(context, **options, a_bands=(1,)).sha256,
        read(context, **options, classes={"x": 0, "y": 1, "z": 2}).sha256,
        read(context, **options, classes={"y": 1, "x": 0, "z": 2}).sha256,
        read(context, **options, percentiles=(1.0, 99.0)).sha256,
    }
    assert len(others | {first}) == 5
    digest = sha256_of(folder / "scene_2.tif")
    read(context, a="scene_2.tif", b="map_2.tif", a_sha256=digest.upper(), b_sha256=sha256_of(folder / "map_2.tif"))
    with pytest.raises(InputError, match=rf"scene_2\.tif: source\.a_sha256 asks for {'0' * 64}, .* is {digest}"):
        read(context, a="scene_2.tif", b="map_2.tif", a_sha256="0" * 64)


def test_classes_by_value(folder: Path) -> None:
    scenes = read(Context(folder), a="scene_*.tif", b="map_*.tif", classes={"b": 2, "a": 1}, ignore=(0,))
    palette = scenes.b[0].palette
    assert palette is not None
    assert (palette.names, palette.values, len(set(palette.colours))) == (("b", "a"), (2, 1), 2)
    codes = np.array([NO_CLASS, 1, 0])[numbers() % 3]
    assert np.array_equal(whole(scenes.b[0]).values[0], codes)
    assert np.array_equal(whole(scenes.b[0]).valid, codes != NO_CLASS)
    unseen = read(Context(folder), a="scene_2.tif", b="map_2.tif", classes={"b": 2, "a": 1})
    with pytest.raises(InputError, match=r"map_2\.tif: the value 0 is no class, 8 pixels hold it"):
        whole(unseen.b[0])


def test_paletted_maps_share_the_colours_that_occur(folder: Path) -> None:
    red, blue, green = (200, 0, 0), (0, 0, 200), (0, 200, 0)
    write(folder / "map_2.tif", np.full((4, 6), 1, np.uint8), colours={1: red, 2: blue}, **PLACE)
    write(folder / "map_10.tif", numbers() % 2, colours={0: red, 1: blue, 2: green}, **EAST)
    context, options = Context(folder), {"a": "scene_*.tif", "b": "map_*.tif"}
    maps = read(context, **options).b
    assert maps[0].palette == maps[1].palette
    assert maps[0].palette is not None
    assert maps[0].palette.colours == (red, blue)
    assert maps[0].palette.values == (0, 1)
    assert (whole(maps[0]).values == 0).all()
    assert np.array_equal(whole(maps[1]).values[0], numbers() % 2)
    named = read(context, **options, classes={"water": blue, "roof": red}).b
    assert named[1].palette is not None
    assert named[1].palette.names == ("water", "roof")
    assert np.array_equal(whole(named[1]).values[0], 1 - numbers() % 2)
    ignored = read(context, **options, ignore=(blue,)).b
    assert np.array_equal(whole(ignored[1]).valid, numbers() % 2 == 0)
    with pytest.raises(InputError, match=r"map_10\.tif: the value 1 of colour \(0, 0, 200\) is no class, 12 pixels"):
        read(context, **options, classes={"roof": red, "park": green})
    write(folder / "map_2.tif", np.full((4, 6), 1, np.uint8), **PLACE)
    with pytest.raises(InputError, match=r"map_10\.tif is paletted, .*map_2\.tif is not; name the colours"):
        read(context, **options)


def test_a_map_on_another_grid_is_warped_by_the_nearest_class(folder: Path) -> None:
    coarse = Affine(20, 0, 500_000, 0, -20, 5_000_000)
    write(folder / "b.tif", np.array([[1, 9, 1], [9, 1, 9]], np.uint8), crs=UTM, transform=coarse)
    (layer,) = read(Context(folder), a="scene_2.tif", b="b.tif", classes={"x": 1, "y": 9}).b
    assert whole(layer).values[0, 0].tolist() == [0, 0, 1, 1, 0, 0]
    (smooth,) = read(Context(folder), a="scene_2.tif", b="b.tif").b
    assert set(np.unique(whole(smooth).values)) - {1, 9}


def test_vector_maps(folder: Path) -> None:
    vectors(folder / "v.gpkg", SHAPES)
    scenes = read(Context(folder), a="scene_2.tif", b="v.gpkg", attribute="kind", width=25.0)
    assert scenes.b[0].palette is not None
    assert scenes.b[0].palette.names == ("background", "lake", "park", "road")
    assert whole(scenes.b[0]).values[0, 1:].tolist() == [[2, 1, 1, 0, 0, 0], [3] * 6, [3] * 6]
    with pytest.raises(InputError, match=r"source\.classes: is for raster maps, .*v\.gpkg is none"):
        read(Context(folder), a="scene_2.tif", b="v.gpkg", classes={"x": 1})
    with pytest.raises(InputError, match=r"source\.attribute: is for vector maps, .*map_2\.tif is none"):
        read(Context(folder), a="scene_2.tif", b="map_2.tif", attribute="kind")


def test_files_that_do_not_go_together(folder: Path) -> None:
    context = Context(folder)
    write(folder / "scene_3.tif", np.stack([numbers()] * 3), **PLACE)
    write(folder / "map_4.tif", numbers(), **PLACE)
    with pytest.raises(InputError, match=r"source\.a has 1 without a partner: 3; source\.b has 1 .*: 4; files of a"):
        read(context, a="scene_*.tif", b="map_*.tif")
    with pytest.raises(InputError, match=r"source\.a: there is no file or folder .*none\.tif"):
        read(context, a="none.tif", b="map_2.tif")
    with pytest.raises(InputError, match=r"source\.b: no file matches .*none_\*\.tif"):
        read(context, a="scene_2.tif", b="none_*.tif")
    with pytest.raises(InputError, match=r"scene_2\.tif: has bands 1 to 3, source\.a_bands asks for 4"):
        read(context, a="scene_2.tif", b="map_2.tif", a_bands=(4,))
    with pytest.raises(InputError, match=r"map_2\.tif: has one band, source\.b_bands asks for 2"):
        read(context, a="scene_2.tif", b="map_2.tif", b_bands=(2,))
    with pytest.raises(InputError, match=r"map_10\.tif: covers .* they do not overlap"):
        read(context, a="scene_2.tif", b="map_10.tif")
    write(folder / "scene_3.tif", numbers(), **PLACE)
    with pytest.raises(InputError, match=r"scene_3\.tif: has 1 bands of uint8, .*scene_2\.tif has 3 of uint8"):
        read(context, a="scene_?.tif", b="map_2.tif")
    with pytest.raises(InputError, match=r"limits\.pixels = 23"):
        read(Context(folder, Limits(pixels=23)), a="scene_2.tif", b="map_2.tif")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": {"x": 1, "y": (1, 2, 3)}}, "mix pixel values and colours"),
        ({"classes": {"x": 1, "y": 1}}, "1 occurs twice"),
        ({"classes": {"x": 1}, "ignore": (1,)}, "1 occurs twice"),
        ({"classes": {}}, "names 0 classes"),
        ({"classes": {"x": -1}}, "-1; colours lie within 0..255"),
        ({"classes": {"x": (0, 0, 256)}}, "colours lie within 0..255"),
        ({"classes": {"x": (0, 0, 0)}}, r"map_2\.tif: has 1 bands of uint8 and no colour map"),
        ({"ignore": (1,)}, "is for maps of classes"),
        ({"percentiles": (98.0, 2.0)}, "98 and 2, must ascend between 0 and 100"),
    ],
)
def test_keys_that_make_no_sense(folder: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(Context(folder), a="scene_2.tif", b="map_2.tif", **options)  # type: ignore[arg-type]


def test_the_keys_are_read_from_params(folder: Path) -> None:
    value = {
        "name": "raster_pairs",
        "a": "x",
        "b": "y",
        "classes": {"p": [1, 2, 3], "q": [4, 5, 6]},
        "ignore": [[0] * 3],
    }
    choice = choose("source", value, {"raster_pairs": read})
    assert choice.options["classes"] == {"p": (1, 2, 3), "q": (4, 5, 6)}
    assert choice.options["ignore"] == ((0, 0, 0),)
    assert choose("source", value | {"classes": {"p": 7}}, {"raster_pairs": read}).options["classes"] == {"p": 7}
    with pytest.raises(InputError, match=r"source\.classes\.p"):
        choose("source", value | {"classes": {"p": "7"}}, {"raster_pairs": read})


def test_names_of_patterns(tmp_path: Path) -> None:
    names = ["t_1/deep/im_007.v2.jpg", "t_1/im_2.v2.jpg", "t_2/im_10.v2.png", "[odd]/im_1.png", "t_1/.im_3.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(pattern: str) -> list[str]:
        return [one.name for one in find(tmp_path, pattern, key="a")]

    assert found("t_*/im_*.v2.jpg") == ["1/2"]
    assert found("t_*/im_*") == ["1/2.v2", "2/10.v2"]
    assert found("t_*/*.*") == ["1/im_2.v2", "2/im_10.v2"]
    assert found("**/im_*.jpg") == ["t_1/2.v2", "t_1/deep/007.v2"]
    assert found("t_[12]/im_?.v2.jpg") == ["1/2"]
    assert found(f"{tmp_path}/t_2/*.png") == ["im_10.v2"]
    assert found("[odd]") == found("[odd]/im_1.png") == ["im_1"]
    assert found("t_1") == ["im_2.v2"]
    assert found(os.path.relpath(tmp_path / "t_2" / "*.png", tmp_path)) == ["im_10.v2"]
    (tmp_path / "t_1/im_2.v2.png").touch()
    with pytest.raises(InputError, match=r"im_2\.v2\.(jpg|png) and .* have one name, '1/2'"):
        found("t_*/im_*.v2.*")
    assert sorted(["a10", "a9", "b", "a"], key=natural) == ["a", "a9", "a10", "b"]


def test_a_made_up_city_is_drawn_once(tmp_path: Path) -> None:
    options = {"rows": 70, "columns": 80, "scenes": 2, "pixel": 2.0}
    scenes = synthetic_city.read(Context(tmp_path), **options)
    assert scenes.names == ("0", "1")
    assert scenes.b[0].palette is not None
    assert scenes.b[0].palette.names == tuple(synthetic_city.CLASSES)
    assert scenes.b[0].palette.values == tuple(range(len(synthetic_city.CLASSES)))
    for number, (scene, drawn) in enumerate(zip(scenes.a, scenes.b, strict=True)):
        city = synthetic_city.draw_city([0, number], 70, 80, pixel=2.0)
        assert np.array_equal(whole(scene).values, city.satellite)
        assert np.array_equal(whole(drawn).values[0], city.codes)
        assert rasterio.crs.CRS.from_wkt(str(scene.grid.crs)).to_epsg() == 25832
        assert scene.grid.cell_size == (2.0, 2.0)
    west, east = (layer.grid.bounds for layer in scenes.a)
    assert west[2] + 2.0 * synthetic_city.GAP == east[0]
    (folder,) = (tmp_path / "data/raw/synthetic_city").iterdir()
    files = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert sorted(files) == ["map_0.tif", "map_1.tif", "scene_0.tif", "scene_1.tif"]
    assert synthetic_city.read(Context(tmp_path), **options).sha256 == scenes.sha256
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == files
    with pytest.raises(InputError, match=r"source\.scenes: 0"):
        synthetic_city.read(Context(tmp_path), scenes=0)
    assert synthetic_city.read(Context(tmp_path), **options | {"seed": 1}).sha256 != scenes.sha256


def test_real_pair_of_16_bit(real_data: Path) -> None:
    place = "rasters/spacenet_road"
    classes: dict[str, int | tuple[int, int, int]] = {"ground": 0, "road": 255}
    scenes = read(Context(real_data), a=f"{place}/image_pan16.tif", b=f"{place}/road_mask.tif", classes=classes)
    assert scenes.a[0].dtype == "uint16"
    assert scenes.a[0].grid == scenes.b[0].grid
    codes = whole(scenes.b[0]).values
    assert (int((codes == 0).sum()), int((codes == 1).sum())) == (1_633_584, 56_416)
    with pytest.raises(InputError, match=r"roads\.geojson: covers -115\.307237 .* they do not overlap"):
        read(Context(real_data), a=f"{place}/image_pan16.tif", b=f"{place}/roads.geojson")


def test_real_roads_on_a_grid_that_they_cross(real_data: Path, tmp_path: Path) -> None:
    place = {"crs": "EPSG:32611", "transform": Affine(2, 0, 652_300, 0, -2, 4_002_800)}
    write(tmp_path / "a.tif", np.zeros((250, 150), np.uint8), **place)
    roads = real_data / "rasters/spacenet_road/roads.geojson"
    scenes = read(Context(tmp_path), a="a.tif", b=str(roads), attribute="road_type", width=8.0)
    assert scenes.b[0].palette is not None
    assert scenes.b[0].palette.names == ("background", "2", "5")
    shares = [float((whole(scenes.b[0]).values == code).mean()) for code in range(3)]
    assert shares[0] > 0.8
    assert shares[2] > 0.02
