"""Distributions of the noise map z."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from geogan.choices import Table


def none(shape: tuple[int, ...], rng: torch.Generator, /) -> Float[Tensor, ...]:
    """No noise map: the empty slot of systems whose generators take none."""
    return torch.zeros(shape, device=rng.device)


def uniform(shape: tuple[int, ...], rng: torch.Generator, /, *, channels: int = 16) -> Float[Tensor, ...]:
    """z ~ U(-1, 1); ``channels`` is read by the generator."""
    return torch.rand(shape, generator=rng, device=rng.device) * 2 - 1


def normal(shape: tuple[int, ...], rng: torch.Generator, /, *, channels: int = 16) -> Float[Tensor, ...]:
    """z ~ N(0, 1); ``channels`` is read by the generator."""
    return torch.randn(shape, generator=rng, device=rng.device)


LATENTS: Table = {"none": none, "uniform": uniform, "normal": normal}
