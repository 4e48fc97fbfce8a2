"""Translated scenes in files: the scene's grid, the palette, what is not valid, overviews."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.cog import Block, check_output, write_cog
from geogan.scenes import NO_CLASS, Palette

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
ROWS, COLUMNS = 700, 600
GRID = Grid.from_bounds((500_000, 4_000_000, 500_000 + COLUMNS * 0.5, 4_000_000 + ROWS * 0.5), 0.5, "EPSG:32640")
CLASSES = Palette(("land", "water", "road"), ((200, 180, 90), (0, 0, 255), (90, 90, 90)), (10, 20, 7))


def picture(dtype: str, bands: int = 3) -> Domain:
    return Domain(dtype, tuple(range(1, bands + 1)), (0.0,) * bands, (1.0,) * bands, None, None, (1.0, 1.0))


def classes(palette: Palette = CLASSES) -> Domain:
    return Domain("uint8", (1,), (), (), palette, None, (1.0, 1.0))


def write(path: Path, values: np.ndarray, valid: np.ndarray, target: Domain, grid: Grid = GRID) -> Path:
    def blocks() -> list[Block]:
        return [(values[:, row : row + 300], valid[row : row + 300]) for row in range(0, len(valid), 300)]

    write_cog(path, blocks, grid, target, masked=not valid.all(), tags={"GEOGAN_BUNDLE": "abc"})
    return path


@pytest.fixture
def valid() -> np.ndarray:
    known = np.ones((ROWS, COLUMNS), dtype=bool)
    known[100:300, 50:250] = False
    return known


def codes(valid: np.ndarray) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 3, (1, *valid.shape), dtype=np.uint8)
    values[:, ~valid] = NO_CLASS
    return values


def test_classes_have_their_values_and_colours_and_255_for_nothing(tmp_path: Path, valid: np.ndarray) -> None:
    values = codes(valid)
    with rasterio.open(write(tmp_path / "map.tif", values, valid, classes())) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (source.width, source.height, source.crs.to_epsg()) == (COLUMNS, ROWS, 32640)
        assert tuple(source.transform)[:6] == GRID.transform
        assert (source.dtypes, source.nodata, source.colorinterp) == (("uint8",), 255, (ColorInterp.palette,))
        found = source.read(1)
        assert (found[valid] == np.array([10, 20, 7])[values[0][valid]]).all()
        assert (found[~valid] == 255).all()
        colours = source.colormap(1)
        assert [colours[value][:3] for value in (10, 20, 7)] == list(CLASSES.colours)
        assert source.descriptions == ("class",)
        assert source.tags()["GEOGAN_BUNDLE"] == "abc"
        assert json.loads(source.tags()["GEOGAN_CLASSES"]) == {"10": "land", "20": "water", "7": "road"}
        assert source.overviews(1) == [2]
    with rasterio.open(tmp_path / "map.tif", overview_level=0) as source:
        assert set(np.unique(source.read(1))) == {7, 10, 20, 255}  # nearest: no value between two classes


def test_a_class_called_255_keeps_its_value_and_a_mask_tells_what_is_not_valid(
    tmp_path: Path, valid: np.ndarray
) -> None:
    roads = Palette(("land", "road"), ((0, 0, 0), (255, 255, 255)), (0, 255))
    values = np.minimum(codes(valid), 1)
    with rasterio.open(write(tmp_path / "map.tif", values, valid, classes(roads))) as source:
        assert source.nodata is None
        assert (source.read_masks(1) > 0).tolist() == valid.tolist()
        assert (source.read(1)[valid] == values[0][valid] * 255).all()


@pytest.mark.parametrize("given", [(1, 1, 2), (0, 1, 300)])
def test_values_that_do_not_fit_become_codes(tmp_path: Path, valid: np.ndarray, given: tuple[int, ...]) -> None:
    odd = Palette(CLASSES.names, CLASSES.colours, given)
    values = codes(valid)
    with rasterio.open(write(tmp_path / "map.tif", values, valid, classes(odd))) as source:
        assert (source.read() == values).all()


@pytest.mark.parametrize(("dtype", "bands"), [("uint8", 3), ("uint8", 1), ("uint16", 2), ("uint8", 4), ("uint16", 5)])
def test_whole_numbers_have_an_internal_mask(tmp_path: Path, valid: np.ndarray, dtype: str, bands: int) -> None:
    top = np.iinfo(dtype).max
    values = np.random.default_rng(0).integers(0, top, (bands, ROWS, COLUMNS)).astype(dtype)
    values[:, ~valid] = 0
    with rasterio.open(write(tmp_path / "picture.tif", values, valid, picture(dtype, bands))) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.nodata is None
        assert (source.read() == values).all()
        assert (source.read_masks(1) > 0).tolist() == valid.tolist()
        assert source.descriptions == tuple(f"band {number + 1}" for number in range(bands))
        assert (source.colorinterp[0] == ColorInterp.red) is ((dtype, bands) == ("uint8", 3))
        assert ColorInterp.alpha not in source.colorinterp
    assert [file.name for file in tmp_path.iterdir()] == ["picture.tif"]
    with rasterio.open(tmp_path / "picture.tif", overview_level=0) as source:
        means = values[0, :2, :2].mean()
        assert abs(float(source.read(1)[0, 0]) - means) <= 1


def test_without_invalid_pixels_there_is_no_mask(tmp_path: Path) -> None:
    valid = np.ones((ROWS, COLUMNS), dtype=bool)
    with rasterio.open(
        write(tmp_path / "o.tif", np.zeros((1, ROWS, COLUMNS), np.uint8), valid, picture("uint8", 1))
    ) as source:
        assert source.mask_flag_enums[0] == [rasterio.enums.MaskFlags.all_valid]


def test_real_numbers_have_nan(tmp_path: Path, valid: np.ndarray) -> None:
    values = np.random.default_rng(0).random((1, ROWS, COLUMNS), dtype=np.float32)
    values[:, ~valid] = np.nan
    with rasterio.open(write(tmp_path / "o.tif", values, valid, picture("float32", 1))) as source:
        assert np.isnan(source.nodata)
        np.testing.assert_array_equal(source.read(), values)


def test_a_picture_without_georeference_stays_one(tmp_path: Path, valid: np.ndarray) -> None:
    path = write(tmp_path / "o.tif", codes(valid), valid, classes(), Grid.in_cells(ROWS, COLUMNS))
    with rasterio.open(path) as source:
        assert source.crs is None
        assert source.transform.is_identity
    assert Grid.like(path) == Grid.in_cells(ROWS, COLUMNS)


def test_the_same_rows_give_the_same_bytes_with_usual_permissions(tmp_path: Path, valid: np.ndarray) -> None:
    values = codes(valid)
    one, two = (write(tmp_path / name, values, valid, classes()) for name in ("1.tif", "2.tif"))
    assert one.read_bytes() == two.read_bytes()
    (tmp_path / "other").touch()
    assert stat.S_IMODE(one.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_what_reads_back_differently_is_not_kept(tmp_path: Path, valid: np.ndarray) -> None:
    (tmp_path / "o.tif").write_bytes(b"old")
    turns = iter(range(2))

    def blocks() -> list[Block]:
        return [(np.full((1, ROWS, COLUMNS), next(turns), dtype=np.uint8), np.ones_like(valid))]

    with pytest.raises(OSError, match="No space left"):  # GDAL says nothing of it
        write_cog(tmp_path / "o.tif", blocks, GRID, picture("uint8", 1), masked=False, tags={})
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("o.tif", b"old")]


NO_ROOM = """
import errno, resource, sys
from pathlib import Path
import numpy as np
from tests.test_cog import COLUMNS, ROWS, picture, write
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
noise = np.random.default_rng(0).integers(0, 255, (3, ROWS, COLUMNS), dtype=np.uint8)
try:
    write(Path(sys.argv[1]), noise, np.ones((ROWS, COLUMNS), dtype=bool), picture("uint8"))
except OSError as error:
    sys.exit(errno.errorcode[error.errno])
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [100_000, 1_800_000])  # the values are 1.3 MB, the COG is 1.9
def test_no_room_leaves_what_was_there(tmp_path: Path, size: int) -> None:
    (tmp_path / "o.tif").write_bytes(b"old")
    command = [sys.executable, "-c", NO_ROOM, str(tmp_path / "o.tif"), str(size)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.stderr == "EFBIG\n"
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("o.tif", b"old")]


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    scene, link, folder = tmp_path / "scene.tif", tmp_path / "link.tif", tmp_path / "folder.tif"
    scene.write_bytes(b"scene")
    link.symlink_to(scene)
    folder.mkdir()
    cases: dict[Path, Any] = {
        tmp_path / "out.png": "unknown suffix .png; use .tif or .tiff",
        tmp_path / "out": "unknown suffix \\(none\\)",
        scene: "is the scene itself",
        link: "is the scene itself",
        folder: "is a folder",
        scene / "out.tif": "scene.tif is not a folder that can be written to",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=message):
            check_output(path, scene)
    check_output(tmp_path / "out.TIFF", scene)
    assert os.listdir(folder) == []
