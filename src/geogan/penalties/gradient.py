"""The gradient norm that the Lipschitz penalties share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Score = Callable[[Tensor], Tensor]


def gradient_norms(score: Score, x: Float[Tensor, "batch channel y x"]) -> Float[Tensor, batch]:
    """Norm, for each sample, of the gradient of the mean of its score map with respect to x.

    The graph is kept, so that the norm can be minimised over the critic's weights. It is made by this thread: a graph
    that autograd's thread of a GPU made would be numbered by that thread's own count, and gradients would be summed
    in an order that depends on how many steps the process has done, so that a resumed training drifts by rounding.
    """
    x = x.detach().requires_grad_(True)
    means = score(x).flatten(1).mean(dim=1)
    with torch.autograd.set_multithreading_enabled(False):
        (gradient,) = torch.autograd.grad(means.sum(), x, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return norms


def one_per_sample(x: Float[Tensor, "batch channel y x"], rng: torch.Generator) -> Float[Tensor, "batch 1 1 1"]:
    """U(0, 1), one for each sample."""
    return torch.rand((len(x), 1, 1, 1), generator=rng, device=x.device)
