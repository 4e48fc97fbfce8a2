"""The constrained SGAN: which weights each turn moves, what the critic is shown, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geogan import facies
from geogan.batches import FaciesBatches
from geogan.choices import Choice, choose
from geogan.config import SLOTS
from geogan.errors import InputError
from geogan.penalties import DIVERSITIES
from geogan.system import Slots
from geogan.systems import SYSTEMS
from geogan.systems.constrained_sgan import ConstrainedSGAN

FORMULATIONS = {
    "conditional": {"condition_critic": True, "constraint_as": "none"},
    "penalty": {"condition_critic": False, "constraint_as": "penalty"},
    "multi_objective": {"condition_critic": False, "constraint_as": "turn"},
    "conditional_penalty": {"condition_critic": True, "constraint_as": "penalty"},
    "conditional_multi_objective": {"condition_critic": True, "constraint_as": "turn"},
}


def slots(**changes: dict[str, object]) -> Slots:
    chosen: dict[str, dict[str, object]] = {
        "generator": {"name": "unet_residual", "filters": [4, 6, 8], "dilations": [1]},
        "critic": {"name": "patch", "filters": [4, 8], "norm": "instance"},
        "objective": {"name": "non_saturating"},
        "critic_penalty": {"name": "none"},
        "constraint": {"name": "masked_l2"},
        "diversity": {"name": "none"},
        "reconstruction": {"name": "none"},
        "latent": {"name": "uniform", "channels": 3},
    }
    chosen |= changes
    return Slots(**{name: choose(name, value, SLOTS[name]) for name, value in chosen.items()})


def source(count: int = 2, tile: int = 16) -> FaciesBatches:
    rng = np.random.default_rng(0)
    real = rng.integers(count, size=(6, tile, tile)).astype(np.uint8)
    mask = rng.random((3, 2, tile, tile)) < 0.1
    truth = rng.integers(count, size=(3, tile, tile)).astype(np.uint8)
    codes = np.where(mask, truth[:, None], 255).astype(np.uint8)
    return FaciesBatches(real, mask, codes, truth, batch=4, seed=0, device=torch.device("cpu"))


def gradients(system: ConstrainedSGAN, turn: str, count: int = 2) -> tuple[dict[str, float], set[str]]:
    """Names and values of the terms, and the networks that their sum reaches."""
    system.zero_grad(set_to_none=True)
    batch = source(count).draw(0, 0, 0, torch.Generator().manual_seed(0))
    terms = system.losses(turn, batch)
    torch.stack(list(terms.values())).sum().backward()
    reached = {
        name for name in ("generator", "critic") if any(p.grad is not None for p in getattr(system, name).parameters())
    }
    return {name: term.item() for name, term in terms.items()}, reached


@pytest.mark.parametrize("name", FORMULATIONS)
def test_formulations_have_their_terms_and_turns(name: str) -> None:
    options = FORMULATIONS[name]
    cost = {"name": "none"} if options["constraint_as"] == "none" else {"name": "masked_l2"}
    system = ConstrainedSGAN(slots(constraint=cost), 2, **options)
    terms, reached = gradients(system, "critic")
    assert set(terms) == {"adversarial"}
    assert reached == {"critic"}  # the critic's turn leaves no gradient in the generator
    terms, reached = gradients(system, "generator")
    assert set(terms) == ({"adversarial", "constraint"} if options["constraint_as"] == "penalty" else {"adversarial"})
    assert "generator" in reached
    assert [turn.name for turn in system.turns] == list(ConstrainedSGAN.turn_names(**options))
    if options["constraint_as"] == "turn":
        assert system.turns[-1].moves == ("generator",)
        terms, reached = gradients(system, "constraint")
        assert set(terms) == {"constraint"}
        assert reached == {"generator"}


def test_critic_sees_the_condition_only_when_told() -> None:
    blind = ConstrainedSGAN(slots(), 2, condition_critic=False, constraint_as="penalty")
    seeing = ConstrainedSGAN(slots(), 2, condition_critic=True, constraint_as="penalty")
    assert blind.critic.layers[1].in_channels == 1
    assert seeing.critic.layers[1].in_channels == 1 + 2


def test_a_real_tile_is_shown_with_its_own_pixels() -> None:
    system = ConstrainedSGAN(slots(), 2, condition_critic=True, constraint_as="penalty")
    batch = source().draw(0, 0, 0, torch.Generator())
    image, mask, value = system._real(batch).unbind(dim=1)
    assert torch.equal(value, mask * image)
    assert mask.any()


def test_pairs_are_two_real_tiles_and_two_fields_of_the_same_hard_data() -> None:
    system = ConstrainedSGAN(slots(), 2, condition_critic=False, constraint_as="penalty", pairs=True)
    batch = source().draw(0, 0, 0, torch.Generator())
    real = system._real(batch)
    assert real.shape[:2] == (2, 2)
    assert torch.equal(real[0, 0] > 0, batch.real[0] == 1)
    assert torch.equal(real[0, 1] > 0, batch.real[2] == 1)
    twice = system._twice(batch)
    assert torch.equal(twice.mask[:2], twice.mask[2:])
    assert torch.equal(twice.codes[:2], twice.codes[2:])
    assert gradients(system, "generator")[1] >= {"generator"}


def test_diversity_hinge_and_gradient_penalty_join_their_turns() -> None:
    system = ConstrainedSGAN(
        slots(
            diversity={"name": "hinge", "target": 2.0},
            critic_penalty={"name": "wgan_gp"},
            objective={"name": "wasserstein"},
        ),
        2,
        n_critic=5,
    )
    assert set(gradients(system, "critic")[0]) == {"adversarial", "penalty"}
    terms, _ = gradients(system, "generator")
    assert terms["diversity"] > 0
    assert system.turns[0].repeats == 5


@pytest.mark.parametrize("count", [2, 3])
def test_energy_score_judges_two_fields_of_the_hard_data_of_a_real_tile_against_it(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    score = DIVERSITIES["energy_score"]

    def spy(*images: torch.Tensor, weight: float = 5.0, spread: float = 1.5) -> torch.Tensor:
        seen.extend(images)
        return score(*images, weight=weight, spread=spread, near=1.0)

    monkeypatch.setitem(DIVERSITIES, "energy_score", spy)
    cost = {"name": "masked_l2" if count == 2 else "masked_cross_entropy"}
    system = ConstrainedSGAN(slots(constraint=cost, diversity={"name": "energy_score"}), count)
    batch = source(count).draw(0, 0, 0, torch.Generator().manual_seed(0))
    terms = system.losses("generator", batch)
    assert terms["diversity"] > 0
    image, other, truth, mask = seen
    assert torch.equal(mask, batch.real_mask[:2])
    assert torch.equal(truth, facies.encode(batch.real[:2], count))
    assert image.shape == other.shape == truth.shape
    assert not torch.equal(image, other)


def test_three_facies_train_on_cross_entropy() -> None:
    system = ConstrainedSGAN(slots(constraint={"name": "masked_cross_entropy"}), 3)
    terms, reached = gradients(system, "generator", count=3)
    assert set(terms) == {"adversarial", "constraint"}
    assert "generator" in reached


@pytest.mark.parametrize("turn", ["critic", "generator"])
def test_of_three_facies_the_critic_is_shown_no_probabilities(turn: str) -> None:
    system = ConstrainedSGAN(slots(constraint={"name": "masked_cross_entropy"}), 3)
    seen: list[torch.Tensor] = []
    system.critic.register_forward_pre_hook(lambda _, shown: seen.append(shown[0]))
    system.losses(turn, source(3).draw(0, 0, 0, torch.Generator().manual_seed(0)))
    assert seen
    for shown in seen:
        assert torch.equal(shown[:, :3].sort(dim=1).values, torch.eye(3)[0].flip(0)[:, None, None].expand(4, 3, 16, 16))


@pytest.mark.parametrize(
    ("parts", "options", "key"),
    [
        ({}, {"pairs": True}, "system.pairs"),
        ({"constraint": {"name": "none"}}, {}, "constraint.name"),
        ({}, {"constraint_as": "none"}, "constraint.name"),
        ({"critic": {"name": "patch", "norm": "batch"}, "critic_penalty": {"name": "wgan_gp"}}, {}, "critic.norm"),
        ({}, {"n_critic": 0}, "n_critic"),
        ({}, {"soft": -1.0}, "system.soft"),
        ({}, {"margin": -8}, "system.margin"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    parts: dict[str, dict[str, object]], options: dict[str, object], key: str
) -> None:
    system = choose("system", {"name": "constrained_sgan", **options}, SYSTEMS)
    with pytest.raises(InputError, match=key):
        ConstrainedSGAN.refuse("experiments.x", slots(**parts), **system.options)


def test_batches_are_a_function_of_seed_step_turn_and_repeat() -> None:
    rng = torch.Generator()
    first, again = source().draw(3, 1, 0, rng), source().draw(3, 1, 0, rng)
    assert torch.equal(first.real, again.real)
    assert torch.equal(first.mask, again.mask)
    for other in (source().draw(4, 1, 0, rng), source().draw(3, 0, 0, rng), source().draw(3, 1, 1, rng)):
        assert not (torch.equal(first.real, other.real) and torch.equal(first.mask, other.mask))


def test_choice_keeps_the_defaults_of_the_signature() -> None:
    assert slots().latent == Choice("uniform", {"channels": 3})
    assert slots().critic.options["input_noise"] == 0.1
