"""An ensemble as GSLIB/SGeMS grids: text, one variable per realization, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from geogan.ensemble import Ensemble
from geogan.grids import Grid


def write_facies(path: Path, ensemble: Ensemble) -> None:
    """One variable ``realization_k`` of codes per realization."""
    names = [f"realization_{k}" for k in range(len(ensemble.facies))]
    _write(path, names, ensemble.facies, ensemble.grid, "%d")


def write_probability(path: Path, ensemble: Ensemble) -> None:
    """One variable ``probability_<name>`` per facies, then ``entropy``, ``e_type`` and ``std``."""
    values = np.concatenate([ensemble.probability, np.stack([ensemble.entropy, ensemble.e_type, ensemble.std])])
    names = [f"probability_{name}" for name in ensemble.names]
    _write(path, [*names, "entropy", "e_type", "std"], values, ensemble.grid, "%.6g")


def _write(
    path: Path, names: Sequence[str], values: Shaped[np.ndarray, "variable y x"], grid: Grid, style: str
) -> None:
    """``nx ny nz``, the number of variables, their names, then a line of all variables per cell: x runs
    fastest, then y from the bottom (SGeMS, Remy, Boucher and Wu 2009)."""
    line = " ".join([style] * len(names)) + "\n"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{grid.columns} {grid.rows} 1\n{len(names)}\n")
        stream.writelines(f"{name}\n" for name in names)
        for row in range(grid.rows - 1, -1, -1):
            stream.write((line * grid.columns) % tuple(values[:, row].T.ravel().tolist()))
