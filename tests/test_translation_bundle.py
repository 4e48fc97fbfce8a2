"""Bundles of one direction and of two: read, turned round, and made."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from geogan.errors import InputError
from geogan.export import Exported, write_bundle
from geogan.export_pictures import card, exported
from geogan.generators.direct import Direct
from geogan.generators.translator import Translator
from geogan.translation import load_translator
from tests import translators
from tests.translators import CLASSES, classes, make_bundle, picture

RGB, GREY, MAP = picture(), picture(bands=1), classes(CLASSES)
BOTH = {"a_to_b": "a_to_b", "b_to_a": "b_to_a"}


def straight(inputs: int, outputs: int, ratio: Fraction, seed: int) -> Translator:
    torch.manual_seed(seed)
    return Direct(inputs, outputs, ratio, filters=4).eval().requires_grad_(False)


def digits(folder: Path) -> Path:
    """From 28 pixels in colours to 16 in grey, and back."""
    networks = {"a_to_b": straight(3, 1, Fraction(4, 7), 0), "b_to_a": straight(1, 3, Fraction(7, 4), 1)}
    generator = {"name": "direct", "filters": 4}
    return translators.write_bundle(folder, RGB, GREY, networks, BOTH, generator=generator, tiles=(28, 16))


def change(folder: Path, **keys: object) -> Path:
    """Other content of system.json; None takes a key out."""
    file = folder / "system.json"
    system = json.loads(file.read_text()) | keys
    file.write_text(json.dumps({key: value for key, value in system.items() if value is not None}))
    return folder


def test_one_direction_has_one_translator_and_no_way_back(tmp_path: Path) -> None:
    bundle = load_translator(make_bundle(tmp_path / "one", RGB, MAP), "cpu")
    assert list(bundle.translators) == ["a_to_b"]
    assert bundle.facing(False) == ("a_to_b", bundle.translator)
    assert (bundle.translator.classes, bundle.translator.ratio, bundle.path) == (True, 1, tmp_path / "one")
    with pytest.raises(InputError) as caught:
        bundle.facing(True)
    assert str(caught.value).startswith(f"--reverse: {tmp_path / 'one'} translates A to B alone; leave the option out")


def test_a_network_from_b_to_a_takes_b(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "one", RGB, RGB)
    change(folder, a=MAP.plain(), directions={"b_to_a": "generator"}, classes=True)
    bundle = load_translator(folder, "cpu")
    assert (bundle.facing(False)[0], bundle.translator.source, bundle.translator.target) == ("b_to_a", RGB, MAP)


def test_both_directions_are_read_each_with_its_own_weights_and_grid(tmp_path: Path) -> None:
    bundle = load_translator(digits(tmp_path / "both"), "cpu")
    assert list(bundle.translators) == ["a_to_b", "b_to_a"]
    (there, forward), (here, back) = bundle.facing(False), bundle.facing(True)
    assert (there, here) == ("a_to_b", "b_to_a")
    assert (forward.source, forward.target, back.source, back.target) == (RGB, GREY, GREY, RGB)
    assert (forward.ratio, back.ratio, forward.stride, back.stride) == (Fraction(4, 7), Fraction(7, 4), 14, 8)
    image = torch.rand((2, 3, 28, 28), generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = forward.image(image)
    torch.testing.assert_close(made, torch.tanh(straight(3, 1, Fraction(4, 7), 0)(image)))
    assert made.shape == (2, 1, 16, 16)
    assert back.image(made).shape == (2, 3, 28, 28)
    assert forward.values(made).shape == (2, 1, 16, 16)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"directions": None}, "lacks directions; train and export again"),
        ({"tiles": None}, "lacks tiles; train and export again"),
        ({"tiles": 64}, "a, b, tiles, directions: are not those of pictures"),
        ({"tiles": {"a": 64}}, "a, b, tiles, directions: are not those of pictures"),
        ({"tiles": {"a": 0, "b": 16}}, "a, b, tiles, directions: are not those of pictures"),
        ({"directions": "a_to_b"}, "a, b, tiles, directions: are not those of pictures"),
        ({"directions": {}}, "directions: must name a network for a_to_b, b_to_a or both"),
        ({"directions": {"a_to_c": "generator"}}, "directions: must name a network for a_to_b, b_to_a or both"),
        ({"tiles": {"a": 64, "b": 32}}, "'unet' keeps the grid"),
        ({"directions": {"a_to_b": "other"}}, "not the weights of this generator"),
    ],
)
def test_damaged_bundles_are_refused(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    folder = change(make_bundle(tmp_path / "one", RGB, MAP), **keys)
    with pytest.raises(InputError) as caught:
        load_translator(folder, "cpu")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_dropout_stays_on_in_both_directions(tmp_path: Path) -> None:
    bundle = load_translator(make_bundle(tmp_path / "both", RGB, MAP, both=True), "cpu", stochastic=True)
    for translator in bundle.translators.values():
        image = torch.rand((1, 3, 16, 16))
        assert not torch.equal(translator.image(image), translator.image(image))
    with pytest.raises(InputError, match=r"--stochastic: the generator of .*digits was trained without dropout"):
        load_translator(digits(tmp_path / "digits"), "cpu", stochastic=True)


def made(folder: Path, out: Path) -> Exported:
    made = exported(load_translator(folder, "cpu"), {"a_to_b_fid": 3.5})
    write_bundle(folder, out, made)
    return made


@pytest.mark.slow
def test_both_graphs_are_exported_and_compute_what_torch_does_at_any_size(tmp_path: Path) -> None:
    import onnxruntime

    graphs = made(digits(tmp_path / "both"), tmp_path / "out").graphs
    assert list(graphs) == ["model.onnx", "reverse.onnx"]
    manifest = (tmp_path / "out/manifest.json").read_text()
    bundle = load_translator(tmp_path / "out", "cpu")
    for file, translator, sides in zip(graphs, bundle.translators.values(), ((28, 42), (16, 24)), strict=True):
        assert file in manifest
        session = onnxruntime.InferenceSession(str(tmp_path / "out" / file), providers=["CPUExecutionProvider"])
        image = np.random.default_rng(0).uniform(-1, 1, (3, translator.source.channels, *sides)).astype(np.float32)
        (found,) = session.run(None, {"scene": image})
        np.testing.assert_allclose(found, translator.image(torch.from_numpy(image)).numpy(), atol=1e-4)


@pytest.mark.slow
def test_one_direction_is_one_graph(tmp_path: Path) -> None:
    graphs = made(make_bundle(tmp_path / "one", RGB, MAP), tmp_path / "out").graphs
    assert list(graphs) == ["model.onnx"]
    names = {"card.md", "manifest.json", "model.onnx", "system.json", "weights.safetensors"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names


def test_the_card_tells_which_graph_goes_which_way(tmp_path: Path) -> None:
    both = card(load_translator(digits(tmp_path / "both"), "cpu"), {"a_to_b_fid": 3.5})
    for line in (
        "Pictures from pictures (A to B and B to A)",
        "- Input: uint8, bands 1, 2, 3",
        "- Output: uint8, bands 1,",
        "- Other direction: B to A, from such an output to such an input",
        "28 x 28 pixels (A) and 16 x 16 pixels (B)",
        "A to B: `model.onnx` with any ONNX runtime",
        "B to A: `reverse.onnx` with any ONNX runtime",
        "multiples of 14, 4/7 times as many in the output",
        "- The grid of the output is another one",
        "| a_to_b_fid | 3.5 |",
    ):
        assert line in both, line
    assert "geogan translate" not in both
    one = card(load_translator(make_bundle(tmp_path / "one", RGB, MAP), "cpu"), {})
    assert "Pictures from pictures (A to B)" in one
    assert "`geogan translate test scene.tif -o map.tif`, or `model.onnx` with any ONNX runtime" in one
    assert "reverse" not in one
    assert "one probability per class" in one
    keeping = card(load_translator(make_bundle(tmp_path / "keeping", RGB, GREY, both=True), "cpu"), {})
    assert "`geogan translate test scene.tif -o map.tif --reverse`, or `reverse.onnx`" in keeping
