"""Fields that miss hard data, or paste them, drawn again from a noise that honours them: generated, never pasted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from geogan import facies
from geogan.blocks import pad_to_multiple
from geogan.descent import COORDINATES, Wells, descend
from geogan.inference import FieldSampler, noise
from geogan.latents import LATENTS
from geogan.metrics.wells import isolated

RESTARTS = 7  # fresh noises of a round, where the field's own fails
ROUNDS = 4  # of fresh noises where every field must be exact; else one
CELLS = 2**21  # of all fields that descend together; at least one does
HELD = 1300  # bytes per cell that a descent holds with the default generator, measured
Counts = tuple[int, int]  # wells honoured, and those of them that are isolated pixels
Cells = tuple[tuple[int, int], ...]  # row and column of each


def memory(cells: int) -> int:
    """Bytes of main memory, about, that refining a field of so many cells takes."""
    return HELD * max(cells, min(RESTARTS * cells, CELLS))


@dataclass(frozen=True)
class Outcome:
    """What became of a field.

    ``missed`` has (row, column) of the wells that it misses still, ``pasted`` of those that it honours by isolated
    pixels, where these are more than real fields have. ``steps`` were taken in all. ``restart`` tells
    whose noise it has now: 0 its own, moved; j the j-th fresh one, moved; None where it stayed as it was, and then
    ``deviation`` is None too. That is the root mean square of the noise in standard deviations, about 1 as drawn.
    """

    realization: int
    before: Counts
    after: Counts
    missed: Cells
    pasted: Cells = ()
    steps: int = 0
    restart: int | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Refiner:
    """Refines fields that ``sampler`` drew for the same hard data and ``seed``.

    A field costs at most ``steps`` from its own noise. One that misses a well then costs as many from RESTARTS fresh
    noises, which descend together as far as CELLS allows; with ``exact`` one that pastes a well too, in ROUNDS rounds.
    ``real`` is the share of hard data that are isolated pixels of real fields: so many may stay.
    ``shown=False`` hides the hard data from the generator, as if it were an unconditional one. Raises ValueError for
    a generator in training mode, whose batch norm would let fields see one another, and for one of a property.
    """

    sampler: FieldSampler
    mask: Bool[np.ndarray, "y x"]
    codes: UInt8[np.ndarray, "y x"]
    seed: int
    steps: int
    exact: bool = False
    real: float = 0.0
    shown: bool = True

    def __post_init__(self) -> None:
        if self.sampler.generator.training:
            raise ValueError("refinement: the generator is in training mode; call eval() first")
        if self.sampler.count == facies.CONTINUOUS:
            raise ValueError("refinement: is for facies; values of a property are never met exactly")

    def __call__(self, drawn: UInt8[np.ndarray, "y x"], realization: int) -> tuple[UInt8[np.ndarray, "y x"], Outcome]:
        """``drawn`` itself if it honours all wells and pastes none; else the first field on the descent that does so.

        Where no field does, the one that honours most, of those the one that pastes fewest, ``drawn`` where none is
        better. Isolated pixels at wells do not become more in any case. The result depends on the seed and the
        realization alone.
        """
        before = self._counts(drawn)
        field, best, steps, restart, deviation = drawn, before, 0, None, None
        for first, start in self._starts(realization):
            if self._settled(best) or (first and best[0] == self._wells and not self.exact):
                break
            for step, (z, fields) in enumerate(self._descent(start)):
                for row, candidate in enumerate(fields):
                    found = self._counts(candidate)
                    if (found[0], -found[1]) > (best[0], -best[1]) and found[1] <= before[1]:
                        field, best, restart = candidate, found, first + row
                        deviation = self._deviation(z[row])
                steps += step > 0
                if self._settled(best):
                    break
        honoured = self._honoured(field)
        missed, alone = self.mask & ~honoured, honoured & isolated(field[None])[0]
        pasted = _cells(alone) if best[1] > self._allowed else ()
        return field, Outcome(realization, before, best, _cells(missed), pasted, steps, restart, deviation)

    def _settled(self, counts: Counts) -> bool:
        return counts[0] == self._wells and counts[1] <= self._allowed

    def _honoured(self, field: UInt8[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
        honoured: Bool[np.ndarray, "y x"] = self.mask & (field == self.codes)
        return honoured

    def _counts(self, field: UInt8[np.ndarray, "y x"]) -> Counts:
        honoured = self._honoured(field)
        return int(honoured.sum()), int(isolated(field[None])[0][honoured].sum())

    def _starts(self, realization: int) -> Iterator[tuple[int, Float[Tensor, "row noise zy zx"]]]:
        """The noise that the field was drawn from, then fresh ones, with the number of the first."""
        shape = (1, *self.sampler.generator.noise_shape(*self._condition.shape[-2:]))
        yield 0, self.sampler.latent.build(LATENTS, shape, noise(self.seed, realization))
        together = min(RESTARTS, max(1, CELLS // self.mask.size))
        last = RESTARTS * (ROUNDS if self.exact else 1)
        for first in range(1, last + 1, together):
            draws = (noise(self.seed, realization, fresh) for fresh in range(first, min(first + together, last + 1)))
            yield first, torch.cat([self.sampler.latent.build(LATENTS, shape, rng) for rng in draws])

    def _descent(
        self, start: Float[Tensor, "row noise zy zx"]
    ) -> Iterator[tuple[Float[Tensor, "row noise zy zx"], UInt8[np.ndarray, "row y x"]]]:
        """Noise and fields on the way down. The noise of single cells stays as drawn: to move it is to paste pixels."""
        moving, fine = start.to(self.sampler.device).tensor_split([start.shape[1] - self.sampler.generator.fine], dim=1)
        rows, columns = self.mask.shape
        shown = self._condition.expand(len(start), -1, -1, -1)

        def draw(z: Float[Tensor, "row noise zy zx"]) -> Float[Tensor, "row channel y x"]:
            logits: Tensor = self.sampler.generator(torch.cat([z, fine], dim=1), shown)[..., :rows, :columns]
            return self.sampler.offset(logits)

        wells = Wells.of(self.mask, self.codes, self.sampler.device)
        for z, logits in descend(draw, moving, self.sampler.latent.name, wells, self.steps):
            yield z, facies.decode(facies.activate(logits), self.sampler.count).cpu().numpy()

    def _deviation(self, z: Float[Tensor, "noise zy zx"]) -> float:
        to_normal, _ = COORDINATES[self.sampler.latent.name]
        return float(to_normal(z).square().mean().sqrt())

    @cached_property
    def _wells(self) -> int:
        return int(self.mask.sum())

    @cached_property
    def _allowed(self) -> int:
        """Isolated pixels at wells that may stay."""
        return math.ceil(self.real * self._wells)

    @cached_property
    def _condition(self) -> Float[Tensor, "1 channel y x"]:
        mask = self.mask if self.shown else np.zeros_like(self.mask)
        told = self.sampler.condition(mask[None], self.codes[None])
        return pad_to_multiple(told.to(self.sampler.device), self.sampler.generator.stride)


def _cells(where: Bool[np.ndarray, "y x"]) -> Cells:
    rows, columns = np.nonzero(where)
    return tuple(zip(rows.tolist(), columns.tolist(), strict=True))


def real_share(evaluation: Mapping[str, Any] | None) -> float:
    """Share of hard data that are isolated pixels of real fields, as the evaluation of a bundle tells; else 0."""
    metrics: Mapping[str, float] = (evaluation or {}).get("metrics", {})
    return metrics.get("isolated_share_real", 0.0)


def refining(
    sampler: FieldSampler, steps: int, real: float = 0.0
) -> Callable[
    [Bool[np.ndarray, "field y x"], UInt8[np.ndarray, "field y x"], int],
    UInt8[np.ndarray, "field y x"],
]:
    """The sampler with its fields refined where they miss or paste hard data, row by row as it draws them."""

    def sample(
        mask: Bool[np.ndarray, "field y x"], codes: UInt8[np.ndarray, "field y x"], seed: int
    ) -> UInt8[np.ndarray, "field y x"]:
        drawn = sampler(mask, codes, seed)
        refiners = (Refiner(sampler, *data, seed, steps, real=real) for data in zip(mask, codes, strict=True))
        return np.stack([refine(field, k)[0] for k, (refine, field) in enumerate(zip(refiners, drawn, strict=True))])

    return sample
