"""CycleGAN: its terms and whom they move, its history of pictures, its batches, what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from geogan.choices import choose
from geogan.config import SLOTS
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.image_pool import ImagePool
from geogan.picture_batches import Pictures
from geogan.scenes import Tiles
from geogan.system import Slots, System
from geogan.systems.cyclegan import CycleGAN
from geogan.train import Loop, Plan
from geogan.unpaired_batches import UnpairedBatch, UnpairedBatches
from tests.test_train import Watcher

CPU = torch.device("cpu")
OPTIONS: dict[str, Any] = {
    "cycle_a": 1.0,
    "cycle_b": 1.0,
    "identity": 0.5,
    "pool": 50,
    "critic_weight": 0.5,
    "jitter": 0.0,
    "flips": "none",
}


def domain(bands: int) -> Domain:
    return Domain("uint8", tuple(range(1, bands + 1)), (0.0,) * bands, (255.0,) * bands, None, None, (1.0, 1.0))


def slots(**changes: dict[str, object]) -> Slots:
    chosen: dict[str, dict[str, object]] = {
        "generator": {"name": "direct", "filters": 4},
        "critic": {"name": "patch_gan", "field": 16, "filters": 4, "norm": "instance"},
        "objective": {"name": "least_squares"},
        "critic_penalty": {"name": "none"},
        "constraint": {"name": "none"},
        "diversity": {"name": "none"},
        "reconstruction": {"name": "l1", "weight": 10.0},
        "latent": {"name": "none"},
    }
    chosen |= changes
    return Slots(**{name: choose(name, value, SLOTS[name]) for name, value in chosen.items()})


def cyclegan(
    parts: Slots | None = None,
    bands: tuple[int, int] = (1, 1),
    edges: tuple[int, int] = (16, 16),
    **options: Any,
) -> CycleGAN:
    torch.manual_seed(0)
    domains = (domain(count) for count in bands)
    return CycleGAN(parts or slots(), *domains, edges, **(OPTIONS | options))


def batches(
    bands: tuple[int, int] = (1, 1), edges: tuple[int, int] = (16, 16), batch: int = 4, **options: Any
) -> UnpairedBatches:
    rng = np.random.default_rng(0)
    pictures = []
    for count, edge, number in zip(bands, edges, (7, 5), strict=True):
        values = rng.integers(256, size=(number, count, edge, edge)).astype(np.uint8)
        pictures.append(Pictures(domain(count), Tiles(values, np.ones((number, edge, edge), dtype=bool))))
    return UnpairedBatches(*pictures, batch=batch, seed=0, device=CPU, **options)


def drawn(step: int = 0, turn: int = 0, **options: Any) -> UnpairedBatch:
    return batches(**options).draw(step, turn, 0, torch.Generator().manual_seed(0))


def reached(system: CycleGAN, terms: dict[str, Tensor]) -> set[str]:
    """The networks that have a gradient after the terms were minimised by one turn of the loop."""
    torch.stack(list(terms.values())).sum().backward()
    networks = ("a_to_b", "b_to_a", "critic_a", "critic_b")
    return {name for name in networks if any(p.grad is not None for p in system.get_submodule(name).parameters())}


def freeze_but(system: CycleGAN, number: int) -> None:
    """As the loop does before a turn."""
    system.zero_grad(set_to_none=True)
    system.requires_grad_(False)
    for name in system.turns[number].moves:
        system.get_submodule(name).requires_grad_(True)


class Constant(nn.Module):
    """A network that gives the same value everywhere, on another grid."""

    def __init__(self, value: float, edge: int = 16):
        super().__init__()
        self.value, self.edge = nn.Parameter(torch.tensor(value)), edge

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(len(x), 1, self.edge, self.edge)


class Same(nn.Module):
    """atanh of the image, so that its picture is the image."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.atanh(x)


