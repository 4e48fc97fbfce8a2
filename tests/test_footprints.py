"""Which scenes share ground, and which of a frame's pixels a window touches."""

from __future__ import annotations

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.footprints import Frame, groups, overlapping
from geogan.grids import Grid, wkt_of
from tests.layers import at

ONE = np.zeros(1, dtype=np.int64)


def reprojected(grid: Grid, crs: str, rows: int, columns: int) -> Grid:
    """A grid of so many cells over the bounds of another grid, in another CRS."""
    from rasterio.warp import transform_bounds

    west, south, east, north = transform_bounds(str(grid.crs), crs, *grid.bounds)
    return Grid(rows, columns, ((east - west) / columns, 0.0, west, 0.0, (south - north) / rows, north), crs)


def test_scenes_that_overlap_share_ground_and_neighbours_do_not() -> None:
    grids = [
        at(100, 100),
        at(100, 100, east=100),  # touches the first
        at(100, 100, east=199, south=99),  # one pixel of the second
        at(100, 100, south=100),  # touches the first
        at(10, 10, east=20, south=20),  # inside the first
        at(50, 50, east=250, south=150, cell=0.5),  # inside the third
    ]
    assert overlapping(grids) == [(0, 4), (1, 2), (2, 5)]
    assert groups(grids) == [[0, 4], [1, 2, 5], [3]]


def test_a_chain_is_one_ground_whatever_the_order() -> None:
    chain = [at(100, 100, east=90 * number) for number in (4, 0, 2, 3, 1, 9)]
    assert groups(chain) == [[0, 1, 2, 3, 4], [5]]


def test_a_shift_by_rounding_is_no_overlap() -> None:
    assert groups([at(100, 100), at(100, 100, east=100 - 1e-6)]) == [[0], [1]]
    assert groups([at(100, 100), at(100, 100, east=100 - 1e-2)]) == [[0, 1]]


def test_scenes_without_a_crs_are_their_own_ground() -> None:
    grids = [Grid.in_cells(50, 50), Grid.in_cells(50, 50), at(50, 50), at(50, 50, crs=None)]
    assert overlapping(grids) == []
    assert groups(grids) == [[0], [1], [2], [3]]


def test_footprints_are_compared_across_crs() -> None:
    scene, beside = at(200, 200), at(200, 200, east=300)
    same = reprojected(scene, "EPSG:4326", 200, 350)
    neighbour = reprojected(scene, "EPSG:32633", 200, 200)
    assert overlapping([scene, beside, same, neighbour]) == [(0, 2), (0, 3), (2, 3)]
    assert groups([beside, same, scene]) == [[0], [1, 2]]
    wkt = Grid(scene.rows, scene.columns, scene.transform, wkt_of("EPSG:32632"))
    assert overlapping([scene, wkt, beside]) == [(0, 1)]


def test_a_scene_beyond_the_reach_of_the_first_crs_is_compared_in_its_own() -> None:
    scene = at(200, 200)
    world = Grid(181, 360, (1.0, 0.0, -180.0, 0.0, -1.0, 90.5), "EPSG:4326")  # pixels centred on the poles
    assert overlapping([scene, world]) == [(0, 1)]
    assert overlapping([world, scene]) == [(0, 1)]
    with pytest.raises(InputError, match="does not reach"):
        Frame(scene).scene(world)


def test_windows_in_the_frame_of_a_shifted_scene() -> None:
    frame = Frame(at(100, 100))
    row, column = np.array([0, 3]), np.array([0, 5])
    found = frame.windows(at(50, 50, east=-10, south=20), row, column, 8, 4)
    assert [side.tolist() for side in found] == [[20, 23], [-10, -5], [28, 31], [-6, -1]]
    half = frame.windows(at(50, 50, east=0.5, south=20, cell=0.5), row, column, 8, 4)
    assert [side.tolist() for side in half] == [[20, 21], [0, 3], [24, 26], [3, 5]]
    assert frame.scene(at(50, 50, east=0.5, cell=0.5)) == (0, 0, 25, 26)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3857"])
def test_windows_of_another_crs_lie_in_their_boxes(crs: str) -> None:
    from rasterio.warp import transform

    frame = Frame(at(400, 400))
    other = reprojected(at(400, 400), crs, 300, 500)
    row, column = (side.ravel() for side in np.meshgrid([0, 37, 236], [0, 100, 436], indexing="ij"))
    top, left, bottom, right = frame.windows(other, row, column, 64, 64)
    steps = np.linspace(0, 64, 30)
    for index in range(row.size):
        down, across = (side.ravel() for side in np.meshgrid(row[index] + steps, column[index] + steps))
        a, _, c, _, e, f = other.transform
        x, y = (np.array(values) for values in transform(crs, "EPSG:32632", c + a * across, f + e * down))
        inside = (x - 500_000, 6_000_000 - y)
        assert left[index] - 0.01 <= inside[0].min() <= left[index] + 1.01
        assert right[index] - 1.01 <= inside[0].max() <= right[index] + 0.01
        assert top[index] - 0.01 <= inside[1].min() <= top[index] + 1.01
        assert bottom[index] - 1.01 <= inside[1].max() <= bottom[index] + 0.01


def test_lines_of_the_frame_in_a_scene() -> None:
    frame = Frame(at(100, 100))
    rows, columns = frame.lines(at(50, 60, east=20, south=-10), np.array([0, 25, 75]), np.array([0, 30, 70, 100]))
    assert rows.tolist() == [0, 10, 35, 50]
    assert columns.tolist() == [0, 10, 50, 60]
    finer = frame.lines(at(50, 50, east=20.25, south=20, cell=0.5), np.array([0, 25, 75]), np.array([0, 30, 100]))
    assert [side.tolist() for side in finer] == [[0, 10, 50], [0, 20, 50]]  # 30 m is in the middle of pixel 19


def test_scenes_without_a_crs_share_ground_by_their_transforms_and_pictures_in_cells_do_not() -> None:
    local = Grid(10, 10, (1.0, 0.0, 1000.0, 0.0, -1.0, 500.0))
    beside = Grid(10, 10, (1.0, 0.0, 1005.0, 0.0, -1.0, 500.0))
    away = Grid(10, 10, (1.0, 0.0, 1020.0, 0.0, -1.0, 500.0))
    cells = Grid.in_cells(10, 10)
    assert overlapping([local, beside, away, cells, cells]) == [(0, 1)]


def test_scenes_within_the_gap_share_ground() -> None:
    grids = [Grid(10, 10, (1.0, 0.0, 12.0 * number, 0.0, -1.0, 500.0), wkt_of("EPSG:25832")) for number in range(3)]
    assert overlapping(grids) == overlapping(grids, gap=1) == []
    assert groups(grids, gap=3) == [[0, 1, 2]]
