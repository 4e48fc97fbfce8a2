"""Continuous properties: from a picture of values to a generator of values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import xarray
from ruamel.yaml import YAML

from geogan import facies
from geogan.constraints import Density
from geogan.datasets import Context, gslib, raster
from geogan.errors import InputError
from geogan.evaluate_property import Quarters, evaluate_property, validate_property
from geogan.grids import Grid
from geogan.inference import load_bundle
from geogan.penalties.masked_l2 import masked_l2
from geogan.prepare import constrain, prepare
from geogan.store import open_constraints, open_prepared
from geogan.tiles import Split
from geogan.training_image import TrainingImage
from geogan.value_range import ValueRange
from tests import clone


def smooth(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Noise averaged over its neighbourhood, in porosity-like units."""
    noise = np.random.default_rng(seed).normal(size=(rows + 8, columns + 8))
    window = np.lib.stride_tricks.sliding_window_view(noise, (9, 9)).mean(axis=(2, 3))
    return (0.2 + 0.3 * window).astype(np.float32)


def write_tif(path: Path, values: np.ndarray, nodata: float | None = None) -> None:
    rows, columns = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=1, dtype=values.dtype, nodata=nodata
    ) as out:
        out.write(values, 1)


def test_range_of_the_training_values_becomes_minus_one_to_one() -> None:
    span = ValueRange.of([np.array([2.0, 4.0], np.float32), np.array([10.0], np.float32)])
    assert (span.low, span.high) == (2.0, 10.0)
    assert span.scaled(np.array([2.0, 6.0, 10.0, 14.0], np.float32)).tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert span.units(np.array([-1.0, 0.5], np.float32)).tolist() == [2.0, 8.0]
    with pytest.raises(InputError, match="must vary"):
        ValueRange.of([np.ones(3, np.float32)])


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_raster_and_a_gslib_grid_keep_their_values(tmp_path: Path) -> None:
    values = smooth(6, 5)
    values[2, 3] = -9.0
    write_tif(tmp_path / "a.tif", values, nodata=-9.0)
    image = raster.read(Context(tmp_path), path="a.tif", continuous=True)
    assert image.continuous
    assert np.isnan(image.values[2, 3])
    np.testing.assert_array_equal(np.nan_to_num(image.values, nan=-9.0), values)
    upwards = "\n".join(f"{value:.9g}" for value in values[::-1].ravel())
    (tmp_path / "a.sgems").write_text(f"5 6 1\n1\nporosity\n{upwards}\n")
    grid = gslib.read(Context(tmp_path), path="a.sgems", continuous=True, nodata=-9.0)
    np.testing.assert_array_equal(grid.values, image.values)
    with pytest.raises(InputError, match=r"source.thresholds: \[0.1\] make facies, source.continuous keeps the values"):
        raster.read(Context(tmp_path), path="a.tif", continuous=True, thresholds=(0.1,))


def made(path: Path, image: TrainingImage) -> None:
    prepare(image, tile=16, stride=8, evaluation_tile=32, split=Split(), pool=0.2, path=path / "a.zarr", key="k")
    constrain(open_prepared(path / "a.zarr"), Density(density=0.05), path=path / "c.zarr", key="k")


def test_stores_hold_scaled_values_that_xarray_shows_in_their_units(tmp_path: Path) -> None:
    values = smooth(120, 180)
    values[:3, :3] = np.nan
    made(tmp_path, TrainingImage(values, (), Grid.in_cells(120, 180), "ab" * 32))
    prepared, constraints = open_prepared(tmp_path / "a.zarr"), open_constraints(tmp_path / "c.zarr")
    train = prepared.tiles("train", "image")
    assert prepared.facies_count == facies.CONTINUOUS
    assert (train.dtype, train.min(), train.max()) == (np.float32, -1.0, 1.0)
    assert not np.isnan(train).any()
    with xarray.open_zarr(tmp_path / "a.zarr", consolidated=False) as opened:
        first = opened.isel(tile=0)
        row, column = int(first.row), int(first.column)
        np.testing.assert_allclose(first.value, values[row : row + 16, column : column + 16], rtol=1e-5)
    mask, known = constraints.read("test")
    assert np.array_equal(np.isnan(known), ~mask)
    own = prepared.tiles("test", "image", "evaluation")
    assert np.array_equal(known[mask], np.broadcast_to(own[:, None], mask.shape)[mask])


def test_the_image_of_a_property_is_itself_and_its_cost_is_of_values() -> None:
    values = torch.tensor([[[0.5, -0.25], [float("nan"), 1.0]]])
    mask = torch.tensor([[[True, True], [False, False]]])
    assert facies.condition(mask, values, facies.CONTINUOUS).tolist() == [[[[1, 1], [0, 0]], [[0.5, -0.25], [0, 0]]]]
    image = torch.rand(2, 1, 3, 3)
    assert torch.equal(facies.decode(image, facies.CONTINUOUS), image[:, 0])
    logits = torch.zeros(1, 1, 2, 2)  # tanh gives 0
    assert masked_l2(logits, values, mask, weight=2.0).item() == pytest.approx(2.0 * (0.25 + 0.0625) / 2)


