"""``simulate`` of a continuous property: from wells with values to fields, maps, report and page in its units."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import Tensor

from geogan import inference
from geogan.choices import Choice
from geogan.errors import InputError
from geogan.facies import CONTINUOUS
from geogan.field_curves import value_curves
from geogan.generators import FIELD_GENERATORS
from geogan.generators.generator import Generator
from geogan.grids import Grid
from geogan.hard_data import snap
from geogan.inference import Bundle, FieldSampler
from geogan.pipeline import simulation_maps
from geogan.pipeline.cli import app
from geogan.pipeline.simulate import simulate
from geogan.property_variable import Property
from geogan.value_figures import BINS, figures, training_figures, variograms
from geogan.value_range import ValueRange
from geogan.wells import read
from tests.test_property import smooth
from tests.test_simulation_page import Reader, words

SPAN = ValueRange(0.1, 0.5)
UTM = "EPSG:25832"
GRID: dict[str, Any] = {"bounds": (500, 1000, 600, 1080), "resolution": 20, "crs": UTM}  # 4 rows, 5 columns
WELLS = "x,y,value\n510,1070,0.15\n590,1010,0.5\n550,1050,0.3\n"


@final
class Honest(Generator):
    """Draws the datum, plus ``off`` in scaled values, where there is one, and noise elsewhere."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.off = 0.0

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return 1, rows, columns

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        known, wanted = condition[:, :1], condition[:, 1:] + self.off
        return torch.where(known > 0, torch.atanh(wanted.clamp(-1 + 1e-6, 1 - 1e-6)), z)


def bundle_of(generator: Generator, training: dict[str, Any] | None = None, soft: float = 0.0) -> Bundle:
    sampler = FieldSampler(generator.eval(), Choice("normal", {"channels": 1}), CONTINUOUS, torch.device("cpu"))
    system = {"config": {"system": {"soft": soft}}, "value_range": [SPAN.low, SPAN.high], "experiment": "porosity"}
    return Bundle(sampler, (), (20.0, 20.0), {}, "d1", system | ({"values": training} if training else {}))


@pytest.fixture
def training() -> dict[str, Any]:
    tiles = np.stack([smooth(24, 24, seed) for seed in range(8)])
    scaled = ValueRange.of([tiles]).scaled(tiles)
    return training_figures(scaled[:, :16, :16], scaled, SPAN)


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch, training: dict[str, Any]) -> Honest:
    made = Honest()
    bundle = bundle_of(made, training)
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    return made


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("map_png", "curves", "histogram"):
        monkeypatch.setattr(simulation_maps, name, lambda *given, **options: b"")


def run(folder: Path, text: str | None = WELLS, name: str = "f.npz", **given: Any) -> dict[str, Any]:
    path = folder / "wells.csv"
    if text is not None:
        path.write_text(text)
    known = {"unconditional": True} if text is None else {"wells": path}
    return simulate(Path("b"), folder / name, **{"count": 5, "quiet": True, **known, **GRID, **given})


