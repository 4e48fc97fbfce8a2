"""Soft data: the smoothing, and that both networks are shown it with the hard data of the same ground."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import from_origin

from geogan import facies
from geogan.batches import FaciesBatches
from geogan.choices import Choice
from geogan.errors import InputError
from geogan.generators import FIELD_GENERATORS
from geogan.grids import Grid, wkt_of
from geogan.inference import FieldSampler
from geogan.soft_data import smooth
from geogan.soft_maps import read_soft_map
from geogan.systems.constrained_sgan import ConstrainedSGAN
from tests import clone
from tests.test_system import slots


def source(count: int, draws: int = 2) -> FaciesBatches:
    rng = np.random.default_rng(0)
    real, truth = (rng.integers(count, size=(number, 16, 16)).astype(np.uint8) for number in (6, 3))
    mask = rng.random((3, draws, 16, 16)) < 0.1
    codes = np.where(mask, truth[:, None], 255).astype(np.uint8)
    return FaciesBatches(real, mask, codes, truth, batch=8, seed=0, device=torch.device("cpu"))


def test_smoothing_keeps_constants_and_spreads_a_pixel_as_a_gaussian() -> None:
    constant = torch.full((1, 2, 5, 7), 0.3)
    torch.testing.assert_close(smooth(constant, 4.0), constant)
    pixel = torch.zeros(1, 1, 41, 41)
    pixel[0, 0, 20, 20] = 1
    spread = smooth(pixel, 2.0)[0, 0]
    assert spread.sum().item() == pytest.approx(1)
    assert (spread[20, 24] / spread[20, 20]).item() == pytest.approx(math.exp(-2))  # two standard deviations
    torch.testing.assert_close(spread, spread.T)
    assert spread[20, 27].item() == 0  # beyond three


def test_borders_are_mirrored() -> None:
    half = torch.zeros(1, 1, 8, 12)
    half[..., 6:] = 1
    soft = smooth(half, 1.0)[0, 0]
    assert soft[:, 0].max().item() < 1e-3
    torch.testing.assert_close(soft[:, 5] + soft[:, 6], torch.ones(8))


@pytest.mark.parametrize("count", [2, 3])
def test_truth_is_that_of_the_hard_data(count: int) -> None:
    batch = source(count).draw(0, 0, 0, torch.Generator())
    assert torch.equal(batch.truth[batch.mask], batch.codes[batch.mask])


@pytest.mark.parametrize("count", [2, 3])
def test_both_networks_are_shown_soft_data(count: int) -> None:
    cost = {"name": "masked_l2" if count == 2 else "masked_cross_entropy"}
    system = ConstrainedSGAN(slots(constraint=cost), count, soft=3.0)
    batch = source(count).draw(0, 0, 0, torch.Generator().manual_seed(0))
    shown = system._condition(batch.mask, batch.codes, batch.truth)
    image = facies.channels(count)
    assert shown.shape[1] == 1 + 2 * image
    torch.testing.assert_close(shown[:, 1 + image :], smooth(facies.encode(batch.truth, count), 3.0))
    real = system._real(batch)
    torch.testing.assert_close(real[:, 1 + 2 * image :], smooth(facies.encode(batch.real, count), 3.0))
    for turn in ("critic", "generator"):
        assert all(torch.isfinite(term) for term in system.losses(turn, batch).values())
    assert system.generator(torch.zeros(8, 3, 4, 4), shown).shape == (8, image, 16, 16)


def test_pairs_have_the_soft_data_of_their_common_hard_data() -> None:
    twice = ConstrainedSGAN._twice(source(2).draw(0, 0, 0, torch.Generator()))
    assert torch.equal(twice.truth[twice.mask], twice.codes[twice.mask])
    assert torch.equal(twice.truth[:4], twice.truth[4:])


SHARES = {"clay": 0.7, "sand": 0.3}
GRID = Grid.in_cells(4, 5)


def write(path: Path, values: np.ndarray, crs: str | None = None, cell: float = 1.0, **more: object) -> Path:
    place = {"crs": crs, "transform": from_origin(0, 4, cell, cell)} if crs else {}
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", **shape, **place, **more) as out:
        out.write(values.astype(np.float32))
    return path


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_map_of_probabilities_becomes_what_the_networks_were_shown(tmp_path: Path) -> None:
    sand = np.linspace(0, 1, 20).reshape(1, 4, 5)
    soft = read_soft_map(write(tmp_path / "one.tif", sand), GRID, SHARES)
    np.testing.assert_allclose(soft.values, 2 * sand - 1, atol=1e-6)
    assert soft.notes == ()
    both = np.concatenate([1 - sand, sand])
    two = read_soft_map(write(tmp_path / "two.tif", both), GRID, SHARES)
    np.testing.assert_allclose(two.values, soft.values, atol=1e-6)
    sand[0, 1, 1] = -9
    gap = read_soft_map(write(tmp_path / "gap.tif", sand, nodata=-9), GRID, SHARES)
    assert gap.values[0, 1, 1] == pytest.approx(2 * 0.3 - 1)  # the share of the training image
    assert gap.notes == (
        f"{tmp_path / 'gap.tif'}: no data in 1 of 20 cells; the shares of the training image stand there "
        "(clay 0.7, sand 0.3)",
    )
    three = np.array([0.2, 0.3, 0.5])[:, None, None] * np.ones((3, 4, 5))
    found = read_soft_map(write(tmp_path / "three.tif", three), GRID, {"a": 0.1, "b": 0.2, "c": 0.7})
    np.testing.assert_allclose(found.values, three, atol=1e-6)


def test_a_map_on_another_grid_is_brought_onto_the_grid(tmp_path: Path) -> None:
    utm = "EPSG:32632"
    coarse = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    grid = Grid(4, 4, (1.0, 0.0, 0.0, 0.0, -1.0, 4.0), utm)
    soft = read_soft_map(write(tmp_path / "coarse.tif", coarse, utm, cell=2.0), grid, SHARES).values
    assert soft.shape == (1, 4, 4)
    np.testing.assert_allclose(soft[0, 2], [-1, -0.5, 0.5, 1], atol=1e-5)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((1, 4, 5), 1.5), r"1\.5 at row 0, column 0 is no probability in \[0, 1\]; divide per cent by"),
        (np.full((1, 4, 5), np.nan), "has no data in any cell of the grid; give a map that covers it"),
        (np.full((2, 4, 5), 0.3), r"0\.6 at row 0, column 0 is the sum of the probabilities of the facies, not 1"),
        (np.full((3, 4, 5), 0.3), "has 3 bands; soft data need one band per facies .clay, sand., or one for sand"),
        (np.full((1, 4, 6), 0.3), "4 x 6 pixels, the grid has 4 x 5"),
    ],
)
def test_maps_that_are_no_soft_data(tmp_path: Path, values: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_soft_map(write(tmp_path / "soft.tif", values), GRID, SHARES)


def test_a_map_with_a_crs_needs_a_grid_with_one(tmp_path: Path) -> None:
    file = write(tmp_path / "utm.tif", np.full((1, 4, 5), 0.4), "EPSG:32632")
    with pytest.raises(InputError, match=f"^{file}: has a CRS and the grid has none; give the grid by --like {file} "):
        read_soft_map(file, GRID, SHARES)


def test_a_map_that_ends_where_the_grid_begins(tmp_path: Path) -> None:
    utm = wkt_of("EPSG:32632")
    file = write(tmp_path / "west.tif", np.full((1, 4, 4), 0.4), utm)
    with pytest.raises(InputError, match="has no data in any cell of the grid"):  # a sliver that holds no centre
        read_soft_map(file, Grid(4, 4, (1.0, 0.0, 3.9, 0.0, -1.0, 4.0), utm), SHARES)
    half = read_soft_map(file, Grid(4, 4, (1.0, 0.0, 2.0, 0.0, -1.0, 4.0), utm), SHARES)
    np.testing.assert_allclose(half.values[0], [[-0.2, -0.2, -0.4, -0.4]] * 4, atol=1e-6)
    assert "no data in 8 of 16 cells" in half.notes[0]


def test_a_sampler_tells_its_generator_the_map_in_every_window() -> None:
    torch.manual_seed(0)
    generator = FIELD_GENERATORS["unet_residual"](3, 1, 3, filters=(4, 6), dilations=(1,)).eval()
    rng = np.random.default_rng(0)
    mask, codes = np.zeros((20, 24), bool), np.zeros((20, 24), np.uint8)
    soft = rng.uniform(-1, 1, (1, 20, 24)).astype(np.float32)
    sampler = FieldSampler(generator, Choice("uniform", {"channels": 3}), 2, torch.device("cpu"), soft=soft)
    whole = sampler.sample(mask, codes, 2, 0)
    windows = np.stack(list(sampler.fields(mask, codes, 2, 0, window=8)))
    assert np.array_equal(whole, windows)
    other = FieldSampler(generator, sampler.latent, 2, sampler.device, soft=-soft).sample(mask, codes, 2, 0)
    assert not np.array_equal(whole, other)
    truth = rng.integers(2, size=(1, 20, 24)).astype(np.uint8)
    blurred = FieldSampler(generator, sampler.latent, 2, sampler.device, soft=2.0).condition(mask[None], truth)
    torch.testing.assert_close(blurred[:, 2:], smooth(facies.encode(torch.from_numpy(truth), 2), 2.0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_soft_data_go_through_the_whole_pipeline(tmp_path: Path) -> None:
    folder = clone.make(tmp_path / "clone")
    clone.edit(folder / "params.yaml", "      n_critic: 1\n", "      n_critic: 1\n      soft: 3.0\n")
    for command in ("train", "evaluate", "export"):
        clone.typed(folder, command, "-q")
    assert "brier" in json.loads((folder / f"data/metrics/{clone.EXPERIMENT}.json").read_text())
    bundle = f"data/exports/{clone.EXPERIMENT}"
    (folder / "wells.csv").write_text("x,y,facies\n3,4,1\n")
    asked = ("simulate", bundle, "--wells", "wells.csv", "--size", "20", "24", "-n", "2", "-q", "-o", "f.npz")
    assert clone.typed(folder, *asked, status=2)[1].startswith(f"geogan: {bundle}: was trained with soft data; give a")
    write(folder / "soft.tif", np.full((1, 20, 24), 0.4))
    clone.typed(folder, *asked, "--soft", "soft.tif")
    report = json.loads((folder / "f.npz.report.json").read_text())
    assert report["provenance"]["options"]["soft"] == "soft.tif"
    write(folder / "gap.tif", np.where(np.indices((1, 20, 24))[1] < 2, -1, 0.4), nodata=-1)
    loud = [part for part in asked if part != "-q"]
    assert "gap.tif: no data in 48 of 480 cells" in clone.typed(folder, *loud, "--soft", "gap.tif")[1]
