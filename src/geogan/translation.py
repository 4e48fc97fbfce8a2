"""A trained translator read back from its files, and the pictures that it makes of pictures."""

from __future__ import annotations

from dataclasses import dataclass
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

    @torch.no_grad()
    def image(self, image: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile output y x"]:
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
    ) -> Float[Tensor, "tile output y x"]:
        """``image`` of tiles, ``batch`` at a time; on the CPU."""
        parts = [
            self.image(self.source.encode(values[i : i + batch], valid[i : i + batch])).cpu()
            for i in range(0, len(values), batch)
        ]
        return torch.cat(parts)


@dataclass(frozen=True)
class TranslatorBundle:
    """A translator with what is known of its training; ``digest``: sha256 of the weights; ``system``: system.json."""

    translator: PictureTranslator
    digest: str
    system: dict[str, Any]


def load_translator(path: Path, device: str = "auto", *, stochastic: bool = False) -> TranslatorBundle:
    """Read a bundle or a model folder of a translator; ``stochastic`` leaves its dropout on.

    Raises InputError if a file is missing, was changed since the export, or is of another schema or task.
    """
    system = open_folder(path, "translation", keys=("a", "b", "direction", "classes"))
    config, file = system["config"], path / "system.json"
    try:
        domains = {side: Domain.of(system[side]) for side in ("a", "b")}
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{file}: a, b: are not domains of pictures; export the bundle again") from None
    first, second = system["direction"].split("_to_")
    source, target = domains[first], domains[second]
    classes = bool(system["classes"])
    outputs = len(target.palette) if classes and target.palette else target.channels
    network: Translator = choose(f"{file}: config.generator", config["generator"], TRANSLATORS).build(
        TRANSLATORS, source.channels, outputs
    )
    load_weights(network, path)
    where = pick_device(device)
    network = network.to(where).eval().requires_grad_(False)
    if stochastic:
        if not any(isinstance(layer, nn.Dropout) for layer in network.modules()):
            raise InputError(f"--stochastic: the generator of {path} was trained without dropout; leave the option out")
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.train()
    return TranslatorBundle(
        PictureTranslator(network, source, target, classes, where), system["weights_sha256"], system
    )
