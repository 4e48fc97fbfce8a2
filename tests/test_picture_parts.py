"""Networks, costs and views of pictures."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import nn

from geogan.augmentation import Augmentation
from geogan.blocks import ReflectionPad
from geogan.critics import CRITICS
from geogan.critics.patch_gan import LAYERS
from geogan.errors import InputError
from geogan.export import Graph, write_onnx
from geogan.generators import TRANSLATORS
from geogan.penalties.cross_entropy import cross_entropy
from geogan.penalties.l1 import l1
from geogan.penalties.l2 import l2

SMALL = {
    "unet": {"depth": 3, "filters": 4},
    "resnet": {"blocks": 1, "filters": 4},
    "direct": {"blocks": 1, "filters": 4},
}


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_networks_of_pix2pix_have_the_published_numbers_of_parameters() -> None:
    """54.414 M and 2.769 M: printed by the authors' program for three bands."""
    assert round(parameters(TRANSLATORS["unet"](3, 3)) / 1e6, 3) == 54.414
    assert round(parameters(CRITICS["patch_gan"](6)) / 1e6, 3) == 2.769


def test_the_networks_of_cyclegan_have_the_published_numbers_of_parameters() -> None:
    """11.378 M with nine blocks for three bands."""
    assert round(parameters(TRANSLATORS["resnet"](3, 3)) / 1e6, 3) == 11.378


def test_reflection_is_that_of_torch() -> None:
    x = torch.randn(2, 3, 9, 7)
    assert torch.equal(ReflectionPad(3)(x), nn.functional.pad(x, (3, 3, 3, 3), mode="reflect"))


def test_the_critic_of_cyclegan_has_the_published_number_of_parameters() -> None:
    assert round(parameters(CRITICS["patch_gan"](3, norm="instance")) / 1e6, 3) == 2.765


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_translators_keep_the_size_and_do_not_depend_on_it_inside(name: str, norm: str) -> None:
    """In use a pixel far from the border is the same in a larger picture: the norms are those of training."""
    torch.manual_seed(0)
    network = TRANSLATORS[name](2, 5, **SMALL[name], norm=norm)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, 2, 32, 32) * 2 + 1)  # statistics of training, unlike those of a single picture
        unit = max(network.stride, 4)
        large = torch.rand(1, 2, 20 * unit, 16 * unit)
        edge = 4 * unit
        whole = network.eval()(large)
        part = network(large[..., edge : 3 * edge, edge : 3 * edge])
    assert whole.shape == (1, 5, *large.shape[2:])
    inner = slice(edge - unit, edge + unit)
    within = slice(2 * edge - unit, 2 * edge + unit)
    torch.testing.assert_close(part[..., inner, inner], whole[..., within, within], rtol=0, atol=1e-5)


@pytest.mark.parametrize("ratio", [Fraction(4, 7), Fraction(7, 4), Fraction(1, 3), Fraction(2), Fraction(5, 8)])
def test_a_direct_generator_goes_from_grid_to_grid(ratio: Fraction) -> None:
    """Sides of n q pixels become exactly n p; inside, features are resized as by torch's antialiased interpolation."""
    network = TRANSLATORS["direct"](2, 1, ratio, filters=4)
    assert (network.stride, network.ratio) == (2 * ratio.denominator, ratio)
    sides = [network.stride * n for n in (9, 12)]
    new = [int(side * ratio) for side in sides]
    assert network(torch.randn(2, 2, *sides)).shape == (2, 1, *new)
    image = torch.randn(1, 3, *sides)
    resized = network.resize(image)
    wanted = nn.functional.interpolate(image, size=new, mode="bilinear", antialias=True, align_corners=False)
    cut = math.ceil(2 * ratio)
    inner = (..., slice(cut, -cut), slice(cut, -cut))
    torch.testing.assert_close(resized[inner], wanted[inner], rtol=0, atol=1e-4)
    torch.testing.assert_close(network.resize(torch.ones(1, 1, *sides)), torch.ones(1, 1, *new))


