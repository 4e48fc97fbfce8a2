"""Distances of two sets of images, by the features of each image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def fid(a: Float64[np.ndarray, "image_a feature"], b: Float64[np.ndarray, "image_b feature"]) -> float:
    """Frechet distance of two Gaussians with the means and covariances of the features, at least 0.

    |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), Heusel et al. (2017), "GANs trained by a two time-scale
    update rule", 2017. With S_a = A^T A and S_b = B^T B the last trace is the sum of the singular values of
    A B^T: no root of a matrix is taken, so covariances of less than full rank (fewer images than features) do
    no harm. NaN where a feature is not finite. Raises ValueError for fewer than two images.
    """
    _enough(a, b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    off = a.mean(axis=0) - b.mean(axis=0)
    first, second = (_factor(features) for features in (a, b))
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return max(0.0, float(off @ off + (first**2).sum() + (second**2).sum() - 2 * shared))


def kid(
    a: Float64[np.ndarray, "image_a feature"],
    b: Float64[np.ndarray, "image_b feature"],
    *,
    seed: int = 0,
    size: int = 1000,
    subsets: int = 100,
) -> float:
    """Squared maximum mean discrepancy under the kernel (x y / features + 1)^3; unbiased, so it may be under 0.

    Binkowski et al. (2018), "Demystifying MMD GANs". Where a set has more than ``size`` images, the mean over
    seeded subsets of that size. Raises ValueError for fewer than two images.
    """
    _enough(a, b)
    if max(len(a), len(b)) <= size:
        return _discrepancy(a, b)
    rng = np.random.default_rng(seed)
    draws = [
        [features[rng.choice(len(features), min(size, len(features)), replace=False)] for features in (a, b)]
        for _ in range(subsets)
    ]
    return float(np.mean([_discrepancy(one, other) for one, other in draws]))


def _enough(*sets: Float64[np.ndarray, "_ feature"]) -> None:
    if min(map(len, sets)) < 2:
        raise ValueError("a distance of sets of images needs at least two images in each")


def _factor(features: Float64[np.ndarray, "image feature"]) -> Float64[np.ndarray, "rank feature"]:
    """A matrix A with A^T A the covariance of the features; with no more rows than features."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return centred if len(centred) <= centred.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def _discrepancy(a: Float64[np.ndarray, "image_a feature"], b: Float64[np.ndarray, "image_b feature"]) -> float:
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (_kernel(a, a), _kernel(b, b)))
    return float(within - 2 * _kernel(a, b).mean())


def _kernel(
    a: Float64[np.ndarray, "image_a feature"], b: Float64[np.ndarray, "image_b feature"]
) -> Float64[np.ndarray, "image_a image_b"]:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)
