"""An ensemble: equally likely fields on one grid, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from geogan.grids import Grid
from geogan.hard_data import HardData

LISTED = 100  # missed cells that a report names


@dataclass(frozen=True)
class Ensemble:
    """Fields of facies codes 0..K-1 with their statistics.

    ``probability`` is the share of realizations that have the facies in the cell (its sum over the facies
    is 1), ``entropy`` = -sum p log p / log K lies in [0, 1]: 0 where all agree, 1 where all K facies are
    equally frequent. ``names`` has one name per code; row 0 is the top.
    """

    facies: UInt8[np.ndarray, "realization y x"]
    probability: Float32[np.ndarray, "facies y x"]
    entropy: Float32[np.ndarray, "y x"]
    grid: Grid
    names: tuple[str, ...]
    seed: int
    hard: HardData

    @classmethod
    def of(
        cls,
        fields: UInt8[np.ndarray, "realization y x"],
        *,
        grid: Grid,
        names: tuple[str, ...],
        seed: int,
        hard: HardData,
    ) -> Ensemble:
        """The ensemble of these fields. Takes a few grids of memory beside them."""
        probability = np.zeros((len(names), *fields.shape[1:]), np.float32)
        for field in fields:
            for code in range(len(names)):
                probability[code] += field == code
        probability /= len(fields)
        entropy = np.zeros(fields.shape[1:], np.float32)
        for share in probability:
            entropy -= share * np.log(np.where(share > 0, share, 1), dtype=np.float32)
        entropy = np.clip(entropy / np.log(max(len(names), 2)), 0, 1).astype(np.float32)
        return cls(fields, probability, entropy, grid, names, seed, hard)

    @property
    def e_type(self) -> Float32[np.ndarray, "y x"]:
        """The mean over realizations of the codes 0..K-1 taken as numbers, in [0, K-1].

        Of two facies it is the probability of code 1.
        """
        mean = np.zeros_like(self.entropy)
        for code, share in enumerate(self.probability):
            mean += code * share
        return mean

    @property
    def std(self) -> Float32[np.ndarray, "y x"]:
        """The standard deviation over realizations of the codes taken as numbers, in [0, (K-1) / 2]."""
        mean, variance = self.e_type, np.zeros_like(self.entropy)
        for code, share in enumerate(self.probability):
            variance += share * (code - mean) ** 2
        return np.asarray(np.sqrt(variance))

    def honoured(self) -> Float32[np.ndarray, " realization"] | None:
        """The share of the hard data that each realization honours; None where there are none."""
        if not self.hard.mask.any():
            return None
        wanted = self.hard.values[self.hard.mask]
        return np.array([(field[self.hard.mask] == wanted).mean() for field in self.facies], np.float32)

    def missed(self) -> Int64[np.ndarray, " datum"]:
        """How many realizations miss each datum, in the order of ``np.argwhere(hard.mask)``."""
        wanted = self.hard.values[self.hard.mask]
        counts = np.zeros(len(wanted), np.int64)
        for field in self.facies:
            counts += field[self.hard.mask] != wanted
        return counts


def report(
    ensemble: Ensemble, *, bundle: str | None = None, training: dict[str, float] | None = None
) -> dict[str, Any]:
    """What to know before trusting the fields, as JSON values.

    The counts and lists of ``HardData.report``; ``honoured_share`` (mean over realizations) and
    ``honoured_share_min`` (null without wells); ``cells_missed``, those that a realization or more misses, and
    ``missed``, the first hundred of them, the most often missed first; ``proportions`` per facies with their
    ``proportions_std`` over realizations and ``proportions_training`` (``training``, shares of the
    training image, null if unknown); ``realizations``, ``seed``, ``names``, ``grid``; ``bundle``, the
    digest of the bundle.
    """
    honoured = ensemble.honoured()
    shares = np.array([[np.mean(field == code) for code in range(len(ensemble.names))] for field in ensemble.facies])
    named = {
        "proportions": dict(zip(ensemble.names, shares.mean(axis=0).tolist(), strict=True)),
        "proportions_std": dict(zip(ensemble.names, shares.std(axis=0).tolist(), strict=True)),
    }
    grid = ensemble.grid
    return {
        **ensemble.hard.report,
        "honoured_share": None if honoured is None else float(honoured.mean(dtype=np.float64)),
        "honoured_share_min": None if honoured is None else float(honoured.min()),
        **_missed(ensemble),
        **named,
        "proportions_training": training,
        "realizations": len(ensemble.facies),
        "seed": ensemble.seed,
        "names": list(ensemble.names),
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
    """The cells whose datum is not honoured everywhere, with their facies and the number of realizations."""
    counts, cells = ensemble.missed(), np.argwhere(ensemble.hard.mask)
    order = np.argsort(-counts, kind="stable")[: min(LISTED, np.count_nonzero(counts))]
    listed = [
        {
            "row": int(cells[k, 0]),
            "column": int(cells[k, 1]),
            "facies": ensemble.names[ensemble.hard.values[tuple(cells[k])]],
            "realizations": int(counts[k]),
        }
        for k in order
    ]
    return {"cells_missed": int(np.count_nonzero(counts)), "missed": listed}