class Mean(nn.Module):
    """A critic whose one score is the mean of the picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(1, 2, 3), keepdim=True)


def by_hand() -> tuple[CycleGAN, UnpairedBatch]:
    """a = 0.5 and b = -0.25 everywhere, b_to_a makes 0.75 of all, a_to_b 0.125, critics give means."""
    system = cyclegan(cycle_a=2.0, cycle_b=3.0)
    system.a_to_b, system.b_to_a = Constant(np.arctanh(0.125)), Constant(np.arctanh(0.75))
    system.critic_a = system.critic_b = Mean()
    known = torch.ones(2, 16, 16, dtype=torch.bool)
    a, b = (torch.full((2, 1, 16, 16), value) for value in (0.5, -0.25))
    return system, UnpairedBatch(a, b, known, known, torch.Generator().manual_seed(0))


def test_the_least_squares_terms_are_those_of_the_paper() -> None:
    """Generators: (D(fake) - 1)^2, lambda |cycle - truth|, lambda / 2 |identity - truth|; critics: half the game."""
    system, batch = by_hand()
    terms = {name: term.item() for name, term in system.losses("generator", batch).items()}
    assert terms == pytest.approx(
        {
            "adversarial_a": (0.75 - 1) ** 2,
            "adversarial_b": (0.125 - 1) ** 2,
            "cycle_a": 2.0 * 10 * abs(0.75 - 0.5),
            "cycle_b": 3.0 * 10 * abs(0.125 + 0.25),
            "identity_a": 0.5 * 10 * abs(0.75 - 0.5),
            "identity_b": 0.5 * 10 * abs(0.125 + 0.25),
        }
    )
    terms = {name: term.item() for name, term in system.losses("critic", batch).items()}
    assert terms == pytest.approx(
        {
            "critic_a": 0.5 * ((0.5 - 1) ** 2 + 0.75**2),
            "critic_b": 0.5 * ((-0.25 - 1) ** 2 + 0.125**2),
        }
    )


def test_networks_that_change_nothing_cost_no_cycle_and_no_identity() -> None:
    system = cyclegan()
    system.a_to_b = system.b_to_a = Same()
    terms = system.losses("generator", by_hand()[1])
    assert [terms[name].item() for name in ("cycle_a", "cycle_b", "identity_a", "identity_b")] == [0.0] * 4
    assert terms["adversarial_a"].item() > 0


def test_a_factor_of_0_leaves_its_term_out() -> None:
    system = cyclegan(cycle_a=0.0, identity=0.0)
    assert set(system.losses("generator", drawn())) == {"adversarial_a", "adversarial_b", "cycle_b"}


@pytest.mark.parametrize("objective", SLOTS["objective"])
@pytest.mark.parametrize("generator", [{"name": "unet", "depth": 3, "filters": 4}, {"name": "resnet", "filters": 4}])
def test_each_turn_moves_its_networks_alone(objective: str, generator: dict[str, object]) -> None:
    system = cyclegan(slots(objective={"name": objective}, generator=generator))
    assert [turn.name for turn in system.turns] == list(CycleGAN.turn_names())
    freeze_but(system, 0)
    terms = system.losses("generator", drawn())
    assert set(terms) == {f"{term}_{side}" for term in ("adversarial", "cycle", "identity") for side in "ab"}
    assert reached(system, terms) == {"a_to_b", "b_to_a"}
    freeze_but(system, 1)
    terms = system.losses("critic", drawn(turn=1))
    assert set(terms) == {"critic_a", "critic_b"}
    assert reached(system, terms) == {"critic_a", "critic_b"}


def test_every_network_is_moved_by_the_terms_of_its_name() -> None:
    wanted = {
        "adversarial_a": {"b_to_a", "critic_a"},
        "adversarial_b": {"a_to_b", "critic_b"},
        "cycle_a": {"a_to_b", "b_to_a"},
        "cycle_b": {"a_to_b", "b_to_a"},
        "identity_a": {"b_to_a"},
        "identity_b": {"a_to_b"},
        "critic_a": {"critic_a"},
        "critic_b": {"critic_b"},
        "penalty_a": {"critic_a"},
        "penalty_b": {"critic_b"},
    }
    system = cyclegan(slots(critic_penalty={"name": "wgan_gp"}))
    for name, networks in wanted.items():
        system.zero_grad(set_to_none=True)
        terms = system.losses("generator", drawn()) | system.losses("critic", drawn(turn=1))
        assert terms.keys() == wanted.keys()
        assert reached(system, {name: terms[name]}) == networks, name


def test_relativistic_games_see_real_scores() -> None:
    system, batch = by_hand()
    seen: list[tuple[float, float]] = []

    class Relative(nn.Module):
        relativistic = True

        def generator(self, real: Tensor, fake: Tensor) -> Tensor:
            seen.append((real.mean().item(), fake.mean().item()))
            return (fake - real).mean()

    system.objective = Relative()
    system.losses("generator", batch)
    assert seen == [pytest.approx((0.5, 0.75)), pytest.approx((-0.25, 0.125))]


def test_what_is_not_known_is_neither_learnt_nor_shown() -> None:
    """A's left half is unknown: its pictures and those made of them are 0 there, its reconstruction costs nothing."""
    system, batch = by_hand()
    known = batch.valid_a.clone()
    known[..., :8] = False
    shown: list[Tensor] = []
    system.critic_a.register_forward_hook(lambda module, seen, out: shown.append(seen[0]))
    half = UnpairedBatch(batch.a, batch.b, known, batch.valid_b, batch.rng)
    terms = system.losses("generator", half)
    assert terms["cycle_a"].item() == pytest.approx(20 * 0.25 / 2)
    assert terms["identity_a"].item() == pytest.approx(5 * 0.25 / 2)
    assert terms["identity_b"].item() == pytest.approx(5 * 0.375)
    fake_a, fake_b = shown
    assert (fake_a == fake_a[0, 0, 0, 0]).all()  # made of B, which is known
    assert (fake_b[..., :8] == 0).all()
    assert (fake_b[..., 8:] == fake_b[0, 0, 0, 8]).all()
    system.losses("critic", half)
    real_a = shown[2]
    assert (real_a[..., :8] == 0).all()
    assert (real_a[..., 8:] == 0.5).all()


