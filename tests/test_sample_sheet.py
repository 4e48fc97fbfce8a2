"""Sets of samples as a training image of grey values, and what their labels are good for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geogan.datasets import sample_sheet
from geogan.datasets.context import Context
from geogan.errors import InputError
from geogan.evaluate_property import Quarters, evaluate_property
from geogan.metrics.features import Extractor
from geogan.metrics.label_features import FEATURES, learn_features
from geogan.pipeline.field_features import features_of
from geogan.prepare import prepare
from geogan.store import open_prepared
from geogan.tiles import SPLITS, Split

EDGE = 6


def samples(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample k has the label k % 3 and all its pixels the value k, but for the first, which is 255 - k."""
    values = np.repeat(np.arange(number, dtype=np.uint8), EDGE**2).reshape(number, EDGE, EDGE)
    values[:, 0, 0] = 255 - np.arange(number)
    return values, (np.arange(number) % 3).astype(np.uint8)


def written(folder: Path, number: int, *, labelled: bool = True) -> dict[str, Any]:
    """The samples as IDX files in a folder; the options of a source that reads them."""
    values, labels = samples(number)
    (folder / "images").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *values.shape) + values.tobytes())
    (folder / "labels").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, number) + labels.tobytes())
    return {"name": "idx", "images": "images", **({"labels": "labels"} if labelled else {})}


def test_samples_lie_in_rows_with_a_gap_of_one_pixel(tmp_path: Path) -> None:
    image = sample_sheet.read(Context(tmp_path), samples=written(tmp_path, 12), count=5)
    cells = image.values.reshape(2, EDGE + 1, 3, EDGE + 1).swapaxes(1, 2).reshape(6, EDGE + 1, EDGE + 1)
    assert image.continuous
    assert (cells[:5, :EDGE, :EDGE] == samples(5)[0]).all()
    assert np.isnan(cells[5]).all()
    assert np.isnan(cells[:, EDGE]).all()
    assert np.isnan(cells[:, :, EDGE]).all()
    assert image.labels is not None
    assert image.labels.values.tolist() == [[0, 1, 2], [0, 1, -1]]
    assert image.labels.at(np.array([0, 7, 8]), np.array([13, 0, 7])).tolist() == [1, 0, 1]


@pytest.mark.parametrize("count", [0, 13])
def test_more_samples_than_there_are_or_none_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match=rf"^source.count: must lie between 1 and 12, .*, got {count}$"):
        sample_sheet.read(Context(tmp_path), samples=written(tmp_path, 12), count=count)


def prepared(folder: Path, number: int = 200, *, labelled: bool = True) -> Any:
    image = sample_sheet.read(Context(folder), samples=written(folder, number, labelled=labelled))
    split = Split(validation=0.2, test=0.2, block=EDGE + 1)
    sizes = {"tile": EDGE, "stride": EDGE, "evaluation_tile": EDGE}
    prepare(image, **sizes, split=split, pool=0.1, path=folder / "sheet.zarr", key="k")
    return open_prepared(folder / "sheet.zarr")


def test_tiles_are_whole_samples_with_their_labels_and_none_is_in_two_parts(tmp_path: Path) -> None:
    store, (values, labels) = prepared(tmp_path), samples(200)
    assert store.scale is not None
    for group in ("tiles", "evaluation"):
        seen: list[int] = []
        for split in SPLITS:
            shares = []
            for role in ("image", "constraint") if split == "train" else ("image",):
                tiles, known = store.tiles(split, role, group), store.labels(split, role, group)
                units = np.rint(store.scale.units(tiles)).astype(np.uint8)
                numbers = units[:, 1, 1].astype(int)
                assert (units == values[numbers]).all()
                assert known.tolist() == labels[numbers].tolist()
                seen += numbers.tolist()
                shares.append(len(tiles))
            if split == "train":
                assert shares[1] == pytest.approx(sum(shares) / 10, abs=1)  # the pool, by whole samples
        assert sorted(seen) == list(range(200))


def test_without_labels_no_features_are_learned_from_them(tmp_path: Path) -> None:
    store = prepared(tmp_path, labelled=False)
    assert store.labels("train", "image") is None
    assert features_of(None, store, tmp_path) == (None, {})
    with pytest.raises(InputError, match=r"^evaluation.features: labels needs labelled tiles, .*; give null$"):
        features_of("labels", store, tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path / 'inception.onnx'}: there is no such file"):
        features_of("inception.onnx", store, tmp_path)


def test_features_of_labels_tell_them_apart_and_are_the_same_again() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=200).astype(np.int16) + 3
    pictures = rng.normal(size=(200, 8, 8)).astype(np.float32)
    pictures[labels == 4, :4] += 3
    state = torch.get_rng_state()
    learned, again = (learn_features(pictures, labels, steps=40) for _ in range(2))
    assert (torch.get_rng_state() == state).all()
    assert learned.accuracy(pictures, labels) == 1.0
    assert learned.accuracy(pictures[labels == 3], labels[labels == 3] + 1) == 0.0
    found = learned.extract(pictures[:5, None])
    assert found.shape == (5, FEATURES)
    assert (found == again.extract(pictures[:5, None])).all()
    with pytest.raises(InputError, match="two labels at least"):
        learn_features(pictures, np.zeros(200, np.int16))


def test_classes_of_values_that_are_mostly_alike_are_quarters_of_the_range() -> None:
    digits = np.full((4, 5, 5), -1, np.float32)
    digits[:, 2] = np.array([-0.6, -0.2, 0.2, 0.6, np.nan])
    code = Quarters.of(digits[:, :2])
    assert code(digits)[0, 2].tolist() == [0, 1, 2, 3, 255]
    assert (code(digits)[:, 0] == 0).all()


def test_fid_of_fields_is_that_of_their_features() -> None:
    rng = np.random.default_rng(1)
    real = rng.uniform(-1, 1, (60, 16, 16)).astype(np.float32)
    mask = np.zeros((60, 1, 16, 16), dtype=bool)
    mask[..., 3, 4] = True
    hard = mask, np.where(mask, real[:, None], np.float32(np.nan))
    means = Extractor("mean", lambda images: images.mean(dim=(1, 2, 3))[:, None])

    def shifted(mask: np.ndarray, known: np.ndarray, seed: int) -> np.ndarray:
        return np.resize(real, mask.shape) + np.float32(0.5)

    found = evaluate_property(shifted, real, real, hard, fields=60, groups=2, features=means).metrics
    assert found["fid"] == pytest.approx(0.25, rel=1e-4)
    assert found["floor_fid"] == pytest.approx(0, abs=1e-9)
    assert found["noise_fid"] == pytest.approx(0, abs=1e-9)  # shuffled pixels keep their mean
    assert found["constraint_mse"] == pytest.approx(0.25, rel=1e-4)
    assert "fid" not in evaluate_property(shifted, real, real, hard, fields=60, groups=2).metrics
