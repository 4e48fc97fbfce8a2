"""From ``dvc repro`` on made-up cities to a translated scene, as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from safetensors import safe_open

from tests.clone import TRANSLATION, answer, run, said

pytestmark = pytest.mark.slow
BUNDLE = f"data/exports/{TRANSLATION}"


@pytest.fixture
def scene(translation: Path) -> Path:
    """A scene that the source has drawn."""
    return next((translation / "data/raw/synthetic_city").glob("*/scene_0.tif"))


def test_the_pipeline_leaves_model_metrics_figures_and_bundle(translation: Path) -> None:
    system = json.loads((translation / f"data/models/{TRANSLATION}/system.json").read_text())
    assert (system["task"], system["directions"], system["classes"]) == ("translation", {"a_to_b": "generator"}, True)
    assert system["b"]["palette"]["names"] == ["land", "vegetation", "water", "road", "building"]
    with safe_open(translation / f"data/models/{TRANSLATION}/weights.safetensors", "np") as weights:
        assert all(name.startswith("generator.") for name in list(weights.keys()))
    metrics = json.loads((translation / f"data/metrics/{TRANSLATION}.json").read_text())
    for name in ("l1", "rmse", "acc5", "acc10", "psnr", "ssim", "fid", "kid", "miou", "pixel_accuracy"):
        assert name in metrics
        assert f"constant_{name}" in metrics
    assert {path.name for path in (translation / f"data/figures/{TRANSLATION}").iterdir()} == {
        "samples.png",
        "worst.png",
        "confusion.png",
        "losses.png",
    }
    assert "- Input: uint8, bands 1, 2, 3" in (translation / BUNDLE / "card.md").read_text()


def test_a_second_repro_runs_nothing_and_constraints_are_empty(translation: Path) -> None:
    assert "Running stage" not in run(translation, "dvc", "repro")
    constraints = json.loads((translation / "data/constraints/city.zarr/zarr.json").read_text())["attributes"]
    assert constraints["draws"] == 0


def test_the_bundle_translates_a_scene_alone_onto_its_grid(translation: Path, scene: Path, tmp_path: Path) -> None:
    shutil.copytree(translation / BUNDLE, tmp_path / "bundle")
    report = said(tmp_path, "geogan", "translate", "bundle", str(scene), "-o", "map.tif", "-q", "--json")
    with rasterio.open(tmp_path / "map.tif") as made, rasterio.open(scene) as given:
        assert (made.crs, made.transform, made.shape) == (given.crs, given.transform, given.shape)
        assert made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert made.count == 1
        assert made.colormap(1)[3][:3] == (255, 255, 255)  # roads
        codes = made.read(1)
    assert set(np.unique(codes)) <= {0, 1, 2, 3, 4}
    assert sum(report["class_shares"].values()) == pytest.approx(1)
    assert json.loads((tmp_path / "map.tif.report.json").read_text())["grid"]["rows"] == 128


def test_each_command_refuses_the_bundle_of_the_other_task(translation: Path, scene: Path, tmp_path: Path) -> None:
    told = answer(translation, "geogan", "simulate", BUNDLE, "--unconditional", "--size", "32", "32", "-o", "x.npz")
    assert told.returncode == 2
    assert told.stderr == f"geogan: {BUNDLE}: is a bundle for translation, not for simulation; use geogan translate\n"


def test_params_that_do_not_suit_the_data_are_refused(translation: Path) -> None:
    key = f"experiments.{TRANSLATION}"
    sets = {
        f"{key}.generator.depth=6": f"{key}.generator: its stride is 64, and tiles of 32 are no multiple of it",
        f"{key}.system.direction=b_to_a": f"{key}.system.target: classes needs a map of classes, a has no palette",
    }
    for setting, message in sets.items():
        told = answer(translation, "geogan", "train", "-q", "--set", setting)
        assert told.returncode == 2
        assert told.stderr.startswith(f"geogan: {message}")


def test_map_to_scene_and_colours_train_and_translate(translation: Path, tmp_path: Path) -> None:
    """The other direction: from a map of classes to a picture of three bands, with l1 and instance norm."""
    folder = shutil.copytree(
        translation, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp")
    )
    key = f"experiments.{TRANSLATION}"
    sets = [f"{key}.steps=4", f"{key}.system.direction=b_to_a", f"{key}.system.target=image"]
    sets += [f"{key}.reconstruction={{name: l1}}", f"{key}.generator.norm=instance", f"{key}.select_by=[ssim]"]
    options = [part for item in sets for part in ("--set", item)]
    for command in ("train", "evaluate", "export"):
        run(folder, "geogan", command, "-q", *options)
    metrics = json.loads((folder / f"data/metrics/{TRANSLATION}.json").read_text())
    assert "miou" not in metrics
    drawn = next((folder / "data/raw/synthetic_city").glob("*/map_1.tif"))
    run(folder, "geogan", "translate", BUNDLE, str(drawn), "-o", "scene.tif", "-q")
    with rasterio.open(folder / "scene.tif") as made:
        assert made.count == 3
        assert made.dtypes == ("uint8", "uint8", "uint8")


def test_a_pair_is_imported_and_becomes_a_dataset(translation: Path, scene: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(
        translation,
        tmp_path / "copy",
        symlinks=True,
        ignore=shutil.ignore_patterns("cache", "tmp", "models", "exports"),
    )
    drawn = scene.with_name("map_0.tif")
    told = run(folder, "geogan", "data", "import", str(scene), "--pair", str(drawn), "--as", "town")
    assert "datasets.town.source reads them" in told
    counts = said(
        folder, "geogan", "prepare", "-d", "town", "--json", "--set", "datasets.town.evaluation_tile=32",
        "--set", "datasets.town.tile=16", "--set", "datasets.town.stride=16",
    )  # fmt: skip
    assert counts["tiles"]["train"] > 0
    assert counts["tiles"]["test"] > 0
    wrong = answer(folder, "geogan", "data", "import", str(scene), "--pair", str(tmp_path / "no.tif"), "--as", "b")
    assert wrong.returncode == 2
    assert wrong.stderr.strip().endswith("no.tif: there is no such file")