def test_a_direct_generator_does_not_depend_on_the_size_inside() -> None:
    """As other translators: whole scenes are made window by window, windows begin at multiples of the stride."""
    torch.manual_seed(0)
    network = TRANSLATORS["direct"](1, 1, Fraction(4, 7), filters=4)
    network(torch.randn(4, 1, 28, 28) * 2 + 1)
    large = torch.rand(1, 1, 224, 168)
    with torch.no_grad():
        whole = network.eval()(large)
        part = network(large[..., 42:154, 42:154])
    torch.testing.assert_close(part[..., 30:34, 30:34], whole[..., 54:58, 54:58], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_direct_generator_goes_into_onnx_for_any_size(tmp_path: Path) -> None:
    for ratio in (Fraction(4, 7), Fraction(7, 4)):
        network = TRANSLATORS["direct"](1, 2, ratio, filters=4)

        def example(batch: int, rows: int, columns: int, stride: int = network.stride) -> tuple[torch.Tensor, ...]:
            return (torch.rand(batch, 1, stride * rows, stride * columns),)

        graph = Graph(network, ("scene",), "image", example, (network.stride,), (0,), ((3, 4), (2, 3), (5, 2)))
        assert write_onnx(graph, tmp_path / "model.onnx") < 1e-5


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_other_generators_keep_the_grid(name: str) -> None:
    with pytest.raises(InputError, match=rf"^generator\.name: '{name}' keeps the grid, but sides are to become 4/7"):
        TRANSLATORS[name](1, 1, Fraction(4, 7))
    assert TRANSLATORS[name](1, 1, Fraction(1), **SMALL[name]).ratio == 1


def test_instance_norm_in_training_is_that_of_each_picture() -> None:
    network = TRANSLATORS["unet"](1, 1, depth=2, filters=4, norm="instance", dropout=0.0).train()
    one, other = torch.randn(1, 1, 16, 16), torch.randn(1, 1, 16, 16) * 3
    together = network(torch.cat([one, other]))
    torch.testing.assert_close(together[:1], network(one))
    assert not torch.allclose(network.eval()(one), together[:1], atol=1e-3)


def test_dropout_is_in_the_three_innermost_layers_and_off_in_use() -> None:
    network = TRANSLATORS["unet"](3, 3, depth=6, filters=4, dropout=0.5)
    where = [any(isinstance(part, nn.Dropout) for part in layer) for layer in network.up]
    assert where == [True, True, True, False, False]
    x = torch.randn(1, 3, 64, 64)
    network(x)
    network.eval()
    assert torch.equal(network(x), network(x))
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize("field", [1, *LAYERS])
def test_a_score_of_the_patch_critic_sees_as_many_pixels_as_its_name_says(field: int) -> None:
    torch.manual_seed(0)
    critic = CRITICS["patch_gan"](1, field=field, filters=2, norm="none").eval()
    x = torch.zeros(1, 1, 640, 640).requires_grad_(True)
    scores = critic(x + torch.randn_like(x))
    middle = scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, x)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    assert int(rows.max() - rows.min()) + 1 == field
    assert int(columns.max() - columns.min()) + 1 == field


def test_the_patch_critic_of_256_pixels_gives_30_x_30_scores() -> None:
    assert CRITICS["patch_gan"](6, filters=2)(torch.zeros(2, 6, 256, 256)).shape == (2, 1, 30, 30)


def test_costs_against_the_truth() -> None:
    truth = torch.zeros(2, 3, 4, 4)
    image = truth.clone()
    image[0, 0] = 0.5  # a sixth of all values
    assert l1(image, image, truth, weight=12.0).item() == pytest.approx(12.0 * 0.5 / 6)
    assert l2(image, image, truth, weight=12.0).item() == pytest.approx(12.0 * 0.25 / 6)
    one_hot = torch.zeros(1, 3, 2, 2)
    one_hot[:, 1] = 1
    raw = torch.zeros(1, 3, 2, 2)
    assert cross_entropy(raw, raw, one_hot, weight=2.0).item() == pytest.approx(2 * math.log(3))
    raw[:, 1] = 100.0
    assert cross_entropy(raw, raw, one_hot).item() == pytest.approx(0.0, abs=1e-6)
    rare = torch.zeros(1, 2, 1, 4)
    rare[:, 0, :, :3], rare[:, 1, :, 3] = 1, 1  # three pixels to one
    wrong = torch.zeros(1, 2, 1, 4)
    wrong[:, 0] = 1.0  # logits that are wrong for the rare class
    good, bad = math.log1p(math.exp(-1)), math.log1p(math.e)
    assert cross_entropy(wrong, wrong, rare, weight=1.0).item() == pytest.approx((3 * good + bad) / 4)
    assert cross_entropy(wrong, wrong, rare, weight=1.0, balance=1.0).item() == pytest.approx((good + bad) / 2)
    one_hot[..., 0] = 0  # half of the pixels have no class
    assert cross_entropy(raw * 0, raw, one_hot, weight=2.0).item() == pytest.approx(math.log(3))


def views(flips: str, count: int = 64) -> set[tuple[float, ...]]:
    picture = torch.tensor([[0.0, 0.1], [0.2, 0.3]]).expand(count, 1, 2, 2)
    view = Augmentation(0.0, flips).view(count, 2, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    return {tuple(sample.flatten().tolist()) for sample in view(picture, True)}


def test_flips_are_those_that_are_asked_for() -> None:
    assert len(views("none")) == 1
    assert len(views("horizontal")) == 2
    assert len(views("all")) == 8


@pytest.mark.parametrize("flips", ["none", "horizontal", "all"])
def test_a_scene_and_its_map_have_the_same_view(flips: str) -> None:
    """Columns and rows as values: enlarged by the nearest pixel both stay together, whatever the bands."""
    rng = torch.Generator().manual_seed(3)
    place = torch.arange(256.0).view(1, 1, 16, 16).expand(8, 5, 16, 16) / 256
    view = Augmentation(0.25, flips).view(8, 16, rng)  # type: ignore[arg-type]
    scene, mask = view(place, False), view(place[:, :1], False)
    assert scene.shape == place.shape
    assert torch.equal(scene[:, 4:], mask)
    assert len({tuple(sample.flatten().tolist()) for sample in mask}) > 4  # each sample has a view of its own
    smooth = view(place, True)
    assert (smooth - scene).abs().mean() < 0.03  # the same place, interpolated


def test_jitter_crops_and_keeps_the_range() -> None:
    picture = torch.where(torch.rand(4, 3, 32, 32) > 0.5, 1.0, -1.0)
    view = Augmentation(30 / 256, "none").view(4, 32, torch.Generator().manual_seed(0))
    shown = view(picture, True)
    assert shown.abs().max() <= 1
    assert not torch.equal(shown, picture)
    assert set(view(picture, False).unique().tolist()) == {-1.0, 1.0}
