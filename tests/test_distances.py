"""Distances of sets of images, and the features that they are distances of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from geogan.errors import InputError
from geogan.metrics.distances import fid, kid
from geogan.metrics.features import extractor
from geogan.metrics.scores import set_figures


def moments(mean: np.ndarray, factor: np.ndarray, number: int) -> np.ndarray:
    """A sample whose mean and covariance ``factor @ factor.T`` are exact."""
    rows = np.random.default_rng(number).standard_normal((number, len(mean)))
    rows -= rows.mean(axis=0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return white @ factor.T + mean


def test_frechet_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((2, 6, 6))
    means = rng.standard_normal((2, 6))
    a, b = (moments(mean, factor, number) for mean, factor, number in zip(means, factors, (40, 70), strict=True))
    s, t = factors @ factors.transpose(0, 2, 1)
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert fid(a, b) == pytest.approx(expected, rel=1e-9)
    assert fid(b, a) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_one_dimension_is_that_of_means_and_deviations():
    a, b = np.array([[-1.0], [1.0]]), np.array([[4.0], [5.0], [6.0]])
    assert fid(a, b) == pytest.approx(25 + (np.sqrt(2) - 1) ** 2)


def test_frechet_distance_holds_with_fewer_images_than_features():
    rng = np.random.default_rng(1)
    a = rng.standard_normal((5, 40))
    assert fid(a, a) == pytest.approx(0, abs=1e-9)
    assert fid(a, a + 2) == pytest.approx(4 * 40)
    constant = np.zeros((3, 40))
    assert fid(a, constant) == pytest.approx(np.sum(a.mean(axis=0) ** 2) + np.var(a, axis=0, ddof=1).sum())


def test_kernel_distance_by_hand():
    # one feature: k(x, y) = (x y + 1)^3; the pairs (0, 1) and (2, 2) give 1 and 125, those across 1, 1, 27, 27
    a, b = np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])
    assert kid(a, b) == pytest.approx(1 + 125 - 2 * 14)


def test_kernel_distance_of_one_population_is_0_in_the_mean_at_any_number():
    rng = np.random.default_rng(2)
    values = [kid(*rng.standard_normal((2, 12, 8))) for _ in range(2000)]
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / 2000**0.5)
    assert min(values) < 0
    assert fid(*rng.standard_normal((2, 12, 8))) > 1  # which the Frechet distance is not


def test_kernel_distance_of_large_sets_is_of_seeded_subsets():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((60, 4)), rng.standard_normal((50, 4)) + 0.5
    drawn = kid(a, b, size=20, subsets=50, seed=1)
    assert drawn == kid(a, b, size=20, subsets=50, seed=1) != kid(a, b, size=20, subsets=50, seed=2)
    assert drawn == pytest.approx(kid(a, b), rel=0.15)
    assert kid(a, b, seed=1) == kid(a, b, seed=2)


def test_one_image_has_no_distance():
    for distance in (fid, kid):
        with pytest.raises(ValueError, match="at least two"):
            distance(np.zeros((1, 3)), np.zeros((4, 3)))
    assert set_figures(np.zeros((1, 3)), np.zeros((4, 3)), 0) == {}


def pictures(kind: str, number: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Stripes along y or x with a random phase, or white noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32] / 5
    along = {"y": y, "x": x}.get(kind)
    if along is None:
        return rng.uniform(-1, 1, (number, channels, 32, 32)).astype(np.float32)
    waves = np.sin(along + rng.uniform(0, 6, (number, 1, 1, 1)))
    return np.repeat(waves, channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_random_features_tell_other_textures_and_not_other_samples(channels):
    extract = extractor(None, channels)
    a, same, turned, noise = (
        extract(pictures(kind, 24, channels, seed)) for seed, kind in enumerate(("y", "y", "x", "noise"))
    )
    assert a.shape == (24, 240)
    assert np.isfinite(a).all()
    assert fid(a, same) < 0.25 * min(fid(a, turned), fid(a, noise))
    assert abs(kid(a, same)) < 0.1 * min(kid(a, turned), kid(a, noise))


def test_features_are_the_same_in_every_process_and_batch():
    tiles = pictures("noise", 21)
    tiles[3] = tiles[7]
    rows = extractor(None, 3)(tiles)
    again = extractor(None, 3)
    assert np.allclose(rows, np.concatenate([again(tiles[i : i + 1]) for i in range(21)]), atol=1e-6)
    assert (rows[3] == rows[7]).all()
    # a picture of one colour: no filter deviates
    assert extractor(None, 3)(np.ones((1, 3, 8, 8), np.float32))[0, 16:32] == pytest.approx(0, abs=1e-6)


def graph(path: Path, shape: list[int | str], outputs: int = 1, flat: bool = True) -> str:
    """An ONNX graph that gives the mean of every channel."""
    from onnx import TensorProto, helper, save

    mean = helper.make_node("ReduceMean", ["image"], ["feature_0"], axes=[2, 3], keepdims=0 if flat else 1)
    more = [helper.make_node("Relu", ["feature_0"], [f"feature_{i}"]) for i in range(1, outputs)]
    values = [helper.make_tensor_value_info(f"feature_{i}", TensorProto.FLOAT, None) for i in range(outputs)]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)]
    model = helper.make_model(
        helper.make_graph([mean, *more], "means", inputs, values), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    save(model, path)
    return str(path)


@pytest.mark.parametrize("shape", [["n", 3, "h", "w"], ["n", 3, 16, 24], [1, 3, 8, 8]])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_features_of_a_graph(tmp_path, shape, channels):
    extract = extractor(graph(tmp_path / "means.onnx", shape), channels)
    levels = np.linspace(-1, 1, 2 * channels, dtype=np.float32).reshape(2, channels, 1, 1)
    rows = extract(np.broadcast_to(levels, (2, channels, 12, 12)).copy())
    bands = [0, 0, 0] if channels == 1 else [0, 1, 2]
    assert rows == pytest.approx(levels[:, bands, 0, 0], abs=1e-3)
    assert extract.name.startswith("means.onnx sha256:")
    assert len(extract.name) == len("means.onnx sha256:") + 64


def test_a_graph_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        extractor(str(tmp_path / "none.onnx"), 3)
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(InputError, match=r"text.onnx: is no ONNX graph"):
        extractor(str(tmp_path / "text.onnx"), 3)
    with pytest.raises(InputError, match="these have 2"):
        extractor(graph(tmp_path / "a.onnx", ["n", 3, 8, 8]), 2)
    for shape, outputs in ((["n", 4, 8, 8], 1), ([16, 3, 8, 8], 1), (["n", 3, 8, 8, 8], 1), (["n", 3, 8, 8], 2)):
        with pytest.raises(InputError, match=r"must have one input"):
            extractor(graph(tmp_path / "b.onnx", shape, outputs), 3)
    deep = extractor(graph(tmp_path / "c.onnx", ["n", 3, 8, 8], flat=False), 3)
    with pytest.raises(InputError, match=r"must be \(n, features\)"):
        deep(pictures("noise", 1))
