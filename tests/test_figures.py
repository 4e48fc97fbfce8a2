"""Figures: what they show, and the same bytes for the same input."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from geogan.evaluate import Evaluation
from geogan.metrics import borders, halo, statistics
from geogan.metrics.calibration import reliability
from geogan.metrics.curves import compared
from geogan.metrics.neighbourhoods import neighbourhoods
from geogan.pipeline.figures import (
    constraint_overlay,
    curve_sheet,
    draw_evaluation,
    loss_sheet,
    sample_sheet,
    write_curves,
)
from geogan.pipeline.trust_figures import profile_sheet, reliability_sheet, write_profiles, write_reliability


def example(count: int, *, rows: int = 24, columns: int = 32, missed: bool = True) -> Evaluation:
    rng = np.random.default_rng(0)
    names = tuple(f"unit_{code}" for code in range(count))
    real = rng.integers(0, count, (3, rows, columns), dtype=np.uint8)
    groups = rng.integers(0, count, (2, 4, rows, columns), dtype=np.uint8)
    mask = rng.random((2, rows, columns)) < 0.03
    facies = np.where(mask, 0, 255).astype(np.uint8)
    if not missed:
        groups = np.where(mask[:, None], facies[:, None], groups)
    curves = tuple(compared(statistics(real, count), statistics(groups[0], count), names))
    near = neighbourhoods(mask)
    seen = halo.halo(groups[:, 0], facies, near)
    profiles = (
        *halo.compared(seen, seen),
        halo.error(groups, real[:2], near),
        *borders.compared(borders.border(real, count), borders.border(groups[0], count), names),
    )
    reliable = reliability(groups, real[:2], names)
    return Evaluation({}, curves, real, mask, facies, groups, names, 0.0, reliable, profiles)


def texts(monkeypatch, draw) -> str:
    """All the text of the figure that ``draw`` saves."""
    from matplotlib.text import Text

    from geogan.pipeline import figure_parts

    found: list[str] = []
    monkeypatch.setattr(
        figure_parts, "save", lambda figure, path: found.extend(t.get_text() for t in figure.findobj(Text))
    )
    draw()
    return "|".join(found)


@pytest.mark.parametrize("count", [2, 3])
def test_every_figure_is_written_and_the_same_twice(tmp_path, count):
    history = [{"step": 1.0 * i, "critic/a": 1 / i, "generator/b": -0.5} for i in range(1, 50)]
    first = draw_evaluation(example(count), tmp_path / "a")
    second = draw_evaluation(example(count), tmp_path / "b")
    for folder in ("a", "b"):
        loss_sheet(history, tmp_path / folder / "losses.png")
    names = ["samples.png", "constraints.png", "curves.png", "curves.csv"]
    names += ["reliability.png", "reliability.csv", "distances.png", "distances.csv"]
    assert [path.name for path in first] == names
    for one, other in zip([*first, tmp_path / "a/losses.png"], [*second, tmp_path / "b/losses.png"], strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.suffix == ".csv" or one.read_bytes().startswith(b"\x89PNG")
    assert b"Matplotlib" not in first[0].read_bytes()


@pytest.mark.parametrize("count", [2, 3, 8, 11])
def test_every_facies_has_a_colour_of_its_own(count):
    from geogan.pipeline.figure_parts import colours

    assert len({colours(count)(code) for code in range(count)}) == count


def test_the_look_does_not_depend_on_the_users_settings(tmp_path):
    import matplotlib

    sample_sheet(example(2), tmp_path / "a.png")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "image.origin": "lower"}):
        sample_sheet(example(2), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_overlay_counts_what_is_honoured(monkeypatch, tmp_path):
    shown = example(2)
    hard = int(shown.mask[0].sum())
    honoured = int((shown.groups[0, 0] == shown.facies[0])[shown.mask[0]].sum())
    assert 0 < honoured < hard
    text = texts(monkeypatch, lambda: constraint_overlay(shown, tmp_path / "a.png"))
    assert f"{honoured} of {hard} hard data honoured" in text
    assert "missed" in text
    text = texts(monkeypatch, lambda: constraint_overlay(example(2, missed=False), tmp_path / "a.png"))
    assert f"{hard} of {hard} hard data honoured" in text
    assert "missed" not in text


def test_curves_of_many_facies_are_named(monkeypatch, tmp_path):
    text = texts(monkeypatch, lambda: curve_sheet(example(3).curves, tmp_path / "a.png"))
    assert text.count("unit_") == 12
    assert "along y, unit_2" in text


def test_the_table_of_curves_has_a_row_per_statistic_and_lag(tmp_path):
    shown = example(2)
    path = tmp_path / "curves.csv"
    write_curves(shown.curves, path)
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == ["lag", "statistic", "simulated", "real_mean", "real_min", "real_max"]
    assert len(rows) == 4 * 23
    row = next(row for row in rows if row["statistic"] == "variogram_y" and row["lag"] == "5")
    curve = shown.curves[3]
    assert float(row["simulated"]) == pytest.approx(curve.simulated[4], rel=1e-5)
    assert float(row["real_max"]) == pytest.approx(curve.real_max[4], rel=1e-5)


def test_losses_may_be_sparse_not_finite_or_none(monkeypatch, tmp_path):
    history = [{"step": 10.0, "critic/score": 1.0}, {"step": 20.0, "critic/score": float("nan"), "validation/mph": 0.5}]
    text = texts(monkeypatch, lambda: loss_sheet(history, tmp_path / "a.png"))
    assert "critic/score" in text
    assert "validation/mph" in text
    monkeypatch.undo()
    loss_sheet(history, tmp_path / "a.png")
    loss_sheet([], tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_the_table_of_reliability_has_a_row_per_facies_and_probability(tmp_path):
    shown = example(3)
    write_reliability(shown.reliability, tmp_path / "reliability.csv")
    rows = list(csv.DictReader((tmp_path / "reliability.csv").open()))
    assert list(rows[0]) == ["level", "facies", "share", "observed", "calibrated"]
    assert [(row["facies"], row["level"]) for row in rows] == [
        (f"unit_{code}", level) for code in range(3) for level in ("0", "0.333333", "0.666667", "1")
    ]
    assert float(rows[5]["observed"]) == pytest.approx(shown.reliability[1].observed[1], rel=1e-5)
    assert float(rows[5]["calibrated"]) == pytest.approx(shown.reliability[1].calibrated[1], rel=1e-5)


def test_the_table_of_distances_leaves_what_is_not_known_empty(tmp_path):
    shown = example(2)
    write_profiles(shown.profiles, tmp_path / "distances.csv")
    rows = list(csv.DictReader((tmp_path / "distances.csv").open()))
    assert list(rows[0]) == ["distance", "statistic", "simulated", "reference"]
    assert [row["statistic"] for row in rows[::10]][:3] == ["well_differs", "well_isolated", "well_error"]
    border = [row for row in rows if row["statistic"] == "border_contact"]
    assert [row["distance"] for row in border] == ["0", "1", "2", "4", "8", "16", "32"]
    assert border[5]["simulated"] == border[5]["reference"] == ""  # 24 rows: nothing is 16 pixels from the border
    assert float(border[4]["simulated"]) == pytest.approx(shown.profiles[-1].simulated[4], rel=1e-5)


def test_distances_and_reliability_are_titled(monkeypatch, tmp_path):
    shown = example(3)
    text = texts(monkeypatch, lambda: profile_sheet(shown.profiles, tmp_path / "a.png"))
    assert "not the facies of the nearest datum" in text
    assert "unit_2, less that of whole fields" in text
    assert "distance to the border (pixels)" in text
    text = texts(monkeypatch, lambda: reliability_sheet(shown.reliability, tmp_path / "b.png"))
    assert f"unit_1, off by {shown.reliability[1].gap:.3f}" in text
