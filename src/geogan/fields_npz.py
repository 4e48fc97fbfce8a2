"""An ensemble as one NumPy archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from geogan.ensemble import Ensemble


def write(path: Path, ensemble: Ensemble) -> None:
    """``facies`` (realization, y, x) uint8, or ``value`` float32; the maps by name, ``probability`` (facies, y, x),
    others (y, x) float32; ``transform`` (6) float64, ``crs`` (WKT, "" for none), ``names`` (facies; none of a
    property); read without pickle."""
    arrays: dict[str, Any] = {
        ensemble.variable.key: ensemble.fields,
        **ensemble.maps,
        "transform": np.array(ensemble.grid.transform, np.float64),
        "crs": np.array(ensemble.grid.crs or ""),
        "names": np.array(ensemble.variable.names, str),
    }
    np.savez_compressed(path, **arrays)
