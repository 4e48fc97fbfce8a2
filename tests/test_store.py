"""Stores: what is written is read back, damage is found, the same input gives the same bytes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr

from geogan import shards, writing
from geogan.constraints import Density, Masks, NoConstraints, Number, WellColumns
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.grids import Grid
from geogan.manifests import write_manifest
from geogan.prepare import constrain, prepare
from geogan.store import Prepared, open_constraints, open_prepared, verify
from geogan.tiles import CLASSES, SPLITS, Split
from geogan.training_image import TrainingImage

ROWS, COLUMNS, TILE, EVALUATION = 120, 180, 16, 32


def make_image(seed: int = 0) -> TrainingImage:
    facies = np.random.default_rng(seed).integers(0, 3, (ROWS, COLUMNS)).astype(np.uint8)
    grid = Grid(ROWS, COLUMNS, (25.0, 0.0, 500_000.0, 0.0, -50.0, 6e6), "EPSG:25832")
    return TrainingImage(facies, ("clay", "silt", "sand"), grid, "ab" * 32)


def make(path: Path, image: TrainingImage | None = None, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"tile": TILE, "stride": 8, "evaluation_tile": EVALUATION, "split": Split(), "pool": 0.2}
    return prepare(image or make_image(), **(options | changes), path=path, key="the key")


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    make(tmp_path / "a.zarr")
    return open_prepared(tmp_path / "a.zarr")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks in a shard, and several shards, of which the last is not full."""
    monkeypatch.setattr(shards, "CHUNK_BYTES", 2 * TILE * TILE)
    monkeypatch.setattr(shards, "SHARD_BYTES", 14 * TILE * TILE)


@pytest.mark.usefixtures("small_shards")
def test_tiles_are_the_windows_of_the_image(tmp_path: Path) -> None:
    image = make_image()
    summary = make(tmp_path / "a.zarr", image)
    opened = open_prepared(tmp_path / "a.zarr")
    assert len(list((tmp_path / "a.zarr" / "facies" / "c").iterdir())) > 2
    for group, edge in (("tiles", TILE), ("evaluation", EVALUATION)):
        plan, windows = opened.plan(group), np.lib.stride_tricks.sliding_window_view(image.values, (edge, edge))
        expected = windows[plan.row, plan.column]
        parts = [opened.tiles(split, role, group) for split, role in CLASSES]
        assert np.array_equal(np.concatenate(parts), expected)
        assert parts[0].dtype == np.uint8
        counts = [opened.count(split, role, group) for split, role in CLASSES]
        assert [len(part) for part in parts] == counts
        assert min(counts) > 0
        assert [summary[group][f"{split}_{role}"] for split, role in CLASSES] == counts
        assert opened.tile(group) == edge


def test_no_tile_holds_nodata(tmp_path: Path) -> None:
    image = make_image()
    image.values[50:52, 70:90] = 255
    summary = make(tmp_path / "a.zarr", image)
    opened = open_prepared(tmp_path / "a.zarr")
    for group in ("tiles", "evaluation"):
        assert summary[group]["left_out"] > 0
        assert all(opened.tiles(split, role, group).max() < 3 for split, role in CLASSES)


def test_the_attributes_come_back(prepared: Prepared) -> None:
    image = make_image()
    assert prepared.names == image.names
    assert prepared.facies_count == 3
    assert prepared.grid == image.grid
    assert prepared.key == "the key"
    assert prepared.sha256 == image.sha256
    assert prepared.digest == sha256_of(prepared.path / "manifest.json")


def test_both_groups_keep_the_splits_apart(prepared: Prepared) -> None:
    owner = np.full((ROWS, COLUMNS), -1)
    for group, edge in (("tiles", TILE), ("evaluation", EVALUATION)):
        plan = prepared.plan(group)
        for row, column, at in zip(plan.row, plan.column, plan.classes, strict=True):
            below = owner[row : row + edge, column : column + edge]
            assert set(np.unique(below)) <= {-1, at}
            below[:] = at


