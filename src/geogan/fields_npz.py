"""An ensemble as one NumPy archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geogan.ensemble import Ensemble


def write(path: Path, ensemble: Ensemble) -> None:
    """``facies`` (realization, y, x) uint8; ``probability`` (facies, y, x), ``entropy``, ``e_type`` and ``std``
    (y, x) float32; ``transform`` (6) float64, ``crs`` (WKT, "" for none), ``names`` (facies); read without pickle."""
    np.savez_compressed(
        path,
        facies=ensemble.facies,
        probability=ensemble.probability,
        entropy=ensemble.entropy,
        e_type=ensemble.e_type,
        std=ensemble.std,
        transform=np.array(ensemble.grid.transform, np.float64),
        crs=np.array(ensemble.grid.crs or ""),
        names=np.array(ensemble.names),
    )
