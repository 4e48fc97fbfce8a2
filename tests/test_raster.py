"""Pictures: values to codes, georeference, and everything that a picture can have wrong with it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from geogan.datasets import Context, Limits
from geogan.datasets import raster as raster_source
from geogan.datasets.raster import read
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.grids import Grid

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
NORTH_UP = Affine(25.0, 0.0, 500_000.0, 0.0, -25.0, 6_000_000.0)


def write(path: Path, bands: np.ndarray, **options: Any) -> Path:
    bands = bands if bands.ndim == 3 else bands[None]
    count, rows, columns = bands.shape
    driver = "PNG" if path.suffix == ".png" else "GTiff"
    with rasterio.open(
        path, "w", driver=driver, width=columns, height=rows, count=count, dtype=bands.dtype, **options
    ) as file:
        file.write(bands)
    return path


def test_levels_become_ascending_codes(tmp_path: Path) -> None:
    levels = np.array([[255, 255, 0], [128, 0, 255]], dtype=np.uint8)  # not in ascending order of arrival
    write(tmp_path / "a.png", levels)
    image = read(Context(tmp_path), path="a.png")
    assert image.values.tolist() == [[2, 2, 0], [1, 0, 2]]
    assert image.values.dtype == np.uint8
    assert image.names == ("0", "1", "2")
    assert image.grid == Grid.in_cells(2, 3)
    assert image.sha256 == sha256_of(tmp_path / "a.png")


def test_a_picture_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).integers(0, 5, (97, 53)).astype(np.int16)
    write(tmp_path / "a.tif", codes * 7 - 12, blockysize=4)
    monkeypatch.setattr(raster_source, "PIECE", 53 * 6)
    assert np.array_equal(read(Context(tmp_path), path="a.tif").values, codes)


def test_crs_and_transform_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.eye(3, 4, dtype=np.uint8), crs="EPSG:25832", transform=NORTH_UP)
    grid = read(Context(tmp_path), path="a.tif").grid
    assert grid.transform == tuple(NORTH_UP)[:6]
    assert grid.crs is not None
    assert rasterio.crs.CRS.from_wkt(grid.crs) == rasterio.crs.CRS.from_epsg(25832)
    assert (grid.rows, grid.columns, grid.cell_size) == (3, 4, (25.0, 25.0))


def test_the_cell_size_of_a_picture_without_a_grid_can_be_told(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.eye(3, 4, dtype=np.uint8))
    grid = read(Context(tmp_path), path="a.png", cell_size=2.5).grid
    assert (grid.cell_size, grid.crs, grid.in_map_units) == ((2.5, 2.5), None, True)
    assert read(Context(tmp_path), path="a.png", cell_size=1.0).grid.in_map_units  # a metre is no cell of unknown size
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"source.cell_size: must be a positive number of map units, got"):
            read(Context(tmp_path), path="a.png", cell_size=wrong)
    write(tmp_path / "b.tif", np.eye(3, 4, dtype=np.uint8), crs="EPSG:25832", transform=NORTH_UP)
    with pytest.raises(InputError, match=r"b.tif: source.cell_size is 2.5, but .* cells of 25 x 25; leave the key out"):
        read(Context(tmp_path), path="b.tif", cell_size=2.5)


def test_south_up_is_flipped_and_rotation_is_kept(tmp_path: Path) -> None:
    codes = np.array([[0, 1], [0, 0], [1, 1]], dtype=np.uint8)
    write(tmp_path / "a.tif", codes, crs="EPSG:25832", transform=Affine(10, 0, 100, 0, 10, 200))
    image = read(Context(tmp_path), path="a.tif")
    assert image.values.tolist() == codes[::-1].tolist()
    assert image.grid.transform == (10, 0, 100, 0, -10, 230)
    turned = Affine.translation(100, 200) @ Affine.rotation(30) @ Affine.scale(10, -10)
    write(tmp_path / "b.tif", codes, crs="EPSG:25832", transform=turned)
    rotated = read(Context(tmp_path), path="b.tif")
    assert rotated.values.tolist() == codes.tolist()
    assert rotated.grid.transform == pytest.approx(tuple(turned)[:6])


def test_thresholds_make_facies_of_continuous_values(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.49, 0.5], [0.51, 2.0, 9.0]], dtype=np.float32)
    write(tmp_path / "a.tif", values)
    image = read(Context(tmp_path), path="a.tif", thresholds=(0.5, 2.0))
    assert image.values.tolist() == [[0, 0, 1], [1, 2, 2]]
    with pytest.raises(InputError, match=r"no value falls into facies 3.*thresholds"):
        read(Context(tmp_path), path="a.tif", thresholds=(0.5, 2.0, 10.0))
    with pytest.raises(InputError, match="ascending"):
        read(Context(tmp_path), path="a.tif", thresholds=(2.0, 0.5))


def test_many_values_need_thresholds(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.arange(16, dtype=np.uint8).reshape(4, 4))
    assert len(read(Context(tmp_path), path="a.png").names) == 16
    write(tmp_path / "a.png", np.arange(20, dtype=np.uint8).reshape(4, 5))
    with pytest.raises(InputError, match=r"a\.png: more than 16 distinct values.*source\.thresholds"):
        read(Context(tmp_path), path="a.png")


def test_nodata_becomes_255(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.array([[7, 3, 9]], dtype=np.int16), nodata=3)
    assert read(Context(tmp_path), path="a.tif").values.tolist() == [[0, 255, 1]]
    write(tmp_path / "b.tif", np.array([[7, np.nan, 9]], dtype=np.float64), nodata=np.nan)
    assert read(Context(tmp_path), path="b.tif").values.tolist() == [[0, 255, 1]]


def test_nan_is_named_by_its_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.zeros((9, 4), dtype=np.float32)
    values[7, 2] = np.nan
    write(tmp_path / "a.tif", values, blockysize=1)
    monkeypatch.setattr(raster_source, "PIECE", 8)
    with pytest.raises(InputError, match=r"a\.tif: nan at row 7, column 2"):
        read(Context(tmp_path), path="a.tif")


def test_one_facies_is_no_training_image(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.full((4, 4), 9, dtype=np.uint8))
    with pytest.raises(InputError, match="one facies only"):
        read(Context(tmp_path), path="a.png")


def test_several_bands_need_a_choice(tmp_path: Path) -> None:
    bands = np.zeros((3, 2, 2), dtype=np.uint8)
    bands[1, 0, 0] = 50
    write(tmp_path / "a.png", bands)
    with pytest.raises(InputError, match=r"3 bands where one is needed; choose one with source\.band"):
        read(Context(tmp_path), path="a.png")
    assert read(Context(tmp_path), path="a.png", band=2).values.tolist() == [[1, 0], [0, 0]]
    with pytest.raises(InputError, match=r"source\.band is 4"):
        read(Context(tmp_path), path="a.png", band=4)


def test_the_checksum_is_compared(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", np.eye(2, dtype=np.uint8))
    read(Context(tmp_path), path="a.png", sha256=sha256_of(file).upper())
    with pytest.raises(InputError, match=r"source\.sha256 asks for 00"):
        read(Context(tmp_path), path="a.png", sha256="0" * 64)


@pytest.mark.parametrize("options", [{}, {"compress": "deflate"}, {"compress": "lzw", "tiled": True}])
def test_a_tiff_cut_in_half(tmp_path: Path, options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 4, (256, 256), dtype=np.uint8)
    file = write(tmp_path / "a.tif", noise, **options)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.tif: cut off or damaged"):
        read(Context(tmp_path), path="a.tif")


def test_a_png_cut_in_half(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", np.random.default_rng(0).integers(0, 4, (256, 256), dtype=np.uint8))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.png: cut off or damaged"):
        read(Context(tmp_path), path="a.png")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.eye(2, dtype=np.uint8))
    vrt = '<VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>\
<SourceFilename>a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>'
    for name in ("b.vrt", "b.tif"):
        (tmp_path / name).write_text(vrt)
        with pytest.raises(InputError, match="a VRT, which refers to other files"):
            read(Context(tmp_path), path=name)
    (tmp_path / "c.png").write_text("hello")
    with pytest.raises(InputError, match="not a PNG or TIFF"):
        read(Context(tmp_path), path="c.png")
    with pytest.raises(InputError, match="no such file"):
        read(Context(tmp_path), path="missing.png")


def bomb(edge: int) -> bytes:
    """A small PNG that declares ``edge`` x ``edge`` pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    squeeze = zlib.compressobj(9)
    rows = [squeeze.compress(bytes(1 + edge // 8)) for _ in range(edge)]
    data = b"".join(rows) + squeeze.flush()
    head = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", data) + part(b"IEND", b"")


def test_a_bomb_is_refused_before_its_pixels_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(bomb(12_000))
    assert (tmp_path / "a.png").stat().st_size < 20_000
    monkeypatch.setattr(raster_source, "_read", lambda *_: pytest.fail("pixels were read"))
    with pytest.raises(InputError, match=r"a\.png: declares 12000 x 12000 pixels.*limits\.expansion"):
        read(Context(tmp_path), path="a.png")
    with pytest.raises(InputError, match=r"limits\.pixels = 1000"):
        read(Context(tmp_path, Limits(pixels=1000)), path="a.png")


def test_the_limits_are_configurable(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb(5_200))
    with pytest.raises(InputError, match=r"limits\.expansion"):
        read(Context(tmp_path), path="a.png")
    with pytest.raises(InputError, match="one facies only"):  # so it was read
        read(Context(tmp_path, Limits(expansion=100_000.0)), path="a.png")


def test_real_pictures(real_data: Path) -> None:
    context = Context(real_data)
    laloy = read(context, path="channels/laloy_channels_2500.png")
    assert laloy.values.shape == (2500, 2500)
    assert laloy.values.mean() == pytest.approx(0.2593, abs=1e-4)
    river = read(context, path="channels/laloy_braided_river_400.png")
    assert (np.bincount(river.values.ravel()) / 160_000).round(3).tolist() == [0.119, 0.596, 0.285]
    road = read(context, path="rasters/spacenet_road/road_mask.tif")
    assert road.grid.crs is not None
    assert "4326" in road.grid.crs
