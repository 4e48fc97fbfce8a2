"""Stores of scenes: what is written is read back, damage is found, the same input gives the same bytes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr

from geogan import scene_tasks, shards
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.manifests import verify
from geogan.prepare_scenes import prepare_scenes
from geogan.scaling import limits
from geogan.scene_store import PreparedScenes, open_scenes
from geogan.scenes import Scenes, Tiles
from geogan.tiles import SPLITS, Split
from geogan.workers import cluster
from tests.layers import PALETTE, UTM, aligned, at, torn, unaligned

TILE, EVALUATION = 16, 32


def make(path: Path, scenes: Scenes | None = None, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "tile": TILE,
        "stride": 8,
        "evaluation_tile": EVALUATION,
        "split": Split(),
        "nodata": 0.1,
    }
    return prepare_scenes(scenes or some(), **(options | changes), path=path, key="the key")


def some(dtype: str = "uint16") -> Scenes:
    """Four scenes of which two share ground, with holes in A and others in B."""
    scenes = aligned(at(96, 80), at(70, 90, east=60, south=40), at(64, 64, east=300), at(64, 80, east=400), dtype=dtype)
    rng = np.random.default_rng(3)
    for part in (*scenes.a, *scenes.b):
        part.valid[rng.integers(0, 64, 30), rng.integers(0, 64, 30)] = False
    return scenes


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedScenes:
    make(tmp_path / "a.zarr")
    return open_scenes(tmp_path / "a.zarr")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks in a shard, several shards, of which the last is not full, and windows read in several pieces."""
    monkeypatch.setattr(shards, "CHUNK_BYTES", 7000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 50_000)
    monkeypatch.setattr(scene_tasks, "PIECE", 40 * 40 * 9)


def expected(scenes: Scenes, opened: PreparedScenes, split: str, domain: str, group: str) -> Tiles:
    """The tiles cut from the arrays, one by one."""
    edge = opened.tile(group)
    names = {name: number for number, name in enumerate(scenes.names)}
    layers: Any = {"a": scenes.a, "b": scenes.b}
    values, valid = [], []
    for name, row, column in zip(*opened.places(split, domain, group), strict=True):
        window = np.s_[row : row + edge, column : column + edge]
        values.append(layers[domain][names[name]].values[:, window[0], window[1]])
        valid.append(layers["a"][names[name]].valid[window] & layers["b"][names[name]].valid[window])
    return Tiles(np.array(values), np.array(valid))


@pytest.mark.usefixtures("small_shards")
def test_tiles_are_the_windows_of_the_scenes(tmp_path: Path) -> None:
    scenes = some()
    summary = make(tmp_path / "a.zarr", scenes)
    opened = open_scenes(tmp_path / "a.zarr")
    assert len(list((tmp_path / "a.zarr" / "a" / "c").iterdir())) > 2
    for group, edge in (("tiles", TILE), ("evaluation", EVALUATION)):
        assert opened.tile(group) == summary[group]["tile"] == edge
        for split in SPLITS:
            assert opened.count(split, group) == opened.count(split, group, "b") == summary[group][split] > 0
            for domain in "ab":
                tiles, wanted = opened.read(split, domain, group), expected(scenes, opened, split, domain, group)
                assert np.array_equal(tiles.values, wanted.values)
                assert np.array_equal(tiles.valid, wanted.valid)
                assert tiles.values.dtype == ("uint16" if domain == "a" else "uint8")
            assert 0 < (~tiles.valid).mean() <= 0.1
    counts = [sum(summary[group][split] for split in SPLITS) for group in ("tiles", "evaluation")]
    assert counts[0] > counts[1] > 5


