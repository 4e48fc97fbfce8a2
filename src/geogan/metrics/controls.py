"""Negative controls: samples that every distribution metric must find bad."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8


def noise(real: UInt8[np.ndarray, "field y x"], count: int, seed: int) -> UInt8[np.ndarray, "field y x"]:
    """Independent pixels in the facies proportions of ``real``: right in mean, wrong in everything else."""
    bounds = np.cumsum(np.bincount(real.ravel(), minlength=count)[: count - 1]) / real.size
    uniform = np.random.default_rng(seed).random(real.shape, dtype=np.float32)
    codes = np.zeros(real.shape, np.uint8)
    for bound in bounds:
        codes += uniform >= bound
    return codes


def rotated(real: UInt8[np.ndarray, "field y x"]) -> UInt8[np.ndarray, "field x y"]:
    """``real`` turned by 90 degrees: right textures, wrong direction."""
    return np.ascontiguousarray(np.rot90(real, axes=(1, 2)))
