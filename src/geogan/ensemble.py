"""An ensemble: equally likely fields on one grid, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from geogan.grids import Grid
from geogan.hard_data import HardData
from geogan.variable import Fields, Variable

LISTED = 100  # missed cells that a report names


@dataclass(frozen=True)
class Ensemble:
    """Fields with their hard data and ``maps``, what they say together; row 0 is the top.

    ``fields`` are facies codes, or values of a property in its units, as ``variable`` says; see ``Variable.maps``.
    """

    fields: Fields
    maps: Mapping[str, Float32[np.ndarray, "*band y x"]]
    grid: Grid
    variable: Variable
    seed: int
    hard: HardData

    @classmethod
    def of(cls, fields: Fields, *, grid: Grid, variable: Variable, seed: int, hard: HardData) -> Ensemble:
        """The ensemble of these fields. Takes a few grids of memory beside them."""
        return cls(fields, variable.maps(fields), grid, variable, seed, hard)

    def honoured(self) -> Float32[np.ndarray, " realization"] | None:
        """The share of the hard data that each realization honours; None where there are none."""
        if not self.hard.mask.any():
            return None
        return np.array([hits.mean() for hits in self._hits()], np.float32)

    def missed(self) -> Int64[np.ndarray, " datum"]:
        """How many realizations miss each datum, in the order of ``np.argwhere(hard.mask)``."""
        counts = np.zeros(np.count_nonzero(self.hard.mask), np.int64)
        for hits in self._hits():
            counts += ~hits
        return counts

    def _hits(self) -> Iterator[Bool[np.ndarray, " datum"]]:
        """Which data each realization honours."""
        wanted = self.hard.values[self.hard.mask]
        for field in self.fields:
            yield self.variable.honours(field[self.hard.mask], wanted)


def report(ensemble: Ensemble, *, bundle: str | None = None) -> dict[str, Any]:
    """What to know before trusting the fields, as JSON values.

    The counts and lists of ``HardData.report``; ``honoured_share`` (mean over realizations) and
    ``honoured_share_min`` (null without wells); ``cells_missed``, those that a realization or more misses, and
    ``missed``, the first hundred of them, the most often missed first; what ``Variable.report`` tells of the values;
    ``realizations``, ``seed``, ``names`` of the facies, ``grid``; ``bundle``, the digest of the bundle.
    """
    honoured, hard = ensemble.honoured(), ensemble.hard
    grid = ensemble.grid
    return {
        **hard.report,
        "honoured_share": None if honoured is None else float(honoured.mean(dtype=np.float64)),
        "honoured_share_min": None if honoured is None else float(honoured.min()),
        **_missed(ensemble),
        **ensemble.variable.report(ensemble.fields, hard.mask, hard.values),
        "realizations": len(ensemble.fields),
        "seed": ensemble.seed,
        "names": list(ensemble.variable.names),
        "grid": {
            "rows": grid.rows,
            "columns": grid.columns,
            "transform": list(grid.transform),
            "bounds": list(grid.bounds),
            "crs": grid.crs,
        },
        "bundle": bundle,
    }


def _missed(ensemble: Ensemble) -> dict[str, Any]:
    """The cells whose datum is not honoured everywhere, with the datum and the number of realizations."""
    variable = ensemble.variable
    counts, cells = ensemble.missed(), np.argwhere(ensemble.hard.mask)
    order = np.argsort(-counts, kind="stable")[: min(LISTED, np.count_nonzero(counts))]
    listed = [
        {
            "row": int(cells[k, 0]),
            "column": int(cells[k, 1]),
            variable.key: variable.plain(ensemble.hard.values[tuple(cells[k])].item()),
            "realizations": int(counts[k]),
        }
        for k in order
    ]
    return {"cells_missed": int(np.count_nonzero(counts)), "missed": listed}