def judged(sample: Any, real: np.ndarray, train: np.ndarray, known: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    hard = (mask[:, None], known[:, None])
    return dict(evaluate_property(sample, real, train, hard, fields=30, groups=2).metrics)


def test_figures_of_a_property_tell_the_truth_from_noise_and_from_a_shifted_copy() -> None:
    tiles = np.stack([smooth(12, 12, seed) for seed in range(60)])
    scaled = ValueRange.of([tiles]).scaled(tiles)
    real, train = scaled[:30], scaled[30:]
    mask = np.random.default_rng(0).random(real.shape) < 0.05
    known = np.where(mask, real, np.nan).astype(np.float32)
    right = judged(lambda m, k, seed: np.resize(real, (len(m), 12, 12)), real, train, known, mask)
    assert right["constraint_mse"] == right["value_wasserstein"] == right["value_variogram_x"] == 0.0
    assert (right["constraint_accuracy"], right["value_std_ratio"]) == (1.0, 1.0)
    assert right["noise_value_variogram_x"] > 2 * right["floor_value_variogram_x"] > 0
    shifted = judged(lambda m, k, seed: np.resize(real, (len(m), 12, 12)) + np.float32(0.5), real, train, known, mask)
    assert shifted["constraint_mse"] == pytest.approx(0.25)
    assert shifted["value_mean_difference"] == pytest.approx(0.5, abs=1e-5)
    assert shifted["value_variogram_x"] == pytest.approx(0.0, abs=1e-6)
    names = ["constraint_mse", "mph_js_0"]
    found = validate_property(
        lambda m, k, seed: real[: len(m)], real, train, (mask[:, None], known[:, None]), names=names, fields=30
    )
    assert found["constraint_mse"] == 0.0


def test_quarters_hold_a_quarter_of_the_training_values_each() -> None:
    values = smooth(64, 64)[None]
    code = Quarters.of(values)
    assert (np.bincount(code(values).ravel()) / values.size).tolist() == pytest.approx([0.25] * 4, abs=0.001)
    assert code(np.array([np.nan], np.float32)).tolist() == [255]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_property_goes_through_the_whole_pipeline(tmp_path: Path) -> None:
    folder = clone.make(tmp_path / "clone")
    (folder / "data/raw/channels").mkdir(parents=True)
    write_tif(folder / "data/raw/channels/porosity.tif", smooth(400, 400))
    file = folder / "params.yaml"
    params = YAML().load(file)
    source = {"name": "raster", "path": "data/raw/channels/porosity.tif", "continuous": True}
    params["datasets"]["channels"]["source"] = source
    params["experiments"][clone.EXPERIMENT]["select_by"] = ["constraint_mse", "mph_js_0"]
    YAML().dump(params, file)
    refused = f"experiments.{clone.EXPERIMENT}.constraint.name"
    cost = f"experiments.{clone.EXPERIMENT}.constraint={{name: masked_cross_entropy}}"
    assert clone.typed(folder, "train", "--set", cost, status=2)[1].startswith(f"geogan: {refused}: ")
    for command in ("train", "evaluate", "export"):
        clone.typed(folder, command, "-q")
    metrics = json.loads((folder / f"data/metrics/{clone.EXPERIMENT}.json").read_text())
    assert 0 < metrics["constraint_mse"] < 4
    bundle = load_bundle(folder / f"data/exports/{clone.EXPERIMENT}", "cpu")
    mask = np.zeros((20, 28), bool)
    fields = bundle.sample(mask, np.zeros(mask.shape, np.float32), 2, seed=0)
    assert (fields.shape, fields.dtype) == ((2, 20, 28), np.float32)
    assert np.abs(fields).max() <= 1
    wells = folder / "wells.csv"
    low, high = bundle.system["value_range"]
    wells.write_text(f"row,column,value\n3,4,{(low + high) / 2}\n10,12,{high:.9g}\n")
    grid = ("--size", "20", "28", "-n", "2")
    clone.typed(folder, "simulate", f"data/exports/{clone.EXPERIMENT}", "--wells", str(wells), *grid, "-o", "f.npz")
    told = json.loads((folder / "f.npz.report.json").read_text())
    with np.load(folder / "f.npz") as back:
        np.testing.assert_allclose(back["value"].mean(), told["values"]["mean"], rtol=1e-4)
        assert back["value"].dtype == np.float32
        assert (back["value"] >= low - 1e-6).all()
        assert (back["value"] <= high + 1e-6).all()
    assert (told["wells_used"], told["values_training"]["mean"]) == (2, bundle.system["values"]["mean"])
    assert low < told["values_training"]["mean"] < high
    assert told["curves"]["differences"].keys() == {"variogram_x", "variogram_y"}
    assert "continuous property" in (folder / f"data/exports/{clone.EXPERIMENT}/card.md").read_text()
    shutil.rmtree(folder / "data/raw")
