"""4-connected components of a facies: how many a field has, and how large they are (in pixels)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int32, Int64
from scipy import ndimage, stats

# Pixels that share a side are neighbours; fields of a stack are not.
_SIDES = np.zeros((3, 3, 3), bool)
_SIDES[1] = ndimage.generate_binary_structure(2, 1)


def label(inside: Bool[np.ndarray, "field y x"]) -> Int32[np.ndarray, "field y x"]:
    """Number the components of ``inside`` from 1 through the whole stack; 0 outside."""
    labels = np.empty(inside.shape, np.int32)
    ndimage.label(inside, _SIDES, output=labels)
    return labels


def sizes(labels: Int32[np.ndarray, "field y x"]) -> Int64[np.ndarray, " component"]:
    """Pixels of every component of the stack."""
    return np.bincount(labels.ravel())[1:].astype(np.int64)


def counts(labels: Int32[np.ndarray, "field y x"]) -> Int64[np.ndarray, " field"]:
    """Components of every field. Labels ascend through the stack, so the highest so far counts them."""
    highest = np.maximum.accumulate(labels.max(axis=(1, 2)).astype(np.int64))
    return np.diff(highest, prepend=0)


def size_distance(a: Int64[np.ndarray, " component_a"], b: Int64[np.ndarray, " component_b"]) -> float:
    """Wasserstein distance of two samples of component sizes, in pixels; no component counts as one of 0."""
    nothing = np.zeros(1, np.int64)
    return float(stats.wasserstein_distance(a if len(a) else nothing, b if len(b) else nothing))