def test_statistics_of_norms_are_those_of_real_pictures_alone() -> None:
    """In use a_to_b sees pictures of A: neither what was made of B nor B itself may shift its norms."""
    full, bare = cyclegan(), cyclegan(cycle_a=0.0, cycle_b=0.0, identity=0.0)
    for system in (full, bare):
        system.losses("generator", drawn())
    statistics = {name: value for name, value in full.state_dict().items() if "running_" in name}
    assert statistics
    for name, value in statistics.items():
        assert torch.equal(value, bare.state_dict()[name]), name
    assert all(m.momentum == 0.1 for m in full.modules() if isinstance(m, nn.InstanceNorm2d))
    assert any(value.abs().sum() > 0 for name, value in statistics.items() if "running_mean" in name)


@pytest.mark.parametrize(
    ("bands", "edges", "generator"),
    [
        ((3, 1), (16, 16), {"name": "resnet", "blocks": 1, "filters": 4}),
        ((3, 1), (16, 16), {"name": "unet", "depth": 3, "filters": 4}),
        ((1, 1), (28, 16), {"name": "direct", "filters": 4}),
    ],
)
def test_domains_may_differ_in_bands_and_size(
    bands: tuple[int, int], edges: tuple[int, int], generator: dict[str, object]
) -> None:
    system = cyclegan(slots(generator=generator), bands, edges, identity=0.0, flips="all", jitter=0.1)
    batch = drawn(bands=bands, edges=edges)
    assert system.a_to_b(batch.a).shape == batch.b.shape
    assert system.b_to_a(batch.b).shape == batch.a.shape
    terms = system.losses("generator", batch) | system.losses("critic", batch)
    assert all(torch.isfinite(term) for term in terms.values())


def test_the_networks_have_the_published_numbers_of_parameters() -> None:
    parts = slots(generator={"name": "resnet"}, critic={"name": "patch_gan", "norm": "instance"})
    system = cyclegan(parts, (3, 3), (256, 256))
    counts = {
        name: round(sum(weight.numel() for weight in getattr(system, name).parameters()) / 1e6, 3)
        for name in ("a_to_b", "b_to_a", "critic_a", "critic_b")
    }
    assert counts == {"a_to_b": 11.378, "b_to_a": 11.378, "critic_a": 2.765, "critic_b": 2.765}


