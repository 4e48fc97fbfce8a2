"""A trained generator read back from its files, and the fields that it draws.

A model folder and a bundle both hold ``weights.safetensors`` and ``system.json``; nothing else is needed,
and nothing in them executes code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file

from geogan import facies
from geogan.blocks import pad_to_multiple
from geogan.choices import Choice, choose
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.generators import GENERATORS, Generator
from geogan.latents import LATENTS
from geogan.manifests import MANIFEST, read_manifest, verify
from geogan.system import System

SCHEMA = 1
CUDA_BATCH = 16  # on a GPU fields are drawn in full batches of this size, whatever their number


@dataclass(frozen=True)
class FieldSampler:
    """Draws facies fields from a generator. Noise is drawn on the CPU, so every device has the same."""

    generator: Generator
    latent: Choice
    count: int  # number of facies
    device: torch.device

    def __call__(
        self, mask: Bool[np.ndarray, "field y x"], codes: UInt8[np.ndarray, "field y x"], seed: int
    ) -> UInt8[np.ndarray, "field y x"]:
        """One field for each row of hard data; row k has the noise of realization k."""
        return np.concatenate([part for _, part in self._parts(mask, codes, seed)])

    def sample(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> UInt8[np.ndarray, "realization y x"]:
        """``count`` fields that honour the same hard data; codes outside ``mask`` mean nothing.

        Realization k depends on the seed and k alone, not on the count or the device's batch.
        """
        fields = np.empty((count, *mask.shape), np.uint8)
        same = (np.broadcast_to(mask, fields.shape), np.broadcast_to(codes, fields.shape))
        for first, part in self._parts(*same, seed):
            fields[first : first + len(part)] = part
            if progress:
                progress(first + len(part))
        return fields

    def _parts(
        self, mask: Bool[np.ndarray, "field y x"], codes: UInt8[np.ndarray, "field y x"], seed: int
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "part y x"]]]:
        """Fields in batches of one size, the last one filled up, so that the batch changes no field."""
        size = 1 if self.device.type == "cpu" else CUDA_BATCH
        for first in range(0, len(mask), size):
            numbers = range(first, first + size)
            rows = [min(k, len(mask) - 1) for k in numbers]
            yield first, self._draw(mask[rows], codes[rows], numbers, seed)[: len(mask) - first]

    @torch.no_grad()
    def _draw(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: UInt8[np.ndarray, "field y x"],
        realizations: Iterable[int],
        seed: int,
    ) -> UInt8[np.ndarray, "field y x"]:
        rows, columns = mask.shape[1:]
        shown = facies.condition(torch.from_numpy(mask), torch.from_numpy(codes), self.count).to(self.device)
        shown = pad_to_multiple(shown, self.generator.stride)
        shape = (1, *self.generator.noise_shape(*shown.shape[-2:]))
        z = torch.cat([self.latent.build(LATENTS, shape, noise(seed, k)) for k in realizations])
        image = facies.activate(self.generator(z.to(self.device), shown))
        return facies.decode(image[..., :rows, :columns]).cpu().numpy()


def generator_of(system: System) -> Generator:
    """The generator inside a system."""
    generator = system.get_submodule("generator")
    assert isinstance(generator, Generator)
    return generator


def noise(seed: int, realization: int) -> torch.Generator:
    """The random numbers of one realization: a function of (seed, realization) alone."""
    word = int(np.random.SeedSequence([seed, realization]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(word >> 1)


@dataclass(frozen=True)
class Bundle:
    """A generator of facies fields with what is known of its training.

    ``names``: facies names by code; ``cell_size``: (height, width) of a training cell in map units, None
    where the training image had no CRS; ``proportions``: share of each facies in the training image;
    ``digest``: sha256 of the weights; ``system``: all of system.json.
    """

    sampler: FieldSampler
    names: tuple[str, ...]
    cell_size: tuple[float, float] | None
    proportions: dict[str, float]
    digest: str
    system: dict[str, Any]

    def sample(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> UInt8[np.ndarray, "realization y x"]:
        """``count`` fields that honour the hard data; see FieldSampler.sample."""
        return self.sampler.sample(mask, codes, count, seed, progress)


def load_bundle(path: Path, device: str = "auto") -> Bundle:
    """Read a bundle or a model folder.

    Raises InputError if a file is missing, was changed since the export, or is of another schema.
    """
    if not path.is_dir():
        raise InputError(f"{path}: there is no such bundle; a bundle is a folder that 'geogan export' made")
    if (path / MANIFEST).exists():
        read_manifest(path, "bundle")
        verify(path)
    system = read_system(path)
    weights = path / "weights.safetensors"
    if sha256_of(weights) != system["weights_sha256"]:
        raise InputError(f"{weights}: altered, its sha256 differs from the one in system.json; export the bundle again")
    config = system["config"]
    where = f"{path / 'system.json'}: config"
    latent = choose(f"{where}.latent", config["latent"], LATENTS)
    image = facies.channels(len(system["facies"]))
    generator: Generator = choose(f"{where}.generator", config["generator"], GENERATORS).build(
        GENERATORS, 1 + image, image, latent.options["channels"]
    )
    try:
        tensors = load_file(weights)
        own = {key.removeprefix("generator."): tensor for key, tensor in tensors.items()}
        generator.load_state_dict(own)
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{weights}: not the weights of this generator ({str(error).splitlines()[0]})") from None
    target = pick_device(device)
    sampler = FieldSampler(generator.to(target).eval().requires_grad_(False), latent, len(system["facies"]), target)
    cell = system["grid"]["cell_size"] if system["grid"]["crs"] else None
    return Bundle(
        sampler,
        tuple(system["facies"]),
        (cell[0], cell[1]) if cell else None,
        system["proportions"],
        system["weights_sha256"],
        system,
    )


def read_system(path: Path) -> dict[str, Any]:
    """The checked content of ``system.json`` in a model folder or bundle."""
    file = path / "system.json"
    try:
        system = json.loads(file.read_text(encoding="utf-8"))
        keys = {"schema", "config", "facies", "grid", "proportions", "weights_sha256"}
        missing = keys - set(system)
    except FileNotFoundError:
        raise InputError(f"{path}: holds no system.json, so it is no bundle; 'geogan export' makes one") from None
    except (ValueError, TypeError):
        raise InputError(f"{file}: is not valid JSON; export the bundle again") from None
    if missing:
        raise InputError(f"{file}: lacks {', '.join(sorted(missing))}; export the bundle again")
    if system["schema"] != SCHEMA:
        raise InputError(f"{file}: schema {system['schema']}, this geogan reads schema {SCHEMA}")
    checked: dict[str, Any] = system
    return checked


def pick_device(name: str) -> torch.device:
    """``auto`` is a CUDA device where there is one. Raises InputError when cuda is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("compute.device: cuda was asked for, but torch sees no CUDA device; use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
