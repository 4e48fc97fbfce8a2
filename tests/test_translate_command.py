"""``geogan translate``: scenes of another kind are refused with the numbers, the output lies on the scene's grid."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.generators.direct import Direct
from geogan.pipeline.signals import Stopped
from geogan.pipeline.translate import translate
from geogan.scenes import Palette
from geogan.whole_scenes.state import Partial
from tests.translators import CLASSES, make_bundle, noise, picture, write_bundle

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
UTM, ROWS, COLUMNS = rasterio.crs.CRS.from_epsg(32640), 150, 200
AT = Affine(0.5, 0, 500_000, 0, -0.5, 2_800_000)  # 25.3 degrees north
GROUND: dict[str, Any] = {"crs": UTM.to_wkt(), "cell_size": (0.5, 0.5)}
MAP = Domain("uint8", (1,), (), (), CLASSES, **GROUND)
RGB = picture(**GROUND)


def write(path: Path, values: np.ndarray, **profile: Any) -> Path:
    colours = profile.pop("colours", None)
    told = {"crs": UTM, "transform": AT, "dtype": values.dtype, "driver": "GTiff"} | profile
    with rasterio.open(path, "w", width=values.shape[2], height=values.shape[1], count=len(values), **told) as sink:
        if colours:
            sink.write_colormap(1, colours)
        sink.write(values)
    return path


def scene(folder: Path, **profile: Any) -> Path:
    return write(folder / "scene.tif", noise(3, ROWS, COLUMNS) + 1, **profile)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle", RGB, MAP)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_the_map_lies_on_the_grid_of_the_scene_and_the_report_tells_how_it_was_made(
    bundle: Path, tmp_path: Path
) -> None:
    values = noise(3, ROWS, COLUMNS) + 1
    values[:, :10] = 0
    path, out = write(tmp_path / "scene.tif", values, nodata=0), tmp_path / "new" / "map.tif"
    told = translate(bundle, path, out, window=64, quiet=True)
    assert told.pop("seconds") > 0
    assert names(out.parent) == {"map.tif", "map.tif.report.json"}
    assert json.loads((out.parent / "map.tif.report.json").read_text()) == told
    with rasterio.open(path) as before, rasterio.open(out) as after:
        for name in ("bounds", "crs", "transform", "width", "height"):
            assert getattr(before, name) == getattr(after, name)
        found = after.read(1)
        assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert after.tags()["GEOGAN_BUNDLE"] == told["bundle"]["sha256"]
        assert after.tags()["GEOGAN_VERSION"] == told["geogan"]
    assert (found[:10] == 255).all()
    assert set(np.unique(found[10:])) <= {10, 20, 7}
    shares = [float((found[10:] == value).mean()) for value in (10, 20, 7)]
    assert list(told["class_shares"].values()) == pytest.approx(shares)
    assert told["valid_share"] == pytest.approx(140 / 150)
    assert (told["window"], told["step"], told["margin"], told["windows"]) == (64, 48, 4, 12)
    assert told["seam_ratio"] == pytest.approx(told["gradient_across_seams"] / told["gradient_elsewhere"])
    again = translate(bundle, path, tmp_path / "again.tif", window=64, quiet=True, workers=2)
    assert (tmp_path / "again.tif").read_bytes() == out.read_bytes()
    assert {key for key in told if told[key] != again[key]} == {"workers"}


def refused(bundle: Path, path: Path, out: Path, **options: Any) -> str:
    folder, before = path.parent, names(path.parent)
    with pytest.raises(InputError) as caught:
        translate(bundle, path, out, quiet=True, **options)
    assert names(folder) == before
    (line,) = str(caught.value).splitlines()
    return line


def test_scenes_of_another_kind_are_refused_with_the_numbers(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    values = noise(3, 40, 50)
    path = tmp_path / "scene.tif"

    def answer(values: np.ndarray, **profile: Any) -> str:
        return refused(bundle, write(path, values, **profile), out).removeprefix(f"{path}: ")

    assert answer(values[:2]) == "has bands 1 to 2, the bundle asks for 1, 2, 3"
    assert answer(values.astype("uint16")) == "holds uint16 values, the bundle was trained on uint8"
    assert answer(values, crs=None).startswith("has no CRS, those of the bundle's training had one")
    assert answer(values, transform=AT @ Affine.scale(1, 1.02)).startswith(
        "its cells are 0.51 x 0.5 m, the bundle was trained on 0.5 x 0.5 m; resample"
    )
    assert answer(values, crs="EPSG:2278").startswith("its cells are 0.1524 x 0.1524 m")  # feet
    assert (
        answer(np.zeros_like(values), nodata=0) == "holds no valid pixel, all are nodata; there is nothing to translate"
    )
    one = write(path, values[:1], colours={value: (value, 0, 0) for value in range(256)})
    colours = make_bundle(tmp_path / "one", picture(bands=1, **GROUND), MAP)
    assert "is a map of" in refused(colours, one, out)
    assert refused(bundle, write(path, values), out, workers=0) == "--workers 0: must be at least 1"
    assert refused(bundle, path, out, window=60).startswith("--window 60: must be a multiple")
    assert refused(bundle, path, path) == f"{path}: is the scene itself; name another file"
    assert "suffix .png" in refused(bundle, path, tmp_path / "out.png")
    assert "there is no such bundle" in refused(tmp_path / "none", path, out)


def test_force_takes_another_cell_size_and_a_scene_without_crs(bundle: Path, tmp_path: Path) -> None:
    for extra in ({"transform": AT @ Affine.scale(2)}, {"crs": None}):
        told = translate(bundle, scene(tmp_path, **extra), tmp_path / "o.tif", force=True, quiet=True)
        assert told["windows"] == 1


@pytest.mark.parametrize(
    ("crs", "cell"),
    [
        ("EPSG:4326", (0.5 / 110_775, 0.5 / 100_702)),  # degrees of 25.3 degrees north, pyproj's geod
        ("EPSG:3857", (0.5 / 0.9041, 0.5 / 0.9041)),
        ("EPSG:2278", (0.5 / 0.3048006, 0.5 / 0.3048006)),
    ],
)
def test_cells_are_compared_in_metres_across_kinds_of_crs(tmp_path: Path, crs: str, cell: tuple[float, float]) -> None:
    system = rasterio.crs.CRS.from_string(crs).to_wkt()
    path = scene(tmp_path)
    for number, factor in enumerate((1, 1.02)):
        ground = {"crs": system, "cell_size": (cell[0] * factor, cell[1])}
        bundle = make_bundle(tmp_path / f"bundle{number}", picture(**ground), MAP)
        if factor == 1:
            translate(bundle, path, tmp_path / "o.tif", quiet=True)
        else:
            line = refused(bundle, path, tmp_path / "o.tif")
            height, width = map(float, re.search(r"trained on (\S+) x (\S+) m", line).groups())  # type: ignore[union-attr]
            assert (height, width) == pytest.approx((0.51, 0.5), rel=1e-3)


def test_a_cut_scene_leaves_nothing_behind(bundle: Path, tmp_path: Path) -> None:
    path = scene(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "cut off or damaged" in refused(bundle, path, tmp_path / "out.tif", window=64)


@pytest.mark.parametrize("how", ["colour map", "colours", "values"])
def test_a_map_is_known_by_its_colours_or_values(tmp_path: Path, how: str) -> None:
    bundle = make_bundle(tmp_path / "bundle", MAP, RGB)
    codes = np.random.default_rng(0).integers(0, 3, (1, 40, 50), dtype=np.uint8)
    own = np.array([10, 20, 7], dtype=np.uint8)[codes]
    swapped = {2: CLASSES.colours[0], 0: CLASSES.colours[1], 1: CLASSES.colours[2]}  # another file, other values
    writes = {
        "colour map": lambda path: write(path, np.array([2, 0, 1], dtype=np.uint8)[codes], colours=swapped),
        "colours": lambda path: write(path, np.moveaxis(CLASSES.table[codes[0]], 2, 0), photometric="rgb"),
        "values": lambda path: write(path, own),
    }
    translate(bundle, writes[how](tmp_path / "scene.tif"), tmp_path / "o.tif", quiet=True)
    same = write(tmp_path / "same.tif", own, colours=dict(zip(CLASSES.values, CLASSES.colours, strict=True)))
    translate(bundle, same, tmp_path / "same-o.tif", quiet=True)
    assert (tmp_path / "o.tif").read_bytes() == (tmp_path / "same-o.tif").read_bytes()


def test_a_map_with_other_colours_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", MAP, RGB)
    codes = np.random.default_rng(0).integers(0, 3, (1, 40, 50), dtype=np.uint8)
    path = write(tmp_path / "scene.tif", codes, colours={0: (0, 0, 255), 1: (1, 2, 3), 2: (90, 90, 90)})
    line = refused(bundle, path, tmp_path / "o.tif")
    assert "1 of its 3 colours are none of the bundle's 3, such as #010203; those are #c8b45a, #0000ff, #5a5a5a" in line
    assert "is no class" in refused(bundle, write(path, codes + 5), tmp_path / "o.tif")
    assert "has 3 bands of uint16" in refused(bundle, write(path, np.zeros((3, 9, 9), np.uint16)), tmp_path / "o.tif")


def test_a_bundle_without_classes_and_dropout_left_on(tmp_path: Path) -> None:
    values = (noise(3, ROWS, COLUMNS).astype(np.uint16) + 1) * 30
    bundle = make_bundle(tmp_path / "bundle", picture("uint16", 3, 7680, **GROUND), picture("uint16", 2, 900, **GROUND))
    path = write(tmp_path / "scene.tif", values)
    made = {}
    for name, options in {"plain": {}, "one": {"stochastic": True}, "two": {"stochastic": True, "seed": 1}}.items():
        told = translate(bundle, path, tmp_path / f"{name}.tif", quiet=True, window=64, **options)
        made[name] = (tmp_path / f"{name}.tif").read_bytes()
        assert (told["stochastic"], told["seed"]) == (name != "plain", {"one": 0, "two": 1}.get(name))
        assert "class_shares" not in told
    assert len(set(made.values())) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_keeps_the_rows_and_the_same_command_goes_on(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, workers: int
) -> None:
    path, out = scene(tmp_path), tmp_path / "out.tif"
    add = Partial.add

    def signalled(self: Partial, rows: Any) -> None:
        add(self, rows)
        os.kill(os.getpid(), number)

    with monkeypatch.context() as patch, pytest.raises(Stopped) as stopped:
        patch.setattr(Partial, "add", signalled)
        translate(bundle, path, out, window=64, workers=workers, quiet=True)
    assert stopped.value.status == 128 + number
    assert str(stopped.value) == f"{out}: stopped; 48 of 150 rows are kept, the same command goes on"
    assert not out.exists()
    counted: list[int] = []
    monkeypatch.setattr(Partial, "add", lambda self, rows: (counted.append(rows.strip), add(self, rows)))
    told = translate(bundle, path, out, window=64, quiet=True)
    assert counted == [1, 2]
    del told["seconds"]
    assert names(tmp_path) == {"scene.tif", "bundle", "out.tif", "out.tif.report.json"}
    whole = translate(bundle, path, tmp_path / "whole.tif", window=64, quiet=True)
    assert (tmp_path / "whole.tif").read_bytes() == out.read_bytes()
    assert told == {key: whole[key] for key in told}


KILLED = """
import os, signal, sys
from pathlib import Path
from geogan.pipeline.translate import translate
from geogan.whole_scenes.state import Partial
add = Partial.add
def killed(self, rows):
    add(self, rows)
    if rows.strip == 1:
        os.kill(os.getpid(), signal.SIGKILL)
