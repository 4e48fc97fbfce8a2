"""Layers of raster and vector files: values, validity, classes, grids, and all that a file can have wrong with it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyogrio import raw
from rasterio.transform import Affine

from geogan.datasets import Limits
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters import files as raster_files
from geogan.rasters.headers import read_header
from geogan.rasters.layers import RasterLayer, open_scene, plain_layer
from geogan.rasters.legends import UNSEEN, Legend, distinct_colours, pack, unpack
from geogan.rasters.vector_files import is_vector, open_vector
from geogan.rasters.vectors import VectorLayer, palette_of_vectors, vector_onto
from geogan.rasters.warped import onto
from geogan.scenes import NO_CLASS

pytestmark = [
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
    pytest.mark.filterwarnings("ignore:'crs' was not provided"),
]
UTM, NORTH_UP = "EPSG:32632", Affine(10, 0, 500_000, 0, -10, 5_000_000)
DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".tif": "GTiff"}


def write(
    path: Path, bands: Any, *, colours: dict[int, tuple[int, int, int]] | None = None, mask: Any = None, **options: Any
) -> Path:
    bands = np.asarray(bands)
    bands = bands if bands.ndim == 3 else bands[None]
    count, rows, columns = bands.shape
    shape = {"width": columns, "height": rows, "count": count, "dtype": bands.dtype}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver=DRIVERS[path.suffix], **shape, **options) as file,
    ):
        if colours:
            file.write_colormap(1, colours)
        file.write(bands)
        if mask is not None:
            file.write_mask(mask)
    return path


def numbers(rows: int = 4, columns: int = 6, kind: str = "uint8") -> np.ndarray:
    return np.arange(1, rows * columns + 1).reshape(rows, columns).astype(kind)


def whole(layer: Any) -> Any:
    return layer.read(0, 0, layer.grid.rows, layer.grid.columns)


def test_a_window_of_chosen_bands(tmp_path: Path) -> None:
    image = np.stack([numbers(), numbers() + 50, numbers() + 100])
    layer = open_scene(write(tmp_path / "a.tif", image, crs=UTM, transform=NORTH_UP), bands=(3, 1))
    piece = layer.read(1, 2, 2, 3)
    assert np.array_equal(piece.values, image[[2, 0], 1:3, 2:5])
    assert piece.valid.all()
    assert (layer.bands, layer.dtype, layer.palette, layer.name) == ((3, 1), "uint8", None, str(tmp_path / "a.tif"))
    assert layer.grid.transform == tuple(NORTH_UP)[:6]


@pytest.mark.parametrize(
    ("kind", "read_as"),
    [("uint8", "uint8"), ("uint16", "uint16"), ("int16", "float32"), ("float32", "float32"), ("float64", "float32")],
)
def test_types(tmp_path: Path, kind: str, read_as: str) -> None:
    layer = open_scene(write(tmp_path / "a.tif", numbers(kind=kind)))
    assert layer.dtype == read_as
    assert whole(layer).values.dtype == read_as
    assert np.array_equal(whole(layer).values[0], numbers())
    assert layer.grid == Grid.in_cells(4, 6)


@pytest.mark.parametrize("kind", ["complex64", "uint32", "int32"])
def test_other_types_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=rf"a\.tif: holds {kind} values; one of uint8, uint16, float32"):
        open_scene(write(tmp_path / "a.tif", numbers(kind=kind)))


def test_nodata_of_integers_is_all_bands_and_of_real_numbers_any(tmp_path: Path) -> None:
    first, second = np.array([[0, 0, 3]]), np.array([[0, 5, 3]])
    for name, kind in (("a", "uint8"), ("b", "float32")):
        write(tmp_path / f"{name}.tif", np.stack([first, second]).astype(kind), nodata=0)
    assert whole(open_scene(tmp_path / "a.tif")).valid.tolist() == [[False, True, True]]
    assert whole(open_scene(tmp_path / "b.tif")).valid.tolist() == [[False, False, True]]
    assert whole(open_scene(tmp_path / "a.tif", bands=(1,))).valid.tolist() == [[False, False, True]]


def test_nan_infinity_masks_and_alpha_are_not_valid(tmp_path: Path) -> None:
    strange = np.array([[np.nan, 1, np.inf, -9999]], dtype=np.float32)
    write(tmp_path / "nan.tif", strange, nodata=-9999)
    assert whole(open_scene(tmp_path / "nan.tif")).valid.tolist() == [[False, True, False, False]]
    rgb = np.full((3, 1, 2), 7, np.uint8)
    write(tmp_path / "mask.tif", rgb, mask=np.array([[0, 255]], dtype=np.uint8))
    assert whole(open_scene(tmp_path / "mask.tif")).valid.tolist() == [[False, True]]
    write(tmp_path / "alpha.png", np.concatenate([rgb, [[[255, 0]]]]).astype(np.uint8))
    layer = open_scene(tmp_path / "alpha.png")
    assert layer.bands == (1, 2, 3)
    assert whole(layer).valid.tolist() == [[True, False]]


def test_a_paletted_band_is_a_map_of_the_classes_that_occur(tmp_path: Path) -> None:
    colours = {0: (0, 0, 0), 3: (255, 0, 0), 5: (0, 0, 255), 7: (255, 0, 0)}
    codes = np.array([[0, 3, 5], [7, 3, 3]], dtype=np.uint8)
    layer = open_scene(write(tmp_path / "a.tif", codes, colours=colours, nodata=0))
    assert layer.palette is not None
    assert layer.palette.names == ("#ff0000", "#0000ff")
    assert layer.palette.values == (3, 5)  # 7 has the colour of 3
    piece = whole(layer)
    assert piece.values.tolist() == [[[NO_CLASS, 0, 1], [0, 0, 0]]]
    assert piece.valid.tolist() == [[False, True, True], [True, True, True]]
    assert (layer.bands, layer.dtype) == ((1,), "uint8")


def test_values_are_counted_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).integers(0, 4, (1100, 20)).astype(np.uint8)
    monkeypatch.setattr("geogan.rasters.layers.PIECE", 1)
    layer = open_scene(write(tmp_path / "a.tif", codes, nodata=3))
    assert layer.counts() == {value: int((codes == value).sum()) for value in range(3)}
    colours = write(tmp_path / "b.png", np.stack([codes, codes, codes]))
    assert open_scene(colours).counts() == {pack((v, v, v)): int((codes == v).sum()) for v in range(4)}


def test_a_legend_of_colours() -> None:
    image = np.array([[[1, 2, 1]], [[0, 0, 9]], [[0, 255, 0]]], dtype=np.uint8)
    legend = Legend.of({pack((1, 0, 0)): 4, pack((2, 0, 255)): NO_CLASS})
    assert legend.code(image).tolist() == [[4, NO_CLASS, UNSEEN]]
    assert unpack(pack((12, 250, 3))) == (12, 250, 3)
    assert Legend.of({}).code(image).tolist() == [[UNSEEN] * 3]
    assert len(set(distinct_colours(250))) == 250


def test_layers_travel_and_few_files_stay_open(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.tif", numbers() + number) for number in range(raster_files.OPEN + 3)]
    layers = [pickle.loads(pickle.dumps(open_scene(path))) for path in paths]
    for number, layer in enumerate(layers):
        assert whole(layer).values[0, 0, 0] == 1 + number
    assert len(raster_files._HANDLES.open) == raster_files.OPEN
    assert whole(layers[0]).values[0, 0, 0] == 1
    write(paths[0], numbers(5, 5) + 70)
    assert whole(open_scene(paths[0])).values[0, 0, 0] == 71


@pytest.mark.parametrize(("bands", "held"), [((4,), "bands 1 to 3"), ((0, 1), "bands 1 to 3"), ((), "bands 1 to 3")])
def test_a_band_out_of_range(tmp_path: Path, bands: tuple[int, ...], held: str) -> None:
    path = write(tmp_path / "a.tif", np.stack([numbers()] * 3))
    asked = ", ".join(map(str, bands)) or "none"
    with pytest.raises(InputError, match=rf"a\.tif: has {held}, source\.a_bands asks for {asked}"):
        open_scene(path, bands=bands, key="source.a_bands")
    with pytest.raises(InputError, match="asks for 2, 2, a band twice"):
        open_scene(path, bands=(2, 2))


@pytest.mark.parametrize(
    "transform", [Affine(10, 3, 500_000, 3, -10, 5_000_000), Affine(10, 0, 500_000, 0, 10, 5_000_000)]
)
def test_rotated_and_south_up_scenes_are_refused(tmp_path: Path, transform: Affine) -> None:
    path = write(tmp_path / "a.tif", numbers(), crs=UTM, transform=transform)
    with pytest.raises(InputError, match=r"a\.tif: rotated or not north up .* warp it to a north-up grid"):
        open_scene(path)


def test_files_that_are_no_raster_or_not_whole(tmp_path: Path) -> None:
    (tmp_path / "a.vrt").write_text("<VRTDataset rasterXSize='2' rasterYSize='2'></VRTDataset>")
    (tmp_path / "b.tif").write_text("nothing")
    for name, text in (("a.vrt", "a VRT"), ("b.tif", "not a GeoTIFF, PNG or JPEG"), ("c.tif", "cannot be read")):
        with pytest.raises(InputError, match=rf"{name}: {text}"):
            open_scene(tmp_path / name)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, 200, 200)).astype(np.uint8)
    path = write(tmp_path / f"a{suffix}", image)
    for share in (0.6, 0.0005):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(InputError, match=rf"a\{suffix}: .*(cut off or damaged|not a GeoTIFF)") as caught:
            whole(open_scene(path))
        assert "\n" not in str(caught.value)


def test_limits_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.tif: 4 x 6 pixels, more than limits\.pixels = 23"):
        open_scene(write(tmp_path / "a.tif", numbers()), limits=Limits(pixels=23))


def test_an_equal_grid_is_read_as_it_is(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(), crs=UTM, transform=NORTH_UP))
    nudged = Affine(10, 0, 500_000.01, 0, -10, 5_000_000)
    layer = warp(write(tmp_path / "b.tif", numbers() + 50, crs=UTM, transform=nudged), scene)
    assert layer.target is None
    assert layer.grid == scene.grid
    assert np.array_equal(whole(layer).values[0], numbers() + 50)


def warp(path: Path, scene: RasterLayer, *, nearest: bool = False) -> RasterLayer:
    return onto(plain_layer(read_header(path), bands=None, key="", north_up=False), scene, nearest=nearest)


def test_a_coarser_and_shifted_map_comes_onto_the_grid(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(4, 6), crs=UTM, transform=NORTH_UP))
    coarse = Affine(20, 0, 500_020, 0, -20, 5_000_000)  # two columns of the scene lie west of it
    values = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)
    layer = warp(write(tmp_path / "b.tif", values, crs=UTM, transform=coarse), scene, nearest=True)
    piece = whole(layer)
    assert piece.values[0, :, 2:].tolist() == np.kron(values, np.ones((2, 2)))[:, :4].tolist()
    assert piece.valid.tolist() == [[False, False, True, True, True, True]] * 4
    assert np.array_equal(layer.read(1, 3, 2, 2).values, piece.values[:, 1:3, 3:5])
    smooth = whole(warp(tmp_path / "b.tif", scene)).values[0, 1, 2:]
    assert 10 < smooth[1] < smooth[2] < 30


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        *((kind, way) for kind in ("uint8", "uint16", "int16", "float32") for way in ("none", "nodata", "mask")),
        ("uint8", "alpha"),
        ("uint16", "alpha"),
        ("float32", "nan"),
    ],
)
def test_warped_maps_keep_what_is_not_valid(tmp_path: Path, kind: str, missing: str) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(6, 6), crs=UTM, transform=NORTH_UP))
    values, hole = np.full((1, 4, 4), 7).astype(kind), np.zeros((4, 4), bool)
    options: dict[str, Any] = {"crs": UTM, "transform": Affine(10, 0, 500_010, 0, -10, 4_999_990)}
    if missing != "none":
        hole[1, 1] = True
    if missing in ("nodata", "nan"):
        values[0, 1, 1] = 0 if missing == "nodata" else np.nan
        options |= {"nodata": 0} if missing == "nodata" else {}
    if missing == "mask":
        options["mask"] = np.where(hole, 0, 255).astype(np.uint8)
    if missing == "alpha":
        values = np.concatenate([values, np.where(hole, 0, np.iinfo(kind).max)[None]]).astype(kind)
        options["alpha"] = "yes"
    expected = np.pad(~hole, 1)
    for nearest in (True, False):
        piece = whole(warp(write(tmp_path / "b.tif", values, **options), scene, nearest=nearest))
        assert piece.valid.tolist() == expected.tolist()
        assert (piece.values[0][piece.valid] == 7).all()
        assert len(piece.values) == 1


def test_rotated_and_south_up_maps_and_other_crs_are_warped(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(8, 8), crs=UTM, transform=NORTH_UP))
    south_up = Affine(10, 0, 500_000, 0, 10, 5_000_000 - 80)
    layer = warp(write(tmp_path / "b.tif", numbers(8, 8)[::-1], crs=UTM, transform=south_up), scene, nearest=True)
    assert np.array_equal(whole(layer).values[0], numbers(8, 8))
    turned = Affine(7.07, -7.07, 500_040, -7.07, -7.07, 5_000_040)
    piece = whole(warp(write(tmp_path / "c.tif", np.full((9, 9), 5, np.uint8), crs=UTM, transform=turned), scene))
    assert piece.valid.any()
    assert not piece.valid[-1, 0]
    (west, east), (south, north) = rasterio.warp.transform(UTM, "EPSG:4326", [499_900, 500_200], [4_999_800, 5_000_100])
    degrees = rasterio.transform.from_bounds(west, south, east, north, 30, 30)
    layer = warp(write(tmp_path / "d.tif", np.full((30, 30), 9, np.uint8), crs="EPSG:4326", transform=degrees), scene)
    assert whole(layer).valid.all()
    assert (whole(layer).values == 9).all()


def test_maps_that_do_not_go_with_a_scene(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(), crs=UTM, transform=NORTH_UP))
    bare = open_scene(write(tmp_path / "bare.tif", numbers()))
    far = Affine(10, 0, 600_000, 0, -10, 5_000_000)
    write(tmp_path / "far.tif", numbers(), crs=UTM, transform=far)
    write(tmp_path / "small.tif", numbers(3, 6))
    with pytest.raises(InputError, match=r"far\.tif: covers 600000 4999960 600060 5000000 .*a\.tif covers 500000 4999"):
        warp(tmp_path / "far.tif", scene)
    with pytest.raises(InputError, match=r"bare\.tif: has no CRS, .*a\.tif has one"):
        warp(tmp_path / "bare.tif", scene)
    with pytest.raises(InputError, match=r"bare\.tif: has no CRS, .*far\.tif has one"):
        warp(tmp_path / "far.tif", bare)
    with pytest.raises(InputError, match=r"small\.tif: 3 x 6 pixels, .*bare\.tif has 4 x 6"):
        warp(tmp_path / "small.tif", bare)
    moved = write(tmp_path / "moved.tif", numbers(), transform=far)
    with pytest.raises(InputError, match=r"moved\.tif: its transform .* without a CRS it cannot be warped"):
        warp(moved, open_scene(write(tmp_path / "here.tif", numbers(), transform=NORTH_UP)))


SHAPES = {
    "park": shapely.box(500_000, 4_999_980, 500_020, 5_000_000),  # 2 x 2 pixels
    "lake": shapely.box(500_010, 4_999_970, 500_030, 4_999_990),  # later, so above
    "road": shapely.LineString([(500_005, 4_999_965), (500_055, 4_999_965)]),
}


def vectors(path: Path, shapes: dict[Any, Any], *, values: list[Any] | None = None, crs: str | None = UTM) -> Path:
    column = np.array(list(shapes) if values is None else values, dtype=object if values is None else None)
    binary = np.array([shapely.to_wkb(shape) for shape in shapes.values()], dtype=object)
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON"}[path.suffix]
    options = {"field_data": [column], "fields": ["kind"], "geometry_type": "Unknown", "crs": crs, "driver": driver}
    raw.write(path, binary, **options)
    return path


def rasterised(path: Path, scene: Any, attribute: str | None = "kind", width: float = 0.0) -> VectorLayer:
    source = open_vector(path)
    palette = palette_of_vectors([source], attribute)
    return vector_onto(source, scene, palette, attribute=attribute, width=width)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_shapes_by_attribute(tmp_path: Path, suffix: str) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(), crs=UTM, transform=NORTH_UP))
    path = vectors(tmp_path / f"b{suffix}", SHAPES)
    assert is_vector(path)
    assert not is_vector(tmp_path / "a.tif")
    layer = pickle.loads(pickle.dumps(rasterised(path, scene)))
    assert layer.palette.names == ("background", "lake", "park", "road")
    image = [[2, 2, 0, 0, 0, 0], [2, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [3, 3, 3, 3, 3, 3]]
    assert whole(layer).values.tolist() == [image]
    assert whole(layer).valid.all()
    pieces = [[layer.read(row, column, 2, 3).values[0] for column in (0, 3)] for row in (0, 2)]
    assert np.block(pieces).tolist() == image
    inside = rasterised(path, scene, None)
    assert inside.palette.names == ("background", "inside")
    assert whole(inside).values.tolist() == [[[int(code > 0) for code in row] for row in image]]


def test_wide_lines_other_crs_and_missing_values(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(), crs=UTM, transform=NORTH_UP))
    line = {1: shapely.LineString([(499_900, 4_999_975), (500_200, 4_999_975)])}
    layer = rasterised(vectors(tmp_path / "b.gpkg", line), scene, width=22.0)
    assert whole(layer).values[0].tolist() == [[0] * 6, [1] * 6, [1] * 6, [1] * 6]
    degrees = {
        name: shapely.transform(shape, lambda xy: np.array(rasterio.warp.transform(UTM, "EPSG:4326", *xy.T)).T)
        for name, shape in SHAPES.items()
    }
    there = rasterised(vectors(tmp_path / "c.geojson", degrees, crs="EPSG:4326"), scene)
    assert np.array_equal(whole(there).values, whole(rasterised(vectors(tmp_path / "d.gpkg", SHAPES), scene)).values)
    unknown = rasterised(vectors(tmp_path / "e.gpkg", SHAPES, values=[12.5, np.nan, 3.0]), scene)
    assert unknown.palette.names == ("background", "3", "12.5")
    assert whole(unknown).values[0, 0].tolist() == [2, 2, 0, 0, 0, 0]
    assert whole(unknown).valid.tolist()[1] == [True, False, False, True, True, True]


def test_vector_files_that_do_not_go(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", numbers(), crs=UTM, transform=NORTH_UP))
    path = vectors(tmp_path / "b.gpkg", SHAPES)
    with pytest.raises(InputError, match=r"b\.gpkg: has no attribute 'use'; source\.attribute is one of kind"):
        rasterised(path, scene, "use")
    with pytest.raises(InputError, match=r"c\.gpkg: has no CRS"):
        rasterised(vectors(tmp_path / "c.gpkg", SHAPES, crs=None), scene)
    with pytest.raises(InputError, match=r"bare\.tif: has no CRS, .*b\.gpkg has one"):
        rasterised(path, open_scene(write(tmp_path / "bare.tif", numbers())))
    apart = {"x": shapely.MultiPoint([(499_000, 4_990_000), (501_000, 5_010_000)])}  # around the scene
    with pytest.raises(InputError, match=r"d\.gpkg: none of its shapes touches .*a\.tif"):
        rasterised(vectors(tmp_path / "d.gpkg", apart), scene)
    far = {"x": shapely.box(0, 0, 1, 1)}
    with pytest.raises(InputError, match=r"e\.gpkg: covers 0 0 1 1 .* they do not overlap"):
        rasterised(vectors(tmp_path / "e.gpkg", far), scene)
    with pytest.raises(InputError, match=r"source\.width: -1"):
        rasterised(path, scene, width=-1.0)
    for name in ("f.geojson", "f.gpkg"):
        vectors(tmp_path / name, SHAPES)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
        with pytest.raises(InputError, match=rf"{name}: not a readable GeoPackage or GeoJSON"):
            rasterised(tmp_path / name, scene)


def test_json_that_points_to_other_files_is_not_followed(tmp_path: Path) -> None:
    secret = vectors(tmp_path / "secret.geojson", SHAPES)
    trap = tmp_path / "trap.geojson"
    command = f"gdal vector pipeline ! read {secret} ! write --of stream streamed"
    trap.write_text(f'{{"type": "gdal_streamed_alg", "command_line": "{command}"}}')
    with pytest.raises(InputError, match=r"trap\.geojson: "):
        open_vector(trap)


def test_real_scenes(real_data: Path) -> None:
    pan = open_scene(real_data / "rasters/spacenet_road/image_pan16.tif")
    assert (pan.dtype, pan.bands, pan.grid.rows, pan.grid.columns) == ("uint16", (1,), 1300, 1300)
    landsat = open_scene(real_data / "rasters/landsat_timelapse/1985.tif")
    piece = whole(landsat)
    assert piece.values.shape == (4, 377, 697)
    assert np.array_equal(piece.valid, (piece.values != 0).any(axis=0))
    assert open_scene(real_data / "rasters/naip/m_4709963_se_14_1_20180716.tif").bands == (1, 2, 3, 4)


def test_a_window_of_a_real_map_of_62_million_pixels(real_data: Path) -> None:
    path = real_data / "rasters/large_cmap/cog_cmap_8704x7168.tif"
    layer = open_scene(path)
    assert layer.palette is not None
    assert layer.palette.values == (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)  # 0 is nodata
    assert layer.palette.names[:2] == ("#00c5ff", "#267300")
    counts = layer.counts()
    piece = layer.read(4000, 3000, 512, 512)
    with rasterio.open(path) as file:
        values = file.read(1, window=((4000, 4512), (3000, 3512)))
    assert np.array_equal(piece.valid, values != 0)
    assert np.array_equal(np.array(layer.palette.values)[piece.values[0][piece.valid]], values[piece.valid])
    assert set(counts) == set(layer.palette.values)
