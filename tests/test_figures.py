"""Figures: what they show, and the same bytes for the same input."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from geogan.evaluate import Evaluation
from geogan.metrics import statistics
from geogan.metrics.curves import compared
from geogan.pipeline.figures import constraint_overlay, curve_sheet, draw_evaluation, loss_sheet, sample_sheet


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
    return Evaluation({}, curves, real, mask, facies, groups, names, 0.0)


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
    assert [path.name for path in first] == ["samples.png", "constraints.png", "curves.png", "curves.csv"]
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
    path = draw_evaluation(shown, tmp_path)[-1]
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
