"""Bad scenes, maps and bundles from outside: exit status 2, one line that names what is wrong, nothing left behind."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner

from geogan.pipeline.cli import app
from tests.clone import TRANSLATION, environment, state

BUNDLE = f"data/exports/{TRANSLATION}"
KEY = f"experiments.{TRANSLATION}"
CRS = "EPSG:25832"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Dataset has no geotransform")]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def at(translation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished project; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("bad") / "copy"
    return shutil.copytree(translation, folder, symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp"))


@pytest.fixture
def refused(at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Call the command line in the project; the one line that it refuses with."""
    monkeypatch.chdir(at)
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)

    def call(*command: str | Path) -> str:
        before = state(at, tmp_path)
        result = CliRunner().invoke(app, [str(word) for word in command])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert (result.exit_code, result.stdout) == (2, ""), result.stderr
        assert state(at, tmp_path) == before
        (line,) = result.stderr.splitlines()
        return line.removeprefix("geogan: ")

    return call


def tiff(path: Path, values: np.ndarray, *, west: float = 0.0, pixel: float = 1.0, **profile: Any) -> Path:
    """A GeoTIFF (band, y, x) whose upper left corner is (500000 + west, 5800000)."""
    count, height, width = values.shape
    given = {"crs": CRS, "transform": from_origin(500_000 + west, 5_800_000, pixel, pixel)} | profile
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, **given
    ) as out:
        out.write(values)
    return path


def noise(count: int = 3, edge: int = 200, dtype: str = "uint8", high: int = 250) -> np.ndarray:
    return np.random.default_rng(0).integers(1, high, size=(count, edge, edge)).astype(dtype)


def source(a: Path | str, b: Path | str, name: str = "raster_pairs", **keys: str) -> tuple[str, ...]:
    """The command that prepares the dataset from these files."""
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return ("prepare", "-q", "--set", f"datasets.city.source={{name: {name}, a: {a}, b: {b}{more}}}")


