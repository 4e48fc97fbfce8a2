"""Figures of a translation: what they show, and the same bytes for the same input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geogan.domains import Domain
from geogan.evaluate_translation import TranslationEvaluation
from geogan.pipeline.confusion_figure import confusion_sheet
from geogan.pipeline.translation_figures import draw_translation, picture_sheet, translation_sheet
from geogan.scenes import Palette
from geogan.translation_sheets import Sheet

PALETTE = Palette(("bare land", "water", "2"), ((200, 180, 120), (40, 90, 200), (30, 30, 30)), (0, 1, 2))
MAP = Domain("uint8", (1,), (), (), PALETTE, None, (1.0, 1.0))
PHOTO = Domain("uint8", (1, 2, 3), (0.0,) * 3, (255.0,) * 3, None, None, (1.0, 1.0))


def sheet(tiles: int, *, classes: bool = True, used: int = 3) -> Sheet:
    rng = np.random.default_rng(0)
    truth, output = rng.integers(0, used, (2, tiles, 12, 16))
    colours = PALETTE.table
    errors = np.abs(colours[truth].astype(float) - colours[output]).max(axis=-1).astype(np.float32)
    photos = rng.integers(0, 256, (tiles, 12, 16, 3)).astype(np.uint8)
    figures = tuple({"rmse": 10.0 * tile + 0.25} for tile in range(tiles))
    wrong = truth != output if classes else None
    return Sheet(tuple(range(tiles)), photos, colours[output], colours[truth], errors, wrong, figures)


def example(*, classes: bool = True) -> TranslationEvaluation:
    matrix = np.array([[90, 10, 0], [5, 45, 0], [0, 0, 0]])
    return TranslationEvaluation(
        metrics={},
        samples=sheet(3, classes=classes),
        worst=sheet(2, classes=classes),
        confusion=matrix if classes else None,
        source=PHOTO,
        target=MAP if classes else PHOTO,
        seconds_per_tile=0.0,
    )


def unpaired(tiles: int, *, back: bool = True) -> Sheet:
    """Grey tiles of 28 pixels and what became of them on 16, with nothing to compare it with."""
    rng = np.random.default_rng(2)
    inputs, came = (np.repeat(rng.integers(0, 256, (tiles, 28, 28, 1)), 3, axis=3).astype(np.uint8) for _ in range(2))
    outputs = np.repeat(rng.integers(0, 256, (tiles, 16, 16, 1)), 3, axis=3).astype(np.uint8)
    return Sheet(tuple(range(tiles)), inputs, outputs, reconstructions=came if back else None)


@pytest.fixture
def texts(monkeypatch):
    """All the text of the figures that are saved after."""
    from matplotlib.text import Text

    from geogan.pipeline import figure_parts

    found: list[str] = []
    monkeypatch.setattr(
        figure_parts, "save", lambda figure, path: found.extend(text.get_text() for text in figure.findobj(Text))
    )
    return found


@pytest.mark.parametrize("classes", [True, False])
def test_every_figure_is_written_and_the_same_twice(tmp_path, classes):
    first, second = (draw_translation(example(classes=classes), tmp_path / folder) for folder in "ab")
    names = ["samples.png", "worst.png"] + ["confusion.png"] * classes
    assert [path.name for path in first] == names
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.read_bytes().startswith(b"\x89PNG")
    assert b"Matplotlib" not in first[0].read_bytes()


def test_a_sheet_of_classes_names_those_that_occur(texts, tmp_path):
    translation_sheet(sheet(3, used=2), (None, PALETTE), tmp_path / "a.png", rated=True)
    assert {"input", "output", "truth", "wrong class", "bare land", "water"} <= set(texts)
    assert "class 2" not in texts
    assert [text for text in texts if text.startswith("RMSE")] == ["RMSE 0.2", "RMSE 10.2", "RMSE 20.2"]
    texts.clear()
    translation_sheet(sheet(3), (None, PALETTE), tmp_path / "a.png", rated=False)
    assert "class 2" in texts
    assert not any(text.startswith("RMSE") for text in texts)


def test_a_sheet_of_images_has_a_scale_of_the_error(texts, tmp_path):
    translation_sheet(sheet(1, classes=False), (None, None), tmp_path / "a.png", rated=False)
    assert {"error", "error (grey levels)"} <= set(texts)
    assert "wrong class" not in texts
    assert "water" not in texts


def test_inputs_may_be_the_maps(texts, tmp_path):
    shown = sheet(2, classes=False)
    photos = np.full_like(shown.outputs, 99)
    turned = replace(shown, inputs=PALETTE.table[np.ones((2, 12, 16), int)], outputs=photos, truths=photos)
    translation_sheet(turned, (PALETTE, None), tmp_path / "a.png", rated=False)
    assert "water" in texts
    assert "bare land" not in texts


def test_the_legend_of_a_map_of_many_classes_is_cut(texts, tmp_path):
    rng = np.random.default_rng(1)
    colours = rng.permutation(256)[:40]
    many = Palette(tuple(f"{code} {'very' * 9} long" for code in range(40)), tuple((int(c),) * 3 for c in colours), ())
    shown = many.table[rng.integers(0, 40, (2, 12, 16))]
    translation_sheet(replace(sheet(2), outputs=shown, truths=shown), (None, many), tmp_path / "a.png", rated=False)
    named = [text for text in texts if "very" in text]
    assert len(named) == 12
    assert all(len(text) == 24 and text.endswith("…") for text in named)


def test_the_confusion_matrix_shows_shares_of_rows(texts, tmp_path):
    matrix = np.array([[90, 10, 0, 0], [5, 45, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    matrix[0, 3] = 0
    matrix[1, 3] = 50
    confusion_sheet(matrix, ("bare land", "water", "road", "3"), tmp_path / "a.png")
    cells = [text for text in texts if text.isdigit() or text == "–"]
    # rows in per cent (the last class is in the output alone), then the IoU of each: 90 / 105, 45 / 110, 0 / 50
    assert cells == ["90", "10", "0", "5", "45", "50", "–", "–", "–", "86", "41", "0"]
    assert "bare land\n50.0%" in texts
    assert "class 3\n0.0%" in texts
    assert not any("road" in text for text in texts)
    assert "per cent of each true class\npixel accuracy 67.5%, mean IoU 42.2%" in texts


def test_a_large_confusion_matrix_has_no_numbers_in_its_cells(texts, tmp_path):
    confusion_sheet(np.eye(30, dtype=int), tuple(f"c{code}" for code in range(30)), tmp_path / "a.png")
    assert texts.count("100") == 30  # each IoU
    assert "0" not in texts


def test_a_sheet_of_pictures_while_training(texts, tmp_path, monkeypatch):
    shown = sheet(2)
    picture_sheet(shown.inputs, shown.outputs, shown.truths, tmp_path / "a.png")
    assert {"input", "output", "truth"} <= set(texts)
    monkeypatch.undo()
    picture_sheet(shown.inputs, shown.outputs, shown.truths, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
    texts.clear()
    monkeypatch.undo()
    small = unpaired(5)
    for number, back in enumerate((small.reconstructions, None)):
        picture_sheet(small.inputs, small.outputs, None, tmp_path / f"{number}.png", back)
    assert (tmp_path / "0.png").stat().st_size > (tmp_path / "1.png").stat().st_size


def test_rows_are_those_that_there_are(texts, tmp_path):
    for truths, back, named in (
        (True, False, {"input", "output", "truth"}),
        (True, True, {"input", "output", "truth", "reconstruction"}),
        (False, True, {"input", "output", "reconstruction"}),
        (False, False, {"input", "output"}),
    ):
        shown, others = sheet(2, classes=False), unpaired(2)
        texts.clear()
        came = others.reconstructions if back else None
        picture_sheet(others.inputs, shown.outputs, shown.truths if truths else None, tmp_path / "a.png", came)
        assert {text for text in texts if text.isalpha()} == named
        texts.clear()
        part = shown if truths else unpaired(2, back=back)
        same = part.inputs if back else None  # as large as the inputs
        translation_sheet(replace(part, reconstructions=same), (None, None), tmp_path / "a.png", rated=False)
        errors = {"error"} if truths else set()
        assert {text for text in texts if text.isalpha()} == named | errors
        assert ("error (grey levels)" in texts) is truths


def test_without_truth_there_is_no_sheet_of_the_worst(tmp_path):
    evaluation = replace(example(classes=False), samples=unpaired(4), worst=None)
    first, second = (draw_translation(evaluation, tmp_path / folder) for folder in "ab")
    assert [path.name for path in first] == ["samples.png"]
    assert first[0].read_bytes() == second[0].read_bytes()


def test_pictures_of_other_sizes_are_shown_as_large(tmp_path, monkeypatch):
    from geogan.pipeline import figure_parts

    boxes = []

    def look(figure, path):
        figure.draw_without_rendering()
        boxes.extend(axis.get_window_extent() for axis in figure.axes)

    monkeypatch.setattr(figure_parts, "save", look)
    translation_sheet(unpaired(3), (None, None), tmp_path / "a.png", rated=False)
    assert len(boxes) == 9
    assert len({(round(box.width), round(box.height)) for box in boxes}) == 1
