"""DCGAN critic: five stride-2 layers, the last one gives the scores."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import InputNoise, Norm, initialise, norm_layer


class DCGAN(nn.Module):
    """Stride-2 convolutions 5 x 5; ``filters`` are the channels of all but the last, which has one.

    Jetchev et al. (2016), "Texture synthesis with spatial GANs"; used by Ruffino et al. (2018). Tiles must
    be at least ``2 ** (len(filters) + 1)`` pixels wide.
    """

    def __init__(
        self,
        inputs: int,
        /,
        *,
        filters: tuple[int, ...] = (64, 128, 256, 512),
        norm: Norm = "batch",
        input_noise: float = 0.0,
    ):
        layers: list[nn.Module] = [InputNoise(input_noise)]
        for depth, width in enumerate(filters):
            plain = depth == 0 or norm == "none"
            layers.append(nn.Conv2d(inputs, width, 5, 2, 2, bias=plain))
            if not plain:
                layers.append(norm_layer(norm, width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            inputs = width
        layers.append(nn.Conv2d(inputs, 1, 5, 2, 2))
        super().__init__()
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch 1 y2 x2"]:
        scores: Tensor = self.layers(x)
        return scores
