"""A trial of the parts of an experiment on two empty tiles: what torch would refuse after the data are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from geogan.choices import Choice
from geogan.critics import CRITICS
from geogan.errors import InputError
from geogan.generators import FIELD_GENERATORS, TRANSLATORS
from geogan.optimisers import OPTIMISERS
from geogan.system import Slots

PICTURE = 3  # bands of the pictures that are tried


def refuse(where: str, slots: Slots, optimisers: Mapping[str, Choice], tile: int, evaluation_tile: int) -> None:
    """Raise InputError, naming the key below ``where``, for numbers that make no network or optimiser.

    The networks are built and shown two tiles of edge ``tile`` with two facies, or with three bands where the
    generator makes pictures; torch's random state stays.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        if slots.generator.name in TRANSLATORS:
            shown = _picture(where, slots, tile, evaluation_tile)
        else:  # fields are padded to what the network takes
            shown = _field(where, slots, tile)
        with _naming(f"{where}.critic", f"tiles of {tile}"):
            slots.critic.build(CRITICS, shown.shape[1])(shown)
        for turn, choice in optimisers.items():
            with _naming(f"{where}.optimisers.{turn}", "these numbers"):
                choice.build(OPTIMISERS, [Parameter(torch.zeros(1))])


def _field(where: str, slots: Slots, tile: int) -> Float[Tensor, "two channel y x"]:
    """What a critic of fields is shown."""
    with _naming(f"{where}.generator", f"tiles of {tile}"):
        generator = slots.generator.build(FIELD_GENERATORS, 2, 1, slots.latent.options["channels"])
        _divides(where, generator.stride, tile)
    with _naming(f"{where}.latent", f"tiles of {tile}"):
        z = torch.zeros(2, *generator.noise_shape(tile, tile))
    with _naming(f"{where}.generator", f"tiles of {tile}"):
        image: Tensor = generator(z, torch.zeros(2, 2, tile, tile))
    return image


def _picture(where: str, slots: Slots, tile: int, evaluation_tile: int) -> Float[Tensor, "two channel y x"]:
    """What a critic of pictures beside their scenes is shown."""
    with _naming(f"{where}.generator", f"tiles of {tile}"):
        generator = slots.generator.build(TRANSLATORS, PICTURE, PICTURE)
        for key, edge in (("tile", tile), ("evaluation_tile", evaluation_tile)):
            _divides(where, generator.stride, edge, key)
        scene = torch.zeros(2, PICTURE, tile, tile)
        return torch.cat([scene, generator(scene)], dim=1)


def _divides(where: str, stride: int, tile: int, key: str = "tile") -> None:
    if tile % stride:
        raise InputError(
            f"{where}.generator: its stride is {stride}, and tiles of {tile} are no multiple of it; "
            f"change the dataset's {key} or the number of layers"
        )


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
