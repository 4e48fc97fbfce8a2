"""Scenes become a store: counts, what is refused, real rasters, memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geogan.datasets import Context
from geogan.datasets.raster_pairs import read as read_pairs
from geogan.errors import InputError
from geogan.prepare_scenes import prepare_scenes
from geogan.rasters.layers import open_scene
from geogan.scene_store import open_scenes
from geogan.scenes import Scenes
from geogan.tiles import SPLITS, Split
from tests.layers import aligned, at, torn, unaligned


def make(path: Path, scenes: Scenes, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"tile": 16, "stride": 16, "evaluation_tile": 32, "split": Split(), "nodata": 0.0}
    return prepare_scenes(scenes, **(options | changes), path=path, key="k")


def test_the_counts(tmp_path: Path) -> None:
    scenes = aligned(*[at(64, 64, east=100 * number) for number in range(3)], at(8, 64, east=300))
    scenes.b[0].valid[0, 0] = False
    split = Split(validation=("s1",), test=("s2",))
    assert make(tmp_path / "a.zarr", scenes, split=split) == {
        "tiles": {"tile": 16, "left_out": 1, "skipped": 1, "train": 15, "validation": 16, "test": 16},
        "evaluation": {"tile": 32, "left_out": 1, "skipped": 1, "train": 3, "validation": 4, "test": 4},
    }
    assert make(tmp_path / "a.zarr", scenes, split=split, nodata=1 / 256)["tiles"]["train"] == 16
    apart = unaligned([at(64, 64, east=100 * number) for number in range(3)], [at(64, 32)] * 1)
    with pytest.raises(InputError, match=r"no tile of 16 pixels for (validation|test) in B"):
        make(tmp_path / "a.zarr", apart, split=Split(validation=("a1",), test=("a2",)))
    apart = unaligned([at(64, 64, east=100 * n) for n in range(3)], [at(64, 32, south=100 * n) for n in range(1, 4)])
    summary = make(tmp_path / "a.zarr", apart)["tiles"]
    assert (summary["train"], summary["train_b"], summary["left_out_b"], summary["skipped_b"]) == (16, 8, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": 0}, "^tile: must be at least 1 pixel, not 0"),
        ({"stride": -1}, "^stride: must be at least 1 pixel"),
        ({"evaluation_tile": 0}, "^evaluation_tile: must"),
        ({"nodata": 1.0}, "^nodata: must be a share"),
        ({"nodata": -0.1}, "^nodata: must be a share"),
        ({"tile": 97}, "^tile: 97 is larger than every scene of A"),
        ({"tile": (16, 8)}, r"^tile: \[16, 8\], but tiles of A and B show the same ground; give one number"),
        ({"evaluation_tile": (32, 16)}, r"^evaluation_tile: \[32, 16\], but tiles of A and B show the same ground"),
    ],
)
def test_parameters_that_do_not_fit_write_nothing(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(tmp_path / "a.zarr", aligned(at(96, 96)), **changes)
    assert list(tmp_path.iterdir()) == []


def test_domains_with_tiles_of_their_own_size(tmp_path: Path) -> None:
    """Scenes of A and coarser ones of B on the same ground: tiles of both sizes keep to the splits of the ground."""
    scenes = unaligned([at(160, 200), at(90, 80, east=150)], [at(80, 100, east=20, cell=2.0)])
    sizes: dict[str, Any] = {"tile": (16, 8), "stride": (8, 8), "evaluation_tile": (32, 12)}
    summary = make(tmp_path / "a.zarr", scenes, **sizes, split=Split(block=48))
    opened = open_scenes(tmp_path / "a.zarr")
    for group, edges in (("tiles", (16, 8)), ("evaluation", (32, 12))):
        assert (summary[group]["tile"], summary[group]["tile_b"]) == edges
        used = np.zeros((3, 300, 300), dtype=bool)
        for domain, edge, cell, corners in (("a", edges[0], 1, {"a0": 0, "a1": 150}), ("b", edges[1], 2, {"b0": 20})):
            assert opened.tile(group, domain) == edge
            for number, split in enumerate(SPLITS):
                tiles = opened.read(split, domain, group)
                assert tiles.values.shape[2:] == (edge, edge)
                assert tiles.labels is None
                for name, row, column in zip(*opened.places(split, domain, group), strict=True):
                    left = corners[name] + column * cell
                    used[number, row * cell : (row + edge) * cell, left : left + edge * cell] = True
                layers, names = (scenes.a, ["a0", "a1"]) if domain == "a" else (scenes.b, ["b0"])
                name, row, column = (some[-1] for some in opened.places(split, domain, group))
                window = layers[names.index(name)].read(int(row), int(column), edge, edge)
                assert np.array_equal(tiles.values[-1], window.values)
        assert (used.sum(axis=0) <= 1).all()


def test_aligned_stores_say_one_size(tmp_path: Path) -> None:
    make(tmp_path / "a.zarr", aligned(at(96, 96)), tile=(16, 16))
    opened = open_scenes(tmp_path / "a.zarr")
    assert opened.tile() == opened.tile("tiles", "b") == 16


def test_a_damaged_scene_leaves_nothing(tmp_path: Path) -> None:
    scenes = aligned(at(800, 96))
    with pytest.raises(InputError, match=r"torn\.tif: cut off"):
        make(tmp_path / "a.zarr", Scenes((torn(scenes.a[0]),), scenes.b, scenes.names, True, ""))
    assert list(tmp_path.iterdir()) == []


def test_real_scenes_of_several_bands_with_nodata(tmp_path: Path, real_data: Path) -> None:
    """Two Landsat scenes of the same ground share its splits; windows with holes are left out."""
    layers = tuple(open_scene(file) for file in sorted((real_data / "rasters/landsat_timelapse").glob("*.tif")))
    scenes = Scenes(layers, layers[::-1], ("1985", "2020"), True, "", percentiles=(2.0, 98.0))
    summary = make(tmp_path / "a.zarr", scenes, tile=64, stride=64, evaluation_tile=64)
    opened = open_scenes(tmp_path / "a.zarr")
    owner: dict[tuple[int, int], str] = {}
    for split in SPLITS:
        a, b = opened.read(split, "a"), opened.read(split, "b")
        assert a.values.shape == (summary["tiles"][split], 4, 64, 64)
        assert a.valid.all()
        names, rows, columns = opened.places(split, "a")
        assert set(names) == {"1985", "2020"}
        for place in zip(rows.tolist(), columns.tolist(), strict=True):
            assert owner.setdefault(place, split) == split
        k = names.index("2020")
        window = layers[1].read(int(rows[k]), int(columns[k]), 64, 64)
        assert np.array_equal(a.values[k], window.values)
        assert np.array_equal(b.values[k], layers[0].read(int(rows[k]), int(columns[k]), 64, 64).values)
    train = opened.read("train", "a").values
    assert opened.a.low == pytest.approx([np.percentile(train[:, band], 2) for band in range(4)])


def test_two_years_of_the_same_ground_share_its_splits(tmp_path: Path, real_data: Path) -> None:
    """Landsat 1985 as A, 2020 as B, not paired: no ground that one trains on is judged in the other."""
    place = "rasters/landsat_timelapse"
    scenes = read_pairs(Context(real_data), a=f"{place}/1985.tif", b=f"{place}/2020.tif", pairing="none")
    assert (scenes.aligned, scenes.names, scenes.names_b) == (False, ("1985",), ("2020",))
    assert scenes.a[0].grid == scenes.b[0].grid
    make(tmp_path / "a.zarr", scenes, tile=(32, 24), stride=(16, 24), evaluation_tile=(48, 24))
    opened = open_scenes(tmp_path / "a.zarr")
    for group in ("tiles", "evaluation"):
        used = np.zeros((3, scenes.a[0].grid.rows, scenes.a[0].grid.columns), dtype=bool)
        alone = {}
        for domain in "ab":
            edge = opened.tile(group, domain)
            own = np.zeros_like(used)
            for number, split in enumerate(SPLITS):
                assert opened.count(split, group, domain) > 0
                for row, column in zip(*opened.places(split, domain, group)[1:], strict=True):
                    own[number, row : row + edge, column : column + edge] = True
            used |= own
            alone[domain] = own
        assert (used.sum(axis=0) <= 1).all()
        assert (alone["a"] & alone["b"]).any(axis=(1, 2)).all()  # every split has ground that both show


def test_real_scenes_of_16_bits(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "rasters/spacenet_road"
    scenes = Scenes(
        (open_scene(folder / "image_pan16.tif"),), (open_scene(folder / "road_mask.tif"),), ("road",), True, ""
    )
    make(tmp_path / "a.zarr", scenes, tile=128, stride=64, evaluation_tile=256, nodata=0.2)
    opened = open_scenes(tmp_path / "a.zarr")
    tiles = opened.read("train", "a")
    assert opened.a.dtype == str(tiles.values.dtype) == "uint16"
    assert (opened.a.low[0], opened.a.high[0]) == pytest.approx(
        tuple(np.percentile(tiles.values[:, 0][tiles.valid], [1, 99]))
    )
    assert (opened.b.low, opened.b.high) == ((0.0,), (255.0,))
    assert min(opened.count(split, "evaluation") for split in SPLITS) > 0


PEAK = """
import json, sys
from pathlib import Path
from geogan.prepare_scenes import prepare_scenes
from geogan.rasters.layers import open_scene
from geogan.scenes import Scenes
from geogan.tiles import Split
layer = open_scene(next(Path(sys.argv[1]).glob("rasters/large_cmap/*.tif")))
scenes = Scenes((layer,), (layer,), ("large",), True, "")
sizes = {"tile": 128, "stride": 128, "evaluation_tile": 256}
counts = prepare_scenes(scenes, **sizes, split=Split(), nodata=0.9, path=Path(sys.argv[2]) / "a.zarr", key="")
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([counts["tiles"], int(status["VmHWM"].split()[0]) / 1024]))
"""  # getrusage would tell the peak of the parent, where that is larger


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_a_scene_of_62_million_pixels_takes_less_than_a_gigabyte(tmp_path: Path, real_data: Path) -> None:
    command = [sys.executable, "-c", PEAK, str(real_data), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts, peak = json.loads(done.stdout)
    assert sum(counts[split] for split in SPLITS) > 2000
    assert peak < 1000  # MB, 240 of them for the libraries
