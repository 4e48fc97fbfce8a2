"""From a bundle and hard data on a grid to fields that wait on disk: drawn, refined, brought to the grid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geogan import drawn_fields
from geogan.hard_data import HardData
from geogan.rescaling import Rescaling
from geogan.target_proportions import Fit, fit, parse
from geogan.variable import Field, Fields, Variable

from .refine import Refinement, Refining

if TYPE_CHECKING:
    from geogan.inference import Bundle


@dataclass(frozen=True)
class Drawn:
    """``fields`` on the user's grid, and as they are the bundle's ``own``, in its cells; both on disk.

    ``report``: what a shift of the proportions, a rescaling and a refinement did, null where there was none.
    """

    fields: Fields
    own: Fields
    report: dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """From the bundle and the hard data to fields; ``folder`` is where they wait."""

    model: Bundle
    variable: Variable
    hard: HardData
    plan: Rescaling | None
    refinement: Refinement
    count: int
    seed: int
    window: int | None
    folder: Path
    quiet: bool

    def drawn(self, proportions: str | None, source: str | None) -> Drawn:
        """Fields with ``proportions``, where some are wanted; ``source`` names the wells."""
        model, plan, refinement, hard = self.model, self.plan, self.refinement, self.hard
        shown = hard if plan is None else plan.data(hard, len(model.names))
        shift = _fitted(model, refinement.shown(shown), proportions, self.seed, self.window)
        if shift is not None:
            model = model.shifted(shift.shift)
        start = time.perf_counter()
        own = self._sampled(model, refinement.shown(shown))
        seconds = time.perf_counter() - start
        refining = Refining(refinement, model, shown, self.seed, source) if source and refinement.asked else None
        if refining:
            with _progress("refined", self.count, quiet=self.quiet) as progress:
                own = self._kept(refining.fields(own, progress), shown)
        brought = own if plan is None else self._kept((plan.field(one, len(model.names)) for one in own), hard)
        report = {
            "target_proportions": shift and shift.report(model.names),
            "rescaled": plan and plan.report(shown, hard),
            "refinement": refining and refining.block(seconds),
        }
        return Drawn(brought, own, report)

    def _sampled(self, model: Bundle, hard: HardData) -> Fields:
        """The fields that the generator gives, in the units of the variable."""
        with _progress("fields", self.count, quiet=self.quiet) as progress:
            known = self.variable.scaled(hard.values)
            drawn = model.fields(hard.mask, known, self.count, self.seed, progress, self.window)
            return self._kept((self.variable.units(field) for field in drawn), hard)

    def _kept(self, drawn: Iterable[Field], hard: HardData) -> Fields:
        """The fields on disk; they are as large as the grid of these hard data."""
        return drawn_fields.keep(drawn, self.count, hard.mask.shape, self.folder, self.variable.blank.dtype)


def _fitted(model: Bundle, hard: HardData, proportions: str | None, seed: int, window: int | None) -> Fit | None:
    """The shift that reaches the proportions, where some were given."""
    if proportions is None:
        return None
    wanted = parse(proportions, model.names)
    return fit(lambda k: model.sampler.levels(hard.mask, hard.values, k, seed, window), hard, wanted)


@contextmanager
def _progress(what: str, count: int, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """A callable that takes the number of fields done so far, or None."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(what, total=count)
        yield lambda done: bar.update(task, completed=done)
