"""A history of generated pictures: Zhu et al. (2017), section 4, after Shrivastava et al. (2017), section 2.3."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn


@final
class ImagePool(nn.Module):
    """Keeps up to ``size`` pictures of one shape; 0 keeps none.

    Its pictures are part of ``state_dict``, so that a training that goes on meets the same ones.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.images = torch.empty(0)  # (kept, channel, y, x) from the first picture on

    @torch.no_grad()
    def exchange(
        self, images: Float[Tensor, "batch channel y x"], rng: torch.Generator
    ) -> Float[Tensor, "batch channel y x"]:
        """One picture for each, detached: itself, or with probability 1/2 an old one, which it replaces.

        While the pool fills up each is kept and given back.
        """
        each = [self._one(images[i : i + 1], rng) for i in range(len(images))] if self.size else [images]
        return torch.cat(each).detach()

    def _one(self, image: Float[Tensor, "1 channel y x"], rng: torch.Generator) -> Float[Tensor, "1 channel y x"]:
        """All on the device: nothing waits for what was drawn."""
        if len(self.images) < self.size:
            self.images = torch.cat([self.images.to(image), image]) if len(self.images) else image.clone()
            return image
        self.images = self.images.to(image)
        place = torch.randint(self.size, (1,), generator=rng, device=rng.device).to(image.device)
        swap = (torch.rand((1, 1, 1, 1), generator=rng, device=rng.device) < 0.5).to(image.device)
        old = self.images.index_select(0, place)
        self.images.index_copy_(0, place, torch.where(swap, image, old))
        return torch.where(swap, old, image)

    def get_extra_state(self) -> Tensor:
        return self.images

    def set_extra_state(self, state: Tensor) -> None:
        self.images = state.clone()
