"""Both directions without pairs, from the data to translated scenes, as a user runs it."""

from __future__ import annotations

import json
import shutil
import signal
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from ruamel.yaml import YAML
from safetensors import safe_open

from geogan.metrics import labels
from tests.clone import UNPAIRED, make, said, typed
from tests.test_pipeline import history, interrupted

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Dataset has no geotransform")]
BUNDLE, MODEL = f"data/exports/{UNPAIRED}", f"data/models/{UNPAIRED}"
DIRECTIONS = ("a_to_b", "b_to_a")
PICTURES, DIGITS = "pictures_cyclegan", "digits_cyclegan"
DATASET: dict[str, Any] = {"pool": 0.0, "nodata": 0.0, "constraints": {"name": "none"}}
SHORT = {"steps": 4, "checkpoint_every": 2, "picture_every": 4}


def figures(folder: Path, experiment: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"data/metrics/{experiment}.json").read_text())
    return found


def drawn(folder: Path, experiment: str) -> set[str]:
    root = folder / f"data/figures/{experiment}"
    return {str(path.relative_to(root)) for path in root.rglob("*.png")}


def test_the_model_holds_both_networks_and_no_critic_and_says_which_is_which(unpaired: Path) -> None:
    system = json.loads((unpaired / MODEL / "system.json").read_text())
    assert system["directions"] == {"a_to_b": "a_to_b", "b_to_a": "b_to_a"}
    assert (system["task"], system["classes"], system["tiles"]) == ("translation", False, {"a": 32, "b": 32})
    with safe_open(unpaired / MODEL / "weights.safetensors", "np") as weights:
        assert {name.partition(".")[0] for name in list(weights.keys())} == set(DIRECTIONS)
        first, other = (weights.get_tensor(f"{way}.layers.1.weight") for way in DIRECTIONS)
    assert not np.array_equal(first, other)
    records = [json.loads(line) for line in (unpaired / MODEL / "history.jsonl").read_text().splitlines()]
    terms = {"generator/adversarial_a", "generator/adversarial_b", "generator/cycle_a", "generator/cycle_b"}
    assert {"step", *terms, "critic/critic_a", "critic/critic_b"} <= set(records[0])
    assert set(records[-1]) == {"step", "validation/a_to_b_fid", "validation/b_to_a_fid"}
    pictures = next((unpaired / ".geogan/checkpoints").glob("*/samples"))
    assert {path.name for path in pictures.iterdir()} == {f"00000030-{way}.png" for way in DIRECTIONS}


def test_each_direction_has_its_figures_beside_those_of_a_constant_colour(unpaired: Path) -> None:
    found = figures(unpaired, UNPAIRED)
    for way in DIRECTIONS:
        for name in ("l1", "ssim", "fid", "kid"):
            assert {f"{way}_{name}", f"{way}_constant_{name}"} <= found.keys()
        assert found[f"{way}_cycle_l1"] > 0
        assert found[f"{way}_identity_cycle_l1"] == 0 < found[f"{way}_identity_cycle_l1_quantised"]
        assert f"{way}_cycle_l1_quantised" in found
    assert "a_to_b_miou" in found
    assert "b_to_a_miou" not in found
    assert all(name.startswith(DIRECTIONS) for name in found)
    sheets = {f"{way}/{sheet}.png" for way in DIRECTIONS for sheet in ("samples", "worst")}
    assert drawn(unpaired, UNPAIRED) == {*sheets, "a_to_b/confusion.png", "losses.png"}