def test_xarray_reads_it_with_its_coordinates(prepared: Prepared) -> None:
    constrain(prepared, Density(), path=prepared.path.with_name("c.zarr"), key="k")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Object at manifest.json")
        tiles = xarray.open_zarr(prepared.path, consolidated=False).load()
        held_out = xarray.open_zarr(prepared.path, group="evaluation", consolidated=False).load()
        data = xarray.open_zarr(prepared.path.with_name("c.zarr"), consolidated=False).load()
    assert dict(held_out.sizes)["y"] == EVALUATION
    assert set(tiles.coords) == {"split", "role", "row", "column"}
    chosen = tiles.facies[((tiles.split == "train") & (tiles.role == "constraint")).values]
    assert np.array_equal(chosen, prepared.tiles("train", "constraint"))
    assert tiles.facies.dtype == np.uint8
    assert tiles.attrs["crs"] == "EPSG:25832"
    assert tiles.attrs["cell_size"] == [50.0, 25.0]
    assert tiles.attrs["facies_names"] == ["clay", "silt", "sand"]
    assert set(data.coords) == {"source_tile", "split", "row", "column"}
    assert data["mask"].dims == ("tile", "draw", "y", "x")
    assert data["mask"].dtype == bool
    origin = tiles.isel(tile=data.source_tile.values)
    assert np.array_equal(origin.row, data.row)
    assert (origin.role == "constraint").all()
    assert (origin.split.values == data.split.values).all()


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize(
    "masks", [Density(density=0.05, draws=3), Number(number=7, draws=2), WellColumns(wells=2, length=16, draws=2)]
)
def test_hard_data_are_the_tiles_own_pixels(prepared: Prepared, masks: Masks) -> None:
    path = prepared.path.with_name("c.zarr")
    summary = constrain(prepared, masks, path=path, key="its key")
    opened = open_constraints(path)
    assert (opened.key, opened.prepared, opened.draws) == ("its key", prepared.digest, masks.draws)
    total = {"tiles": 0, "evaluation": 0}
    for split in SPLITS:  # in training those of the pool, else the very tiles that fields are compared with
        group, role = ("tiles", "constraint") if split == "train" else ("evaluation", "image")
        mask, facies = opened.read(split)
        own = prepared.tiles(split, role, group)
        assert mask.shape == facies.shape == (len(own), masks.draws, *own.shape[1:])
        assert mask.dtype == bool
        assert np.array_equal(facies, np.where(mask, own[:, None], 255))
        assert mask.any(axis=(2, 3)).all()
        total[group] += len(own)
    assert summary["tiles"] == total["tiles"] * masks.draws
    assert summary["evaluation"] == total["evaluation"] * masks.draws


def test_a_mask_depends_on_seed_tile_and_draw_only(prepared: Prepared) -> None:
    apart = prepared.path.with_name("w.zarr")
    constrain(prepared, Density(density=0.05, draws=3), path=apart, key="k")
    for splits in (("train",), ("validation", "test")):
        masks = [mask for split in splits for tile in open_constraints(apart).read(split)[0] for mask in tile]
        assert len({mask.tobytes() for mask in masks}) == len(masks) > 10
    few, more, other = (prepared.path.with_name(f"{name}.zarr") for name in "xyz")
    constrain(prepared, Density(draws=2), path=few, key="k")
    constrain(prepared, Density(draws=5), path=more, key="k")
    constrain(prepared, Density(draws=2, seed=1), path=other, key="k")
    first = open_constraints(few).read("train")[0]
    assert np.array_equal(first, open_constraints(more).read("train")[0][:, :2])
    assert not np.array_equal(first, open_constraints(other).read("train")[0])


def test_no_constraints_make_an_empty_store(prepared: Prepared) -> None:
    path = prepared.path.with_name("c.zarr")
    assert constrain(prepared, NoConstraints(), path=path, key="k") == {"draws": 0, "tiles": 0, "evaluation": 0}
    mask, facies = open_constraints(path).read("test")
    assert mask.shape == facies.shape == (0, 0, EVALUATION, EVALUATION)
    verify(path)


