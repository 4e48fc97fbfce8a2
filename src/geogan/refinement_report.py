"""What a refinement did to an ensemble: wells, isolated pixels, diversity, patterns, noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import UInt8

from geogan.metrics.diversity import hamming_of_counts
from geogan.metrics.patterns import divergence, histograms
from geogan.refinement import Cells, Outcome, Refiner

Field = UInt8[np.ndarray, "y x"]


class RefinementReport:
    """Takes the fields of a refiner one by one, as they were drawn and as they are now.

    ``names``: facies names by code. Held are counts per cell, and the fields that changed.
    """

    def __init__(self, refiner: Refiner, names: tuple[str, ...]):
        self.refiner, self.names = refiner, names
        self.outcomes: list[Outcome] = []
        self._counts = np.zeros((2, len(names), *refiner.mask.shape), np.int64)
        self._changed: list[tuple[Field, Field]] = []

    def add(self, drawn: Field, refined: Field, outcome: Outcome) -> None:
        """One more realization."""
        self.outcomes.append(outcome)
        for counts, field in zip(self._counts, (drawn, refined), strict=True):
            for code, cells in enumerate(counts):
                cells += field == code
        if outcome.restart is not None:
            self._changed.append((drawn, refined))

    def missed(self) -> list[dict[str, Any]]:
        """Every well that some field misses: ``row``, ``column``, ``facies`` wanted, ``realizations``."""
        return self._listed((one.realization, one.missed) for one in self.outcomes)

    def pasted(self) -> list[dict[str, Any]]:
        """Every well that some field honours by an isolated pixel, where real fields have fewer of these."""
        return self._listed((one.realization, one.pasted) for one in self.outcomes)

    def _listed(self, cells: Iterable[tuple[int, Cells]]) -> list[dict[str, Any]]:
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for realization, some in cells:
            for cell in some:
                found[cell].append(realization)
        return [
            {"row": row, "column": column, "facies": self.names[self.refiner.codes[row, column]], "realizations": where}
            for (row, column), where in sorted(found.items())
        ]

    def block(self) -> dict[str, Any]:
        """The ``refinement`` of OUT.report.json, JSON values only; docs/formats.md has the keys."""
        wells = int(self.refiner.mask.sum())
        tried = [one for one in self.outcomes if one.steps or one.restart is not None]
        shares = np.array([(one.before[0], one.after[0]) for one in self.outcomes]) / wells
        honoured, isolated = np.sum([(one.before, one.after) for one in self.outcomes], axis=0).T
        n, moved = len(self.outcomes), [one.deviation for one in tried if one.deviation is not None]
        return {
            "steps": self.refiner.steps,
            "fields_tried": len(tried),
            "fields_changed": len(moved),
            **_pair("honoured_share", shares.mean(axis=0)),
            **_pair("honoured_share_min", shares.min(axis=0)),
            **_pair("isolated_share", isolated / np.maximum(honoured, 1)),
            **_pair("hamming", [hamming_of_counts(counts, n) if n > 1 else None for counts in self._counts]),
            "pattern_shift": self._shift(),
            "noise_deviation": float(np.mean(moved)) if moved else None,
            "missed": self.missed(),
            "pasted": self.pasted(),
            "fields": [_plain(one) for one in tried],
        }

    def _shift(self) -> list[float] | None:
        """Jensen-Shannon divergence of the patterns of the changed fields before and after, by level."""
        if not self._changed:
            return None
        before, after = (histograms(np.stack(fields), len(self.names)) for fields in zip(*self._changed, strict=True))
        return [divergence(a, b) for a, b in zip(before, after, strict=True)]


def _pair(name: str, values: Any) -> dict[str, float | None]:
    before, after = (None if value is None else float(value) for value in values)
    return {f"{name}_before": before, f"{name}_after": after}


def _plain(one: Outcome) -> dict[str, Any]:
    return {
        "realization": one.realization,
        "honoured_before": one.before[0],
        "honoured_after": one.after[0],
        "isolated_before": one.before[1],
        "isolated_after": one.after[1],
        "steps": one.steps,
        "restart": one.restart,
    }
