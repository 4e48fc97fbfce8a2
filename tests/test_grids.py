"""Grids: how they are given, and which cell a point lies in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.grids import Grid

UTM = "EPSG:25832"


def raster(path: Path, transform: tuple[float, ...] | None, crs: str | None, driver: str = "GTiff") -> Path:
    import rasterio

    placed = {} if transform is None else {"transform": rasterio.Affine(*transform)}
    profile = {"height": 3, "width": 5, "count": 1, "dtype": "uint8", "crs": crs, **placed}
    with rasterio.open(path, "w", driver=driver, **profile) as target:
        target.write(np.zeros((1, 3, 5), np.uint8))
    return path


def test_sizes() -> None:
    grid = Grid.in_cells(3, 5)
    assert (grid.bounds, grid.cell_size, grid.in_map_units) == ((0, 0, 5, 3), (1, 1), False)
    for rows, columns in ((0, 0), (0, 5), (-3, 5), (3, -1)):
        with pytest.raises(InputError, match=f"--size {rows} {columns}: "):
            Grid.in_cells(rows, columns)
    with pytest.raises(InputError, match="--size: over 2147483647 rows or columns; take a smaller grid"):
        Grid.in_cells(10**200, 1)


def test_bounds_keep_their_origin_and_grow_to_whole_cells() -> None:
    exact = Grid.from_bounds((500, 1000, 600, 1040), 20, UTM)
    assert (exact.rows, exact.columns, exact.transform) == (2, 5, (20, 0, 500, 0, -20, 1040))
    assert exact.in_map_units
    assert exact.crs is not None
    assert "UTM zone 32N" in exact.crs
    grown = Grid.from_bounds((500, 1000, 601, 1041), 20, UTM)
    assert (grown.rows, grown.columns, grown.bounds) == (3, 6, (500, 981, 620, 1041))
    tenths = Grid.from_bounds((0.1, 0.2, 0.4, 0.9), 0.1, UTM)  # 0.3 / 0.1 > 3 in floating point
    assert (tenths.rows, tenths.columns) == (7, 3)


@pytest.mark.parametrize(
    ("bounds", "resolution", "crs", "said"),
    [
        ((1, 0, 0, 1), 1, UTM, "--bounds 1 0 0 1: must be W S E N"),
        ((0, 1, 1, 1), 1, UTM, "W < E and S < N"),
        ((0, 0, float("nan"), 1), 1, UTM, "--bounds 0 0 nan 1"),
        ((0, 0, 1, 1), 0, UTM, "--resolution 0: must be a positive"),
        ((0, 0, 1, 1), 1, "EPSG:99999999", "--crs EPSG:99999999: unknown"),
        ((0, 0, 1, 1), 1e-320, UTM, "over 2147483647 cells a side; take larger ones"),
        ((-1e308, 0, 1e308, 10), 1, UTM, "over 2147483647 cells a side; take larger ones"),
    ],
)
def test_bad_bounds(bounds: tuple[float, ...], resolution: float, crs: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Grid.from_bounds(bounds, resolution, crs)  # type: ignore[arg-type]


def test_like_takes_the_grid_of_a_raster(tmp_path: Path) -> None:
    placed = Grid.like(raster(tmp_path / "a.tif", (20, 0, 500, 0, -20, 1040), UTM))
    assert (placed.rows, placed.columns, placed.transform) == (3, 5, (20, 0, 500, 0, -20, 1040))
    assert placed.crs == Grid.from_bounds((0, 0, 1, 1), 1, UTM).crs
    for plain in (raster(tmp_path / "b.tif", None, None), raster(tmp_path / "c.png", None, None, "PNG")):
        assert Grid.like(plain) == Grid.in_cells(3, 5)
    local = Grid.like(raster(tmp_path / "d.tif", (20, 0, 500, 0, -20, 1040), None))
    assert (local.crs, local.in_map_units) == (None, True)


def test_like_refuses_what_is_no_north_up_raster(tmp_path: Path) -> None:
    for name, transform in (("turned", (20, 1, 500, 1, -20, 1040)), ("south_up", (20, 0, 500, 0, 20, 1040))):
        with pytest.raises(InputError, match="rotated or not north up"):
            Grid.like(raster(tmp_path / f"{name}.tif", transform, UTM))
    with pytest.raises(InputError, match=r"none\.tif: cannot be read"):
        Grid.like(tmp_path / "none.tif")
    with pytest.raises(InputError, match=r"nan\.tif: its transform is not finite"):
        Grid.like(raster(tmp_path / "nan.tif", (20, 0, float("nan"), 0, -20, 1040), UTM))
    vrt = tmp_path / "points_elsewhere.tif"
    vrt.write_text("<VRTDataset rasterXSize='5' rasterYSize='3'></VRTDataset>")
    with pytest.raises(InputError, match="not a readable GeoTIFF"):
        Grid.like(vrt)
    cut = tmp_path / "cut.tif"
    cut.write_bytes((tmp_path / "turned.tif").read_bytes()[:60])
    with pytest.raises(InputError, match="not a readable GeoTIFF"):
        Grid.like(cut)


def test_every_cell_holds_its_centre_and_the_borders_are_shared_out() -> None:
    placed = Grid.from_bounds((500, 1000, 600, 1040), 20, UTM)
    cells = Grid.in_cells(2, 5)
    for row in range(2):
        for column in range(5):
            assert placed.cell_of(510 + 20 * column, 1030 - 20 * row) == (row, column)
            assert cells.cell_of(column + 0.5, 1.5 - row) == (row, column)
    assert placed.cell_of(520, 1020) == (1, 1)  # as rasterio: the eastern, southern cell
    assert placed.cell_of(600, 1000) == (1, 4)  # the outer border belongs to the grid
    assert placed.cell_of(500, 1040) == (0, 0)
    assert not placed.holds(*placed.cell_of(600.1, 1010))
    assert not placed.holds(*placed.cell_of(510, 1040.1))
    assert cells.cell_of(0, 0) == (1, 0)  # counted from the bottom
    assert not cells.holds(*cells.cell_of(5, 0))
    assert not cells.holds(*cells.cell_of(0, 2))
    assert not cells.holds(*cells.cell_of(0, -0.1))


def test_a_window_keeps_its_place() -> None:
    window = Grid.from_bounds((500, 1000, 600, 1040), 20, UTM).window(1, 2, 1, 3)
    assert (window.rows, window.columns, window.bounds) == (1, 3, (540, 1000, 600, 1020))


@pytest.mark.skipif("GEOGAN_DATA" not in os.environ, reason="GEOGAN_DATA is not set: no real raster at hand")
def test_like_a_real_raster() -> None:
    import rasterio

    path = next((Path(os.environ["GEOGAN_DATA"]) / "rasters/naip").glob("*.tif"))
    grid = Grid.like(path)
    with rasterio.open(path) as source:
        assert (grid.rows, grid.columns, grid.bounds) == (*source.shape, pytest.approx(source.bounds))
        x, y = source.xy(100, 200)
        assert grid.cell_of(x, y) == (100, 200) == source.index(x, y)
