"""CycleGAN: Zhu, Park, Isola, Efros (2017), "Unpaired image-to-image translation using cycle-consistent adversarial
networks".

Letters of the paper: X, Y the domains A, B; G, F the generators ``a_to_b``, ``b_to_a``; D_X, D_Y the critics.
Both generators minimise equation 3: the adversarial terms of equation 1, the cycles of equation 2, and the identity
term of section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from geogan.augmentation import Augmentation, Flips
from geogan.critics import CRITICS
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.generators import TRANSLATORS
from geogan.image_pool import ImagePool
from geogan.objectives import OBJECTIVES
from geogan.objectives.objective import Scalar
from geogan.penalties import CRITIC_PENALTIES, RECONSTRUCTIONS
from geogan.system import Slots, System, Terms, Turn
from geogan.unpaired_batches import UnpairedBatch


@final
class CycleGAN(System):
    """Generators from A to B and back; a critic for the pictures of each. Generators move first, then critics.

    Cycles and identity cost what the reconstruction slot says, times ``cycle_a`` for A -> B -> A, ``cycle_b`` for
    B -> A -> B and ``identity`` for pictures that are in the wanted domain already; a term whose factor is 0 is left
    out. ``pool``: pictures that each critic's history keeps (0: none). ``critic_weight`` scales the critics'
    adversarial terms (the paper's half). ``jitter`` and ``flips`` as in Augmentation, drawn for A and B apart.
    ``pairing``: ``aligned`` draws batches of A and B that show the same ground, for comparison; no term uses it.
    """

    task = "translation"
    paired = False
    code = ("image_pool.py", "unpaired_batches.py")

    def __init__(
        self,
        slots: Slots,
        a: Domain,
        b: Domain,
        tiles: tuple[int, int],
        /,
        *,
        cycle_a: float = 1.0,
        cycle_b: float = 1.0,
        identity: float = 0.5,
        pool: int = 50,
        critic_weight: float = 0.5,
        jitter: float = 30 / 256,
        flips: Flips = "horizontal",
        pairing: Literal["none", "aligned"] = "none",
    ):
        super().__init__()
        _refuse_identity(identity, tiles, (a.channels, b.channels))
        self.slots, self.cycle_a, self.cycle_b, self.identity = slots, cycle_a, cycle_b, identity
        self.critic_weight, self.same_grid = critic_weight, tiles[0] == tiles[1]
        ratio = Fraction(tiles[1], tiles[0])
        self.a_to_b = slots.generator.build(TRANSLATORS, a.channels, b.channels, ratio)
        self.b_to_a = slots.generator.build(TRANSLATORS, b.channels, a.channels, 1 / ratio)
        self.critic_a = slots.critic.build(CRITICS, a.channels)
        self.critic_b = slots.critic.build(CRITICS, b.channels)
        self.pool_a, self.pool_b = ImagePool(pool), ImagePool(pool)
        self.made: tuple[Tensor, Tensor] | None = None  # of A and B, from the generators' turn to that of the critics
        self.objective = slots.objective.build(OBJECTIVES)
        self.augmentation = Augmentation(jitter, flips)
        self.turns = (Turn("generator", ("a_to_b", "b_to_a")), Turn("critic", ("critic_a", "critic_b")))
        self.sampled = ("a_to_b", "b_to_a")

    @classmethod
    def turn_names(cls, **options: Any) -> tuple[str, ...]:
        return ("generator", "critic")

    @classmethod
    def directions(cls, **options: Any) -> dict[str, str]:
        return {"a_to_b": "a_to_b", "b_to_a": "b_to_a"}

    @classmethod
    def refuse_tiles(cls, tiles: tuple[int, int], **options: Any) -> None:
        _refuse_identity(options["identity"], tiles)

    @classmethod
    def refuse(cls, where: str, slots: Slots, **options: Any) -> None:
        cls.refuse_parts(where, slots, ("constraint", "diversity", "latent"), TRANSLATORS)
        if slots.reconstruction.name not in ("l1", "l2"):
            raise InputError(
                f"{where}.reconstruction.name: is {slots.reconstruction.name!r}, it is what the cycles cost; l1 or l2"
            )
        for key in ("cycle_a", "cycle_b", "identity", "pool"):
            if options[key] < 0:
                raise InputError(f"{where}.system.{key}: must be at least 0, got {options[key]}")
        if not 0 <= options["jitter"] <= 1:
            raise InputError(f"{where}.system.jitter: must lie between 0 and 1, got {options['jitter']}")

    def losses(self, turn: str, batch: UnpairedBatch) -> Terms:
        a, valid_a = self._viewed(batch.a, batch.valid_a, batch.rng)
        b, valid_b = self._viewed(batch.b, batch.valid_b, batch.rng)
        if turn == "generator":
            return self._generator(a, b, valid_a, valid_b)
        return self._critic(a, b, batch.rng)

    def _viewed(
        self, image: Float[Tensor, "batch channel y x"], valid: Bool[Tensor, "batch y x"], rng: torch.Generator
    ) -> tuple[Float[Tensor, "batch channel y x"], Bool[Tensor, "batch 1 y x"]]:
        """A view of each picture, 0 where it is not valid, and where it is."""
        view = self.augmentation.view(len(image), image.shape[-1], rng)
        known = view(valid.unsqueeze(1).float(), False) > 0.5
        return torch.where(known, view(image, True), 0.0), known

    def _generator(self, a: Tensor, b: Tensor, valid_a: Tensor, valid_b: Tensor) -> Terms:
        fake_a, fake_b = self._translated(self.b_to_a, b, valid_b), self._translated(self.a_to_b, a, valid_a)
        self.made = fake_a.detach(), fake_b.detach()
        terms = {
            "adversarial_a": self._deceived(self.critic_a, a, fake_a),
            "adversarial_b": self._deceived(self.critic_b, b, fake_b),
        }
        if self.cycle_a:
            terms["cycle_a"] = self.cycle_a * self._cost(self.b_to_a, fake_b, a, valid_a)
        if self.cycle_b:
            terms["cycle_b"] = self.cycle_b * self._cost(self.a_to_b, fake_a, b, valid_b)
        if self.identity:
            terms["identity_a"] = self.identity * self._cost(self.b_to_a, a, a, valid_a)
            terms["identity_b"] = self.identity * self._cost(self.a_to_b, b, b, valid_b)
        return terms

    def _translated(
        self,
        network: nn.Module,
        image: Float[Tensor, "batch channel y x"],
        valid: Bool[Tensor, "batch 1 y x"],
    ) -> Float[Tensor, "batch output y2 x2"]:
        """The picture made of a real one; 0 where that is not valid, as real pictures are."""
        made = torch.tanh(network(image))
        return torch.where(valid, made, 0.0) if self.same_grid else made

    def _deceived(
        self, critic: nn.Module, real: Float[Tensor, "batch channel y x"], fake: Float[Tensor, "batch channel y x"]
    ) -> Scalar:
        scores = critic(fake)
        game: Tensor = self.objective.generator(critic(real) if self.objective.relativistic else scores, scores)
        return game

    def _cost(
        self,
        network: nn.Module,
        image: Float[Tensor, "batch channel2 y2 x2"],
        truth: Float[Tensor, "batch channel y x"],
        valid: Bool[Tensor, "batch 1 y x"],
    ) -> Scalar:
        """What it costs that the network makes of ``image`` another picture than ``truth`` where that is known."""
        with _statistics_kept(network):
            raw = network(image)
        made = torch.where(valid, torch.tanh(raw), truth)
        cost: Tensor = self.slots.reconstruction.build(RECONSTRUCTIONS, raw, made, truth)
        return cost

    def _critic(self, a: Tensor, b: Tensor, rng: torch.Generator) -> Terms:
        assert self.made is not None, "critics judge what the generators' turn has made"
        fake_a, fake_b = self.pool_a.exchange(self.made[0], rng), self.pool_b.exchange(self.made[1], rng)
        self.made = None
        terms = {}
        for name, critic, real, fake in (("a", self.critic_a, a, fake_a), ("b", self.critic_b, b, fake_b)):
            terms[f"critic_{name}"] = self.critic_weight * self.objective.critic(critic(real), critic(fake))
            if self.slots.critic_penalty.name != "none":
                terms[f"penalty_{name}"] = self.slots.critic_penalty.build(CRITIC_PENALTIES, critic, real, fake, rng)
        return terms


def _refuse_identity(identity: float, tiles: tuple[int, int], channels: tuple[int, int] | None = None) -> None:
    """Raise InputError for an identity term where a picture of A cannot be one of B."""
    one, other = zip(channels or ("", ""), tiles, strict=True)
    if identity and one != other:
        said = [f"{bands} channels on {edge} pixels" if channels else f"{edge} pixels" for bands, edge in (one, other)]
        raise InputError(
            f"system.identity: is {identity:g}, but pictures of A have {said[0]} and those of B {said[1]}; give 0"
        )


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Norms go by the batch and forget it: the statistics of later use are those of real pictures alone."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
