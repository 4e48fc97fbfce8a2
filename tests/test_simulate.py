"""``simulate`` from end to end, with a stub in place of the trained generator."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.pipeline import simulation_maps
from geogan.pipeline.simulate import simulate

UTM = "EPSG:25832"
GRID: dict[str, Any] = {"bounds": (500, 1000, 600, 1080), "resolution": 20, "crs": UTM}
BUNDLE = Path("bundle")


@dataclass
class Stub:
    """A bundle of two facies that honours every well and draws the rest at random."""

    cell_size: tuple[float, float] | None = None
    names: tuple[str, ...] = ("clay", "sand")
    digest: str = "d1"
    asked: int = 0
    evaluation: dict[str, Any] | None = None
    system: dict[str, Any] = field(default_factory=lambda: {"experiment": "delta", "key": "k1"})
    needed: int = 0
    soft: float = 0.0
    windows: tuple[int | None, ...] = ()

    @property
    def proportions(self) -> dict[str, float]:
        return {"clay": 0.75, "sand": 0.25}

    def memory(self, rows: int, columns: int, window: int | None = None) -> int:
        self.windows += (window,)
        return self.needed or rows * columns

    def fields(
        self,
        mask: np.ndarray,
        facies: np.ndarray,
        count: int,
        seed: int,
        progress: Callable[[float], None] | None = None,
        window: int | None = None,
    ) -> Iterator[np.ndarray]:
        self.asked += 1
        self.windows += (window,)
        for k in range(count):
            field = np.random.default_rng((seed, k)).integers(0, 2, mask.shape, np.uint8)
            field[mask] = facies[mask]
            if progress:
                progress(k + 1)
            yield field


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    bundle = Stub()
    module = SimpleNamespace(load_bundle=lambda path: bundle)
    monkeypatch.setitem(sys.modules, "geogan.inference", module)
    for name in ("map_png", "curves", "histogram"):  # pictures of the page, which take their time
        monkeypatch.setattr(simulation_maps, name, lambda *given, **options: b"")
    return bundle


@pytest.fixture
def wells(tmp_path: Path) -> Path:
    path = tmp_path / "wells.csv"
    path.write_text("x,y,facies\n510,1070,sand\n590,1010,clay\n550,1050,1\n")
    return path


def test_fields_honour_the_wells_where_they_are(tmp_path: Path, stub: Stub, wells: Path) -> None:
    import rasterio

    out = tmp_path / "out" / "f.tif"
    told = simulate(BUNDLE, out, wells=wells, count=5, seed=3, quiet=True, **GRID)
    assert told == json.loads((tmp_path / "out" / "f.tif.report.json").read_text())
    assert (told["honoured_share"], told["honoured_share_min"], told["wells_used"]) == (1, 1, 3)
    assert (told["realizations"], told["seed"], told["bundle"]) == (5, 3, "d1")
    assert told["proportions_training"] == {"clay": 0.75, "sand": 0.25}
    assert told["files"] == [
        "f.tif",
        "f.tif.probability.tif",
        "f.tif.entropy.tif",
        "f.tif.e_type.tif",
        "f.tif.std.tif",
        "f.tif.report.html",
        "f.tif.report.json",
    ]
    assert sorted(told["files"]) == sorted(path.name for path in out.parent.iterdir())
    with rasterio.open(out) as back:
        sampled = [values.tolist() for values in back.sample([(510, 1070), (590, 1010), (550, 1050)])]
        assert sampled == [[1] * 5, [0] * 5, [1] * 5]
        assert (back.crs.to_epsg(), back.bounds) == (25832, (500, 1000, 600, 1080))


def test_unconditional_fields_on_a_size(tmp_path: Path, stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    told = simulate(BUNDLE, tmp_path / "f.npz", size=(7, 9), count=2, unconditional=True, quiet=True)
    with np.load(tmp_path / "f.npz") as back:
        assert back["facies"].shape == (2, 7, 9)
        assert back["probability"].shape == (2, 7, 9)
    assert (told["honoured_share"], told["wells"], told["wells_read"]) == (None, None, 0)
    assert capsys.readouterr() == ("", "")


def test_what_was_assumed_and_left_out_goes_to_stderr(
    tmp_path: Path, stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.csv"
    path.write_text("# a,b,value\n0,0,1\n0,0,0\n0,0,1\n9,9,1\n")
    simulate(BUNDLE, tmp_path / "f.npz", wells=path, size=(4, 4), count=2, on_conflict="majority")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "a, b taken for x, y by position" in shown.err
    assert "2 of 4 wells in 1 cells, 2 left out" in shown.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "grid: give one of --size, --like, --bounds; given: none"),
        ({"size": (4, 4), "like": Path("a.tif")}, "given: --size, --like"),
        ({"size": (0, 0)}, "--size 0 0"),
        ({"size": (4, 4), "crs": UTM}, "--size: does not go with --resolution and --crs"),
        ({"bounds": (0, 0, 4, 4), "crs": UTM}, "--bounds: needs --resolution too"),
        ({"bounds": (0, 0, 4, 4), "resolution": 1}, "--bounds: needs --crs too"),
        ({**GRID, "count": 0}, "-n 0"),
        ({**GRID, "seed": -1}, "--seed -1"),
        ({**GRID, "wells": None}, "--wells and --unconditional: neither given"),
        ({**GRID, "unconditional": True}, "both given"),
        ({**GRID, "columns": {"facies": "rock"}}, "no such column"),
        ({"size": (10_000_000, 10_000_000)}, "GiB of memory are free"),
        ({"size": (4, 4)}, "lies outside the grid, x 0 to 4"),
        ({**GRID, "out": "f.nc"}, r"unknown suffix \.nc"),
        ({**GRID, "proportions": "clay=0.4,sand=0.7"}, "--proportions clay=0.4,sand=0.7: the shares sum to 1.1"),
        ({**GRID, "proportions": "mud=0.4"}, "unknown facies 'mud'; known are clay, sand"),
    ],
)
def test_bad_usage_is_refused_before_sampling(
    tmp_path: Path, stub: Stub, wells: Path, given: dict[str, Any], said: str
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=said) as caught:
        simulate(BUNDLE, tmp_path / given.pop("out", "f.npz"), **{"wells": wells, "quiet": True, **given})
    assert "\n" not in str(caught.value)
    assert stub.asked == 0
    assert sorted(tmp_path.iterdir()) == before


def test_room_is_needed_for_one_field_not_for_all(tmp_path: Path, stub: Stub) -> None:
    usual: dict[str, Any] = {"size": (30, 40), "unconditional": True, "quiet": True}
    simulate(BUNDLE, tmp_path / "f.zarr", count=3, window=16, **usual)
    assert stub.windows == (16, 16)  # of the memory asked for, and of the fields
    stub.needed = 2**60
    with pytest.raises(InputError, match=r"grid of 30 x 40: 1073741824\.0 GiB are needed, .* take a smaller grid"):
        simulate(BUNDLE, tmp_path / "g.zarr", **usual)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.zarr", "f.zarr.report.html", "f.zarr.report.json"]
    assert stub.asked == 1


def test_another_cell_size_needs_force(tmp_path: Path, stub: Stub, wells: Path) -> None:
    out = tmp_path / "f.npz"
    usual: dict[str, Any] = {"wells": wells, "count": 1, "quiet": True}
    for fits in ((20, 20), (20.1, 19.9), None):
        stub.cell_size = fits
        simulate(BUNDLE, out, **usual, **GRID)
    stub.cell_size = (20, 25)
    with pytest.raises(InputError, match=r"its cells are 20 x 20 map units, .* trained on 20 x 25; .*--force"):
        simulate(BUNDLE, out, **usual, **GRID)
    simulate(BUNDLE, out, force=True, **usual, **GRID)
    simulate(BUNDLE, out, size=(4, 4), unconditional=True, count=1, quiet=True)  # cells of the bundle's size


def test_an_unknown_cell_size_is_told(
    tmp_path: Path, stub: Stub, wells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "bundle: training image of unknown cell size, the grid's is taken for it"
    for size, said in ((None, True), ((20.0, 20.0), False)):
        stub.cell_size = size
        simulate(BUNDLE, tmp_path / "f.npz", wells=wells, count=1, **GRID)
        assert (told in capsys.readouterr().err) == said


@pytest.mark.parametrize("cell", [10.0, 40.0])
def test_another_cell_size_is_drawn_in_the_trained_one(tmp_path: Path, stub: Stub, wells: Path, cell: float) -> None:
    out, usual = tmp_path / "f.npz", {"wells": wells, "count": 3, "quiet": True, **GRID}
    stub.cell_size = (cell, cell)
    told = simulate(BUNDLE, out, rescale=True, **usual)
    with np.load(out) as back:
        assert back["facies"].shape == (3, 4, 5)
    assert told["honoured_share"] == 1
    assert told["rescaled"]["drawn_rows"] == 80 / cell
    assert told["rescaled"]["drawn_columns"] == np.ceil(100 / cell)
    assert told["curves"]["window"] == [80 / cell, np.ceil(100 / cell)]
    stub.cell_size = (20.0, 20.0)
    same = simulate(BUNDLE, out, rescale=True, **usual)
    assert same["rescaled"] is None


def test_what_cannot_be_rescaled_is_refused(tmp_path: Path, stub: Stub) -> None:
    out, usual = tmp_path / "f.npz", {"unconditional": True, "count": 1, "quiet": True, "rescale": True}
    with pytest.raises(InputError, match="--rescale: the bundle's training image has no cell size"):
        simulate(BUNDLE, out, **usual, **GRID)
    stub.cell_size = (10.0, 10.0)
    with pytest.raises(InputError, match="--rescale: the grid has no cell size"):
        simulate(BUNDLE, out, size=(4, 4), **usual)
    with pytest.raises(InputError, match="--rescale and --force"):
        simulate(BUNDLE, out, force=True, **usual, **GRID)
    assert stub.asked == 0


def test_kasted_wells_as_geotiff(tmp_path: Path, stub: Stub) -> None:
    if "GEOGAN_DATA" not in os.environ:
        pytest.skip("GEOGAN_DATA is not set: the real wells are not at hand")
    import rasterio

    path = Path(os.environ["GEOGAN_DATA"]) / "wells/kasted_hard_well.dat"
    area: dict[str, Any] = {"bounds": (562000, 6225000, 577000, 6236000), "resolution": 50, "crs": UTM}
    told = simulate(BUNDLE, tmp_path / "k.tif", wells=path, count=3, quiet=True, **area)
    assert (told["wells_used"], told["cells_snapped"], told["honoured_share"]) == (112, 109, 1)
    rows = np.loadtxt(path, skiprows=6)
    with rasterio.open(tmp_path / "k.tif") as back:
        assert (back.transform.c, back.transform.f) == (562000, 6236000)
        sampled = np.array(list(back.sample(rows[:, :2])))
    assert (sampled == rows[:, 3:]).all()
