"""``--refine``, ``--exact`` and ``--hide-wells`` of ``geogan simulate``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from geogan.errors import InputError
from geogan.hard_data import HardData

if TYPE_CHECKING:
    from geogan.inference import Bundle
    from geogan.refinement import Cells, Outcome

Field = UInt8[np.ndarray, "y x"]
STEPS = 300  # of --exact without --refine


@dataclass(frozen=True)
class Refinement:
    """What is asked for: ``steps`` of descent (0: none), whether all wells must be met, whether G sees them."""

    steps: int = 0
    exact: bool = False
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError(f"--refine {self.steps}: must be 0 (no refinement) or a number of steps, such as {STEPS}")

    @property
    def asked(self) -> bool:
        """Whether anything is to be done."""
        return self.steps > 0 or self.exact

    def check(self, *, wells: bool) -> None:
        """Raise InputError for options that do not go together; ``wells``: whether there are any."""
        for option, given in {"--refine": self.steps > 0, "--exact": self.exact, "--hide-wells": self.hidden}.items():
            if given and not wells:
                raise InputError(f"{option}: needs --wells; fields without hard data have nothing to honour")
        if self.hidden and not self.asked:
            raise InputError("--hide-wells: needs --refine STEPS too; nothing else would honour the wells")

    def shown(self, hard: HardData) -> HardData:
        """The hard data that the generator sees."""
        return HardData(np.zeros_like(hard.mask), hard.values, hard.report) if self.hidden else hard


NO_REFINEMENT = Refinement()


class Refining:
    """Refines fields as they come, and keeps account. ``source`` names the wells in messages."""

    def __init__(self, asked: Refinement, model: Bundle, hard: HardData, seed: int, source: str):
        from geogan.refinement import Refiner, real_share
        from geogan.refinement_report import RefinementReport

        steps, real = asked.steps or STEPS, real_share(model.evaluation)
        self.asked, self.source, self.seconds = asked, source, 0.0
        self.refine = Refiner(
            model.sampler, hard.mask, hard.values, seed, steps, exact=asked.exact, real=real, shown=not asked.hidden
        )
        self.report = RefinementReport(self.refine, model.names)

    def fields(self, drawn: Iterable[Field], progress: Callable[[int], None] | None = None) -> Iterator[Field]:
        """The fields of realization 0, 1, ..., refined. Raises InputError at the first that --exact is not met by."""
        for realization, field in enumerate(drawn):
            start = time.perf_counter()
            refined, outcome = self.refine(field, realization)
            self.report.add(field, refined, outcome)
            self.seconds += time.perf_counter() - start
            if self.asked.exact:
                self._demand(outcome)
            if progress:
                progress(realization + 1)
            yield refined

    def block(self, feed_forward: float) -> dict[str, Any]:
        """The ``refinement`` of the report; ``feed_forward``: seconds that all fields took before."""
        told = self.report.block()
        per_field = {
            "feed_forward": feed_forward / len(self.report.outcomes),
            "refinement": self.seconds / told["fields_tried"] if told["fields_tried"] else None,
        }
        return {"exact": self.asked.exact, "wells_hidden": self.asked.hidden, "seconds_per_field": per_field, **told}

    def _demand(self, outcome: Outcome) -> None:
        """Raise InputError where a field misses a well, or honours it by a pixel pasted into another facies."""
        unmet = {"not honoured": outcome.missed, "single pixels": outcome.pasted}
        listed = "; ".join(f"{what}: {self._listed(cells)}" for what, cells in unmet.items() if cells)
        if listed:
            raise InputError(
                f"{self.source}: --exact: realization {outcome.realization} does not honour and simulate all of the "
                f"{int(self.refine.mask.sum())} wells; {listed}; nothing was written. Correct or leave out these "
                f"wells, allow more steps (--refine {2 * self.refine.steps}), or drop --exact to get the fields that "
                "come nearest"
            )

    def _listed(self, cells: Cells) -> str:
        names = self.report.names
        return ", ".join(
            f"row {row}, column {column} ({names[self.refine.codes[row, column]]})" for row, column in cells
        )
