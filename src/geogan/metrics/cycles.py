"""Whether a picture comes back when its translation is translated back.

A small error of the cycle is no proof of a good translation: networks can hide the picture in faint patterns of its
translation and read it there (Chu, Zhmoginov, Sandler 2017, "CycleGAN, a master of steganography"). What is hidden
so does not outlive 256 levels and a slight blur, which a shape that is to be seen does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F

from geogan.metrics.scores import Source, resize

# Pictures of the target to pictures of the source, both in [-1, 1].
Back = Callable[[Tensor], Tensor]

CYCLES = ("cycle_l1", "cycle_l1_quantised")
BASELINES = ("identity_cycle_l1", "identity_cycle_l1_quantised")


class CycleTally:
    """Mean absolute error over valid pixels and bands, in [-1, 1], of what comes back; of the cycles ``names``.

    ``cycle_l1``: of the translation as it is; ``cycle_l1_quantised``: after ``weakened``. ``identity_``: the same of
    a pair that changes nothing but the grid, by plain resizing there and back: what a network that hides nothing
    has to expect.
    """

    def __init__(self, back: Back, inputs: Source, names: Sequence[str] = CYCLES + BASELINES):
        self.back, self.inputs, self.numbers = back, inputs, 0
        self.sums = dict.fromkeys(names, 0.0)

    def add(self, where: slice, made: Float32[ndarray, "tile output v u"]) -> None:
        """Take account of the translations ``made`` of the inputs at ``where``."""
        batch, image = self.inputs(where), torch.from_numpy(made)
        given, valid = torch.from_numpy(batch.image), torch.from_numpy(batch.valid).unsqueeze(1)
        for name in self.sums:
            own = resize(given, (image.shape[2], image.shape[3])) if name in BASELINES else image
            own = weakened(own) if name.endswith("_quantised") else own
            came = resize(own, (given.shape[2], given.shape[3])) if name in BASELINES else self.back(own).cpu()
            self.sums[name] += float(torch.where(valid, came - given, 0).abs().sum(dtype=torch.float64))
        self.numbers += int(batch.valid.sum()) * given.shape[1]

    def figures(self) -> dict[str, float]:
        """The means by name; empty without a valid pixel."""
        return {name: total / self.numbers for name, total in self.sums.items()} if self.numbers else {}


def weakened(image: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile channel y x"]:
    """An image in [-1, 1] rounded to 256 levels, then blurred by (1 2 1) / 4 along both axes; borders reflect."""
    channels = image.shape[1]
    levels = ((image + 1) * 127.5).round() / 127.5 - 1
    taps = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(levels, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)