def test_the_bundle_translates_there_and_back_onto_the_same_grid(unpaired: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(unpaired / BUNDLE, tmp_path / "bundle")
    assert {"model.onnx", "reverse.onnx", "weights.safetensors", "system.json"} <= {f.name for f in bundle.iterdir()}
    scene = next((unpaired / "data/raw/synthetic_city").glob("*/scene_0.tif"))
    there = said(tmp_path, "geogan", "translate", "bundle", str(scene), "-o", "map.tif", "-q", "--json")
    told = typed(tmp_path, "translate", "bundle", "map.tif", "-o", "back.tif", "--reverse", "-q", "--json")
    back = json.loads(told[0])
    assert (there["bundle"]["direction"], back["bundle"]["direction"]) == DIRECTIONS
    assert there["bundle"]["sha256"] == back["bundle"]["sha256"]
    assert sum(there["class_shares"].values()) == pytest.approx(1)
    assert "class_shares" not in back
    with rasterio.open(scene) as given:
        for file, bands in (("map.tif", 1), ("back.tif", 3)):
            with rasterio.open(tmp_path / file) as made:
                assert (made.crs, made.transform, made.shape) == (given.crs, given.transform, given.shape)
                assert made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert made.dtypes == ("uint8",) * bands
    with rasterio.open(tmp_path / "map.tif") as made:
        assert made.colormap(1)[3][:3] == (255, 255, 255)  # roads
        assert set(np.unique(made.read(1))) <= {0, 1, 2, 3, 4}
    _, wrong = typed(tmp_path, "translate", "bundle", str(scene), "-o", "x.tif", "--reverse", "-q", status=2)
    assert wrong.startswith(f"geogan: {scene}: the colour ")
    assert wrong.count("\n") == 1
    assert not (tmp_path / "x.tif").exists()


def test_a_training_stopped_and_killed_with_full_pools_ends_as_an_uninterrupted_one(
    unpaired: Path, tmp_path: Path
) -> None:
    folder = make(tmp_path / "clone", UNPAIRED)
    for store in ("prepared", "constraints"):
        shutil.copytree(unpaired / "data" / store, folder / "data" / store)
    status, told = interrupted(folder, 4, signal.SIGTERM)
    assert status == 143
    stopped = int(told.split("after step ")[1].split(",")[0])
    assert 4 < stopped < 20
    (checkpoint,) = folder.glob(f".geogan/checkpoints/*/step-{stopped:08d}.pt")
    state = torch.load(checkpoint, weights_only=True)["system"]
    for side, bands in (("a", 3), ("b", 3)):
        assert state[f"pool_{side}._extra_state"].shape == (4, bands, 32, 32)

    status, _ = interrupted(folder, max(stopped, 10), signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not (folder / "data/models").exists()

    done = json.loads(typed(folder, "train", "-q", "--json")[0])
    assert (done["trained"], done["key"]) == (True, history(unpaired)[0].parent.name)
    for file in ("weights.safetensors", "history.jsonl"):
        assert (folder / MODEL / file).read_bytes() == (unpaired / MODEL / file).read_bytes(), file


def test_a_metric_to_select_by_needs_its_direction(unpaired: Path) -> None:
    _, told = typed(unpaired, "train", "-q", "--set", f"experiments.{UNPAIRED}.select_by=[fid]", status=2)
    assert told == f"geogan: experiments.{UNPAIRED}.select_by: 'fid' has no direction; give a_to_b_fid or b_to_a_fid\n"


def write_picture(path: Path, bands: int, rows: int, columns: int, seed: int) -> None:
    """Blots of some pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blots = np.random.default_rng(seed).integers(256, size=(bands, rows // 8, columns // 8), dtype=np.uint8)
    values = blots.repeat(8, axis=1).repeat(8, axis=2)
    with rasterio.open(path, "w", driver="PNG", width=columns, height=rows, count=bands, dtype="uint8") as sink:
        sink.write(values)


def write_digits(folder: Path, edge: int, counts: tuple[int, int]) -> dict[str, str]:
    """Standing bars (0) and lying ones (1) in turn as IDX files; the options of the source that reads them."""
    folder.mkdir(parents=True)
    options = {"name": "idx"}
    for part, count in zip(("", "test_"), counts, strict=True):
        codes = np.arange(count, dtype=np.uint8) % 2
        values = np.zeros((count, edge, edge), dtype=np.uint8)
        rng = np.random.default_rng(count)
        for value, code in zip(values, codes, strict=True):
            first = rng.integers(edge // 4, edge // 2)
            (value if code else value.T)[first : first + edge // 5] = 255
        for name, array in (("images", values), ("labels", codes)):
            file, head = folder / (part + name), bytes((0, 0, 8, array.ndim))
            file.write_bytes(head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())
            options[part + name] = str(file.relative_to(folder.parents[3]))
    return options


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two data sets that hold no pairs: pictures of two folders, and digits of 28 and 16 pixels."""
    folder = make(tmp_path_factory.mktemp("others") / "clone", UNPAIRED)
    for number in range(3):
        write_picture(folder / f"data/raw/pictures/photos/p{number}.png", 3, 64, 64, number)
    for number in range(4):
        write_picture(folder / f"data/raw/pictures/drawings/d{number}.png", 1, 32, 96, 10 + number)
    source = {"name": "image_pairs", "a": "data/raw/pictures/photos", "b": "data/raw/pictures/drawings"}
    sizes: dict[str, Any] = {"tile": 32, "stride": 32, "evaluation_tile": 32}
    pictures = DATASET | sizes | {"source": source | {"pairing": "none"}, "split": {"validation": 0.3, "test": 0.3}}
    edges = {"a": (28, (40, 20)), "b": (16, (60, 30))}
    sets = {side: write_digits(folder / "data/raw/digits" / side, *given) for side, given in edges.items()}
    digits = DATASET | {key: [28, 16] for key in sizes}
    digits |= {"source": {"name": "two_sets", **sets}, "split": {"validation": ["train/9"], "test": ["test/*"]}}

    file = folder / "params.yaml"
    params = YAML(typ="safe").load(file.read_text())
    plain = params["experiments"][UNPAIRED] | SHORT
    plain["system"] |= {"identity": 0.0, "jitter": 0.0, "flips": "none"}
    params["datasets"] |= {"pictures": pictures, "digits": digits}
    params["experiments"] = {
        PICTURES: plain | {"dataset": "pictures", "select_by": ["a_to_b_fid", "b_to_a_cycle_l1"]},
        DIGITS: plain
        | {"dataset": "digits", "select_by": ["a_to_b_label_accuracy", "b_to_a_fid"], "batch": 4}
        | {"generator": {"name": "direct", "blocks": 1, "filters": 4}},
    }
    with file.open("w") as sink:
        YAML(typ="safe").dump(params, sink)
    return folder


def settings(**keys: str) -> list[str]:
    return [word for key, value in keys.items() for word in ("--set", f"experiments.{PICTURES}.{key}={value}")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"system": "{name: pix2pix}", "select_by": "[fid]"},
            "dataset: 'pictures' holds no pairs, pix2pix learns from pairs; "
            "give cyclegan, or a source that matches its files",
        ),
        ({"system": "{name: cyclegan, identity: 0, pairing: aligned}"}, "system.pairing: 'aligned', but the dataset "),
        ({"select_by": "[a_to_b_l1]"}, "select_by: 'l1' needs the true picture of each tile, and A and B are not "),
        ({"select_by": "[b_to_a_label_accuracy]"}, "select_by: 'label_accuracy' needs tiles with labels in A and in B"),
    ],
)
def test_what_needs_pairs_or_labels_is_refused_before_the_training(
    others: Path, changes: dict[str, str], message: str
) -> None:
    before = history(others)
    _, told = typed(others, "train", "-q", "-e", PICTURES, *settings(**changes), status=2)
    assert told.startswith(f"geogan: experiments.{PICTURES}.{message}")
    assert told.count("\n") == 1
    assert history(others) == before
    assert not (others / f"data/models/{PICTURES}").exists()


