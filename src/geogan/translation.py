"""A trained translator read back from its files, and the pictures that it makes of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from geogan.bundles import load_weights, open_folder, pick_device
from geogan.choices import choose
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.generators import TRANSLATORS
from geogan.generators.translator import Translator


@dataclass(frozen=True)
class PictureTranslator:
    """A network in use, from pictures of ``source`` to pictures of ``target``.

    ``classes``: whether it gives a probability for each class of the target's palette, or an image in [-1, 1].
    """

    network: Translator
    source: Domain
    target: Domain
    classes: bool
    device: torch.device

    @property
    def stride(self) -> int:
        """Sides of what is translated are multiples of this."""
        return self.network.stride

    @property
    def ratio(self) -> Fraction:
        """Side of the output / side of the input."""
        return self.network.ratio

    @torch.no_grad()
    def image(self, image: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile output v u"]:
        """The translated image: values in [-1, 1], or probabilities of classes; on the device."""
        raw = self.network(image.to(self.device))
        return torch.softmax(raw, dim=1) if self.classes else torch.tanh(raw)

    def values(self, image: Float[Tensor, "tile output y x"]) -> Shaped[np.ndarray, "tile band y x"]:
        """What ``image`` gave as values of the target: the most probable class, or the nearest value."""
        if self.classes:
            codes = image.max(dim=1, keepdim=True).indices  # faster than argmax on a CPU
            return codes.to(torch.uint8).cpu().numpy()
        return self.target.decode(image)

    def colours(self, image: Float[Tensor, "tile output y x"]) -> Float[Tensor, "tile channel y x"]:
        """What ``image`` gave as an image of the target in [-1, 1]: of classes the colour of the most probable."""
        if not self.classes:
            return image.cpu()
        values = self.values(image)
        return self.target.encode(values, np.ones((len(values), *values.shape[2:]), dtype=bool))

    def translate(
        self, values: Shaped[np.ndarray, "tile band y x"], valid: Bool[np.ndarray, "tile y x"], batch: int = 16
    ) -> Float[Tensor, "tile output v u"]:
        """``image`` of tiles, ``batch`` at a time; on the CPU."""
        parts = [
            self.image(self.source.encode(values[i : i + batch], valid[i : i + batch])).cpu()
            for i in range(0, len(values), batch)
        ]
        return torch.cat(parts)


@dataclass(frozen=True)
class TranslatorBundle:
    """Translators by direction (``a_to_b``, ``b_to_a``), the main one first, with what is known of their training.

    ``digest``: sha256 of the weights; ``system``: system.json; ``path``: where they were read.
    """

    translators: dict[str, PictureTranslator]
    digest: str
    system: dict[str, Any]
    path: Path

    @property
    def translator(self) -> PictureTranslator:
        """The main one."""
        return next(iter(self.translators.values()))

    def facing(self, reverse: bool) -> tuple[str, PictureTranslator]:
        """The main direction and its translator, or the other one. Raises InputError where there is no other one."""
        each = list(self.translators.items())
        if reverse and len(each) == 1:
            raise InputError(
                f"--reverse: {self.path} translates {spelled(each[0][0])} alone; leave the option out, or train a "
                "system of both directions, such as cyclegan"
            )
        return each[int(reverse)]


def spelled(direction: str) -> str:
    """A direction as people read it: A to B."""
    first, second = direction.split("_to_")
    return f"{first.upper()} to {second.upper()}"


def load_translator(path: Path, device: str = "auto", *, stochastic: bool = False) -> TranslatorBundle:
    """Read a bundle or a model folder of translators; ``stochastic`` leaves their dropout on.

    Raises InputError if a file is missing, was changed since the export, or is of another schema or task.
    """
    system = open_folder(path, "translation", keys=("a", "b", "directions", "tiles", "classes"))
    file, where = path / "system.json", pick_device(device)
    try:
        domains = {side: Domain.of(system[side]) for side in ("a", "b")}
        edges = {side: int(system["tiles"][side]) for side in ("a", "b")}
        directions = {str(way): str(name) for way, name in system["directions"].items()}
        if min(edges.values()) < 1:
            raise ValueError(edges)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(
            f"{file}: a, b, tiles, directions: are not those of pictures; export the bundle again"
        ) from None
    if not directions or not directions.keys() <= {"a_to_b", "b_to_a"}:
        raise InputError(f"{file}: directions: must name a network for a_to_b, b_to_a or both; export the bundle again")
    choice, classes = choose(f"{file}: config.generator", system["config"]["generator"], TRANSLATORS), system["classes"]
    translators = {}
    for way, name in directions.items():
        first, second = way.split("_to_")
        source, target = domains[first], domains[second]
        outputs = len(target.palette) if classes and target.palette else target.channels
        ratio = Fraction(edges[second], edges[first])
        network: Translator = choice.build(TRANSLATORS, source.channels, outputs, ratio)
        load_weights(network, path, name)
        network = network.to(where).eval().requires_grad_(False)
        if stochastic:
            _leave_dropout_on(network, path)
        translators[way] = PictureTranslator(network, source, target, bool(classes), where)
    return TranslatorBundle(translators, system["weights_sha256"], system, path)


def _leave_dropout_on(network: Translator, path: Path) -> None:
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    if not layers:
        raise InputError(f"--stochastic: the generator of {path} was trained without dropout; leave the option out")
    for layer in layers:
        layer.train()