def test_values_are_honoured_in_their_units(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    told = run(tmp_path)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as back:
        assert set(back) == {"value", "e_type", "std", "transform", "crs", "names"}
        value = back["value"]
        assert (value.dtype, value.shape) == (np.float32, (5, 4, 5))
        assert (SPAN.low <= value + 1e-6).all()
        assert (value <= SPAN.high + 1e-6).all()
        for cell, wanted in (((0, 0), 0.15), ((3, 4), 0.5), ((1, 2), 0.3)):
            assert value[:, *cell] == pytest.approx(wanted, abs=1e-6)
            assert back["e_type"][cell] == pytest.approx(wanted, abs=1e-6)
            assert back["std"][cell] == pytest.approx(0, abs=1e-6)
        assert back["e_type"] == pytest.approx(value.mean(axis=0), abs=1e-6)
        assert back["std"] == pytest.approx(value.std(axis=0), abs=1e-6)
        assert back["e_type"].dtype == back["std"].dtype == np.float32
        assert value[:, 2, 2].std() > 0.01
    assert told == json.loads((tmp_path / "f.npz.report.json").read_text())
    assert (told["honoured_share"], told["honoured_share_min"], told["cells_missed"]) == (1, 1, 0)
    assert told["constraint_rmse"] == pytest.approx(0, abs=1e-5)
    assert not told.keys() & {"proportions", "proportions_std", "proportions_training"}
    assert told["wells"]["columns"] == {"x": "x", "y": "y", "value": "value"}


def test_realizations_depend_on_the_seed_alone(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    fields = []
    for count in (2, 5):
        run(tmp_path, count=count)
        with np.load(tmp_path / "f.npz") as back:
            fields.append(back["value"])
    assert np.array_equal(fields[0], fields[1][:2])


def test_geotiff_has_floats_and_a_place_but_no_probability(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    import rasterio

    told = run(tmp_path, name="f.tif")
    report = ["f.tif.report.html", "f.tif.report.json"]
    assert told["files"] == ["f.tif", "f.tif.e_type.tif", "f.tif.std.tif", *report]
    assert sorted(told["files"]) == sorted(path.name for path in tmp_path.iterdir() if path.name != "wells.csv")
    for name, bands in (("f.tif", 5), ("f.tif.e_type.tif", 1), ("f.tif.std.tif", 1)):
        with rasterio.open(tmp_path / name) as back:
            assert (back.count, set(back.dtypes)) == (bands, {"float32"})
            assert (back.crs.to_epsg(), back.bounds) == (25832, (500, 1000, 600, 1080))
    with rasterio.open(tmp_path / "f.tif") as back:
        assert np.isnan(back.nodata)
        sampled = np.array(list(back.sample([(510, 1070), (590, 1010), (550, 1050)])))
        assert sampled == pytest.approx(np.repeat([[0.15], [0.5], [0.3]], 5, axis=1), abs=1e-6)


def test_zarr_opens_in_xarray_without_codes(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    import xarray

    run(tmp_path, name="f.zarr")
    with xarray.open_zarr(tmp_path / "f.zarr", consolidated=False) as back:
        assert set(back.data_vars) == {"value", "e_type", "std"}
        assert (back.value.dims, back.value.dtype) == (("realization", "y", "x"), np.float32)
        assert "code" not in back.coords
        assert float(back.value.sel(x=550, y=1050).mean()) == pytest.approx(0.3, abs=1e-6)
        assert back.e_type.values == pytest.approx(back.value.values.mean(axis=0), abs=1e-6)
        assert back.spatial_ref.attrs["crs_wkt"] == back.attrs["crs"] == Grid.from_bounds(*GRID.values()).crs


def test_gslib_has_values_and_both_maps(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    told = run(tmp_path, name="f.gslib")
    assert told["files"][:2] == ["f.gslib", "f.gslib.e_type.gslib"]
    lines = (tmp_path / "f.gslib").read_text().splitlines()
    assert lines[:3] == ["5 4 1", "5", "realization_0"]
    values = np.array([line.split() for line in lines[7:]], float).T.reshape(5, 4, 5)[:, ::-1]
    assert values[:, 1, 2] == pytest.approx(0.3, abs=1e-6)
    maps = (tmp_path / "f.gslib.e_type.gslib").read_text().splitlines()
    assert maps[:4] == ["5 4 1", "2", "e_type", "std"]
    assert np.array([line.split() for line in maps[4:]], float)[:, 0].reshape(4, 5)[::-1] == pytest.approx(
        values.mean(axis=0), abs=1e-5
    )


def test_a_datum_is_honoured_within_the_tolerance(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    low = "x,y,value\n510,1070,0.15\n550,1050,0.3\n"
    generator.off = 0.09  # half the range is 1
    near = run(tmp_path, low)
    assert (near["tolerance"], near["honoured_share"]) == (pytest.approx(0.02), 1)
    assert near["constraint_rmse"] == pytest.approx(0.018, abs=1e-5)
    assert near["constraint_mse"] == pytest.approx(0.0081, abs=1e-5)
    generator.off = 0.11
    far = run(tmp_path, low)
    assert (far["honoured_share"], far["cells_missed"]) == (0, 2)
    assert far["missed"][1] == {"row": 1, "column": 2, "value": 0.3, "realizations": 5}


def test_the_report_tells_the_distribution(
    tmp_path: Path, generator: Honest, undrawn: None, training: dict[str, Any]
) -> None:
    told = run(tmp_path, None, size=(40, 50), bounds=None, resolution=None, crs=None)
    with np.load(tmp_path / "f.npz") as back:
        value = back["value"]
    own = told["values"]
    assert own["mean"] == pytest.approx(value.mean(), rel=1e-4)
    assert own["std"] == pytest.approx(value.std(), rel=1e-4)
    assert own["mean_std"] == pytest.approx(value.mean(axis=(1, 2)).std(), rel=1e-3)
    assert own["percentiles"]["p95"] == pytest.approx(np.percentile(value, 95), rel=1e-4)
    assert sum(own["histogram"]) == pytest.approx(1, abs=1e-4)
    assert told["values_training"]["mean"] == training["mean"]
    assert told["value_range"] == [SPAN.low, SPAN.high]
    assert told["curves"]["differences"].keys() == {"variogram_x", "variogram_y"}
    assert (told["curves"]["window"], told["curves"]["tile"]) == ([24, 24], 24)
    assert (told["honoured_share"], told["constraint_mse"], told["constraint_rmse"]) == (None, None, None)


def test_wells_that_differ_in_a_cell_are_refused_dropped_or_averaged(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("row,column,value\n0,0,0.2\n0,0,0.25\n0,0,0.3\n2,1,0.4\n2,1,0.4\n")
    wells, grid, variable = read(path, key="value"), Grid.in_cells(4, 4), Property(SPAN)
    said = r"w\.csv: wells disagree in cell row 0, column 0: line 2 \(0\.2\), line 3 \(0\.25\), line 4 \(0\.3\); .*mean"
    with pytest.raises(InputError, match=said):
        snap(wells, grid, variable)
    with pytest.raises(InputError, match="--on-conflict majority: must be error, drop or mean"):
        snap(wells, grid, variable, on_conflict="majority")
    dropped = snap(wells, grid, variable, on_conflict="drop")
    assert np.argwhere(dropped.mask).tolist() == [[2, 1]]
    assert (dropped.report["wells_used"], dropped.report["wells_dropped"]) == (2, 3)
    mean = snap(wells, grid, variable, on_conflict="mean")
    assert mean.values.dtype == np.float32
    assert mean.values[mean.mask] == pytest.approx([0.25, 0.4])
    assert np.isnan(mean.values[~mean.mask]).all()
    counts = [mean.report[key] for key in ("wells_used", "wells_dropped", "cells_snapped", "duplicates")]
    assert counts == [5, 0, 2, 3]
    assert mean.report["conflicts"][0]["kept"] == 0.25
    json.dumps(mean.report, allow_nan=False)


def test_values_out_of_range_are_left_out_if_asked_and_its_ends_belong_to_it(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("row,column,value\n0,0,0.1\n0,1,0.5\n0,2,0.51\n0,3,wet\n")
    span = ValueRange(float(np.float32(0.1)), float(np.float32(0.5)))  # of an image of float32
    data = snap(read(path, key="value"), Grid.in_cells(1, 4), Property(span), on_conflict="drop")
    assert data.mask.tolist() == [[True, True, False, False]]
    assert [one["well"] for one in data.report["dropped"]] == ["line 4", "line 5"]
    assert "from 0.1 to 0.5" in data.report["dropped"][0]["reason"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "x,y,value\n510,1070,0.6\n",
            "line 2: 0.6 is out of range; the values of the training image are from 0.1 to 0.5",
        ),
        ("x,y,value\n510,1070,0.2\n590,1010,-3\n", "line 3: -3 is out of range"),
        ("x,y,value\n510,1070,sand\n", "line 2: 'sand' is not a number; the values of the training image are from 0.1"),
        ("x,y,value\n510,1070,inf\n", "line 2: inf is not a finite number"),
        ("x,y,value\n510,1070,nan\n", "line 2, column value: nan; a value is needed"),
        ("x,y,value\n510,1070,\n", "line 2, column value: empty; a value is needed"),
        ("x,y,facies\n510,1070,1\n", "no value column among x, y, facies; call one value or pass --columns value=NAME"),
        ("# x y facies\n510 1070 0.2\n", "no value column among x, y, facies; call one value or pass"),
        ("points\n3\nX\nY\nfacies\n510 1070 0.2\n", "no value column among X, Y, facies; call one value or pass"),
        ("x,y,value\n510,1070,1e39\n", "line 2: 1e39 is not a finite number"),
        ("x,y,value\n1,2,0.2\n", "line 2: x 1, y 2 lies outside the grid"),
        (
            "x,y,value\n510,1070,0.2\n512,1071,0.3\n",
            "wells disagree in cell row 0, column 0: line 2 (0.2), line 3 (0.3)",
        ),
    ],
)
def test_wells_that_cannot_be(tmp_path: Path, generator: Honest, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'wells.csv'}: {said}")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["wells.csv"]


def test_a_column_of_another_name_is_taken_as_asked(tmp_path: Path, generator: Honest, undrawn: None) -> None:
    told = run(tmp_path, "x,y,facies,logit\n510,1070,0,0.2\n", columns={"value": "logit"})
    assert told["wells"]["columns"]["value"] == "logit"
    poro = run(tmp_path, "x,y,facies,Porosity [v/v]\n510,1070,0,0.2\n")
    assert poro["wells"]["columns"]["value"] == "Porosity [v/v]"
    assert poro["honoured_share"] == 1


def test_what_was_taken_for_the_value_is_said_where_it_is_not_sure(
    tmp_path: Path, generator: Honest, undrawn: None
) -> None:
    for text, note in (
        ("510 1070 0.2\n", "column 3 taken for value by position; --columns value=.. decides"),
        ("x,y,perm,poro\n510,1070,9,0.2\n", "column poro taken for value, not perm; --columns value=.. decides"),
    ):
        assert note in run(tmp_path, text)["wells"]["notes"][-1]
    assert run(tmp_path)["wells"]["notes"] == []


def test_other_cells_are_not_told_to_be_rescaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = replace(bundle_of(Honest()), cell_size=(10.0, 10.0))
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    with pytest.raises(InputError, match="give a grid of that cell size, or --force"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--proportions 0.3", "--proportions: {b} draws a property, which has no facies"),
        ("--proportions=", "--proportions: {b} draws a property, which has no facies"),
        ("--rescale", "--rescale: {b} draws a property, and how its values in larger cells"),
        ("--soft s.tif", "--soft: {b} draws a property, and soft data are probabilities of facies"),
        ("--refine 10", "--refine: {b} draws a property, and the descent"),
        ("--exact", "--exact: {b} draws a property, whose values are honoured within a tolerance"),
        ("--on-conflict majority", "--on-conflict majority: must be error, drop or mean"),
        ("--columns facies=3", "--columns facies: unknown; the keys are x, y, row, column, value"),
    ],
)
def test_options_of_facies_are_refused(
    tmp_path: Path, generator: Honest, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    path, out = tmp_path / "wells.csv", tmp_path / "f.npz"
    path.write_text("row,column,value\n0,0,0.2\n")
    with pytest.raises(SystemExit) as caught:
        app(["simulate", "b", "--wells", str(path), "--size", "4", "4", "-o", str(out), *options.split()])
    shown = capsys.readouterr()
    assert (caught.value.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert shown.err.startswith(f"geogan: {said.format(b='b')}")
    assert [path.name for path in tmp_path.iterdir()] == ["wells.csv"]


def test_a_model_that_needs_soft_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_of(Honest(), soft=8.0)
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    with pytest.raises(InputError, match="--soft: b draws a property"):
        run(tmp_path)


def test_windows_give_the_field_of_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    torch.manual_seed(0)
    options = {"filters": (4, 6), "dilations": (1,), "norm": "batch"}
    net: Generator = Choice("unet_residual", options).build(FIELD_GENERATORS, 2, 1, 1)
    for weight in net.parameters():
        weight.data *= 8  # fresh weights draw next to nothing
    bundle = bundle_of(net)
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    wells = "row,column,value\n20,30,0.4\n63,1,0.2\n"
    usual: dict[str, Any] = {"count": 2, "size": (65, 90), "bounds": None, "resolution": None, "crs": None}
    found = []
    for window in (None, 16):
        run(tmp_path, wells, window=window, **usual)
        with np.load(tmp_path / "f.npz") as back:
            found.append(back["value"])
    assert found[0].std() > 0.01
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


def test_the_page_shows_values_and_loads_nothing(tmp_path: Path, generator: Honest) -> None:
    generator.off = 0.2
    told = run(tmp_path, count=3)
    made = (tmp_path / "f.npz.report.html").read_text(encoding="utf-8")
    sources = [value for name, value in Reader(made).values if name in ("src", "href")]
    assert len(sources) == 3 + 2 + 1 + 1  # fields, E-type and deviation, histogram, variogram
    assert all(value and value.startswith("data:image/png;base64,") for value in sources)
    text = words(made)
    shown = ("hard datum, in the colour of its value", "percentile 95", "deviation of the mean between fields")
    for said in (*shown, "values from 0.1 to 0.5", "variogram_x", "its training tiles of 24 x 24 cells", "0.3 3 of 3"):
        assert said in text
    for name in ("mean", "std"):
        assert f"{told['values'][name]:.4g}" in text
        assert f"{told['values_training'][name]:.4g}" in text
    for absent in ("entropy", "probability", "Proportions", "onnectivity"):
        assert absent not in text


def test_what_an_older_bundle_does_not_know_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None
) -> None:
    bundle = bundle_of(Honest())
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    told = run(tmp_path)
    assert (told["values_training"], told["curves"]["differences"]) == (None, None)
    text = words((tmp_path / "f.npz.report.html").read_text(encoding="utf-8"))
    assert "Their distribution: not in this bundle." in text
    assert "Curves of the training image: not in this bundle." in text


def test_figures_and_variograms_have_exact_values() -> None:
    ramp = np.tile(np.arange(4, dtype=np.float32), (1, 3, 1))  # grows by 1 along x
    along_x, along_y = variograms(ramp, 2)
    assert along_x.tolist() == [[0.5, 2.0]]
    assert along_y.tolist() == [[0.0, 0.0]]
    found = figures(ramp, ValueRange(0, 3))
    assert (found["mean"], found["percentiles"]["p50"]) == (1.5, 1.5)
    assert found["std"] == pytest.approx(1.25**0.5, rel=1e-5)
    assert (len(found["histogram"]), found["histogram"][0], found["histogram"][-1]) == (BINS, 0.25, 0.25)
    beyond = figures(np.full((1, 2, 2), 3 + 1e-6, np.float32), ValueRange(0, 3))
    assert beyond["histogram"][-1] == 1


def test_figures_of_the_training_image_are_in_its_units(training: dict[str, Any]) -> None:
    tiles = np.stack([smooth(24, 24, seed) for seed in range(8)])
    units = SPAN.units(ValueRange.of([tiles]).scaled(tiles))
    assert training["mean"] == pytest.approx(units[:, :16, :16].mean(), rel=1e-4)
    own = variograms(units, 23)[0]
    curve = training["curves"]["variogram_x"]
    assert curve["mean"] == pytest.approx(own.mean(axis=0), rel=1e-4)
    assert curve["max"] == pytest.approx(own.max(axis=0), rel=1e-4)
    assert (training["size"], training["tiles"]) == (24, 8)
    json.dumps(training, allow_nan=False)


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e5])
def test_the_share_inside_the_envelope_does_not_depend_on_the_unit(unit: float) -> None:
    span = ValueRange(-5 * unit, 5 * unit)
    rough = np.random.default_rng(0).normal(size=(6, 32, 32)).astype(np.float32)
    tiles = (smooth(32, 32)[None] * 2 - 1).astype(np.float32)
    known = training_figures(tiles, tiles, span)
    inside = value_curves(span.units(tiles), known).report()["inside"]
    assert inside == {"variogram_x": 1, "variogram_y": 1}
    inside = value_curves(span.units(rough / 5), known).report()["inside"]
    assert max(inside.values()) < 0.2


def test_the_histogram_of_a_narrow_range_far_from_zero() -> None:
    span = ValueRange(1e6, 1e6 + 1)
    values = np.float32(1e6) + np.array([[[0, 0.5], [0.5, 1]]], np.float32)
    found = figures(values, span)
    assert sum(found["histogram"]) == pytest.approx(1)
    assert found["histogram"][BINS // 2] == 0.5


def test_deviation_is_exact_far_from_zero() -> None:
    values = (1e4 + np.random.default_rng(0).normal(size=(50, 3, 3))).astype(np.float32)
    maps = Property(replace(SPAN, high=2e4)).maps(values)
    assert list(maps) == list(Property.map_names)
    assert maps["std"] == pytest.approx(values.std(axis=0, dtype=float), rel=1e-5)
