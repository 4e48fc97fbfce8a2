"""Curves of an ensemble beside those of the training image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from geogan.field_curves import FIELDS, field_curves, windows
from geogan.metrics import statistics
from geogan.metrics.curves import compared


def bands(side: int, count: int = 3) -> np.ndarray:
    """Rows of one facies, two cells high each, alternately 0 and 1."""
    field = np.repeat((np.arange(side) // 2 % 2)[:, None], side, axis=1).astype(np.uint8)
    return np.repeat(field[None], count, axis=0)


def evaluation(fields: np.ndarray, names: tuple[str, ...]) -> dict:
    found = compared(statistics(fields, len(names)), statistics(fields, len(names)), names)
    curves = {
        c.name: {"mean": c.real_mean.tolist(), "min": c.real_min.tolist(), "max": c.real_max.tolist()} for c in found
    }
    return {"size": fields.shape[-1], "tiles": len(fields), "metrics": {}, "curves": curves}


def test_curves_have_exact_values() -> None:
    found = field_curves(bands(8), ("mud", "sand"))
    assert [curve.name for curve in found.curves] == ["connectivity_x", "connectivity_y", "variogram_x", "variogram_y"]
    one = {curve.name: curve.simulated.tolist() for curve in found.curves}
    assert one["connectivity_x"] == [1] * 7
    assert one["connectivity_y"] == [1, 0, 0, 0, 0, 0, 0]  # the band, then the next band of the facies
    assert one["variogram_x"] == [0] * 7
    assert one["variogram_y"][1] == 0.5  # two cells on, every cell is of the other facies
    told = found.report()
    assert (told["realizations"], told["windows"], told["window"], told["lags"]) == (3, 3, [8, 8], 7)
    assert (told["tile"], told["differences"], told["inside"]) == (None, None, None)


@pytest.mark.parametrize("count", [2, 3])
def test_fields_like_the_training_image_differ_by_nothing(count: int) -> None:
    names = ("mud", "sand", "gravel_bed")[:count]
    fields = np.random.default_rng(0).integers(0, count, (4, 16, 16), dtype=np.uint8)
    known = evaluation(fields, names)
    found = field_curves(fields, names, known)
    assert set(found.report()["differences"].values()) == {0.0}
    assert set(found.report()["inside"].values()) == {1.0}
    assert found.report()["differences"].keys() == known["curves"].keys()
    other = field_curves(bands(16), names, known).report()
    assert other["differences"]["variogram_y" + "_sand" * (count > 2)] > 0.1
    assert other["inside"]["connectivity_x" + "_sand" * (count > 2)] < 0.2
    json.dumps(other, allow_nan=False)


def test_larger_fields_are_cut_into_windows_of_the_tiles_and_smaller_ones_kept() -> None:
    fields = np.arange(2 * 7 * 9, dtype=np.uint8).reshape(2, 7, 9)
    cut = windows(fields, 3)
    assert cut.shape == (12, 3, 3)
    assert np.array_equal(cut[0], fields[0, 0:3, 0:3])
    assert np.array_equal(cut[5], fields[0, 3:6, 6:9])
    assert np.array_equal(cut[6], fields[1, 0:3, 0:3])
    assert windows(fields, 20).shape == (2, 7, 9)
    assert windows(np.zeros((1, 1100, 40), np.uint8), 500).shape == (1, 500, 40)
    small = evaluation(bands(24), ("mud", "sand"))
    found = field_curves(bands(8, 30), ("mud", "sand"), small)
    assert (found.fields, found.windows, found.size, found.tile) == (FIELDS, FIELDS, (8, 8), 24)
    assert len(found.curves[0].real_mean) == 7


def test_a_grid_of_one_row_has_no_curves() -> None:
    found = field_curves(np.zeros((2, 1, 30), np.uint8), ("mud", "sand"), evaluation(bands(8), ("mud", "sand")))
    assert found.curves == ()
    assert found.report()["lags"] == 0