def test_scenes_without_overlap(refused: Refused, tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", noise()), tiff(tmp_path / "b.tif", noise(), west=5000)
    said = refused(*source(a, b))
    assert said.startswith("datasets.city: ")
    assert "b.tif" in said
    assert "overlap" in said
    assert "505000" in said  # both bounds are told


def test_a_crs_on_one_side_only(refused: Refused, tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", noise()), tiff(tmp_path / "b.tif", noise(), crs=None)
    said = refused(*source(a, b))
    assert "b.tif" in said
    assert "CRS" in said


def test_mismatched_stems(refused: Refused, tmp_path: Path) -> None:
    for folder, stem in (("a", "one"), ("a", "two"), ("b", "one"), ("b", "three")):
        tiff(tmp_path / folder / f"{stem}.tif", noise(), crs=None)
    said = refused(*source(tmp_path / "a", tmp_path / "b", "image_pairs"))
    assert "two" in said
    assert "three" in said


def test_an_odd_width_side_by_side(refused: Refused, tmp_path: Path) -> None:
    tiff(tmp_path / "both" / "1.tif", noise(edge=201), crs=None)
    said = refused(*source(tmp_path / "both", "null", "image_pairs", side="left"))
    assert "1.tif" in said
    assert "201" in said


def test_a_band_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", noise()), tiff(tmp_path / "b.tif", noise())
    said = refused(*source(a, b, a_bands="[1, 4]"))
    assert "a.tif" in said
    assert "bands 1 to 3" in said
    assert "4" in said


def test_a_scene_without_a_valid_pixel(refused: Refused, at: Path, tmp_path: Path) -> None:
    a = tiff(tmp_path / "a.tif", np.zeros((3, 200, 200), np.uint8), nodata=0)
    said = refused(*source(a, tiff(tmp_path / "b.tif", noise())))
    assert "a.tif" in said
    assert "nodata" in said
    said = refused("translate", BUNDLE, a, "-o", tmp_path / "new" / "deep" / "o.tif", "-q")
    assert "a.tif" in said
    assert "nodata" in said


def test_a_cut_off_tiff(refused: Refused, tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", noise()), tiff(tmp_path / "b.tif", noise())
    a.write_bytes(a.read_bytes()[:60_000])
    for command in (source(a, b), ("translate", BUNDLE, a, "-o", tmp_path / "o.tif", "-q")):
        said = refused(*command)
        assert "a.tif: cut off or damaged" in said


def test_a_tile_that_the_network_cannot_halve(refused: Refused) -> None:
    said = refused("train", "-q", "--set", f"{KEY}.generator.depth=4", "--set", "datasets.city.tile=24")
    assert said.startswith(f"{KEY}.generator: its stride is 16, and tiles of 24 are no multiple of it")


def test_an_evaluation_tile_that_the_network_cannot_halve(refused: Refused) -> None:
    said = refused("train", "-q", "--set", "datasets.city.evaluation_tile=60")
    assert said.startswith(f"{KEY}.generator: its stride is 8, and tiles of 60 are no multiple of it; change the")
    assert "evaluation_tile" in said


def test_dropout_that_the_network_has_not(refused: Refused, tmp_path: Path) -> None:
    scene = tiff(tmp_path / "scene.tif", noise(edge=40))
    said = refused("translate", BUNDLE, scene, "-o", tmp_path / "o.tif", "-q", "--stochastic")
    assert said.startswith("--stochastic: ")


def test_a_map_with_a_colour_that_is_no_class(refused: Refused, tmp_path: Path) -> None:
    values = noise(1, high=3)
    values[0, 70:80, 90] = 77
    a, b = tiff(tmp_path / "a.tif", noise()), tiff(tmp_path / "b.tif", values)
    said = refused(*source(a, b, classes="{land: 1, water: 2}"))
    assert "b.tif" in said
    assert "77" in said
    assert "10 pixels" in said


def test_scenes_too_small_for_the_splits(refused: Refused, tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", noise(edge=40)), tiff(tmp_path / "b.tif", noise(edge=40))
    assert "40" in refused(*source(a, b))


@pytest.mark.parametrize(
    ("values", "profile", "words"),
    [
        (noise(2), {}, ("bands 1 to 2", "3")),
        (noise(dtype="uint16"), {}, ("uint16", "uint8")),
        (noise(), {"pixel": 2.0}, ("2 x 2 m", "1 x 1 m", "--force")),
        (noise(), {"crs": None}, ("no CRS",)),
        (noise(), {"transform": rasterio.Affine(1, 0.2, 500_000, 0.2, -1, 5_800_000)}, ("rotated",)),
        (noise(), {"transform": rasterio.Affine(1, 0, 500_000, 0, 1, 5_800_000)}, ("north up",)),
    ],
)
def test_a_scene_of_another_kind(
    refused: Refused, tmp_path: Path, values: np.ndarray, profile: dict[str, Any], words: tuple[str, ...]
) -> None:
    said = refused("translate", BUNDLE, tiff(tmp_path / "scene.tif", values, **profile), "-o", tmp_path / "o.tif", "-q")
    assert said.startswith(f"{tmp_path / 'scene.tif'}: ")
    for word in words:
        assert word in said


def test_another_pixel_size_is_translated_with_force(at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at)
    scene = tiff(tmp_path / "scene.tif", noise(edge=40), pixel=2.0)
    command = ["translate", BUNDLE, str(scene), "-o", str(tmp_path / "o.tif"), "-q", "--force"]
    assert CliRunner().invoke(app, command).exit_code == 0
    with rasterio.open(tmp_path / "o.tif") as made:
        assert made.res == (2.0, 2.0)


def test_an_output_that_is_the_input_or_no_tiff(refused: Refused, tmp_path: Path) -> None:
    scene = tiff(tmp_path / "scene.tif", noise(edge=40))
    (tmp_path / "link.tif").symlink_to(scene)
    for out in (scene, tmp_path / "link.tif"):
        assert "scene" in refused("translate", BUNDLE, scene, "-o", out, "-q")
    assert ".tif" in refused("translate", BUNDLE, scene, "-o", tmp_path / "o.png", "-q")


def test_what_is_no_bundle_or_no_scene(refused: Refused, tmp_path: Path) -> None:
    scene = tiff(tmp_path / "scene.tif", noise(edge=40))
    assert refused("translate", tmp_path / "none", scene, "-o", tmp_path / "o.tif").startswith(
        f"{tmp_path / 'none'}: there is no such bundle"
    )
    assert "none.tif" in refused("translate", BUNDLE, tmp_path / "none.tif", "-o", tmp_path / "o.tif", "-q")
    (tmp_path / "text.tif").write_text("no picture")
    assert "text.tif" in refused("translate", BUNDLE, tmp_path / "text.tif", "-o", tmp_path / "o.tif", "-q")


@pytest.mark.parametrize("command", ["prepare -q --set datasets.city.tile=16", f"translate {BUNDLE} SCENE -o o.tif -q"])
def test_where_there_is_no_room_everything_stays_as_it_was(at: Path, tmp_path: Path, command: str) -> None:
    scene = tiff(tmp_path / "scene.tif", noise(edge=600))
    before = state(at, tmp_path)
    done = subprocess.run(
        ["geogan", *command.replace("SCENE", str(scene)).split()],
        cwd=at,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "no space left on the device" in line or "cannot be written" in line
    assert state(at, tmp_path) == before
