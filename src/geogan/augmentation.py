"""Random views of tiles, the same for a scene and its map: enlarged and cropped back, flipped, turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Flips = Literal["none", "horizontal", "all"]
View = Callable[[Tensor, bool], Tensor]


@dataclass(frozen=True)
class Augmentation:
    """``jitter``: share by which tiles are enlarged before a random crop of the old size (30 / 256 in Isola et al.
    2017, section 6.2); ``flips``: none, left and right, or all eight flips and quarter turns.
    """

    jitter: float
    flips: Flips

    def view(self, batch: int, edge: int, rng: torch.Generator) -> View:
        """Draw one view per sample: a function ``(image (batch, channel, y, x), smooth) -> image`` of the same shape.

        ``smooth`` enlarges bicubically and clips to [-1, 1]; else by the nearest pixel, for classes and masks.
        """
        larger = round(edge * (1 + self.jitter))
        at = torch.randint(larger - edge + 1, (2, batch, 1), generator=rng, device=rng.device)
        rows, columns = at + torch.arange(edge, device=rng.device)
        flips = torch.rand((3, batch, 1, 1, 1), generator=rng, device=rng.device) < 0.5
        sample = torch.arange(batch, device=rng.device)

        def apply(image: Float[Tensor, "batch channel y x"], smooth: bool) -> Float[Tensor, "batch channel y x"]:
            if larger > edge:
                image = _enlarged(image, larger, smooth)
                image = image[sample[:, None, None], :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
            if self.flips != "none":
                image = torch.where(flips[0], image.flip(-1), image)
            if self.flips == "all":
                image = torch.where(flips[1], image.flip(-2), image)
                image = torch.where(flips[2], image.transpose(-1, -2), image)
            return image

        return apply


def _enlarged(image: Tensor, edge: int, smooth: bool) -> Tensor:
    if not smooth:
        return F.interpolate(image, size=(edge, edge), mode="nearest-exact")
    return F.interpolate(image, size=(edge, edge), mode="bicubic", align_corners=False).clamp(-1, 1)
