"""The constrained spatial GAN of Ruffino, Herault, Laloy, Gasso (2018, 2020), all five formulations.

Letters of the papers: G generator, D critic, z noise, C the hard data (mask and codes), L_C the constraint
cost. ``condition_critic`` shows C to D; ``constraint_as`` puts L_C into the generator's turn (penalty,
equations 9-12) or into a turn of its own with its own optimiser (multi-objective, equations 15 and 17).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geogan import facies
from geogan.batches import FaciesBatch
from geogan.critics import CRITICS
from geogan.errors import InputError
from geogan.facies import Codes
from geogan.generators import FIELD_GENERATORS
from geogan.latents import LATENTS
from geogan.objectives import OBJECTIVES
from geogan.penalties import CONSTRAINT_COSTS, CRITIC_PENALTIES, DIVERSITIES
from geogan.soft_data import smooth
from geogan.system import Slots, System, Terms, Turn


@final
class ConstrainedSGAN(System):
    """Generator of fields (of facies, or of a property) that honour hard data, and a critic of tiles.

    ``pairs`` shows the critic two fields of the same hard data at once (PacGAN-2, Lin et al. 2018), two
    independent tiles on the real side. A diversity term takes two fields of the hard data of real tiles.
    ``n_critic`` repeats the critic's turn. ``soft``, if not 0, shows both networks soft data too: in training the
    truth, smoothed with this standard deviation in pixels. Fields are drawn from the trained generator with ``margin``
    cells around them that are cut off (see Surrounded); training does without.
    """

    task = "simulation"

    def __init__(
        self,
        slots: Slots,
        count: int,
        /,
        *,
        condition_critic: bool = True,
        constraint_as: Literal["none", "penalty", "turn"] = "penalty",
        pairs: bool = False,
        n_critic: int = 1,
        margin: int = 0,
        soft: float = 0.0,
    ):
        super().__init__()
        image = facies.channels(count)
        shown = 1 + image * (2 if soft else 1)
        self.soft = soft
        self.count, self.slots = count, slots
        self.condition_critic, self.constraint_as, self.pairs = condition_critic, constraint_as, pairs
        noise = slots.latent.options["channels"]
        self.generator = slots.generator.build(FIELD_GENERATORS, shown, image, noise)
        self.critic = slots.critic.build(CRITICS, image * (2 if pairs else 1) + shown * condition_critic)
        self.objective = slots.objective.build(OBJECTIVES)
        self.turns = (Turn("critic", ("critic",), n_critic), Turn("generator", ("generator",)))
        if constraint_as == "turn":
            self.turns += (Turn("constraint", ("generator",)),)
        self.sampled = ("generator",)

    @classmethod
    def turn_names(cls, **options: Any) -> tuple[str, ...]:
        extra = ("constraint",) if options["constraint_as"] == "turn" else ()
        return ("critic", "generator", *extra)

    @classmethod
    def refuse(cls, where: str, slots: Slots, **options: Any) -> None:
        cls.refuse_parts(where, slots, ("reconstruction",), FIELD_GENERATORS)
        if options["pairs"] and options["condition_critic"]:
            raise InputError(f"{where}.system.pairs: needs condition_critic: false, the critic judges the two fields")
        if (options["constraint_as"] == "none") != (slots.constraint.name == "none"):
            raise InputError(
                f"{where}.constraint.name: is {slots.constraint.name!r} while system.constraint_as is "
                f"{options['constraint_as']!r}; both must be 'none' or neither"
            )
        if slots.latent.options.get("channels", 0) < 1:
            got = slots.latent.options.get("channels", "no noise")
            raise InputError(f"{where}.latent.channels: must be at least 1, got {got}")
        if options["n_critic"] < 1:
            raise InputError(f"{where}.system.n_critic: must be at least 1, got {options['n_critic']}")
        reach = slots.diversity.options.get("reach", 1)
        if reach < 1:
            raise InputError(f"{where}.diversity.reach: must be at least 1 pixel, got {reach}")
        if options["margin"] < 0:
            raise InputError(f"{where}.system.margin: must be at least 0 cells, got {options['margin']}")
        if options["soft"] < 0:
            raise InputError(f"{where}.system.soft: must be at least 0 pixels (0: no soft data), got {options['soft']}")

    def losses(self, turn: str, batch: FaciesBatch) -> Terms:
        return {"critic": self._critic, "generator": self._generator, "constraint": self._constraint}[turn](batch)

    def _logits(
        self, shown: Float[Tensor, "batch shown y x"], rng: torch.Generator
    ) -> Float[Tensor, "batch channel y x"]:
        shape = (len(shown), *self.generator.noise_shape(*shown.shape[2:]))
        z = self.slots.latent.build(LATENTS, shape, rng)
        logits: Tensor = self.generator(z, shown)
        return logits

    def _condition(
        self, mask: Bool[Tensor, "batch y x"], codes: Codes, truth: Codes
    ) -> Float[Tensor, "batch shown y x"]:
        """What the networks are told: the hard data, and soft data where the system takes some."""
        shown = facies.condition(mask, codes, self.count)
        if not self.soft:
            return shown
        return torch.cat([shown, smooth(facies.encode(truth, self.count), self.soft)], dim=1)

    def _shown(
        self, image: Float[Tensor, "batch channel y x"], condition: Float[Tensor, "batch shown y x"]
    ) -> Float[Tensor, "some channel2 y x"]:
        """What the critic is shown of images: with their condition, two at a time, or alone."""
        if self.condition_critic:
            return torch.cat([image, condition], dim=1)
        return torch.cat(image.chunk(2), dim=1) if self.pairs else image

    def _real(self, batch: FaciesBatch) -> Float[Tensor, "some channel y x"]:
        condition = self._condition(batch.real_mask, batch.real, batch.real)
        return self._shown(facies.encode(batch.real, self.count), condition)

    @staticmethod
    def _twice(batch: FaciesBatch) -> FaciesBatch:
        """The batch with the first half of its hard data twice: for two fields of each."""
        half = len(batch.mask) // 2
        mask, codes, truth = (part[:half].repeat(2, 1, 1) for part in (batch.mask, batch.codes, batch.truth))
        return replace(batch, mask=mask, codes=codes, truth=truth)

    def _critic(self, batch: FaciesBatch) -> Terms:
        own = self._twice(batch) if self.pairs else batch
        condition = self._condition(own.mask, own.codes, own.truth)
        with torch.no_grad():
            image = facies.activate(self._logits(condition, batch.rng))
        real, fake = self._real(batch), self._shown(facies.decided(image), condition)
        terms = {"adversarial": self.objective.critic(self.critic(real), self.critic(fake))}
        if self.slots.critic_penalty.name != "none":
            terms["penalty"] = self.slots.critic_penalty.build(CRITIC_PENALTIES, self.critic, real, fake, batch.rng)
        return terms

    def _generator(self, batch: FaciesBatch) -> Terms:
        diverse = self.slots.diversity.name != "none"
        if diverse:  # hard data of the real tiles, of whose ground there is more than of the pool's
            batch = replace(batch, mask=batch.real_mask, codes=batch.real, truth=batch.real)
        own = self._twice(batch) if diverse or self.pairs else batch
        condition = self._condition(own.mask, own.codes, own.truth)
        logits = self._logits(condition, batch.rng)
        image = facies.activate(logits)
        fake = self.critic(self._shown(facies.decided(image), condition))
        real = self.critic(self._real(batch)) if self.objective.relativistic else fake
        terms = {"adversarial": self.objective.generator(real, fake)}
        if self.constraint_as == "penalty":
            terms["constraint"] = self.slots.constraint.build(CONSTRAINT_COSTS, logits, own.codes, own.mask)
        if diverse:
            truth, _ = facies.encode(own.truth, self.count).chunk(2)
            mask, _ = own.mask.chunk(2)
            terms["diversity"] = self.slots.diversity.build(DIVERSITIES, *image.chunk(2), truth, mask)
        return terms

    def _constraint(self, batch: FaciesBatch) -> Terms:
        logits = self._logits(self._condition(batch.mask, batch.codes, batch.truth), batch.rng)
        return {"constraint": self.slots.constraint.build(CONSTRAINT_COSTS, logits, batch.codes, batch.mask)}
