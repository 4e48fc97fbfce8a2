"""Wells: what is read from files, and where it lands on a grid."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from geogan import wells
from geogan.errors import InputError
from geogan.facies_variable import Facies
from geogan.grids import Grid
from geogan.hard_data import HardData, snap
from geogan.variable import OnConflict
from geogan.wells import Wells

TWO = Facies(("0", "1"))
UTM = "EPSG:25832"
KASTED = (562000.0, 6225000.0, 577000.0, 6236000.0)  # the area of the Kasted wells


@pytest.fixture
def real() -> Path:
    """The folder of real wells."""
    if "GEOGAN_DATA" not in os.environ:
        pytest.skip("GEOGAN_DATA is not set: the real wells are not at hand")
    return Path(os.environ["GEOGAN_DATA"]) / "wells"


def table(folder: Path, text: str, name: str = "wells.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def sgems(path: Path) -> np.ndarray:
    """A facies grid, north up."""
    columns, rows, _ = (int(word) for word in path.open().readline().split())
    return np.loadtxt(path, skiprows=3).reshape(rows, columns)[::-1]


def agreement(hard: HardData, truth: np.ndarray) -> float:
    return float(np.mean(truth[hard.mask] == hard.values[hard.mask]))


@pytest.mark.parametrize(
    "text",
    [
        "x,y,facies\n1.5,2,0\n3,4,1\n",
        "X;Y;Code\n1.5;2;0\n\n3;4;1\n",
        "easting\tnorthing\tvalue\n1.5\t2\t0\n3\t4\t1\n",
        "# two wells\nUTM X [m],UTM Y [m],depth,Facies\n1.5,2,9,0\n# the second\n3,4,9,1\n",
        "# x,y,val\n1.5,2,0\n3,4,1\n",
        "facies x y\n0 1.5 2\n1  3 4\n",
        "1.5 2 7 0\n3 4 7 1\n",
        "\ufeffid,x,y,facies\r\nA,1.5,2,0\r\n'B 2',3,4,1,\r\n",
        "A title, 2020\n4\nX\nY\nZ\nVar\n1.5 2 0 0 \n3 4.0e0 0 1 \n",
    ],
)
def test_the_same_wells_however_they_are_written(tmp_path: Path, text: str) -> None:
    read = wells.read(table(tmp_path, text))
    assert (read.first.tolist(), read.second.tolist(), read.labels) == ([1.5, 3], [2, 4], ("0", "1"))
    assert not read.by_cell
    assert read.crs is None


def test_columns_are_taken_by_name_and_by_position_as_asked(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b,x,y,facies,litho\n5,6,1,2,0,sand\n")
    read = wells.read(path, columns={"row": "a", "column": "2", "facies": "litho"})
    assert (read.by_cell, read.first[0], read.second[0], read.labels) == (True, 5, 6, ("sand",))
    assert read.columns == {"row": "a", "column": "b", "facies": "litho"}
    assert wells.read(path).columns == {"x": "x", "y": "y", "facies": "facies"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,depth\n1,2,3\n", r"no facies column among x, y, depth; .*--columns facies="),
        ("X Y\n1 2\n", "no facies column among X, Y"),
        ("title\n2\nX\nY\n1 2\n", "no facies column among X, Y"),
        ("title\n3\nX\nY\nZ\n1 2 0\n", "no facies column among X, Y, Z"),
        ("a,b,facies\n1,2,3\n", "no x, y or row, column columns among a, b, facies"),
        ("x,y,row,column,facies\n1,2,3,4,0\n", "both x, y and row, column"),
        ("x,y,facies\n1,2,0\n1,two,0\n", r"line 3, column y: 'two' is not a number"),
        ("x,y,facies\n\n# gap\nnan,2,0\n", r"line 4, column x: 'nan' is not a number"),
        ("x,y,facies\n1,inf,0\n", r"line 2, column y: 'inf' is not a number"),
        ("x,y,facies\n1,2,NaN\n", r"line 2, column facies: NaN"),
        ("x,y,facies\n1,2,\n", r"line 2, column facies: empty"),
        ("row,col,facies\n1.5,2,0\n", r"line 2, column row: 1.5 is not a whole number"),
        ("x,y,facies\n1,2\n", "line 2: 2 cells where the table has 3"),
        ("x,y,facies\n", "no rows"),
        ("", "no rows"),
        ("title\n3\nX\nY\nVal\n", "no rows"),
        ("title\n3\nX\nY\nVal\n1 2 0\n1 b 0\n", "line 7, column Y: 'b' is not a number"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(InputError, match=said) as caught:
        wells.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_unreadable_files_and_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        wells.read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        wells.read(tmp_path)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("x,y,facies\n1,2,bøg\n".encode("latin-1"))
    with pytest.raises(InputError, match="byte 16 is not UTF-8"):
        wells.read(latin)
    with pytest.raises(InputError, match=r"long\.csv: is no table of wells \(field larger"):
        wells.read(table(tmp_path, f"x,y,facies\n1,2,{'0' * 200_000}\n", "long.csv"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: is no regular file; save the table to one"):
        wells.read(tmp_path / "pipe")
    with pytest.raises(InputError, match="cells where the table has"):  # no count of columns
        wells.read(table(tmp_path, f"title\n{'9' * 5000}\nx\n1 2 3\n", "digits.dat"))
    good = table(tmp_path, "x,y,facies\n1,2,0\n")
    with pytest.raises(InputError, match="--columns: x and y are both '1'; name a column for each"):
        wells.read(good, columns={"x": "1", "y": "1"})
    with pytest.raises(InputError, match="--columns facies=rock: no such column; there are x, y, facies"):
        wells.read(good, columns={"facies": "rock"})
    with pytest.raises(InputError, match="--columns z: unknown"):
        wells.read(good, columns={"z": "1"})
    with pytest.raises(InputError, match="no column column to go with row"):
        wells.read(good, columns={"row": "x"})


def test_rows_count_from_the_top_and_y_from_the_bottom(tmp_path: Path) -> None:
    grid = Grid.in_cells(4, 6)
    cells = snap(wells.read(table(tmp_path, "row,column,facies\n0,5,1\n3,0,0\n")), grid, TWO)
    points = snap(wells.read(table(tmp_path, "x,y,facies\n5,3,1\n0.9,0.9,0\n")), grid, TWO)
    for hard in (cells, points):
        assert np.argwhere(hard.mask).tolist() == [[0, 5], [3, 0]]
        assert (hard.values[0, 5], hard.values[3, 0]) == (1, 0)
        assert (hard.values[~hard.mask] == 255).all()


def test_names_and_codes_are_facies(tmp_path: Path) -> None:
    read = wells.read(table(tmp_path, "row,column,facies\n0,0,Sand\n0,1,clay\n0,2,1\n0,3,2.0\n"))
    hard = snap(read, Grid.in_cells(1, 4), Facies(("clay", "sand", "gravel")))
    assert hard.values.tolist() == [[1, 0, 1, 2]]
    numbered = wells.read(table(tmp_path, "row,column,facies\n0,0,1\n0,1,2\n"))
    assert snap(numbered, Grid.in_cells(1, 4), Facies(("1", "2"))).values.tolist() == [[0, 1, 255, 255]]


def test_what_cannot_be_used_is_an_error_or_reported(tmp_path: Path) -> None:
    grid = Grid.in_cells(4, 4)
    good = "row,column,facies\n1,1,0\n1,1,0\n"
    outside = wells.read(table(tmp_path, good + "4,0,1\n", "outside.csv"))
    unknown = wells.read(table(tmp_path, good + "0,0,chalk\n", "unknown.csv"))
    with pytest.raises(InputError, match=r"outside\.csv: line 4: row 4, column 0 .* rows 0 to 3, columns 0 to 3"):
        snap(outside, grid, TWO)
    with pytest.raises(InputError, match=r"line 4: unknown facies 'chalk'; known are 0 \(clay\), 1 \(sand\)"):
        snap(unknown, grid, Facies(("clay", "sand")))
    for read in (outside, unknown):
        report = snap(read, grid, TWO, on_conflict="drop").report
        assert [one["well"] for one in report["dropped"]] == ["line 4"]
        assert (report["wells_read"], report["wells_used"], report["wells_dropped"]) == (3, 2, 1)
        assert (report["cells_snapped"], report["duplicates"]) == (1, 1)
    one = Wells("w", True, outside.first[2:], outside.second[2:], ("1",), ("line 4",), {})
    with pytest.raises(InputError, match="no well is left; the first: line 4"):
        snap(one, grid, TWO, on_conflict="majority")
    with pytest.raises(InputError, match="must be error, drop or majority"):
        snap(outside, grid, TWO, on_conflict="ignore")  # type: ignore[arg-type]


def test_wells_that_disagree_in_a_cell(tmp_path: Path) -> None:
    rows = ["0,0,1", "0,0,0", "0,0,1", "2,2,0", "2,2,1", "3,3,1"]
    read = wells.read(table(tmp_path, "row,column,facies\n" + "\n".join(rows)))
    grid = Grid.in_cells(4, 4)
    with pytest.raises(InputError, match=r"cell row 0, column 0: line 2 \(1\), line 3 \(0\), line 4 \(1\)"):
        snap(read, grid, TWO)
    dropped = snap(read, grid, TWO, on_conflict="drop")
    assert np.argwhere(dropped.mask).tolist() == [[3, 3]]
    assert (dropped.report["wells_used"], dropped.report["wells_dropped"]) == (1, 5)
    voted = snap(read, grid, TWO, on_conflict="majority")
    assert np.argwhere(voted.mask).tolist() == [[0, 0], [3, 3]]
    assert voted.values[0, 0] == 1
    assert (voted.report["wells_used"], voted.report["wells_dropped"]) == (3, 3)
    assert [one["kept"] for one in voted.report["conflicts"]] == ["1", None]
    assert [one["well"] for one in voted.report["dropped"]] == ["line 3", "line 5", "line 6"]
    json.dumps(voted.report, allow_nan=False)


def point_layer(path: Path, xy: list[tuple[float, float]], facies: object, crs: str | None, driver: str) -> Path:
    import pyogrio.raw
    import shapely

    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.points(xy)),
        field_data=[np.array(facies)],
        fields=["facies"],
        geometry_type="Point",
        crs=crs,
        driver=driver,
    )
    return path


def test_point_layers_are_reprojected_to_the_grid(tmp_path: Path) -> None:
    from rasterio.warp import transform

    xy = [(562030.0, 6225010.0), (562070.0, 6225090.0)]
    grid = Grid.from_bounds((562000, 6225000, 562100, 6225100), 20, UTM)
    own = wells.read(point_layer(tmp_path / "a.gpkg", xy, [1, 0], UTM, "GPKG"))
    degrees = list(zip(*transform(UTM, "EPSG:4326", *zip(*xy, strict=True)), strict=True))
    other = wells.read(point_layer(tmp_path / "b.geojson", degrees, [1.0, 0.0], "EPSG:4326", "GeoJSON"))
    for read in (own, other):
        hard = snap(read, grid, TWO)
        assert np.argwhere(hard.mask).tolist() == [[0, 3], [4, 1]]
        assert (hard.values[4, 1], hard.values[0, 3]) == (1, 0)
        with pytest.raises(InputError, match="the wells have a CRS and the grid has none"):
            snap(read, Grid.in_cells(5, 5), TWO)


def test_a_point_without_a_place_in_the_grids_crs_is_named(tmp_path: Path) -> None:
    grid = Grid.from_bounds((562000, 6225000, 562100, 6225100), 20, UTM)
    points = [(9.99, 56.1), (-33.8, 151.2)]
    swapped = wells.read(point_layer(tmp_path / "a.geojson", points, [1, 0], "EPSG:4326", "GeoJSON"))
    for on_conflict in ("error", "drop"):
        with pytest.raises(InputError, match=r"a\.geojson: feature 2: has no place in the CRS of the grid"):
            snap(swapped, grid, TWO, on_conflict=on_conflict)
    far = wells.read(table(tmp_path, "x,y,facies\n562050,6225050,1\n1e308,1e308,0\n"))
    with pytest.raises(InputError, match=r"line 3: x 1e\+308, y 1e\+308 lies outside the grid"):
        snap(far, grid, TWO)


def test_bad_point_layers_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gpkg"
    bad.write_bytes(b"SQLite format 3\0" + b"\0" * 200)
    with pytest.raises(InputError, match="not a readable GeoPackage"):
        wells.read(bad)
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    feature = {"type": "Feature", "properties": {"facies": 1}, "geometry": line}
    path = table(tmp_path, json.dumps({"type": "FeatureCollection", "features": [feature]}), "line.geojson")
    with pytest.raises(InputError, match="one layer of points is needed"):
        wells.read(path)
    missing = point_layer(tmp_path / "c.gpkg", [(1, 2), (3, 4)], [1.0, np.nan], UTM, "GPKG")
    with pytest.raises(InputError, match="feature 2, column facies: empty"):
        wells.read(missing)
    with pytest.raises(InputError, match="--columns facies=rock: no such column; there are facies"):
        wells.read(missing, columns={"facies": "rock"})


def test_laloy_wells_are_rows_and_columns_of_their_field(real: Path) -> None:
    truth = np.loadtxt(real / "laloy_true_model_125.csv", delimiter=",")
    columns = {"row": "c0", "column": "c1", "facies": "value"}
    read = wells.read(real / "laloy_condset2D_49pts.csv", columns=columns)
    hard = snap(read, Grid.in_cells(125, 125), TWO)
    assert (hard.mask.sum(), agreement(hard, truth)) == (49, 1.0)
    guessed = wells.read(real / "laloy_condset2D_49pts.csv")
    assert (guessed.by_cell, len(guessed.notes)) == (False, 1)
    assert "c0, c1 taken for x, y by position" in guessed.notes[0]


def test_gslib_points_count_cells_from_the_bottom(real: Path) -> None:
    truth = sgems(real.parent / "channels/walkerlake_ref_cat_260x300.sgems")
    hard = snap(wells.read(real / "walkerlake_samples_100.sgems"), Grid.in_cells(300, 260), Facies(("0", "1", "2")))
    assert hard.mask.sum() == 100
    assert agreement(hard, truth) == pytest.approx(0.85)
    assert agreement(hard, truth[::-1]) == pytest.approx(0.26)


def test_other_real_points(real: Path) -> None:
    grid = Grid.in_cells(64, 64)
    for name, count in (("chan_cond00", 16), ("chan_cond10", 14), ("chan_cond21", 49)):
        hard = snap(wells.read(real / f"{name}.dat"), grid, TWO)
        assert hard.report["cells_snapped"] == count
    assert (hard.values[63 - 16, 8], hard.values[63 - 8, 8]) == (1, 0)  # "8 16 1", "8 8 0"
    mpslib = snap(wells.read(real / "mpslib_2d_hard_data.dat"), Grid.in_cells(50, 80), TWO)
    assert (mpslib.report["wells_used"], mpslib.values[49 - 19, 46]) == (12, 1)  # "46 19 0 1"


def test_kasted_wells_lie_in_utm_and_some_contradict(real: Path) -> None:
    read = wells.read(real / "kasted_hard_well.dat")
    assert read.columns == {"x": "UTM X", "y": "UTM Y", "facies": "Prob(valley)"}
    fine = snap(read, Grid.from_bounds(KASTED, 50, UTM), TWO)
    assert (fine.report["wells_used"], fine.report["cells_snapped"]) == (112, 109)
    row, column = (6236000 - 6233181) // 50, (563564 - 562000) // 50
    assert (fine.mask[row, column], fine.values[row, column]) == (True, 0)  # the first well
    coarse = Grid.from_bounds(KASTED, 500, UTM)
    with pytest.raises(InputError, match="wells disagree in cell row"):
        snap(read, coarse, TWO)
    rules: tuple[tuple[OnConflict, int], ...] = (("drop", 104), ("majority", 108))
    for rule, used in rules:
        report = snap(read, coarse, TWO, on_conflict=rule).report
        assert (report["wells_used"], report["wells_dropped"], len(report["conflicts"])) == (
            used,
            112 - used,
            3,
        )
    with pytest.raises(InputError, match="line 7: x 563564, y 6233181 lies outside the grid, x 0 to 100"):
        snap(read, Grid.in_cells(100, 100), TWO)
