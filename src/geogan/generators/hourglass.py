"""Encoder and decoder with skips: the body that several generators of fields share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import ConvNorm, Norm, UpNorm


class Hourglass(nn.Module):
    """Convolutions of stride 2 down to the coarsest level, a map joined there, transposed ones back to full size.

    ``filters`` are the channels from the finest to the coarsest level; with a ``stem`` the finest level is full
    size, else half. ``joined`` channels are concatenated at the coarsest level before the ``trunk``; ``skips``
    tells for every level above it, the finest first, whether its features reach the decoder. ``outputs`` is the
    number of channels that come out at full size.
    """

    def __init__(
        self,
        inputs: int,
        filters: Sequence[int],
        norm: Norm,
        *,
        stem: bool = True,
        joined: int = 0,
        trunk: nn.Module | None = None,
        skips: Sequence[bool],
    ):
        super().__init__()
        bottom, above = filters[-1], filters[:-1]
        self.skips = tuple(skips)
        self.stride = 2 ** (len(filters) - stem)
        self.stem = ConvNorm(inputs, filters[0], norm, *(() if stem else (4, 2)))
        self.down = nn.ModuleList(
            ConvNorm(fine, coarse, norm, size=4, stride=2) for fine, coarse in itertools.pairwise(filters)
        )
        self.join = ConvNorm(bottom + joined, bottom, norm)
        self.trunk = trunk or nn.Identity()
        self.up = nn.ModuleList()
        width = bottom
        for level, skip in zip(reversed(above), reversed(self.skips), strict=True):
            self.up.append(UpNorm(width, level, norm))
            width = level * (1 + skip)
        if not stem:
            self.up.append(UpNorm(width, filters[0], norm))
            width = filters[0]
        self.outputs = width

    def forward(
        self, x: Float[Tensor, "batch input y x"], z: Float[Tensor, "batch joined zy zx"] | None = None
    ) -> Float[Tensor, "batch output y x"]:
        """Features at full size of ``x``, and of the noise ``z`` that joins at the bottom where there is some."""
        x = self.stem(x)
        levels = []
        for layer in self.down:
            levels.append(x)
            x = layer(x)
        x = self.trunk(self.join(x if z is None else torch.cat([x, z], dim=1)))
        for index, layer in enumerate(self.up):
            x = layer(x)
            if index < len(levels) and self.skips[-1 - index]:
                x = torch.cat([x, levels[-1 - index]], dim=1)
        return x
