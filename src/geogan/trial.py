"""A trial of the parts of an experiment on two empty tiles: what torch would refuse after the data are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from geogan.choices import Choice
from geogan.critics import CRITICS
from geogan.errors import InputError
from geogan.generators import FIELD_GENERATORS, TRANSLATORS, surrounded
from geogan.optimisers import OPTIMISERS
from geogan.system import Slots
from geogan.systems import SYSTEMS

PICTURE = 3  # bands of the pictures that are tried
Edge = int | tuple[int, int]  # of all tiles, or of those of A and of B


def refuse(
    where: str, system: Choice, slots: Slots, optimisers: Mapping[str, Choice], tile: Edge, evaluation_tile: Edge
) -> None:
    """Raise InputError, naming the key below ``where``, for numbers that make no network or optimiser.

    The networks are built and shown two tiles of edge ``tile`` with two facies, or with three bands where the
    generator makes pictures, in every direction of the system; torch's random state stays.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        if slots.generator.name in TRANSLATORS:
            shown = _pictures(where, system, slots, _both(tile), _both(evaluation_tile))
        else:  # fields are padded to what the network takes
            shown = [_field(where, slots, _both(tile)[0], system.options.get("margin", 0))]
        for picture in shown:
            with _naming(f"{where}.critic", f"tiles of {picture.shape[-1]}"):
                slots.critic.build(CRITICS, picture.shape[1])(picture)
        for turn, choice in optimisers.items():
            with _naming(f"{where}.optimisers.{turn}", "these numbers"):
                choice.build(OPTIMISERS, [Parameter(torch.zeros(1))])


def _both(edge: Edge) -> tuple[int, int]:
    return (edge, edge) if isinstance(edge, int) else edge


def _field(where: str, slots: Slots, tile: int, margin: int) -> Float[Tensor, "two channel y x"]:
    """What a critic of fields is shown."""
    with _naming(f"{where}.generator", f"tiles of {tile}"):
        generator = slots.generator.build(FIELD_GENERATORS, 2, 1, slots.latent.options["channels"])
        _divides(where, generator.stride, tile)
    if margin % generator.stride:
        raise InputError(
            f"{where}.system.margin: {margin} is no multiple of the generator's stride, {generator.stride}"
        )
    generator = surrounded(generator, margin)
    with _naming(f"{where}.latent", f"tiles of {tile}"):
        z = torch.zeros(2, *generator.noise_shape(tile, tile))
    with _naming(f"{where}.generator", f"tiles of {tile}"):
        image: Tensor = generator(z, torch.zeros(2, 2, tile, tile))
    return image


def _pictures(
    where: str, system: Choice, slots: Slots, tiles: tuple[int, int], evaluation: tuple[int, int]
) -> list[Tensor]:
    """What the critics of pictures are shown: one for each direction of the system."""
    kind = SYSTEMS[system.name]
    with _below(where):
        kind.refuse_tiles(tiles, **system.options)
    ratio = Fraction(tiles[1], tiles[0])
    if Fraction(evaluation[1], evaluation[0]) != ratio:
        raise InputError(
            f"{where}.dataset: its tiles of A and B have {tiles[0]} and {tiles[1]} pixels, its evaluation tiles "
            f"{evaluation[0]} and {evaluation[1]}, another ratio; change the dataset's evaluation_tile"
        )
    shown = []
    for direction in kind.directions(**system.options):
        side = 0 if direction == "a_to_b" else 1
        grown = ratio if direction == "a_to_b" else 1 / ratio
        with _naming(f"{where}.generator", f"tiles of {tiles[side]}"), _below(where):
            generator = slots.generator.build(TRANSLATORS, PICTURE, PICTURE, grown)
        for key, edge in (("tile", tiles[side]), ("evaluation_tile", evaluation[side])):
            _divides(where, generator.stride, edge, key)
        with _naming(f"{where}.generator", f"tiles of {tiles[side]}"):
            scene = torch.zeros(2, PICTURE, tiles[side], tiles[side])
            picture = generator(scene)
        shown.append(torch.cat([scene, picture], dim=1) if kind.conditional_critic else picture)
    return shown


def _divides(where: str, stride: int, tile: int, key: str = "tile") -> None:
    if tile % stride:
        raise InputError(
            f"{where}.generator: its stride is {stride}, and tiles of {tile} are no multiple of it; "
            f"change the dataset's {key} or the number of layers"
        )


@contextmanager
def _below(where: str) -> Iterator[None]:
    """Refusals that name a key of the experiment name it below ``where``."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}.{error}") from None


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
