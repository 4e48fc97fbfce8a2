"""A trained generator of facies fields read back from its files, and the fields that it draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
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
from geogan.errors import InputError
from geogan.generators import FIELD_GENERATORS, Generator, surrounded
from geogan.grids import Grid
from geogan.large_fields import FEATURES, Window, plan_windows
from geogan.latents import LATENTS
from geogan.receptive_field import ReceptiveField
from geogan.soft_data import smooth
from geogan.system import System

Known = UInt8[np.ndarray, "field y x"] | Float32[np.ndarray, "field y x"]  # codes, or scaled values of a property
CUDA_BATCH = 16  # on a GPU fields are drawn in full batches of this size, whatever their number
FEATURES_HELD = 2.5  # memory of a whole pass / features of its greediest layer, measured; rounded up

Progress = Callable[[float], None]  # takes the number of fields done so far, the part of one included


@dataclass(frozen=True)
class FieldSampler:
    """Draws fields of facies codes, or of scaled values of a property, from a generator.

    Noise is drawn on the CPU, so every device has the same. ``shift``, one number per facies, is added to the raw
    outputs before the facies is chosen: a facies with a larger one becomes more frequent. Without it nothing is
    added. ``soft`` is what the generator is told beside the hard data, if it was trained with soft data: a map in the
    range of ``facies.encode``, or a number: then ``codes`` are the truth in every cell, and the map is the truth
    smoothed with that standard deviation, as in training.
    """

    generator: Generator
    latent: Choice
    count: int  # number of facies; 1 for a property
    device: torch.device
    shift: tuple[float, ...] | None = None
    soft: Float32[np.ndarray, "channel y x"] | float | None = None

    def __call__(self, mask: Bool[np.ndarray, "field y x"], codes: Known, seed: int) -> Known:
        """One field for each row of hard data; row k has the noise of realization k."""
        return np.concatenate(list(self._parts(mask, codes, seed)))

    def sample(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"],
        count: int,
        seed: int,
    ) -> UInt8[np.ndarray, "realization y x"] | Float32[np.ndarray, "realization y x"]:
        """All of ``fields`` in memory."""
        return np.stack(list(self.fields(mask, codes, count, seed)))

    def fields(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Progress | None = None,
        window: int | None = None,
    ) -> Iterator[UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]]:
        """``count`` fields, one after another, that honour the same hard data; codes outside ``mask`` mean nothing.

        Realization k depends on the seed and k alone, not on the count or the device's batch. Large fields are
        computed by windows, which changes them by rounding errors alone; ``window`` forces it, see ``plan_windows``.
        """
        same = (np.broadcast_to(mask, (count, *mask.shape)), np.broadcast_to(codes, (count, *mask.shape)))
        for part in self._parts(*same, seed, progress, window):
            yield from part

    def memory(self, rows: int, columns: int, window: int | None = None) -> int:
        """Bytes of main memory that drawing fields of this size takes, about: noise, features, fields of a batch."""
        batch, plan = self._plan(rows, columns, window)
        held = FEATURES_HELD if self.device.type == "cpu" else 0
        features = held * self.receptive_field.bytes_per_cell * max(one.cells(self.generator.margin) for one in plan)
        stride = self.generator.stride
        padded = (-(-side // stride) * stride for side in (rows, columns))
        given = (4 if self.count == facies.CONTINUOUS else 1) * rows * columns
        return int(batch * (features + 8 * math.prod(self.generator.noise_shape(*padded)) + given))

    @cached_property
    def receptive_field(self) -> ReceptiveField:
        """Of the generator."""
        return ReceptiveField.of(self.generator)

    def _plan(self, rows: int, columns: int, window: int | None) -> tuple[int, list[Window]]:
        """How many fields are drawn at once, and the windows of each. On a GPU it is full batches, if they fit."""
        sizes = [1] if self.device.type == "cpu" else [CUDA_BATCH, 1]
        for size in sizes:
            plan = plan_windows(rows, columns, self.generator.stride, self.receptive_field, window, size)
            fits = size * plan[0].cells(self.generator.margin) * self.receptive_field.bytes_per_cell <= FEATURES
            if len(plan) == 1 and fits:
                break
        return size, plan

    def _parts(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: Known,
        seed: int,
        progress: Progress | None = None,
        window: int | None = None,
    ) -> Iterator[Known]:
        """Fields in batches of one size, the last one filled up, so that the batch changes no field."""
        size, plan = self._plan(mask.shape[1], mask.shape[2], window)
        for first in range(0, len(mask), size):
            numbers = range(first, first + size)
            rows = [min(k, len(mask) - 1) for k in numbers]
            part = np.empty((size, *mask.shape[1:]), codes.dtype)
            windows = self._raw(mask[rows], codes[rows], numbers, seed, plan)
            for done, (one, raw) in enumerate(windows, start=1):
                field = facies.decode(facies.activate(raw), self.count).cpu().numpy()
                part[:, one.rows.given, one.columns.given] = field
                if progress:
                    progress(first + min(size, len(mask) - first) * done / len(plan))
            yield part[: len(mask) - first]

    def levels(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"],
        realization: int,
        seed: int,
        window: int | None = None,
    ) -> Float32[np.ndarray, "facies y x"]:
        """The raw outputs of one realization, shift included: each cell takes the facies of the largest.

        Of two facies the first one's are 0, because the generator has one channel for both.
        """
        rows, columns = mask.shape
        _, plan = self._plan(rows, columns, window)
        levels = np.zeros((self.count, *mask.shape), np.float32)
        for one, raw in self._raw(mask[None], codes[None], [realization], seed, plan):
            levels[-raw.shape[1] :, one.rows.given, one.columns.given] = raw[0].float().cpu().numpy()
        return levels

    def _raw(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: Known,
        realizations: Iterable[int],
        seed: int,
        plan: Iterable[Window],
    ) -> Iterator[tuple[Window, Float[Tensor, "field channel v u"]]]:
        """The generator's outputs before their activation, plus the shift, by windows."""
        stride, margin = self.generator.stride, self.generator.margin
        height, width = (-(-side // stride) * stride for side in mask.shape[1:])
        shape = (1, *self.generator.noise_shape(height, width))
        z = torch.cat([self.latent.build(LATENTS, shape, noise(seed, k)) for k in realizations]).to(self.device)
        scales = ((height + 2 * margin) // shape[2], (width + 2 * margin) // shape[3])
        for one in plan:
            shown = self.condition(mask, codes, one.rows.seen(), one.columns.seen())
            shown = pad_to_multiple(shown.to(self.device), stride)
            part = z[..., one.rows.seen(scales[0], margin), one.columns.seen(scales[1], margin)]
            with torch.no_grad():
                raw = self.generator(part, shown)
            if not raw.isfinite().all():
                raise InputError(
                    "the generator gives values that are NaN or infinite: its weights are of a training that went "
                    "astray; take those of an earlier checkpoint, or train again with a lower learning rate"
                )
            yield one, self.offset(raw[..., one.rows.cut, one.columns.cut])

    def condition(
        self,
        mask: Bool[np.ndarray, "field y x"],
        codes: Known,
        rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> Float[Tensor, "field shown v u"]:
        """What the generator is told of a window: hard data, then soft data where there are some; on the CPU."""
        here = np.s_[:, rows, columns]
        known = facies.condition(torch.from_numpy(mask[here]), torch.from_numpy(codes[here]), self.count)
        if self.soft is None:
            return known
        if isinstance(self.soft, float):
            believed = smooth(facies.encode(torch.from_numpy(codes), self.count), self.soft)[:, :, rows, columns]
        else:
            believed = torch.from_numpy(self.soft[here]).expand(len(mask), -1, -1, -1)
        return torch.cat([known, believed], dim=1)

    def offset(self, raw: Float[Tensor, "field channel v u"]) -> Float[Tensor, "field channel v u"]:
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
    units, None where it is unknown; ``proportions``: share of each facies in the training image; ``digest``: sha256 of
    the weights; ``system``: all of system.json; ``evaluation``: that of the bundle, see bundles.read_evaluation.
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
    ) -> UInt8[np.ndarray, "realization y x"] | Float32[np.ndarray, "realization y x"]:
        """All of ``fields`` in memory."""
        return self.sampler.sample(mask, codes, count, seed)

    def fields(
        self,
        mask: Bool[np.ndarray, "y x"],
        codes: UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"],
        count: int,
        seed: int,
        progress: Progress | None = None,
        window: int | None = None,
    ) -> Iterator[UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]]:
        """``count`` fields that honour the hard data, one after another; see FieldSampler.fields."""
        return self.sampler.fields(mask, codes, count, seed, progress, window)

    def memory(self, rows: int, columns: int, window: int | None = None) -> int:
        """Bytes that drawing fields of this size takes; see FieldSampler.memory."""
        return self.sampler.memory(rows, columns, window)

    @property
    def soft(self) -> float:
        """The smoothing of the soft data that it was trained with, in cells; 0 for none."""
        return float(self.system["config"]["system"]["soft"])

    def believing(self, soft: Float32[np.ndarray, "channel y x"]) -> Bundle:
        """The same bundle with a map of soft data; see FieldSampler."""
        return replace(self, sampler=replace(self.sampler, soft=soft))

    def shifted(self, shift: tuple[float, ...]) -> Bundle:
        """The same bundle with ``shift`` added to its raw outputs; see FieldSampler."""
        return replace(self, sampler=replace(self.sampler, shift=shift))


def load_bundle(path: Path, device: str = "auto") -> Bundle:
    """Read a bundle or a model folder of a generator of fields.

    Raises InputError if a file is missing, was changed since the export, or is of another schema or task.
    """
    system = open_folder(path, "simulation", keys=("facies", "grid", "proportions"))
    try:
        return _bundle(path, system, device)
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"{path / 'system.json'}: is damaged ({what}); export the bundle again") from error


def _bundle(path: Path, system: dict[str, Any], device: str) -> Bundle:
    config = system["config"]
    where = f"{path / 'system.json'}: config"
    latent = choose(f"{where}.latent", config["latent"], LATENTS)
    count = len(system["facies"]) or facies.CONTINUOUS
    image = facies.channels(count)
    shown = 1 + image * (2 if config["system"]["soft"] else 1)
    network: Generator = choose(f"{where}.generator", config["generator"], FIELD_GENERATORS).build(
        FIELD_GENERATORS, shown, image, latent.options["channels"]
    )
    load_weights(network, path)
    margin = config["system"].get("margin", 0)
    if margin < 0 or margin % network.stride:
        raise ValueError(f"system.margin is {margin}, no multiple of the stride {network.stride}")
    generator = surrounded(network, margin)
    target = pick_device(device)
    sampler = FieldSampler(generator.to(target).eval().requires_grad_(False), latent, count, target)
    return Bundle(
        sampler,
        tuple(system["facies"]),
        _cell_size(system["grid"]),
        system["proportions"],
        system["weights_sha256"],
        system,
        read_evaluation(path),
    )


def _cell_size(grid: Mapping[str, Any]) -> tuple[float, float] | None:
    """That of the training image's grid, None of a grid in cells, whose last coefficient is the number of rows."""
    own = Grid(max(1, int(grid["transform"][5])), 1, tuple(grid["transform"]), grid["crs"])
    return own.cell_size if own.in_map_units else None
