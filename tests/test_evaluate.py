"""Evaluation of samplers whose quality is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.evaluate import evaluate, validate
from geogan.metrics.directions import DIRECTIONS

SIZE = 32
NAMES = ("mud", "sand")


def stripes(number: int, seed: int) -> np.ndarray:
    """Horizontal bands of random phase and height: 1 in about a third of the rows."""
    rng = np.random.default_rng(seed)
    rows = np.arange(SIZE)[None, :] + rng.uniform(0, 12, (number, 1))
    return np.repeat((rows % 12 < rng.uniform(3, 5, (number, 1)))[:, :, None], SIZE, axis=2).astype(np.uint8)


REAL, TRAIN, OTHER = stripes(24, 0), stripes(40, 1), stripes(400, 2)


def hard_data(tiles: np.ndarray, draws: int = 2) -> tuple[np.ndarray, np.ndarray]:
    mask = np.random.default_rng(3).random((len(tiles), draws, SIZE, SIZE)) < 0.02
    return mask, np.where(mask, tiles[:, None], 255).astype(np.uint8)


HARD = hard_data(REAL)


def honouring(mask: np.ndarray, facies: np.ndarray, seed: int) -> np.ndarray:
    """Real-looking fields, independent of the hard data but for the pixels pasted in."""
    fields = OTHER[np.random.default_rng(seed).integers(0, len(OTHER), len(mask))]
    return np.where(mask, facies, fields)


def ignoring(mask: np.ndarray, facies: np.ndarray, seed: int) -> np.ndarray:
    """One field of the training tiles, whatever the noise and the hard data."""
    return np.repeat(TRAIN[:1], len(mask), axis=0)


def run(sampler, **options):
    return evaluate(sampler, REAL, TRAIN, HARD, facies_names=NAMES, fields=20, groups=3, **options)


def test_a_sampler_that_honours_and_varies():
    metrics = run(honouring).metrics
    assert metrics["constraint_accuracy"] == metrics["constraint_accuracy_sand"] == 1
    assert metrics["constraint_mse"] == 0
    assert metrics["isolated_share"] > 0.2  # pasted, not simulated
    assert metrics["isolated_share_real"] == 0
    assert metrics["hamming"] == pytest.approx(metrics["hamming_real"], rel=0.15)
    assert metrics["connectivity_x"] < 0.1 * metrics["noise_connectivity_x"]
    assert metrics["mph_js_0"] < 0.5 * metrics["noise_mph_js_0"]


def test_a_sampler_that_ignores_noise_and_hard_data():
    evaluation = run(ignoring)
    metrics = evaluation.metrics
    mask, facies = HARD
    spread = np.arange(20) * 24 // 20
    missed = ((TRAIN[0] != facies[spread, 0]) & mask[spread, 0]).sum()
    assert metrics["constraint_accuracy"] == pytest.approx(1 - missed / mask[spread, 0].sum(), abs=1e-6)
    assert metrics["hamming"] == 0
    assert metrics["copy_rate"] == 1
    assert metrics["proportion_sand_std"] == 0
    assert (evaluation.mask == mask[::8, 0]).all()
    assert (evaluation.facies == facies[::8, 0]).all()
    assert evaluation.groups.shape == (3, 10, SIZE, SIZE)


def test_pasted_wells_and_a_frozen_noise_show_in_the_figures_of_trust():
    """``honouring`` pastes the wells into fields that know nothing of them, ``ignoring`` draws one field for all."""
    pasted, frozen = run(honouring).metrics, run(ignoring).metrics
    assert pasted["well_halo"] > max(0.2, 4 * pasted["floor_well_halo"])
    assert frozen["hamming_ratio"] == 0
    wrong = np.mean([(TRAIN[0] != REAL[tile]).mean() for tile in (0, 8, 16)])
    assert frozen["brier"] == pytest.approx(wrong, rel=1e-5)
    assert frozen["reliability"] == pytest.approx(wrong, rel=1e-5)
    assert 0.5 < pasted["hamming_ratio"] < 1.5
    assert pasted["kriging_brier"] < min(pasted["brier"], pasted["constant_brier"])
    baselines = ("constant_brier", "nearest_well_brier", "kriging_brier")
    assert [pasted[name] for name in baselines] == [frozen[name] for name in baselines]  # of the hard data alone


def test_a_sampler_that_knows_the_truth_has_no_halo_and_no_error():
    def knowing(mask: np.ndarray, facies: np.ndarray, seed: int) -> np.ndarray:
        rows = np.arange(len(mask))
        return REAL[rows * 24 // 20 if len(mask) == 20 else rows // 10 * 8]  # twenty fields, or ten for each group

    evaluation = run(knowing)
    metrics = evaluation.metrics
    assert metrics["constraint_accuracy"] == 1
    zero = (
        "mph_js_0",
        "connectivity_y",
        "border_drift",
        "well_halo",
        "well_halo_isolated",
        "well_halo_error",
        "brier",
        "reliability",
        "hamming_ratio",
    )
    assert [metrics[name] for name in zero] == [0] * len(zero)
    names = ["well_differs", "well_isolated", "well_error", "border_proportion_sand", "border_contact"]
    assert [profile.name for profile in evaluation.profiles] == names
    assert [curve.facies for curve in evaluation.reliability] == ["sand"]


def test_controls_and_floor_stand_beside_every_distribution_metric():
    metrics = run(honouring).metrics
    for key in ("mph_js_0", "connectivity_x", "connectivity_y", "variogram_x", "variogram_y_share", "lbp_chi2"):
        assert metrics[f"floor_{key}"] < 0.5 * metrics[f"noise_{key}"], key
        assert metrics[f"floor_{key}"] < 0.5 * metrics[f"rotated_{key}"], key
    assert metrics["floor_well_halo"] < 0.5 * metrics["noise_well_halo"]
    assert metrics["hog_chi2"] < 0.5 * metrics["noise_hog_chi2"]
    assert {"well_halo_isolated", "border_drift", "floor_border_drift", "floor_border_drift_contact"} <= metrics.keys()
    assert {"components", "components_real", "floor_components", "components_wasserstein"} <= metrics.keys()
    assert metrics["n_fields"] == 20
    assert metrics["n_real"] == metrics["n_floor"] == 20
    assert metrics["lags"] == SIZE - 1


def test_metrics_are_plain_and_the_same_every_time():
    first, second, other = run(honouring), run(honouring), run(honouring, seed=5)
    text = json.dumps(first.metrics, allow_nan=False)
    assert text == json.dumps(second.metrics)
    assert text != json.dumps(other.metrics)
    assert all(type(value) is int or value == float(f"{value:.6g}") for value in first.metrics.values())
    assert not any("second" in key for key in first.metrics)
    assert first.seconds_per_field > 0


def test_curves_hold_mean_and_envelope():
    curves = {curve.name: curve for curve in run(honouring).curves}
    assert list(curves) == ["connectivity_x", "connectivity_y", "variogram_x", "variogram_y"]
    assert curves["connectivity_x"].real_mean.tolist() == [1.0] * (SIZE - 1)
    for curve in curves.values():
        assert (curve.real_min <= curve.real_mean + 1e-12).all()
        assert (curve.real_mean <= curve.real_max + 1e-12).all()


def test_validation_is_part_of_the_evaluation():
    metrics = run(honouring).metrics
    names = ["mph_js_1", "constraint_accuracy", "components_wasserstein"]
    chosen = validate(honouring, REAL, HARD, names=names, facies_names=NAMES, fields=20)
    assert list(chosen) == names
    assert chosen == pytest.approx({name: metrics[name] for name in names}, rel=1e-5)


def test_validation_knows_every_metric_that_selects():
    everything = validate(honouring, REAL, HARD, names=list(DIRECTIONS["simulation"]), facies_names=NAMES, fields=16)
    assert everything["hamming"] > 0.2
    assert validate(ignoring, REAL, HARD, names=["hamming"], facies_names=NAMES, fields=16) == {"hamming": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"real": REAL[:0]}, "held-out tiles: none"),
        ({"train": TRAIN[:0]}, "training tiles: none"),
        ({"hard": (HARD[0][:, :0], HARD[1][:, :0])}, "hard data: none"),
        ({"hard": (HARD[0] & False, np.full_like(HARD[1], 255))}, "hard data: no datum"),
        ({"real": REAL[::-1]}, "hard data: are not those of the prepared tiles"),
        ({"real": REAL[:3]}, "hard data: are not those of the prepared tiles"),
    ],
)
def test_what_is_missing_is_named(change, message):
    given = {"real": REAL, "train": TRAIN, "hard": HARD} | change
    with pytest.raises(InputError, match=message):
        evaluate(honouring, given["real"], given["train"], given["hard"], facies_names=NAMES, fields=4)


def test_an_unknown_metric_is_refused_before_it_is_missed():
    with pytest.raises(InputError, match="select_by: 'beauty'"):
        validate(honouring, REAL, HARD, names=["beauty"], facies_names=NAMES, fields=4)
