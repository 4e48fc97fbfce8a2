"""pix2pix: which weights each turn moves, what the critic is shown, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from geogan.choices import choose
from geogan.config import SLOTS
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.picture_batches import PairBatches, Pictures
from geogan.scenes import Palette, Tiles
from geogan.system import Slots, System
from geogan.systems.pix2pix import Pix2Pix
from geogan.train import Loop, Plan
from tests.test_train import Watcher

TILES = (16, 16)
SCENE = Domain("uint16", (1, 3), (0.0, 0.0), (1000.0, 500.0), None, None, (1.0, 1.0))
MAP = Domain(
    "uint8",
    (1,),
    (),
    (),
    Palette(("a", "b", "c", "d"), ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)), (0, 1, 2, 3)),
    None,
    (1.0, 1.0),
)


def slots(**changes: dict[str, object]) -> Slots:
    chosen: dict[str, dict[str, object]] = {
        "generator": {"name": "unet", "depth": 3, "filters": 4},
        "critic": {"name": "patch_gan", "field": 16, "filters": 4, "norm": "instance"},
        "objective": {"name": "non_saturating"},
        "critic_penalty": {"name": "none"},
        "constraint": {"name": "none"},
        "diversity": {"name": "none"},
        "reconstruction": {"name": "l1"},
        "latent": {"name": "none"},
    }
    chosen |= changes
    return Slots(**{name: choose(name, value, SLOTS[name]) for name, value in chosen.items()})


def tiles(count: int = 6, edge: int = 16) -> tuple[Tiles, Tiles]:
    rng = np.random.default_rng(0)
    valid = np.ones((count, edge, edge), dtype=bool)
    a = rng.integers(1000, size=(count, 2, edge, edge)).astype(np.uint16)
    b = rng.integers(4, size=(count, 1, edge, edge)).astype(np.uint8)
    return Tiles(a, valid), Tiles(b, valid)


def batches(*, classes: bool = False, pair: tuple[Tiles, Tiles] | None = None, batch: int = 4) -> PairBatches:
    a, b = pair or tiles()
    source, target = Pictures(SCENE, a), Pictures(MAP, b, classes)
    return PairBatches(source, target, batch=batch, seed=0, device=torch.device("cpu"))


def gradients(system: Pix2Pix, turn: str, **options: Any) -> tuple[dict[str, float], set[str]]:
    system.zero_grad(set_to_none=True)
    batch = batches(**options).draw(0, 0, 0, torch.Generator().manual_seed(0))
    terms = system.losses(turn, batch)
    torch.stack(list(terms.values())).sum().backward()
    parts = ("generator", "critic")
    reached = {name for name in parts if any(p.grad is not None for p in getattr(system, name).parameters())}
    return {name: term.item() for name, term in terms.items()}, reached


@pytest.mark.parametrize("objective", ["js", "non_saturating", "least_squares", "wasserstein"])
def test_each_turn_moves_its_network_with_every_objective(objective: str) -> None:
    system = Pix2Pix(slots(objective={"name": objective}), SCENE, MAP, TILES)
    terms, reached = gradients(system, "critic")
    assert set(terms) == {"adversarial"}
    assert reached == {"critic"}
    terms, reached = gradients(system, "generator")
    assert set(terms) == {"adversarial", "reconstruction"}
    assert "generator" in reached


def test_the_critic_sees_scene_and_map_side_by_side() -> None:
    system = Pix2Pix(slots(), SCENE, MAP, TILES)
    seen: list[torch.Tensor] = []
    system.critic.register_forward_hook(lambda module, shown, out: seen.append(shown[0]))
    source = batches()
    batch = source.draw(0, 0, 0, torch.Generator().manual_seed(0))
    plain = Pix2Pix(slots(), SCENE, MAP, TILES, jitter=0.0, flips="none")
    plain.critic.register_forward_hook(lambda module, shown, out: seen.append(shown[0]))
    plain.losses("critic", batch)
    real, fake = seen
    assert real.shape == (4, 2 + 3, 16, 16)
    assert torch.equal(real[:, :2], batch.source)
    assert torch.equal(real[:, 2:], batch.target)
    assert torch.equal(fake[:, :2], batch.source)
    assert not torch.equal(fake[:, 2:], batch.target)


def test_critic_weight_scales_the_critics_game_alone() -> None:
    values = []
    for weight in (1.0, 0.5):
        torch.manual_seed(0)
        system = Pix2Pix(slots(), SCENE, MAP, TILES, critic_weight=weight)
        values.append((gradients(system, "critic")[0]["adversarial"], gradients(system, "generator")[0]["adversarial"]))
    assert values[1][0] == pytest.approx(0.5 * values[0][0])
    assert values[1][1] == pytest.approx(values[0][1])


def test_classes_are_probabilities_for_the_critic_and_logits_for_the_cost() -> None:
    parts = slots(reconstruction={"name": "cross_entropy", "weight": 1.0})
    system = Pix2Pix(parts, SCENE, MAP, TILES, target="classes", flips="none", jitter=0.0)
    seen: list[torch.Tensor] = []
    system.critic.register_forward_hook(lambda module, shown, out: seen.append(shown[0]))
    terms, _ = gradients(system, "generator", classes=True)
    made = seen[0][:, 2:]
    assert made.shape[1] == 4
    torch.testing.assert_close(made.sum(dim=1), torch.ones(4, 16, 16))
    assert terms["reconstruction"] == pytest.approx(np.log(4), rel=0.2)  # untrained


def test_map_to_scene_is_the_same_with_the_domains_exchanged() -> None:
    system = Pix2Pix(slots(), SCENE, MAP, TILES, direction="b_to_a")
    assert system.generator(torch.zeros(1, 3, 16, 16)).shape == (1, 2, 16, 16)
    with pytest.raises(InputError, match=r"system\.target: classes needs a map of classes, a has no palette"):
        Pix2Pix(slots(), SCENE, MAP, TILES, direction="b_to_a", target="classes")


def test_domains_of_different_size_are_refused_and_the_direction_is_that_of_the_generator() -> None:
    with pytest.raises(InputError, match=r"^dataset: its tiles of A have 16 pixels and those of B 8"):
        Pix2Pix(slots(), SCENE, MAP, (16, 8))
    assert Pix2Pix.directions(direction="b_to_a") == {"b_to_a": "generator"}
    assert Pix2Pix.paired


def test_where_nothing_is_known_nothing_is_learnt() -> None:
    a, b = tiles()
    none = np.zeros_like(a.valid)
    system = Pix2Pix(slots(), SCENE, MAP, TILES)
    terms, _ = gradients(system, "generator", pair=(Tiles(a.values, none), Tiles(b.values, none)))
    assert terms["reconstruction"] == 0.0
    parts = slots(reconstruction={"name": "cross_entropy"})
    system = Pix2Pix(parts, SCENE, MAP, TILES, target="classes")
    terms, _ = gradients(system, "generator", pair=(Tiles(a.values, none), Tiles(b.values, none)), classes=True)
    assert terms["reconstruction"] == 0.0  # whatever class the map has there


def test_batches_are_a_function_of_seed_step_turn_and_repeat() -> None:
    rng = torch.Generator()
    first = batches().draw(3, 1, 0, rng)
    again = batches().draw(3, 1, 0, rng)
    assert torch.equal(first.source, again.source)
    assert torch.equal(first.target, again.target)
    for other in ((4, 1, 0), (3, 0, 0), (3, 1, 1)):
        assert not torch.equal(first.source, batches().draw(*other, rng).source)


def test_pairs_stay_pairs() -> None:
    edge = 8
    number = np.arange(40, dtype=np.uint16).reshape(40, 1, 1, 1)
    a = Tiles(np.broadcast_to(number * 20, (40, 2, edge, edge)), np.ones((40, edge, edge), bool))
    b = Tiles(np.broadcast_to((number % 4).astype(np.uint8), (40, 1, edge, edge)), a.valid)
    batch = batches(pair=(a, b), classes=True, batch=16).draw(0, 0, 0, torch.Generator())
    known = ((batch.source[:, 0, 0, 0] + 1) / 2 * 1000 / 20).round().long() % 4
    assert torch.equal(batch.target[:, :, 0, 0].argmax(dim=1), known)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {"generator": {"name": "unet_residual"}},
            {},
            r"generator\.name: 'unet_residual' is not a generator for translation",
        ),
        ({"constraint": {"name": "masked_l2"}}, {}, r"constraint\.name: is 'masked_l2', the system has no such term"),
        ({"latent": {"name": "uniform"}}, {}, r"latent\.name: is 'uniform'"),
        ({"reconstruction": {"name": "cross_entropy"}}, {}, r"'cross_entropy' needs system\.target: classes"),
        ({"critic_penalty": {"name": "wgan_gp"}, "critic": {"name": "patch_gan"}}, {}, r"critic\.norm: 'batch' mixes"),
        ({}, {"n_critic": 0}, r"system\.n_critic: must be at least 1, got 0"),
        ({}, {"jitter": -0.1}, r"system\.jitter: must lie between 0 and 1"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    change: dict[str, dict[str, object]], options: dict[str, Any], message: str
) -> None:
    full = {"target": "image", "jitter": 0.1, "n_critic": 1} | options
    with pytest.raises(InputError, match=message):
        Pix2Pix.refuse("experiments.x", slots(**change), **full)
    Pix2Pix.refuse("experiments.x", slots(), target="image", jitter=0.1, n_critic=1)


def trained(folder: Path, *, stop_after: int | None = None) -> Loop:
    """Seven steps with dropout, views and instance norm, or those until the watcher stops them."""
    torch.manual_seed(0)
    generator = {"name": "unet", "depth": 3, "filters": 4, "norm": "instance", "dropout": 0.5}
    system = Pix2Pix(slots(generator=generator), SCENE, MAP, TILES, flips="all")
    plan = Plan(7, 3, 2, 100, 0.9, 0.0, 0, ("l1",))
    loop = Loop(
        system,
        lambda turn, weights: torch.optim.Adam(weights, lr=1e-3),
        lambda step: 1.0,
        batches(),
        plan,
        folder,
        Fabric(accelerator="cpu", devices=1),
    )
    loop.run(Stopping(stop_after))
    return loop


class Stopping(Watcher):
    def validate(self, system: System) -> dict[str, float]:
        return {"l1": 1.0}


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """The dropout draws from torch's own random state, the views from the loop's; both are in the checkpoint."""
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "parts", stop_after=2)
    resumed = trained(tmp_path / "parts")
    for one, other in ((whole.system, resumed.system), (whole.averaged, resumed.averaged)):
        weights = other.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in one.state_dict().items())
    statistics = {name: value for name, value in whole.averaged.state_dict().items() if "running_mean" in name}
    assert statistics
    assert all(value.abs().sum() > 0 for value in statistics.values())
