"""A trial of the parts of an experiment on two empty tiles: what torch would refuse after the data are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.nn import Parameter

from geogan.choices import Choice
from geogan.critics import CRITICS
from geogan.errors import InputError
from geogan.generators import GENERATORS
from geogan.optimisers import OPTIMISERS
from geogan.system import Slots


def refuse(where: str, slots: Slots, optimisers: Mapping[str, Choice], tile: int) -> None:
    """Raise InputError, naming the key below ``where``, for numbers that make no network or optimiser.

    The networks are built and shown two tiles of edge ``tile`` with two facies; torch's random state stays.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        with _naming(f"{where}.generator", f"tiles of {tile}"):
            generator = slots.generator.build(GENERATORS, 2, 1, slots.latent.options["channels"])
            if tile % generator.stride:
                raise InputError(
                    f"{where}.generator: its stride is {generator.stride}, and tiles of {tile} are no multiple of it; "
                    "change the dataset's tile or the number of layers"
                )
        with _naming(f"{where}.latent", f"tiles of {tile}"):
            z = torch.zeros(2, *generator.noise_shape(tile, tile))
        with _naming(f"{where}.generator", f"tiles of {tile}"):
            image = generator(z, torch.zeros(2, 2, tile, tile))
        with _naming(f"{where}.critic", f"tiles of {tile}"):
            slots.critic.build(CRITICS, 1)(image)
        for turn, choice in optimisers.items():
            with _naming(f"{where}.optimisers.{turn}", "these numbers"):
                choice.build(OPTIMISERS, [Parameter(torch.zeros(1))])


@contextmanager
def _naming(where: str, given: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: cannot be built for {given} ({reason})") from error