Partial.add = killed
if __name__ == "__main__":
    translate(*map(Path, sys.argv[1:4]), window=64, workers=int(sys.argv[4]), quiet=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_translation_goes_on_to_the_same_file(bundle: Path, tmp_path: Path, workers: int) -> None:
    path, out = scene(tmp_path), tmp_path / "out.tif"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = [sys.executable, *map(str, (script, bundle, path, out, workers))]
    # pipes stay open as long as a process lives that has them: this waits for the workers too
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    state = json.loads((tmp_path / ".out.tif.partial/state.json").read_text())
    assert (state["strips"], state["rows"]) == (2, 92)
    translate(bundle, path, out, window=64, quiet=True)
    translate(bundle, path, tmp_path / "whole.tif", window=64, quiet=True)
    assert (tmp_path / "whole.tif").read_bytes() == out.read_bytes()
    assert not (tmp_path / ".out.tif.partial").exists()


@pytest.mark.parametrize("option", ["tta", "reverse"])
def test_other_options_start_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    bundle = make_bundle(tmp_path / "bundle", RGB, RGB, both=True)
    path, out = scene(tmp_path), tmp_path / "out.tif"
    add, counted = Partial.add, list[int]()

    def once(self: Partial, rows: Any) -> None:
        if counted and counted[-1] == 1:
            raise OSError(28, "No space left on device")
        counted.append(rows.strip)
        add(self, rows)

    monkeypatch.setattr(Partial, "add", once)
    with pytest.raises(OSError, match="No space"):
        translate(bundle, path, out, window=64, quiet=True)
    assert (tmp_path / ".out.tif.partial").is_dir()
    counted.clear()
    with pytest.raises(OSError, match="No space"):
        translate(bundle, path, out, window=64, quiet=True, **{option: True})
    assert counted == [0, 1]


def test_the_other_direction_takes_the_scenes_of_the_other_domain(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", RGB, MAP, both=True)
    codes = np.random.default_rng(0).integers(0, 3, (1, 40, 50), dtype=np.uint8)
    drawn = write(tmp_path / "map.tif", np.array([10, 20, 7], dtype=np.uint8)[codes])
    told = translate(bundle, drawn, tmp_path / "o.tif", reverse=True, quiet=True)
    assert told["bundle"]["direction"] == "b_to_a"
    with rasterio.open(tmp_path / "o.tif") as made:
        assert (made.count, made.dtypes[0], made.transform) == (3, "uint8", AT)
    path = scene(tmp_path)
    there = translate(bundle, path, tmp_path / "there.tif", quiet=True)
    assert there["bundle"] == told["bundle"] | {"direction": "a_to_b"}
    assert set(there["class_shares"]) == set(CLASSES.names)
    assert "the bundle takes a map of 3 classes" in refused(
        bundle, scene(tmp_path, dtype="uint16"), tmp_path / "o2.tif", reverse=True
    )
    one = make_bundle(tmp_path / "one", RGB, MAP)
    assert refused(one, path, tmp_path / "o2.tif", reverse=True).startswith(f"--reverse: {one} translates A to B alone")


def test_a_translator_that_changes_the_grid_takes_no_scenes(tmp_path: Path) -> None:
    network = Direct(3, 3, Fraction(4, 7), filters=4)
    bundle = write_bundle(
        tmp_path / "bundle", RGB, RGB, {"g": network}, {"a_to_b": "g"},
        generator={"name": "direct", "filters": 4}, tiles=(28, 16),
    )  # fmt: skip
    line = refused(bundle, scene(tmp_path), tmp_path / "o.tif")
    assert line.startswith(f"{bundle}: from A to B makes 16 x 16 pixels of 28 x 28, and the translation of a scene")


@pytest.mark.slow
def test_the_command_line_turns_round(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", RGB, RGB, both=True)
    path = scene(tmp_path)
    command = [sys.executable, "-m", "geogan.pipeline.cli", "translate", bundle, path, "-o", tmp_path / "o.tif", "-q"]
    done = subprocess.run([*map(str, command), "--reverse", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["bundle"]["direction"] == "b_to_a"


@pytest.mark.slow
def test_a_real_landsat_scene(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "rasters/landsat_timelapse/2020.tif"
    with rasterio.open(path) as source:
        ground = {"crs": source.crs.to_wkt(), "cell_size": (-source.transform.e, source.transform.a)}
        valid = (source.read_masks() > 0).any(axis=0)
    bundle = make_bundle(
        tmp_path / "bundle",
        picture(bands=source.count, **ground),
        Domain("uint8", (1,), (), (), Palette(("a", "b"), ((0, 0, 0), (9, 9, 9)), (0, 1)), **ground),
    )
    told = translate(bundle, path, tmp_path / "o.tif", quiet=True)
    with rasterio.open(path) as before, rasterio.open(tmp_path / "o.tif") as after:
        assert (before.bounds, before.crs, before.transform) == (after.bounds, after.crs, after.transform)
        assert ((after.read(1) != 255) == valid).all()
    assert told["valid_share"] == pytest.approx(valid.mean())