def contents(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_the_same_input_gives_the_same_bytes(prepared: Prepared) -> None:
    before = contents(prepared.path)
    make(prepared.path)
    assert contents(prepared.path) == before
    paths = [prepared.path.with_name(name) for name in ("c.zarr", "d.zarr")]
    for path in paths:
        constrain(prepared, Density(), path=path, key="k")
    assert contents(paths[0]) == contents(paths[1])


def test_a_failure_leaves_the_old_store(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(prepared.path)
    full = OSError(28, "No space left on device")
    calls = {"number": 0}

    def write_manifest(*_: object) -> None:
        calls["number"] += 1
        raise full

    monkeypatch.setattr(writing, "write_manifest", write_manifest)
    with pytest.raises(OSError, match="No space left"):
        make(prepared.path, make_image(1))
    assert calls["number"] == 1
    assert contents(prepared.path) == before
    assert list(prepared.path.parent.iterdir()) == [prepared.path]
    with pytest.raises(InputError):
        make(prepared.path, make_image(1), tile=500)
    assert contents(prepared.path) == before


def drop(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def shorten(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        (path / name).write_bytes((path / name).read_bytes()[:-1])

    return damage


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop("manifest.json"), "manifest.json is missing"),
        (lambda path: (path / "manifest.json").write_text("{}"), "not a manifest"),
        (lambda path: (path / "manifest.json").write_text("[]"), "not a manifest"),
        (lambda path: (path / "manifest.json").write_bytes(b"{\xff"), "not a manifest"),
        (drop("facies/c/0/0/0"), "facies/c/0/0/0: missing"),
        (drop("evaluation/zarr.json"), "evaluation/zarr.json: missing"),
        (shorten("facies/c/0/0/0"), "facies/c/0/0/0: .* bytes where"),
    ],
)
def test_a_store_that_lacks_something_does_not_open(
    prepared: Prepared, damage: Callable[[Path], None], named: str
) -> None:
    damage(prepared.path)
    with pytest.raises(InputError, match=named) as caught:
        open_prepared(prepared.path)
    assert str(prepared.path) in str(caught.value)


def test_a_missing_an_empty_and_another_store(tmp_path: Path, prepared: Prepared) -> None:
    with pytest.raises(InputError, match="no such store"):
        open_prepared(tmp_path / "nothing.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(InputError, match="not a whole store"):
        open_prepared(tmp_path / "empty.zarr")
    with pytest.raises(InputError, match="'prepared' where 'constraints' is needed"):
        open_constraints(prepared.path)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def test_verify_names_a_changed_byte_in_any_file(prepared: Prepared) -> None:
    verify(prepared.path)
    names = json.loads((prepared.path / "manifest.json").read_text())["files"]
    assert {"zarr.json", "split/c/0", "facies/c/0/0/0", "evaluation/facies/zarr.json"} <= set(names)
    for name in names:
        kept = (prepared.path / name).read_bytes()
        flip(prepared.path / name)
        with pytest.raises(InputError, match=f"{name}: altered"):
            verify(prepared.path)
        (prepared.path / name).write_bytes(kept)
    (prepared.path / "facies/c/1").write_text("x")
    with pytest.raises(InputError, match="facies/c/1: not in the manifest"):
        verify(prepared.path)


def test_reading_finds_a_flipped_byte_by_itself(prepared: Prepared) -> None:
    flip(prepared.path / "facies/c/0/0/0")
    opened = open_prepared(prepared.path)  # the size is right
    with pytest.raises(InputError, match="damaged store"):
        [opened.tiles(split, role) for split, role in CLASSES]


def test_a_store_with_the_splits_of_an_earlier_version_is_refused(prepared: Prepared) -> None:
    """Its six classes, read as four, would give other tiles without a word."""
    file = prepared.path / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"]["counts"] += [1, 1]
    file.write_text(json.dumps(content))
    (prepared.path / "manifest.json").unlink()
    write_manifest(prepared.path, "prepared")
    with pytest.raises(InputError, match=r"a\.zarr: an earlier version made it.*'geogan prepare' makes it again"):
        open_prepared(prepared.path)


def test_unknown_names_are_refused(prepared: Prepared) -> None:
    with pytest.raises(InputError, match="'all'"):
        prepared.tiles("all", "image")
    with pytest.raises(InputError, match="'pool'"):
        prepared.count("test", "pool")
    with pytest.raises(InputError, match="no group 'half'"):
        prepared.tiles("test", "image", "half")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tile": 0}, "tile"),
        ({"stride": 0}, "stride"),
        ({"evaluation_tile": -3}, "evaluation_tile"),
        ({"tile": 121}, "tile"),
    ],
)
def test_parameters_that_do_not_fit_write_nothing(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=f"^{key}"):
        make(tmp_path / "a.zarr", **changes)
    assert list(tmp_path.iterdir()) == []


PEAK = """
import resource, sys
from pathlib import Path
from geogan.datasets import Context
from geogan.datasets.raster import read
from geogan.prepare import prepare
from geogan.tiles import Split
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image = read(Context(Path(sys.argv[1])), path="a.tif")
sizes = {"tile": 64, "stride": 64, "evaluation_tile": 160}
prepare(image, **sizes, split=Split(), pool=0.1, path=Path(sys.argv[1]) / "a.zarr", key="")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_memory_is_the_image_and_a_little(tmp_path: Path) -> None:
    import rasterio

    pattern = np.tile(np.kron(np.eye(20, dtype=np.float32), np.ones((10, 10), np.float32)), (1, 25))
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=5000, height=5000, count=1, dtype="float32", compress="deflate"
    ) as file:
        for row in range(0, 5000, 200):
            file.write(pattern, 1, window=rasterio.windows.Window(0, row, 5000, 200))
    done = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 24 + 230  # MB; the file's values are 95 MB, the held-out tiles 350 MB


def test_a_failed_read_leaves_no_other_read_behind(tmp_path: Path) -> None:
    """Reads still pending when the process ends would be told on stderr, below the one line of the error."""
    other = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.3), zarr.core.sync._get_loop())
    with pytest.raises(InputError, match="damaged store"), shards.reading(tmp_path):
        raise ValueError("checksum")
    assert other.done()