@pytest.mark.parametrize(
    ("bands", "edges", "said"),
    [
        ((3, 1), (16, 16), "pictures of A have 3 channels on 16 pixels and those of B 1 channels on 16 pixels"),
        ((1, 1), (28, 16), "pictures of A have 1 channels on 28 pixels and those of B 1 channels on 16 pixels"),
    ],
)
def test_an_identity_term_wants_pictures_of_one_kind(bands: tuple[int, int], edges: tuple[int, int], said: str) -> None:
    with pytest.raises(InputError, match=rf"^system\.identity: is 0\.5, but {said}; give 0"):
        cyclegan(bands=bands, edges=edges)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"reconstruction": {"name": "none"}}, {}, r"reconstruction\.name: is 'none', it is what the cycles cost"),
        ({"reconstruction": {"name": "cross_entropy"}}, {}, r"reconstruction\.name: is 'cross_entropy'"),
        ({"constraint": {"name": "masked_l2"}}, {}, r"constraint\.name: is 'masked_l2', the system has no such term"),
        ({"diversity": {"name": "hinge"}}, {}, r"diversity\.name: is 'hinge'"),
        ({"latent": {"name": "uniform"}}, {}, r"latent\.name: is 'uniform'"),
        ({"generator": {"name": "unet_residual"}}, {}, r"'unet_residual' is not a generator for translation"),
        ({"critic_penalty": {"name": "wgan_gp"}, "critic": {"name": "patch_gan"}}, {}, r"critic\.norm: 'batch' mixes"),
        ({}, {"cycle_a": -1.0}, r"system\.cycle_a: must be at least 0, got -1"),
        ({}, {"identity": -0.5}, r"system\.identity: must be at least 0"),
        ({}, {"pool": -1}, r"system\.pool: must be at least 0"),
        ({}, {"jitter": 1.5}, r"system\.jitter: must lie between 0 and 1"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    change: dict[str, dict[str, object]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"^experiments\.x\..*{message}"):
        CycleGAN.refuse("experiments.x", slots(**change), **(OPTIONS | options))
    CycleGAN.refuse("experiments.x", slots(), **OPTIONS)


def numbered(first: int, count: int) -> Tensor:
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 2, 3, 3).clone()


