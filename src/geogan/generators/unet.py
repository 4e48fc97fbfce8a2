"""The U-Net of pix2pix: Isola, Zhu, Zhou, Efros (2017), "Image-to-image translation with conditional GANs", 6.1.1."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, initialise, norm_layer
from geogan.generators.translator import Translator, keep_grid


@final
class UNet(Translator):
    """Stride-2 convolutions 4 x 4 down to 1 / ``2 ** depth``, mirrored, every level joined to its mirror image.

    Channels double from ``filters`` up to 8 x ``filters``. ``depth`` 8 is the network for 256 x 256 pixels, 7
    for 128; tiles must be multiples of ``2 ** depth``. No norm on the first and the innermost layer of the
    encoder, nor on the last layer; ``dropout`` in the three innermost layers of the decoder, which is where the
    paper takes its noise from.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ratio: Fraction = Fraction(1),
        /,
        *,
        depth: int = 8,
        filters: int = 64,
        norm: Norm = "batch",
        dropout: float = 0.5,
    ):
        super().__init__()
        keep_grid("unet", ratio)
        if depth < 2 or filters < 1:
            raise ValueError(f"depth {depth}, filters {filters}: a U-Net has two levels and one filter at least")
        self.stride = 2**depth
        widths = [filters * min(2**level, 8) for level in range(depth)]
        plain = norm != "batch"  # a convolution before a batch norm needs no bias
        self.down = nn.ModuleList([nn.Conv2d(inputs, widths[0], 4, 2, 1, bias=plain)])
        for level, (fine, coarse) in enumerate(itertools.pairwise(widths), start=2):
            last = norm_layer(norm, coarse, frozen=True) if level < depth else nn.Identity()
            convolution = nn.Conv2d(fine, coarse, 4, 2, 1, bias=plain)
            self.down.append(nn.Sequential(nn.LeakyReLU(0.2), convolution, last))
        self.up = nn.ModuleList()
        for level in range(depth - 1, 0, -1):
            width = widths[level] * (1 if level == depth - 1 else 2)
            drop = dropout if level >= depth - 3 else 0.0
            self.up.append(
                nn.Sequential(
                    nn.ReLU(),
                    nn.ConvTranspose2d(width, widths[level - 1], 4, 2, 1, bias=plain),
                    norm_layer(norm, widths[level - 1], frozen=True),
                    nn.Dropout(drop) if drop else nn.Identity(),
                )
            )
        self.head = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], outputs, 4, 2, 1))
        initialise(self)

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        """Raw outputs, before the activation of the target; y and x are multiples of 2 ** depth."""
        skips = []
        x = image
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = skips.pop()
        for layer in self.up:
            x = torch.cat([layer(x), skips.pop()], dim=1)
        raw: Tensor = self.head(x)
        return raw
