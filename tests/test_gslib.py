"""GSLIB grids as they occur: y upwards, CRLF, blank ends, scientific notation; errors name the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geogan.datasets import Context, Limits
from geogan.datasets.gslib import read
from geogan.datasets.raster import read as read_raster
from geogan.errors import InputError
from geogan.grids import Grid


def test_y_runs_upwards(tmp_path: Path) -> None:
    (tmp_path / "a.sgems").write_text("3 2 1\n1\nfacies\n" + "\n".join("001110") + "\n")
    image = read(Context(tmp_path), path="a.sgems")
    assert image.values.tolist() == [[1, 1, 0], [0, 0, 1]]  # the first values are the bottom row
    assert image.grid == Grid.in_cells(2, 3)
    assert image.names == ("0", "1")
    grid = read(Context(tmp_path), path="a.sgems", cell_size=50.0).grid
    assert (grid.rows, grid.columns, grid.cell_size, grid.in_map_units) == (2, 3, (50.0, 50.0), True)


def test_line_ends_blanks_and_notation_do_not_matter(tmp_path: Path) -> None:
    plain = "2 2 1\n2\nporosity\nfacies\n0.1 5\n0.2 10\n0.3 5\n0.4 20\n"
    odd = "2 2 1  \r\n2 \r\nporosity \r\n facies\t\r\n1.0e-1  5.0E+00 \r\n.2\t1e1\r\n 0.3 5 \r\n4D-1 20\r\n\r\n \r\n"
    (tmp_path / "a.gslib").write_text(plain)
    (tmp_path / "b.gslib").write_bytes(odd.replace("4D-1", "4e-1").encode())
    for name in ("a.gslib", "b.gslib"):
        image = read(Context(tmp_path), path=name, variable="facies")
        assert image.values.tolist() == [[0, 2], [0, 1]]
    first = read(Context(tmp_path), path="a.gslib")  # no name: the first variable
    assert first.values.tolist() == [[2, 3], [0, 1]]
    cut = read(Context(tmp_path), path="a.gslib", variable="porosity", thresholds=(0.25,))
    assert cut.values.tolist() == [[1, 1], [0, 0]]


def test_nodata_of_sgems(tmp_path: Path) -> None:
    (tmp_path / "a.sgems").write_text("3 1 1\n1\nf\n1\n-9966699\n0\n")
    assert read(Context(tmp_path), path="a.sgems").values.tolist() == [[1, 255, 0]]
    assert read(Context(tmp_path), path="a.sgems", nodata=None).values.tolist() == [[2, 0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 must be 'nx ny nz'"),
        ("title\n1\nf\n0\n", "line 1 must be 'nx ny nz'"),
        ("2 2 3\n1\nf\n" + "0\n1\n" * 6, "line 1: nz is 3"),
        ("2 2 0\n1\nf\n", "line 1 must be 'nx ny nz'"),
        ("2 2 1\nf\n0\n", "line 2 must be the number of variables"),
        ("2 2 1\n2\nf\n\n0\n1\n0\n1\n", "line 4: 2 names of variables"),
        ("2 2 1\n1\nf\n0\nsand\n0\n1\n", "line 5: 'sand' is not a number"),
        ("2 2 1\n2\nf\ng\n0 1\n\n0\n0 1\n0 1\n", "line 7: 1 values, 2 are needed"),
        ("2 2 1\n1\nf\n0\n1\n0\n", "3 rows of values, line 1 asks for 4"),
        ("2 2 1\n1\nf\n0\n1\n0\n1\n1\n", "more than 4 rows of values, line 1 asks for 4"),
        ("2 2 1\n1\nf\n0\n1\nnan\n1\n", "nan at row 0, column 0"),
        ("2 2 1\n1\nf\n1\n1\n1\n1\n", "one facies only"),
        ("99999 9999 1\n1\nf\n1\n1\n1\n1\n", "cannot stand in"),
        ("2 2 1\n1\nf\n", "holds no values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.sgems").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read(Context(tmp_path), path="a.sgems")
    assert str(tmp_path / "a.sgems") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_mistakes(tmp_path: Path) -> None:
    (tmp_path / "a.sgems").write_text("2 2 1\n1\nfacies\n0\n1\n0\n1\n")
    with pytest.raises(InputError, match=r"source\.variable 'sand' is not one of facies"):
        read(Context(tmp_path), path="a.sgems", variable="sand")
    with pytest.raises(InputError, match=r"limits\.pixels"):
        read(Context(tmp_path, Limits(pixels=3)), path="a.sgems")
    (tmp_path / "b.sgems").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match=r"b\.sgems: not a text file"):
        read(Context(tmp_path), path="b.sgems")


def test_real_grids(real_data: Path) -> None:
    strebelle = read(Context(real_data), path="channels/ti_strebelle_250.sgems")
    assert strebelle.values.shape == (250, 250)
    assert strebelle.values.mean() == pytest.approx(0.267, abs=1e-3)
    reference = read(Context(real_data), path="channels/walkerlake_ref_cat_260x300.sgems")
    assert reference.values.shape == (300, 260)
    points = np.loadtxt(real_data / "wells" / "walkerlake_samples_100.sgems", skiprows=_header(real_data))
    column, row = points[:, 0].astype(int), 299 - points[:, 1].astype(int)
    agreement = (reference.values[row, column] == points[:, -1]).mean()
    assert agreement == pytest.approx(0.85, abs=0.02)  # 0.26 where the grid is not flipped


def _header(real_data: Path) -> int:
    lines = (real_data / "wells" / "walkerlake_samples_100.sgems").read_text().splitlines()
    return 2 + int(lines[1])


def test_a_gslib_grid_and_a_picture_of_it_are_the_same(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 3, (5, 7)).astype(np.uint8)
    values = "\n".join(str(value) for value in codes[::-1].ravel())
    (tmp_path / "a.gslib").write_text(f"7 5 1\n1\nf\n{values}\n")
    from PIL import Image

    Image.fromarray(codes * 100).save(tmp_path / "a.png")
    assert np.array_equal(read(Context(tmp_path), path="a.gslib").values, codes)
    assert np.array_equal(read_raster(Context(tmp_path), path="a.png").values, codes)