def numbers(images: Tensor) -> list[float]:
    assert (images == images[:, :1, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def test_a_pool_gives_new_pictures_back_until_it_is_full() -> None:
    pool, rng = ImagePool(5), torch.Generator().manual_seed(0)
    assert numbers(pool.exchange(numbered(0, 3), rng)) == [0, 1, 2]
    assert numbers(pool.exchange(numbered(3, 2), rng)) == [3, 4]
    assert numbers(pool.images) == [0, 1, 2, 3, 4]


def test_a_pool_gives_half_of_the_time_an_old_picture_once_and_keeps_the_new_one() -> None:
    pool, rng = ImagePool(5), torch.Generator().manual_seed(0)
    pool.exchange(numbered(0, 5), rng)
    held, swapped = set(range(5)), 0
    for start in range(5, 1005, 4):
        given = numbers(pool.exchange(numbered(start, 4), rng))
        for new, got in zip(range(start, start + 4), given, strict=True):
            if got != new:
                assert got in held
                held, swapped = held - {got} | {new}, swapped + 1
        assert set(numbers(pool.images)) == held
    assert swapped / 1000 == pytest.approx(0.5, abs=0.05)


def test_a_pool_of_none_gives_what_it_is_given_without_gradient() -> None:
    pool, rng = ImagePool(0), torch.Generator().manual_seed(0)
    image = numbered(0, 2).requires_grad_(True)
    assert torch.equal(pool.exchange(image, rng), image)
    assert not pool.exchange(image, rng).requires_grad
    assert not ImagePool(2).exchange(image, rng).requires_grad
    assert rng.get_state().equal(torch.Generator().manual_seed(0).get_state())


def test_a_pool_read_from_a_file_goes_on_as_the_one_that_was_written(tmp_path: Path) -> None:
    for filled in (0, 2, 5):
        pool = ImagePool(5)
        if filled:
            pool.exchange(numbered(0, filled), torch.Generator())
        torch.save(pool.state_dict(), tmp_path / "pool.pt")
        other = ImagePool(5)
        other.exchange(numbered(90, 3), torch.Generator())  # which is forgotten
        other.load_state_dict(torch.load(tmp_path / "pool.pt", weights_only=True))
        assert torch.equal(other.images, pool.images)
        one, two = (torch.Generator().manual_seed(1) for _ in range(2))
        for start in range(10, 40, 3):
            assert torch.equal(pool.exchange(numbered(start, 3), one), other.exchange(numbered(start, 3), two))
        assert torch.equal(other.images, pool.images)


def test_critics_judge_pictures_of_the_history() -> None:
    system = cyclegan(pool=4)
    shown: list[Tensor] = []
    made: list[Tensor] = []
    for step in range(6):
        system.losses("generator", drawn(step, 0, batch=2))
        assert system.made is not None
        made.append(system.made[1])
        hook = system.critic_b.register_forward_hook(lambda module, seen, out: shown.append(seen[0]))
        system.losses("critic", drawn(step, 1, batch=2))
        hook.remove()
    judged = shown[1::2]  # after each real batch
    assert torch.equal(judged[0], made[0])
    assert torch.equal(judged[1], made[1])
    ever = torch.cat(made)
    assert all((ever == picture).flatten(1).all(dim=1).any() for picture in torch.cat(judged))
    assert any(not torch.equal(one, other) for one, other in zip(judged, made, strict=True))


class Judge(Watcher):
    def validate(self, system: System) -> dict[str, float]:
        return {"l1": 1.0}


def trained(folder: Path, steps: int = 6, *, stop_after: int | None = None) -> Loop:
    """Steps of both turns, with views, dropout and a pool that swaps from the second step on."""
    torch.set_num_threads(1)
    parts = slots(generator={"name": "direct", "filters": 4, "dropout": 0.2})
    system = cyclegan(parts, (1, 1), (14, 8), identity=0.0, pool=3, flips="all", jitter=0.2)
    loop = Loop(
        system,
        lambda turn, weights: torch.optim.Adam(weights, lr=1e-3),
        lambda step: 1.0,
        batches(edges=(14, 8), batch=2),
        Plan(steps, 3, 3, 100, 0.9, 0.0, 0, ("l1",)),
        folder,
        Fabric(accelerator="cpu", devices=1),
    )
    loop.run(Judge(stop_after))
    return loop


def test_a_stopped_training_goes_on_to_the_same_weights_and_the_same_history(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    stopped = trained(tmp_path / "parts", stop_after=1)
    assert stopped.progress.step == 3
    resumed = trained(tmp_path / "parts")
    assert resumed.progress.step == 6
    for one, other in ((whole.system, resumed.system), (whole.averaged, resumed.averaged)):
        state = other.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())
    pool = whole.system.state_dict()["pool_a._extra_state"]
    assert pool.shape == (3, 1, 14, 14)
    assert not torch.equal(pool, stopped.system.state_dict()["pool_a._extra_state"])  # it has swapped since


def test_batches_are_a_function_of_seed_step_turn_and_repeat() -> None:
    rng = torch.Generator()
    first, again = (batches().draw(3, 1, 0, rng) for _ in range(2))
    for one, other in itertools.pairwise((first, again)):
        assert torch.equal(one.a, other.a)
        assert torch.equal(one.b, other.b)
    for place in ((4, 1, 0), (3, 0, 0), (3, 1, 1)):
        other = batches().draw(*place, rng)
        assert not torch.equal(first.a, other.a)
        assert not torch.equal(first.b, other.b)


def test_batches_break_pairs_unless_they_are_asked_for() -> None:
    values = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    tiles = Tiles(np.broadcast_to(values, (40, 1, 2, 2)), np.ones((40, 2, 2), dtype=bool))
    pictures = Pictures(domain(1), tiles)
    for aligned in (True, False):
        drawing = UnpairedBatches(pictures, pictures, batch=16, seed=0, device=CPU, aligned=aligned)
        batch = drawing.draw(0, 0, 0, torch.Generator())
        assert torch.equal(batch.a, batch.b) == aligned
    few = Pictures(domain(1), Tiles(tiles.values[:3], tiles.valid[:3]))
    none = Pictures(domain(1), Tiles(tiles.values[:0], tiles.valid[:0]))
    with pytest.raises(InputError, match=r"system\.pairing: is 'aligned', but .* 40 tiles of A and 3 of B"):
        UnpairedBatches(pictures, few, batch=2, seed=0, device=CPU, aligned=True)
    with pytest.raises(InputError, match="holds no tiles of B: run prepare again"):
        UnpairedBatches(pictures, none, batch=2, seed=0, device=CPU)
