"""pix2pix: Isola, Zhu, Zhou, Efros (2017), "Image-to-image translation with conditional adversarial networks".

Letters of the paper: x the scene, y its map, G the generator, D the critic, which sees (x, y) or (x, G(x)).
G minimises the adversarial term plus weight * L1 (equation 4); the noise is dropout inside G.
"""

from __future__ import annotations

from typing import Any, Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geogan.augmentation import Augmentation, Flips
from geogan.critics import CRITICS
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.generators import TRANSLATORS
from geogan.objectives import OBJECTIVES
from geogan.penalties import CRITIC_PENALTIES, RECONSTRUCTIONS
from geogan.picture_batches import PairBatch
from geogan.system import Slots, System, Terms, Turn


@final
class Pix2Pix(System):
    """Generator of maps from scenes, or of scenes from maps (``direction``).

    ``target``: the output is an image in [-1, 1], or ``classes``: logits of the map's classes, of which the
    critic sees the softmax beside one-hot maps. ``critic_weight`` scales the critic's adversarial term (the
    paper's half), ``n_critic`` repeats its turn. ``jitter`` and ``flips`` as in Augmentation.
    """

    task = "translation"
    conditional_critic = True

    def __init__(
        self,
        slots: Slots,
        a: Domain,
        b: Domain,
        tiles: tuple[int, int],
        /,
        *,
        direction: Literal["a_to_b", "b_to_a"] = "a_to_b",
        target: Literal["image", "classes"] = "image",
        critic_weight: float = 0.5,
        n_critic: int = 1,
        jitter: float = 30 / 256,
        flips: Flips = "horizontal",
    ):
        super().__init__()
        self.refuse_tiles(tiles)
        source, made = (a, b) if direction == "a_to_b" else (b, a)
        self.slots, self.classes, self.critic_weight = slots, target == "classes", critic_weight
        outputs = made.channels
        if self.classes:
            if made.palette is None:
                raise InputError(
                    f"system.target: classes needs a map of classes, {direction[-1]} has no palette; use image"
                )
            outputs = len(made.palette)
        self.generator = slots.generator.build(TRANSLATORS, source.channels, outputs)
        self.critic = slots.critic.build(CRITICS, source.channels + outputs)
        self.objective = slots.objective.build(OBJECTIVES)
        self.augmentation = Augmentation(jitter, flips)
        self.turns = (Turn("critic", ("critic",), n_critic), Turn("generator", ("generator",)))
        self.sampled = ("generator",)

    @classmethod
    def turn_names(cls, **options: Any) -> tuple[str, ...]:
        return ("critic", "generator")

    @classmethod
    def directions(cls, **options: Any) -> dict[str, str]:
        return {options["direction"]: "generator"}

    @classmethod
    def refuse_tiles(cls, tiles: tuple[int, int], **options: Any) -> None:
        if tiles[0] != tiles[1]:
            raise InputError(
                f"dataset: its tiles of A have {tiles[0]} pixels and those of B {tiles[1]}, pix2pix compares "
                "them pixel by pixel; give one tile for both, or use cyclegan"
            )

    @classmethod
    def refuse(cls, where: str, slots: Slots, **options: Any) -> None:
        cls.refuse_parts(where, slots, ("constraint", "diversity", "latent"), TRANSLATORS)
        if slots.reconstruction.name == "cross_entropy" and options["target"] != "classes":
            raise InputError(f"{where}.reconstruction.name: 'cross_entropy' needs system.target: classes")
        if options["n_critic"] < 1:
            raise InputError(f"{where}.system.n_critic: must be at least 1, got {options['n_critic']}")
        if not 0 <= options["jitter"] <= 1:
            raise InputError(f"{where}.system.jitter: must lie between 0 and 1, got {options['jitter']}")

    def losses(self, turn: str, batch: PairBatch) -> Terms:
        view = self.augmentation.view(len(batch.source), batch.source.shape[-1], batch.rng)
        source, target = view(batch.source, True), view(batch.target, not self.classes)
        valid = view(batch.valid.unsqueeze(1).float(), False) > 0.5
        return {"critic": self._critic, "generator": self._generator}[turn](source, target, valid, batch.rng)

    def _made(
        self,
        source: Float[Tensor, "batch channel y x"],
        target: Float[Tensor, "batch output y x"],
        valid: Bool[Tensor, "batch 1 y x"],
    ) -> tuple[Float[Tensor, "batch output y x"], Float[Tensor, "batch output y x"]]:
        """Raw output and image; where the truth is not known the image is what stands for it there."""
        raw = self.generator(source)
        image = torch.softmax(raw, dim=1) if self.classes else torch.tanh(raw)
        return raw, torch.where(valid, image, target)

    def _critic(self, source: Tensor, target: Tensor, valid: Tensor, rng: torch.Generator) -> Terms:
        with torch.no_grad():
            _, image = self._made(source, target, valid)
        real, fake = torch.cat([source, target], dim=1), torch.cat([source, image], dim=1)
        game = self.objective.critic(self.critic(real), self.critic(fake))
        terms = {"adversarial": self.critic_weight * game}
        if self.slots.critic_penalty.name != "none":
            terms["penalty"] = self.slots.critic_penalty.build(CRITIC_PENALTIES, self.critic, real, fake, rng)
        return terms

    def _generator(self, source: Tensor, target: Tensor, valid: Tensor, rng: torch.Generator) -> Terms:
        raw, image = self._made(source, target, valid)
        fake = self.critic(torch.cat([source, image], dim=1))
        real = self.critic(torch.cat([source, target], dim=1)) if self.objective.relativistic else fake
        terms = {"adversarial": self.objective.generator(real, fake)}
        if self.slots.reconstruction.name != "none":
            terms["reconstruction"] = self.slots.reconstruction.build(RECONSTRUCTIONS, raw, image, target)
        return terms
