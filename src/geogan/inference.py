"""A trained generator of facies fields read back from its files, and the fields that it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from geogan import facies
from geogan.blocks import pad_to_multiple
from geogan.bundles import load_weights, open_folder, pick_device, read_evaluation
from geogan.choices import Choice, choose
from geogan.generators import FIELD_GENERATORS, Generator
from geogan.latents import LATENTS
from geogan.system import System

Known = UInt8[np.ndarray, "field y x"] | Float32[np.ndarray, "field y x"]  # codes, or scaled values of a property
CUDA_BATCH = 16  # on a GPU fields are drawn in full batches of this size, whatever their number


@dataclass(frozen=True)
class FieldSampler:
    """Draws fields of facies codes, or of scaled values of a property, from a generator.

    Noise is drawn on the CPU, so every device has the same. ``shift``, one number per facies, is added to the raw
    outputs before the facies is chosen: a facies with a larger one becomes more frequent. Without it nothing is
    added.
    """

    generator: Generator
    latent: Choice
    count: int  # number of facies; 1 for a property
    device: torch.device
    shift: tuple[float, ...] | None = None

    def __call__(self, mask: Bool[np.ndarray, "field y x"], codes: Known, seed: int) -> Known:
        """One field for each row of hard data; row k has the noise of realization k."""
        return np.concatenate([part for _, part in self._parts(mask, codes, seed)])

    def sample(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> UInt8[np.ndarray, "realization y x"] | Float32[np.ndarray, "realization y x"]:
        """``count`` fields that honour the same hard data; codes outside ``mask`` mean nothing.

        Realization k depends on the seed and k alone, not on the count or the device's batch.
        """
        fields = np.empty((count, *mask.shape), codes.dtype)
        same = (np.broadcast_to(mask, fields.shape), np.broadcast_to(codes, fields.shape))
        for first, part in self._parts(*same, seed):
            fields[first : first + len(part)] = part
            if progress:
                progress(first + len(part))
        return fields

    def _parts(self, mask: Bool[np.ndarray, "field y x"], codes: Known, seed: int) -> Iterator[tuple[int, Any]]:
        """Fields in batches of one size, the last one filled up, so that the batch changes no field."""
        size = 1 if self.device.type == "cpu" else CUDA_BATCH
        for first in range(0, len(mask), size):
            numbers = range(first, first + size)
            rows = [min(k, len(mask) - 1) for k in numbers]
            yield first, self._draw(mask[rows], codes[rows], numbers, seed)[: len(mask) - first]

    def levels(
        self, mask: Bool[np.ndarray, "y x"], codes: UInt8[np.ndarray, "y x"], realization: int, seed: int
    ) -> Float32[np.ndarray, "facies y x"]:
        """The raw outputs of one realization, shift included: each cell takes the facies of the largest.

        Of two facies the first one's are 0, because the generator has one channel for both.
        """
        raw = self._raw(mask[None], codes[None], [realization], seed)[0].float().cpu().numpy()
        return np.concatenate([np.zeros_like(raw), raw]) if self.count == 2 else raw

    @torch.no_grad()
    def _draw(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: Known,
        realizations: Iterable[int],
        seed: int,
    ) -> Known:
        return facies.decode(facies.activate(self._raw(mask, codes, realizations, seed)), self.count).cpu().numpy()

    @torch.no_grad()
    def _raw(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: Known,
        realizations: Iterable[int],
        seed: int,
    ) -> Float[Tensor, "field channel y x"]:
        """The generator's outputs before their activation, plus the shift."""
        rows, columns = mask.shape[1:]
        shown = facies.condition(torch.from_numpy(mask), torch.from_numpy(codes), self.count).to(self.device)
        shown = pad_to_multiple(shown, self.generator.stride)
        shape = (1, *self.generator.noise_shape(*shown.shape[-2:]))
        z = torch.cat([self.latent.build(LATENTS, shape, noise(seed, k)) for k in realizations])
        raw: Tensor = self.generator(z.to(self.device), shown)[..., :rows, :columns]
        return self.offset(raw)

    def offset(self, raw: Float[Tensor, "field channel y x"]) -> Float[Tensor, "field channel y x"]:
        """Raw outputs plus the shift of each channel; one channel for two facies has the difference of theirs."""
        if self.shift is None:
            return raw
        shift = torch.tensor(self.shift, device=raw.device)[:, None, None]
        return raw + (shift[1:] - shift[:1] if self.count == 2 else shift)


def generator_of(system: System) -> Generator:
    """The generator inside a system."""
    generator = system.get_submodule("generator")
    assert isinstance(generator, Generator)
    return generator


def noise(seed: int, realization: int, *fresh: int) -> torch.Generator:
    """The random numbers of one realization: a function of (seed, realization) alone; ``fresh`` numbers others."""
    word = int(np.random.SeedSequence([seed, realization, *fresh]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(word >> 1)


@dataclass(frozen=True)
class Bundle:
    """A generator of facies fields with what is known of its training.

    ``names``: facies names by code, none of a property; ``cell_size``: (height, width) of a training cell in map
    units, None where the training image had no CRS; ``proportions``: share of each facies in the training image;
    ``digest``: sha256 of the weights; ``system``: all of system.json; ``evaluation``: that of the bundle, see
    bundles.read_evaluation.
    """

    sampler: FieldSampler
    names: tuple[str, ...]
    cell_size: tuple[float, float] | None
    proportions: dict[str, float]
    digest: str
    system: dict[str, Any]
    evaluation: dict[str, Any] | None = None

    def sample(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> UInt8[np.ndarray, "realization y x"] | Float32[np.ndarray, "realization y x"]:
        """``count`` fields that honour the hard data; see FieldSampler.sample."""
        return self.sampler.sample(mask, codes, count, seed, progress)

    def shifted(self, shift: tuple[float, ...]) -> Bundle:
        """The same bundle with ``shift`` added to its raw outputs; see FieldSampler."""
        return replace(self, sampler=replace(self.sampler, shift=shift))


def load_bundle(path: Path, device: str = "auto") -> Bundle:
    """Read a bundle or a model folder of a generator of fields.

    Raises InputError if a file is missing, was changed since the export, or is of another schema or task.
    """
    system = open_folder(path, "simulation", keys=("facies", "grid", "proportions"))
    config = system["config"]
    where = f"{path / 'system.json'}: config"
    latent = choose(f"{where}.latent", config["latent"], LATENTS)
    count = len(system["facies"]) or facies.CONTINUOUS
    image = facies.channels(count)
    generator: Generator = choose(f"{where}.generator", config["generator"], FIELD_GENERATORS).build(
        FIELD_GENERATORS, 1 + image, image, latent.options["channels"]
    )
    load_weights(generator, path)
    target = pick_device(device)
    sampler = FieldSampler(generator.to(target).eval().requires_grad_(False), latent, count, target)
    cell = system["grid"]["cell_size"] if system["grid"]["crs"] else None
    return Bundle(
        sampler,
        tuple(system["facies"]),
        (cell[0], cell[1]) if cell else None,
        system["proportions"],
        system["weights_sha256"],
        system,
        read_evaluation(path),
    )