def test_a_limit_takes_tiles_evenly_and_both_domains_alike(prepared: PreparedScenes) -> None:
    count = prepared.count("train")
    everything = prepared.read("train", "a")
    for limit in (1, 3, 7, count, count + 5):
        taken = [number * count // limit for number in range(limit)] if limit < count else list(range(count))
        for domain in "ab":
            tiles = prepared.read("train", domain, limit=limit)
            assert np.array_equal(tiles.values, prepared.read("train", domain).values[taken])
        assert np.array_equal(prepared.read("train", "a", limit=limit).valid, everything.valid[taken])
    assert len(prepared.read("train", "a", limit=0)) == 0


def test_the_attributes_come_back(prepared: PreparedScenes) -> None:
    scenes = some()
    assert (prepared.aligned, prepared.key, prepared.sha256) == (True, "the key", scenes.sha256)
    assert prepared.digest == sha256_of(prepared.path / "manifest.json")
    assert prepared.b.palette == PALETTE
    assert (prepared.b.low, prepared.b.high, prepared.b.dtype) == ((), (), "uint8")
    assert (prepared.a.crs, prepared.a.cell_size, prepared.a.bands) == (UTM, (1.0, 1.0), (1, 2, 3))
    tiles = prepared.read("train", "a")
    for band in range(3):
        low, high = np.percentile(tiles.values[:, band][tiles.valid], [1, 99])
        assert (prepared.a.low[band], prepared.a.high[band]) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("percentiles", [None, (2.0, 97.5)])
def test_scaling(dtype: str, percentiles: tuple[float, float] | None) -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, 20.0, (40, 3, 8, 8)).clip(0, 255).astype(dtype)
    values[:, 2] = 7
    valid = rng.random((40, 8, 8)) > 0.2
    parts = (Tiles(values[start : start + 16], valid[start : start + 16]) for start in (0, 16, 32))
    low, high = limits(parts, pixels=valid.size, dtype=dtype, bands=3, percentiles=percentiles)
    if dtype == "uint8" and percentiles is None:
        assert (low, high) == ((0.0,) * 3, (255.0,) * 3)
        return
    for band in range(2):
        wanted = np.percentile(values[:, band][valid].astype(np.float64), percentiles or (1, 99))
        assert (low[band], high[band]) == pytest.approx(tuple(wanted))
    assert (low[2], high[2]) == (7.0, 8.0)


def test_scaling_of_real_numbers_takes_a_spread_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geogan.scaling.SAMPLE", 500)
    values = (
        np.tile(np.arange(16, dtype=np.float32), (50, 1, 16, 1)) + np.arange(50, dtype=np.float32)[:, None, None, None]
    )
    values[3, 0, 2, 2] = np.nan
    tiles = [
        Tiles(values[start : start + 7], np.ones((len(values[start : start + 7]), 16, 16), bool))
        for start in range(0, 50, 7)
    ]
    (low,), (high,) = limits(tiles, pixels=50 * 256, dtype="float32", bands=1, percentiles=(10.0, 90.0))
    wanted = np.nanpercentile(values, [10, 90])
    assert (low, high) == pytest.approx(tuple(wanted), abs=1.5)
    empty = [Tiles(values[:2], np.zeros((2, 16, 16), bool))]
    for dtype in ("float32", "uint16"):
        nothing = [Tiles(part.values.clip(0, 9).astype(dtype), part.valid) for part in empty]
        assert limits(nothing, pixels=512, dtype=dtype, bands=1, percentiles=None) == ((0.0,), (1.0,))


def test_only_training_tiles_set_the_scale(tmp_path: Path) -> None:
    scenes = aligned(at(64, 64), at(64, 64, east=100), at(64, 64, east=200), bands=1, dtype="uint16")
    scenes.a[1].values[:] = 60_000
    make(tmp_path / "a.zarr", scenes, split=Split(validation=("s1",), test=("s2",)))
    opened = open_scenes(tmp_path / "a.zarr")
    assert opened.a.high[0] < 200
    assert opened.read("validation", "a").values.min() == 60_000


def test_domains_that_are_not_aligned(tmp_path: Path) -> None:
    grids = [at(64, 64, east=100 * number) for number in range(7)]
    summary = make(tmp_path / "a.zarr", unaligned(grids[:4], grids[4:]))
    opened = open_scenes(tmp_path / "a.zarr")
    assert not opened.aligned
    assert (len(opened.a.bands), len(opened.b.bands)) == (3, 1)
    for split in SPLITS:
        assert summary["tiles"][split] == opened.count(split) == len(opened.read(split, "a"))
        assert summary["tiles"][f"{split}_b"] == opened.count(split, domain="b") == len(opened.read(split, "b"))
    assert opened.count("train") > opened.count("train", domain="b")
    assert set(opened.places("test", "b")[0]) < {"b0", "b1", "b2"}


