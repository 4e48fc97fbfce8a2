"""What a GAN is: a list of turns. A turn names the networks it moves and the terms it minimises.

The training loop takes the turns in order and knows nothing else; a system is mathematics only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from geogan.choices import Choice, Table
from geogan.errors import InputError

Task = Literal["simulation", "translation"]  # fields that honour hard data; pictures from pictures
Terms = dict[str, Tensor]  # named, weighted scalars; their sum is minimised


@dataclass(frozen=True)
class Turn:
    """One player's move: ``repeats`` steps of the optimiser ``name`` on the networks ``moves``."""

    name: str
    moves: tuple[str, ...]
    repeats: int = 1  # each repeat draws a fresh batch


@dataclass(frozen=True)
class Slots:
    """The swappable parts of an experiment, chosen and checked."""

    generator: Choice
    critic: Choice
    objective: Choice
    critic_penalty: Choice
    constraint: Choice
    diversity: Choice
    reconstruction: Choice
    latent: Choice


class System(nn.Module, ABC):
    """The only base class of GANs; every subclass is final and has one file in ``systems/``."""

    task: ClassVar[Task]
    paired: ClassVar[bool] = True  # whether training needs pictures of A and B that show the same ground
    conditional_critic: ClassVar[bool] = False  # whether a critic of pictures sees the source beside its translation
    code: ClassVar[tuple[str, ...]] = ()  # files of the library that it alone depends on
    turns: tuple[Turn, ...]
    sampled: tuple[str, ...]  # names of the networks that sampling needs; these are averaged and exported

    @classmethod
    @abstractmethod
    def turn_names(cls, **options: Any) -> tuple[str, ...]:
        """Names of the turns that a system with these options takes; each wants an optimiser."""

    @classmethod
    def directions(cls, **options: Any) -> dict[str, str]:
        """What a system with these options translates, the main direction first: ``a_to_b`` or ``b_to_a`` -> the name
        of the submodule that does it, a Translator. Empty for systems of fields.
        """
        return {}

    @classmethod
    @abstractmethod
    def refuse(cls, where: str, slots: Slots, **options: Any) -> None:
        """Raise InputError, naming the key below ``where``, if the parts do not go together."""

    @classmethod
    def refuse_tiles(cls, tiles: tuple[int, int], **options: Any) -> None:
        """Raise InputError, naming the key of the experiment, unless tiles of A and B may have these edges."""
        return

    @classmethod
    def refuse_parts(cls, where: str, slots: Slots, empty: Iterable[str], generators: Table) -> None:
        """Raise InputError unless the slots ``empty`` are ``none`` and the generator is one of ``generators``."""
        for slot in empty:
            if getattr(slots, slot).name != "none":
                raise InputError(
                    f"{where}.{slot}.name: is {getattr(slots, slot).name!r}, the system has no such term; give none"
                )
        if slots.generator.name not in generators:
            raise InputError(
                f"{where}.generator.name: {slots.generator.name!r} is not a generator for {cls.task}; "
                f"one of {', '.join(generators)}"
            )
        if slots.critic_penalty.name != "none" and slots.critic.options.get("norm") == "batch":
            raise InputError(
                f"{where}.critic.norm: 'batch' mixes the samples of a batch, {slots.critic_penalty.name} takes "
                "the gradient of each; use 'instance' or 'none'"
            )

    @abstractmethod
    def losses(self, turn: str, batch: Any) -> Terms:
        """The terms that the turn minimises on this batch."""
