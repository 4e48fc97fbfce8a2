"""An ensemble as GSLIB/SGeMS grids: text, one variable per realization, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from geogan.ensemble import Ensemble
from geogan.grids import Grid

Band = Float32[np.ndarray, "y x"]


def write_fields(path: Path, ensemble: Ensemble) -> None:
    """One variable ``realization_k`` of codes or values per realization."""
    names = [f"realization_{k}" for k in range(len(ensemble.fields))]
    _write(path, names, ensemble.fields, ensemble.grid)


def write_maps(path: Path, ensemble: Ensemble, maps: Sequence[str]) -> None:
    """One variable per map; of one with a band per facies, ``probability``, a variable ``probability_<name>`` each."""
    named: dict[str, Band] = {}
    for name in maps:
        values = ensemble.maps[name]
        if values.ndim == 2:
            named[name] = values
        else:
            named |= {f"{name}_{facies}": band for facies, band in zip(ensemble.variable.names, values, strict=True)}
    _write(path, list(named), np.stack(list(named.values())), ensemble.grid)


def _write(path: Path, names: Sequence[str], values: Shaped[np.ndarray, "variable y x"], grid: Grid) -> None:
    """``nx ny nz``, the number of variables, their names, then a line of all variables per cell: x runs
    fastest, then y from the bottom (SGeMS, Remy, Boucher and Wu 2009)."""
    style = "%.9g" if values.dtype.kind == "f" else "%d"  # nine digits tell a float32 from its neighbours
    line = " ".join([style] * len(names)) + "\n"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{grid.columns} {grid.rows} 1\n{len(names)}\n")
        stream.writelines(f"{name}\n" for name in names)
        for row in range(grid.rows - 1, -1, -1):
            stream.write((line * grid.columns) % tuple(values[:, row].T.ravel().tolist()))
