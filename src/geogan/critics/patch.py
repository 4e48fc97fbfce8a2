"""Patch critic: each score judges one patch of the field."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import InputNoise, Norm, initialise, norm_layer


class Patch(nn.Module):
    """Stride-2 convolutions 4 x 4, then one score per patch; no norm on the first and last layer.

    ``filters`` are the channels of the stride-2 layers, ``input_noise`` the standard deviation of Gaussian
    noise added to the input in training. Isola et al. (2017), section 3.2.2.
    """

    def __init__(
        self,
        inputs: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 512),
        norm: Norm = "instance",
        input_noise: float = 0.1,
    ):
        layers: list[nn.Module] = [InputNoise(input_noise)]
        for depth, width in enumerate(filters):
            plain = depth == 0 or norm == "none"
            layers.append(nn.Conv2d(inputs, width, 4, 2, 1, bias=plain))
            if not plain:
                layers.append(norm_layer(norm, width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            inputs = width
        layers.append(nn.Conv2d(inputs, 1, 3, 1, 1))
        super().__init__()
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch 1 y2 x2"]:
        scores: Tensor = self.layers(x)
        return scores