def test_xarray_reads_it_with_its_coordinates(prepared: PreparedScenes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Object at manifest.json")
        tiles = xarray.open_zarr(prepared.path, consolidated=False).load()
        held_out = xarray.open_zarr(prepared.path, group="evaluation", consolidated=False).load()
    assert set(tiles.coords) == {f"{name}_{side}" for name in ("split", "row", "column", "scene") for side in "ab"}
    assert tiles["a"].dims == ("tile_a", "band_a", "y_a", "x_a")
    assert tiles["valid_b"].dims == ("tile_b", "y_b", "x_b")
    assert tiles["valid_a"].dtype == bool
    assert held_out["a"].sizes["y_a"] == EVALUATION
    chosen = tiles["a"][(tiles.split_a == "test").values]
    assert np.array_equal(chosen, prepared.read("test", "a").values)
    assert tuple(chosen.scene_a.values) == prepared.places("test", "a")[0]
    assert tiles.attrs["scenes_a"] == ["s0", "s1", "s2", "s3"]
    assert tiles.attrs["counts_a"] == [prepared.count(split) for split in SPLITS]
    assert tiles.attrs["b"]["palette"]["names"] == ["land", "water"]


def contents(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_the_same_input_gives_the_same_bytes(prepared: PreparedScenes) -> None:
    before = contents(prepared.path)
    make(prepared.path)
    assert contents(prepared.path) == before
    verify(prepared.path)


@pytest.mark.slow
@pytest.mark.usefixtures("small_shards")
def test_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    scenes = some()
    make(tmp_path / "one.zarr", scenes)
    with cluster(2) as run:
        make(tmp_path / "two.zarr", scenes, run=run)
        assert len(list((tmp_path / "two.zarr" / "a" / "c").iterdir())) > 2
        assert contents(tmp_path / "one.zarr") == contents(tmp_path / "two.zarr")
        broken = replace(scenes, a=(*scenes.a[:3], torn(scenes.a[3])))
        before = contents(tmp_path / "two.zarr")
        with pytest.raises(InputError, match=r"^torn\.tif: cut off below row 0$"):
            make(tmp_path / "two.zarr", broken, run=run)
        assert contents(tmp_path / "two.zarr") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zarr", "two.zarr"]


def test_a_failure_leaves_the_old_store(prepared: PreparedScenes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(prepared.path)
    monkeypatch.setattr(scene_tasks, "PIECE", 1)
    scenes = some()
    with pytest.raises(InputError, match="torn"):
        make(prepared.path, replace(scenes, a=(torn(scenes.a[0]), *scenes.a[1:])))
    assert contents(prepared.path) == before
    assert list(prepared.path.parent.iterdir()) == [prepared.path]


def test_rows_that_are_no_whole_shard_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 2**23 + 5)
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    variables = [
        shards.Variable("wide", (1100, 64, 64), ("t", "y", "x"), np.uint16, 0),
        shards.Variable("narrow", (1100, 8), ("t", "x"), np.uint8, 0),
    ]
    rows = shards.create_together(group, variables)
    assert rows == 1024
    for name, shape in (("wide", (64, 64)), ("narrow", (8,))):
        array = group[name]
        assert array.shards[0] == rows
        for start, count in ((0, 1000), (512, 588), (1024, 70), (0, 1100)):
            with pytest.raises(ValueError, match=f"{name}: rows {start} to {start + count} of 1100 are no whole shard"):
                shards.write_shard(tmp_path / "a.zarr" / name, start, np.ones((count, *shape), np.uint8))
        for start, count in ((1024, 76), (0, 1024)):
            shards.write_shard(tmp_path / "a.zarr" / name, start, np.ones((count, *shape), np.uint8))
        assert np.asarray(array[:]).all()


def drop(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def other_kind(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"kind": "prepared"}))


def without_domain(path: Path) -> None:
    attributes = json.loads((path / "zarr.json").read_text())
    attributes["attributes"]["a"]["cell_size"] = []
    text = json.dumps(attributes)
    (path / "zarr.json").write_text(text)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["zarr.json"]["size"] = len(text)
    (path / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop("manifest.json"), "manifest.json is missing"),
        (drop("a/c/0/0/0/0"), "a/c/0/0/0/0: missing"),
        (drop("evaluation/valid_b/c/0/0/0"), "valid_b/c/0/0/0: missing"),
        (other_kind, "a store of kind 'prepared' where 'scenes' is needed"),
        (without_domain, "damaged store"),
    ],
)
def test_a_store_that_lacks_something_does_not_open(
    prepared: PreparedScenes, damage: Callable[[Path], None], named: str
) -> None:
    damage(prepared.path)
    with pytest.raises(InputError, match=named):
        open_scenes(prepared.path)


def test_a_missing_store_and_unknown_names(tmp_path: Path, prepared: PreparedScenes) -> None:
    with pytest.raises(InputError, match="no such store"):
        open_scenes(tmp_path / "nothing.zarr")
    with pytest.raises(InputError, match="no split 'all'"):
        prepared.read("all", "a")
    with pytest.raises(InputError, match="no domain 'c'"):
        prepared.count("test", domain="c")
    with pytest.raises(InputError, match="no group 'half'"):
        prepared.read("test", "a", "half")


def test_reading_finds_a_flipped_byte_by_itself(prepared: PreparedScenes) -> None:
    file = prepared.path / "a/c/0/0/0/0"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    opened = open_scenes(prepared.path)  # the size is right
    with pytest.raises(InputError, match="damaged store"):
        [opened.read(split, "a") for split in SPLITS]
    with pytest.raises(InputError, match="a/c/0/0/0/0: altered"):
        verify(prepared.path)
