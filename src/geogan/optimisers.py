"""Optimisers and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from geogan.choices import Table

Parameters = Iterable[Parameter]


def none(parameters: Parameters, /) -> None:
    """The empty slot: the turn does not exist."""


def adam(
    parameters: Parameters,
    /,
    *,
    lr: float = 2e-4,
    betas: tuple[float, float] = (0.5, 0.999),
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam (Kingma, Ba 2015)."""
    return torch.optim.Adam(parameters, lr=lr, betas=betas, weight_decay=weight_decay)


def rmsprop(parameters: Parameters, /, *, lr: float = 5e-5) -> Optimizer:
    """RMSProp with the rate of the original WGAN (Arjovsky et al. 2017, algorithm 1)."""
    return torch.optim.RMSprop(parameters, lr=lr)


OPTIMISERS: Table = {"none": none, "adam": adam, "rmsprop": rmsprop}


def constant(steps: int, /) -> Callable[[int], float]:
    """The factor 1 throughout."""
    return lambda step: 1.0


def linear(steps: int, /, *, start: float = 0.5) -> Callable[[int], float]:
    """The factor 1 up to ``start`` (a share of the steps), then linearly down to 0."""
    first = start * steps
    return lambda step: min(1.0, max(0.0, (steps - step) / max(1.0, steps - first)))


SCHEDULES: Table = {"constant": constant, "linear": linear}
