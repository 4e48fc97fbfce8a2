"""Fields that miss hard data, drawn again from a noise that honours them: generated, never pasted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

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
CELLS = 2**21  # of all fields that descend together; at least one does
HELD = 1300  # bytes per cell that a descent holds with the default generator, measured
Counts = tuple[int, int]  # wells honoured, and those of them that are isolated pixels


def memory(cells: int) -> int:
    """Bytes of main memory, about, that refining a field of so many cells takes."""
    return HELD * max(cells, min(RESTARTS * cells, CELLS))


@dataclass(frozen=True)
class Outcome:
    """What became of a field.

    ``missed`` has (row, column) of the wells that it misses still. ``steps`` were taken in all. ``restart`` tells
    whose noise it has now: 0 its own, moved; j the j-th fresh one, moved; None where it stayed as it was, and then
    ``deviation`` is None too. That is the root mean square of the noise in standard deviations, about 1 as drawn.
    """

    realization: int
    before: Counts
    after: Counts
    missed: tuple[tuple[int, int], ...]
    steps: int = 0
    restart: int | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Refiner:
    """Refines fields that ``sampler`` drew for the same hard data and ``seed``.

    A field costs at most ``steps`` from its own noise, then ``rounds`` times as many from RESTARTS fresh noises, which
    descend together as far as CELLS allows.
    ``shown=False`` hides the hard data from the generator, as if it were an unconditional one. Raises ValueError for
    a generator in training mode, whose batch norm would let fields see one another, and for one of a property.
    """

    sampler: FieldSampler
    mask: Bool[np.ndarray, "y x"]
    codes: UInt8[np.ndarray, "y x"]
    seed: int
    steps: int
    rounds: int = 1
    shown: bool = True

    def __post_init__(self) -> None:
        if self.sampler.generator.training:
            raise ValueError("refinement: the generator is in training mode; call eval() first")
        if self.sampler.count == facies.CONTINUOUS:
            raise ValueError("refinement: is for facies; values of a property are never met exactly")

    def __call__(self, drawn: UInt8[np.ndarray, "y x"], realization: int) -> tuple[UInt8[np.ndarray, "y x"], Outcome]:
        """``drawn`` itself if it honours all wells; else the first field on the descent that does.

        Where no field does, the one that honours most, ``drawn`` where none honours more. Isolated pixels at wells
        do not become more in any case. The result depends on the seed and the realization alone.
        """
        before = self._counts(drawn)
        field, best, steps, restart, deviation = drawn, before, 0, None, None
        for first, start in self._starts(realization):
            if best[0] == self._wells:
                break
            for step, (z, fields) in enumerate(self._descent(start)):
                for row, candidate in enumerate(fields):
                    found = self._counts(candidate)
                    if found[0] > best[0] and found[1] <= before[1]:
                        field, best, restart = candidate, found, first + row
                        deviation = self._deviation(z[row])
                steps += step > 0
                if best[0] == self._wells:
                    break
        rows, columns = np.nonzero(self.mask & (field != self.codes))
        missed = tuple(zip(rows.tolist(), columns.tolist(), strict=True))
        return field, Outcome(realization, before, best, missed, steps, restart, deviation)

    def _counts(self, field: UInt8[np.ndarray, "y x"]) -> Counts:
        honoured = self.mask & (field == self.codes)
        return int(honoured.sum()), int(isolated(field[None])[0][honoured].sum())

    def _starts(self, realization: int) -> Iterator[tuple[int, Float[Tensor, "row noise zy zx"]]]:
        """The noise that the field was drawn from, then fresh ones, with the number of the first."""
        shape = (1, *self.sampler.generator.noise_shape(*self._condition.shape[-2:]))
        yield 0, self.sampler.latent.build(LATENTS, shape, noise(self.seed, realization))
        together = min(RESTARTS, max(1, CELLS // self.mask.size))
        last = RESTARTS * self.rounds
        for first in range(1, last + 1, together):
            draws = (noise(self.seed, realization, fresh) for fresh in range(first, min(first + together, last + 1)))
            yield first, torch.cat([self.sampler.latent.build(LATENTS, shape, rng) for rng in draws])

    def _descent(
        self, start: Float[Tensor, "row noise zy zx"]
    ) -> Iterator[tuple[Float[Tensor, "row noise zy zx"], UInt8[np.ndarray, "row y x"]]]:
        """Noise and fields on the way down."""
        rows, columns = self.mask.shape
        shown = self._condition.expand(len(start), -1, -1, -1)

        def draw(z: Float[Tensor, "row noise zy zx"]) -> Float[Tensor, "row channel y x"]:
            logits: Tensor = self.sampler.generator(z, shown)[..., :rows, :columns]
            return self.sampler.offset(logits)

        wells = Wells.of(self.mask, self.codes, self.sampler.device)
        for z, logits in descend(draw, start.to(self.sampler.device), self.sampler.latent.name, wells, self.steps):
            yield z, facies.decode(facies.activate(logits), self.sampler.count).cpu().numpy()

    def _deviation(self, z: Float[Tensor, "noise zy zx"]) -> float:
        to_normal, _ = COORDINATES[self.sampler.latent.name]
        return float(to_normal(z).square().mean().sqrt())

    @cached_property
    def _wells(self) -> int:
        return int(self.mask.sum())

    @cached_property
    def _condition(self) -> Float[Tensor, "1 channel y x"]:
        mask = self.mask if self.shown else np.zeros_like(self.mask)
        told = self.sampler.condition(mask[None], self.codes[None])
        return pad_to_multiple(told.to(self.sampler.device), self.sampler.generator.stride)


def refining(
    sampler: FieldSampler, steps: int
) -> Callable[
    [Bool[np.ndarray, "field y x"], UInt8[np.ndarray, "field y x"], int],
    UInt8[np.ndarray, "field y x"],
]:
    """The sampler with its fields refined where they miss hard data: one for each row of them, as it draws them."""

    def sample(
        mask: Bool[np.ndarray, "field y x"], codes: UInt8[np.ndarray, "field y x"], seed: int
    ) -> UInt8[np.ndarray, "field y x"]:
        drawn = sampler(mask, codes, seed)
        rows = enumerate(zip(mask, codes, drawn, strict=True))
        return np.stack([Refiner(sampler, here, known, seed, steps)(field, k)[0] for k, (here, known, field) in rows])

    return sample
