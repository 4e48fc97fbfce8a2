"""Descent on the noise of a fixed generator, towards fields that honour hard data.

Ruffino, Herault, Laloy, Gasso (2018), section 5: minimise over z the constraint cost of G(z, c) with a prior on z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

RATE = 0.05  # of Adam, in standard deviations of the noise
PRIOR = 0.01  # share of RATE by which noise that moves shrinks towards the mode of its distribution
MARGIN = 1.0  # lead of the wanted facies, in logits, beyond which a well asks for nothing
NEIGHBOURS = 3  # pixels beside a well that shall agree with it

_AROUND = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
_BEYOND = -1e6  # the lead beyond the border
_LARGEST = 1 - 2**-24  # the float below 1: erfinv is finite there

# Latent -> (noise to standard normal, and back): in normal coordinates no step leaves the distribution's range.
COORDINATES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "normal": (torch.clone, torch.clone),
    "uniform": (lambda z: 2**0.5 * torch.erfinv(z.clamp(-_LARGEST, _LARGEST)), lambda u: torch.erf(u / 2**0.5)),
}


@dataclass(frozen=True)
class Wells:
    """The hard data of a grid as a list: row, column and code of each well."""

    rows: Int64[Tensor, " well"]
    columns: Int64[Tensor, " well"]
    codes: Int64[Tensor, " well"]

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "y x"], codes: UInt8[np.ndarray, "y x"], device: torch.device) -> Wells:
        """Those of the ``mask``, in the order of rows."""
        listed = (*np.nonzero(mask), codes[mask].astype(np.int64))
        return cls(*(torch.from_numpy(values).to(device) for values in listed))


def descend(
    draw: Callable[[Float[Tensor, "row noise zy zx"]], Float[Tensor, "row channel y x"]],
    start: Float[Tensor, "row noise zy zx"],
    latent: str,
    wells: Wells,
    steps: int,
) -> Iterator[tuple[Float[Tensor, "row noise zy zx"], Float[Tensor, "row channel y x"]]]:
    """Noise and logits of every row before the first step and after each of ``steps`` steps.

    ``draw`` is the generator, noise -> logits of the field. Rows know nothing of one another. A step is one of Adam
    on ``cost``; then noise that the cost moved shrinks by RATE * PRIOR, the gradient of u^2 / 2 beside Adam's
    normalisation, as in Loshchilov, Hutter (2019), *Decoupled weight decay regularization*: Adam would make of any
    prior, however small, a step as long as that of the wells.
    """
    there, back = COORDINATES[latent]
    u = there(start).requires_grad_()
    optimiser = torch.optim.Adam([u], lr=RATE)
    for step in range(steps + 1):
        z = back(u)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True):
            logits = draw(z)
            yield z.detach(), logits.detach()
            if step == steps:
                return
            (u.grad,) = torch.autograd.grad(cost(logits, wells).sum(), u)
        optimiser.step()
        with torch.no_grad():
            u -= RATE * PRIOR * u * (u.grad != 0)


def cost(logits: Float[Tensor, "row channel y x"], wells: Wells) -> Float[Tensor, " row"]:
    """Sum over wells of max(0, MARGIN - lead), of the well and of the NEIGHBOURS beside it that agree most (mean).

    Wells that are honoured with a margin ask for nothing, so the noise far from missed ones stays as it was drawn.
    """
    around = torch.stack([lead(logits, wells, dy, dx) for dy, dx in _AROUND])
    beside = F.relu(MARGIN - around.topk(NEIGHBOURS, dim=0).values).mean(dim=0)
    return (F.relu(MARGIN - lead(logits, wells)) + beside).sum(dim=1)


def lead(logits: Float[Tensor, "row channel y x"], wells: Wells, dy: int = 0, dx: int = 0) -> Float[Tensor, "row well"]:
    """How far the facies of each well leads before the best other one, ``dy``, ``dx`` pixels from the well.

    A difference of logits; with two facies those are 0 and 2 l, as p(1) = sigmoid(2 l). Beyond the border every other
    facies is far ahead.
    """
    height, width = logits.shape[-2:]
    y, x = wells.rows + dy, wells.columns + dx
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    here = logits.flatten(2).index_select(2, y.clamp(0, height - 1) * width + x.clamp(0, width - 1))
    if here.shape[1] == 1:
        here = torch.cat([torch.zeros_like(here), 2 * here], dim=1)
    own = F.one_hot(wells.codes, here.shape[1]).T.bool()
    ahead = here.masked_fill(~own, 0).sum(dim=1) - here.masked_fill(own, -torch.inf).amax(dim=1)
    return ahead.where(inside, _BEYOND)
