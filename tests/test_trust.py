"""Figures of trust on fields whose values are known by hand, and on ensembles that are right or wrong by design."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geogan.metrics import borders, controls, halo, kriging, statistics, summary, textures
from geogan.metrics.calibration import fair_brier, reliability
from geogan.metrics.diversity import brier, differing, hamming, hamming_ratio
from geogan.metrics.neighbourhoods import neighbourhoods
from geogan.metrics.profiles import Profile, mean_by
from geogan.metrics.trust import baseline_figures, ensemble_figures
from tests.test_metrics import channels


def field_of(rows: list[str]) -> np.ndarray:
    return np.array([[[int(code) for code in row] for row in rows]], np.uint8)


def test_chi_square_is_half_the_sum_of_squares_over_sums():
    p, q = np.array([1.0, 0, 0]), np.array([0.5, 0.5, 0])
    assert textures.chi_square(p, q) == pytest.approx((0.25 / 1.5 + 0.25 / 0.5) / 2)
    assert textures.chi_square(p, p) == 0
    assert textures.chi_square(p, np.array([0, 0.25, 0.75])) == 1
    assert textures.chi_square(p, np.zeros(3)) == 1  # nothing to compare with is no likeness
    assert textures.chi_square(np.zeros(3), np.zeros(3)) == 0


@pytest.mark.parametrize(("angle", "bin_"), [(0, 0), (45, 2), (90, 4), (135, 6)])
def test_gradients_fall_into_the_bin_of_their_direction(angle: int, bin_: int):
    y, x = np.mgrid[:32, :32]
    value = {0: x, 45: x + y, 90: y, 135: x - y}[angle]  # the gradient points along it
    found = textures.hog((value % 16 < 8).astype(np.uint8)[None], 2)
    assert found.shape == (9,)
    assert found.sum() == pytest.approx(1)
    assert found[bin_] > 0.87  # the rest is where a line meets the border


def test_gradients_of_flat_or_tiny_fields_are_none():
    assert not textures.hog(np.ones((2, 32, 32), np.uint8), 2).any()
    assert not textures.hog(np.eye(15, dtype=np.uint8)[None], 2).any()
    assert textures.hog(np.eye(32, dtype=np.uint8)[None], 3).shape == (27,)


def test_blocks_are_normalised_so_that_one_edge_counts_as_much_as_many():
    one, many = np.zeros((2, 1, 32, 32), np.uint8)
    one[0, :, 7:] = 1  # a single edge along y
    many[0, :, ::4] = many[0, :, 1::4] = 1
    assert textures.chi_square(textures.hog(one, 2), textures.hog(many, 2)) == pytest.approx(0)


def test_binary_patterns_say_which_neighbours_have_the_facies_of_the_centre():
    found = textures.lbp(field_of(["112", "010", "110"]), 3)
    assert found.shape == (2 * 3 * 256,)
    # clockwise from the upper left: 1 1 2 / right 0 / 0 1 1 / left 0; only radius 1 has a centre
    pattern = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6
    assert np.flatnonzero(found).tolist() == [256 * 1 + pattern]
    flat = textures.lbp(np.full((1, 9, 9), 2, np.uint8), 3)
    assert np.flatnonzero(flat).tolist() == [2 * 256 + 255, 3 * 256 + 2 * 256 + 255]
    assert flat.sum() == pytest.approx(1)
    assert not textures.lbp(np.zeros((1, 2, 2), np.uint8), 2).any()


def test_binary_patterns_at_radius_2_see_further():
    lines = np.zeros((1, 20, 20), np.uint8)
    lines[:, ::2] = 1  # every pixel at distance 2 is like the centre, above and below at 1 is not
    near, far = textures.lbp(lines, 2).reshape(2, 2, 256)
    assert near[:, 1 << 3 | 1 << 7].sum() == pytest.approx(0.5)
    assert far[:, 255].sum() == pytest.approx(0.5)


@pytest.mark.parametrize("count", [2, 3])
def test_textures_find_the_controls(count: int):
    fields = (channels(60, 64, 0) + channels(60, 64, 1) * (count - 2)).astype(np.uint8)
    real, fresh = statistics(fields[:30], count), statistics(fields[30:], count)
    names = tuple("abc"[:count])
    good = summary(real, fresh, names)
    for control in (controls.noise(fields[:30], count, 0), controls.rotated(fields[:30])):
        bad = summary(real, statistics(control, count), names)
        for key in ("hog_chi2", "lbp_chi2"):
            assert good[key] < 0.1 * bad[key] <= 0.1


def test_distances_are_rounded_up_and_know_their_datum():
    mask = np.zeros((2, 30, 30), bool)
    mask[0, 3, 4] = mask[0, 3, 24] = True
    near = neighbourhoods(mask)
    assert near.distance[0, 3, 3:7].tolist() == [1, 0, 1, 2]
    assert near.distance[0, 4, 5] == 2  # the square root of 2
    assert near.distance[0, 29, 4] == 11
    assert (near.distance[1] == 11).all()
    values = np.zeros(mask.shape, np.uint8)
    values[0, 3, 24] = 2
    found = near.nearest(values)[0]
    assert found[3, :14].tolist() == [0] * 14
    assert found[3, 15:].tolist() == [2] * 15


def test_means_by_bin_are_unknown_from_too_few_pixels():
    found = mean_by(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 4, fewest=2)
    assert found[0] == 2
    assert np.isnan(found[1:]).all()
    profile = Profile("well_differs", np.arange(4), found, np.array([2.5, 0, 0, np.nan]))
    assert profile.gap == 0.5
    assert Profile("well_differs", np.arange(4), found, np.full(4, np.nan)).gap == 0


def test_pasted_wells_are_islands_and_real_ones_are_not():
    rng = np.random.default_rng(0)
    own, other = channels(40, 64, 0), channels(40, 64, 1)
    mask = rng.random(own.shape) < 0.005
    near = neighbourhoods(mask)
    real = halo.halo(own, own, near)
    pasted = np.where(mask, own, other)
    islands, isolation = halo.compared(real, halo.halo(pasted, own, near))
    assert real.differs[0] < 0.1 < real.differs[-1]
    assert islands.gap > 0.3
    assert np.abs(islands.simulated - islands.reference)[0] == islands.gap  # worst beside the well
    conditioned = np.where(near.distance <= 10, own, other)
    assert halo.compared(real, halo.halo(conditioned, own, near))[0].gap == 0
    speckled = own ^ ((near.distance == 2) & (rng.random(own.shape) < 0.05))
    _, isolation = halo.compared(real, halo.halo(speckled, own, near))
    assert np.nanargmax(isolation.simulated) == 1
    assert isolation.gap > 0.02


def test_a_lone_datum_in_a_flat_field_differs_everywhere():
    fields = np.zeros((40, 30, 30), np.uint8)
    fields[:, 15, 15] = 1
    near = neighbourhoods(fields == 1)
    found = halo.halo(fields, fields, near)
    assert found.differs.tolist() == [1.0] * 10
    assert found.isolated.tolist() == [0.0] * 10
    few = halo.halo(fields[:24], fields[:24], neighbourhoods(fields[:24] == 1))
    assert np.isnan(few.differs[0])  # 96 pixels at distance 1


def test_the_error_near_wells_is_read_against_the_spread():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, (4, 40, 40), dtype=np.uint8)
    mask = rng.random(truth.shape) < 0.01
    p = 0.3
    groups = np.where(rng.random((4, 10, 40, 40)) < p, (truth[:, None] + 1) % 3, truth[:, None])
    profile = halo.error(groups, truth, neighbourhoods(mask))
    assert profile.simulated == pytest.approx([p] * 10, abs=0.06)
    assert profile.reference == pytest.approx([2 * p * (1 - p)] * 10, abs=0.06)
    frozen = np.repeat(groups[:, :1], 10, axis=1)
    assert halo.error(frozen, truth, neighbourhoods(mask)).reference.tolist() == [0.0] * 10


def test_fields_without_a_border_effect_do_not_drift():
    stripes = np.zeros((1, 64, 64), np.uint8)
    stripes[:, :, ::2] = 1
    found = borders.border(np.concatenate([stripes, 1 - stripes]), 2)
    assert found.proportion[:, :6] == pytest.approx(np.zeros((2, 6)), abs=1e-12)
    assert np.isnan(found.proportion[:, 6]).all()  # no pixel is 32 or more from the border


def test_a_frame_drifts_by_what_it_adds():
    fields = np.zeros((3, 64, 64), np.uint8)
    framed = fields.copy()
    framed[:, 0] = framed[:, -1] = framed[:, :, 0] = framed[:, :, -1] = 1
    plain, found = borders.border(fields, 2), borders.border(framed, 2)
    share = 252 / 4096
    assert found.proportion[1] == pytest.approx([1 - share] + [-share] * 5 + [np.nan], nan_ok=True)
    drift = borders.drift(plain, found)
    assert drift["border_drift"] == pytest.approx(1 - share)
    # of the pairs at the outermost pixels 252 run along the frame and 248 lead inside, and only these differ
    contacts = 248 / (2 * 64 * 63)
    assert drift["border_drift_contact"] == pytest.approx(248 / 500 - contacts)
    larger = borders.border(np.zeros((2, 100, 80), np.uint8), 2)
    assert borders.drift(larger, found) == pytest.approx(drift)  # sizes may differ
    assert borders.drift(found, borders.border(framed[:, :5, :3], 2))["border_drift"] < 1
    names = [profile.name for profile in borders.compared(plain, found, ("mud", "sand"))]
    assert names == ["border_proportion_sand", "border_contact"]
    three = [profile.name for profile in borders.compared(*[borders.border(framed, 3)] * 2, ("a", "b", "c"))]
    assert three == ["border_proportion_a", "border_proportion_b", "border_proportion_c", "border_contact"]


def test_the_fair_brier_score_does_not_know_how_many_fields_there_are():
    fields = np.array([0, 1, 1], np.uint8).reshape(3, 1, 1)
    assert fair_brier(fields, np.ones((1, 1), np.uint8), 2) == pytest.approx(1 / 9 - (2 / 3) / 6)
    rng = np.random.default_rng(2)
    p = rng.dirichlet([1, 1, 1], (200, 200))
    bounds = p.cumsum(axis=-1)
    draw = lambda n: (rng.random((n, 200, 200, 1)) > bounds).sum(axis=-1).astype(np.uint8)  # noqa: E731
    truth = draw(1)[0]
    exact = brier(p.transpose(2, 0, 1), truth)
    for n in (2, 10):
        ensemble = draw(n)
        raw = brier(np.stack([(ensemble == code).mean(axis=0) for code in range(3)]), truth)
        assert fair_brier(ensemble, truth, 3) == pytest.approx(exact, abs=0.004)
        assert raw > exact + 0.2 / n
        assert hamming_ratio(hamming(ensemble), fair_brier(ensemble, truth, 3)) == pytest.approx(1, abs=0.02)
    assert differing(ensemble).mean() == pytest.approx(hamming(ensemble))


def ensemble(rng: np.random.Generator, p: np.ndarray, noises: int) -> np.ndarray:
    return (rng.random((len(p), noises, *p.shape[1:])) < p[:, None]).astype(np.uint8)


def test_reliability_of_a_pixel_by_hand():
    groups = np.array([[0, 1, 1]], np.uint8).reshape(1, 3, 1, 1)
    (curve,) = reliability(groups, np.ones((1, 1, 1), np.uint8), ("mud", "sand"))
    # without the 0 both others are sand; without a 1 one of two is
    assert curve.facies == "sand"
    assert curve.level.tolist() == [0, 0.5, 1]
    assert curve.share == pytest.approx([0, 2 / 3, 1 / 3])
    assert curve.observed[1:].tolist() == [1, 1]
    assert curve.calibrated[1:].tolist() == [1, 0]
    assert np.isnan(curve.observed[0])
    assert curve.gap == pytest.approx(1 / 3)


def test_reliability_tells_calibrated_overconfident_and_biased_ensembles_apart():
    rng = np.random.default_rng(3)
    p = rng.random((5, 100, 100))
    truth = ensemble(rng, p, 1)[:, 0]
    names = ("mud", "sand")
    samples = {
        "calibrated": ensemble(rng, p, 10),
        "overconfident": np.repeat((p > 0.5).astype(np.uint8)[:, None], 10, axis=1),
        "biased": ensemble(rng, p**2, 10),
    }
    curves = {name: reliability(groups, truth, names) for name, groups in samples.items()}
    figures = {name: ensemble_figures(groups, truth, curves[name], 2) for name, groups in samples.items()}
    assert figures["calibrated"]["reliability"] < 0.01
    assert figures["calibrated"]["hamming_ratio"] == pytest.approx(1, abs=0.02)
    wrong = (samples["overconfident"][:, 0] != truth).mean()
    assert figures["overconfident"]["reliability"] == pytest.approx(wrong)
    assert figures["overconfident"]["hamming_ratio"] == 0
    assert figures["overconfident"]["brier"] == pytest.approx(wrong)
    assert figures["biased"]["reliability"] > 0.1
    assert ensemble_figures(samples["biased"][:, :1], truth, (), 2) == {"hamming": 0.0}
    three = reliability(samples["calibrated"], truth, ("a", "b", "c"))
    assert [curve.facies for curve in three] == ["a", "b", "c"]


def model(ranges: tuple[float, float], mean: tuple[float, ...] = (0.7, 0.3)) -> kriging.Kriging:
    studied = (1,) if len(mean) == 2 else tuple(range(len(mean)))
    return kriging.Kriging(np.array(mean), studied, np.array([ranges] * len(studied), float))


def test_kriging_solves_the_dense_system():
    rng = np.random.default_rng(4)
    mask = rng.random((20, 30)) < 0.05
    facies = np.where(mask, rng.integers(0, 2, mask.shape), 255).astype(np.uint8)
    points = np.argwhere(mask)
    everywhere = np.argwhere(np.ones_like(mask))

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        off = a[:, None] - b[None, :]
        return np.exp(-3 * np.hypot(off[..., 0] / 6, off[..., 1] / 15))

    weights = np.linalg.solve(covariance(points, points), facies[mask] - 0.3)
    wanted = np.clip(0.3 + covariance(everywhere, points) @ weights, 0, 1).reshape(mask.shape)
    found = model((15, 6)).probability(mask, facies)
    assert found[1] == pytest.approx(wanted, abs=1e-3)
    assert found.sum(axis=0) == pytest.approx(np.ones(mask.shape))
    assert found[1][mask] == pytest.approx(facies[mask], abs=1e-3)


def test_kriging_far_from_data_or_without_any_is_the_mean():
    mask = np.zeros((60, 60), bool)
    nothing = model((5, 5), (0.2, 0.3, 0.5)).probability(mask, np.full(mask.shape, 255, np.uint8))
    assert nothing[:, 7, 9] == pytest.approx([0.2, 0.3, 0.5])
    mask[0, 0] = True
    found = model((5, 5), (0.2, 0.3, 0.5)).probability(mask, np.where(mask, 2, 255).astype(np.uint8))
    assert found[:, 0, 0] == pytest.approx([0, 0, 1], abs=1e-3)
    assert found[:, 59, 59] == pytest.approx([0.2, 0.3, 0.5], abs=1e-6)


def test_the_fit_finds_the_ranges_of_an_exponential_variogram():
    known = statistics(channels(4, 64, 0), 2)
    share = known.proportions.mean(axis=0)[1]
    lags = np.arange(1, known.lags + 1)
    curves = np.stack([share * (1 - share) * (1 - np.exp(-3 * lags / reach)) for reach in (40.0, 9.0)])
    found = kriging.fit(replace(known, variogram=np.repeat(curves[None, :, None], 4, axis=2)))
    assert found.ranges[0] == pytest.approx([40, 9], rel=1e-3)
    assert found.mean[1] == share
    flat = kriging.fit(statistics(np.zeros((2, 20, 20), np.uint8), 2))
    assert flat.ranges.tolist() == [[1, 1]]


def test_baselines_stand_in_the_order_of_what_they_know():
    tiles = channels(60, 64, 0)
    truth = channels(8, 64, 1)
    mask = np.random.default_rng(5).random(truth.shape) < 0.03
    facies = np.where(mask, truth, 255).astype(np.uint8)
    training = statistics(tiles, 2)
    found = baseline_figures(training, neighbourhoods(mask), mask, facies, truth)
    share = tiles.mean()
    assert found["constant_brier"] == pytest.approx(((truth - share) ** 2).mean())
    assert found["kriging_brier"] < 0.6 * found["constant_brier"]
    assert found["kriging_brier"] < found["nearest_well_brier"] < 1
    everything = np.ones_like(mask)
    exact = baseline_figures(training, neighbourhoods(everything), everything, truth, truth)
    assert exact["nearest_well_brier"] == 0
    assert exact["kriging_brier"] < 1e-3