def test_two_folders_without_pairs_are_judged_as_sets(others: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(others, tmp_path / "copy", symlinks=True)
    counts = json.loads(typed(folder, "prepare", "-d", "pictures", "--json")[0])["tiles"]
    assert (counts["train"], counts["validation"], counts["test"]) == (4, 4, 4)  # a picture each
    assert (counts["train_b"], counts["validation_b"], counts["test_b"]) == (6, 3, 3)
    typed(folder, "train", "-q", "-e", PICTURES)
    typed(folder, "evaluate", "-q", "-e", PICTURES)
    found = figures(folder, PICTURES)
    kinds = {"fid", "kid", "constant_fid", "constant_kid", "identity_fid", "identity_kid", "floor_fid", "floor_kid"}
    kinds |= {"cycle_l1", "cycle_l1_quantised", "identity_cycle_l1", "identity_cycle_l1_quantised"}
    kinds |= {"seed", "size", "n_test", "n_train", "n_target", "fid_extractor"}
    assert found.keys() == {f"{way}_{kind}" for way in DIRECTIONS for kind in kinds}
    assert (found["a_to_b_n_test"], found["a_to_b_n_target"]) == (4, 3)
    sheets = {f"{way}/samples.png" for way in DIRECTIONS}
    assert drawn(folder, PICTURES) == {*sheets, "losses.png"}


def test_digits_of_two_grids_are_judged_by_their_labels_and_make_no_scenes(
    others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "STEPS", 60)
    folder = shutil.copytree(others, tmp_path / "copy", symlinks=True)
    for command in ("train", "evaluate"):
        typed(folder, command, "-q", "-e", DIGITS)
    found = figures(folder, DIGITS)
    for way in DIRECTIONS:
        assert found[f"{way}_classifier_accuracy"] == found[f"{way}_untranslated_label_accuracy"] == 1
        assert found[f"{way}_label_accuracy"] > 0.5
        assert not {f"{way}_l1", f"{way}_ssim"} & found.keys()
    assert (found["a_to_b_size"], found["b_to_a_size"]) == (16, 28)
    model = f"data/models/{DIGITS}"
    system = json.loads((folder / model / "system.json").read_text())
    assert system["tiles"] == {"a": 28, "b": 16}
    scene = "data/raw/pictures/drawings/d0.png"
    for option, reason in (((), "A to B makes 16 x 16 pixels of 28 x 28"), (("--reverse",), "B to A makes 28 x 28")):
        _, told = typed(folder, "translate", model, scene, "-o", "x.tif", *option, status=2)
        assert reason in told
        assert told.count("\n") == 1
    assert not (folder / "x.tif").exists()
