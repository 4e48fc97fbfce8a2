"""PatchGAN: Isola et al. (2017), sections 3.2.2 and 6.1.2."""

from __future__ import annotations

from typing import Literal, final

from jaxtyping import Float
from torch import Tensor, nn

from geogan.blocks import Norm, initialise, norm_layer

LAYERS = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # receptive field in pixels -> stride-2 layers


@final
class PatchGAN(nn.Module):
    """Each score judges the patch of ``field`` x ``field`` pixels that it sees; 1 is a single pixel.

    Convolutions 4 x 4 with leaky ReLU 0.2: stride 2, channels ``filters`` doubling up to 8 x ``filters``, then
    one of stride 1, then the scores. No norm on the first and last layer. 70 with 64 filters is the published one.
    """

    def __init__(
        self,
        inputs: int,
        /,
        *,
        field: Literal[1, 16, 34, 70, 142, 286] = 70,
        filters: int = 64,
        norm: Norm = "batch",
    ):
        super().__init__()
        self.layers = nn.Sequential(*(_pixel if field == 1 else _patch)(inputs, field, filters, norm))
        initialise(self)

    def forward(self, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch 1 y2 x2"]:
        scores: Tensor = self.layers(x)
        return scores


def _patch(inputs: int, field: int, filters: int, norm: Norm) -> list[nn.Module]:
    count = LAYERS[field]
    layers: list[nn.Module] = [nn.Conv2d(inputs, filters, 4, 2, 1), nn.LeakyReLU(0.2)]
    width = filters
    for level in range(1, count + 1):
        wider = filters * min(2**level, 8)
        stride = 2 if level < count else 1
        layers += [nn.Conv2d(width, wider, 4, stride, 1, bias=norm != "batch"), norm_layer(norm, wider)]
        layers.append(nn.LeakyReLU(0.2))
        width = wider
    return [*layers, nn.Conv2d(width, 1, 4, 1, 1)]


def _pixel(inputs: int, field: int, filters: int, norm: Norm) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, filters, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(filters, 2 * filters, 1, bias=norm != "batch"),
        norm_layer(norm, 2 * filters),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * filters, 1, 1),
    ]
