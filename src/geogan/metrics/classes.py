"""Which classes a map has where the truth has others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8


def confusion(
    truth: UInt8[np.ndarray, "tile y x"],
    found: UInt8[np.ndarray, "tile y x"],
    valid: Bool[np.ndarray, "tile y x"],
    count: int,
) -> Int64[np.ndarray, "true_class class"]:
    """Valid pixels by true class (row) and class found (column), codes 0..``count`` - 1; others are left out."""
    known = valid & (truth < count) & (found < count)
    pairs = truth[known].astype(np.int64) * count + found[known]
    return np.bincount(pairs, minlength=count * count).reshape(count, count).astype(np.int64)


def iou(matrix: Int64[np.ndarray, "true_class class"]) -> Float64[np.ndarray, " class"]:
    """Pixels in both / pixels in either, per class, in [0, 1]; NaN for a class in neither truth nor output."""
    both = np.diag(matrix).astype(np.float64)
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
    return np.asarray(np.divide(both, either, out=np.full(len(matrix), np.nan), where=either > 0))


def class_figures(matrix: Int64[np.ndarray, "true_class class"], names: Sequence[str]) -> dict[str, float]:
    """``iou_<class>``, their mean ``miou`` and ``pixel_accuracy``; blanks in names become ``_``.

    A class in neither truth nor output has no entry and no part in the mean. Empty without any pixel.
    """
    if not matrix.any():
        return {}
    each = {
        "iou_" + "_".join(name.split()): float(value)
        for name, value in zip(names, iou(matrix), strict=True)
        if np.isfinite(value)
    }
    share = float(np.trace(matrix) / matrix.sum())
    return each | {"miou": float(np.mean(list(each.values()))), "pixel_accuracy": share}
