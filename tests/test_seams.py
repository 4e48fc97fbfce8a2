"""Whether windows show: by hand, and on networks that do and do not depend on their windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from geogan.whole_scenes.engine import translate_scene
from geogan.whole_scenes.seams import Seams
from geogan.whole_scenes.strips import Job
from geogan.whole_scenes.windows import Axis, WindowPlan
from tests.translators import Normalised, Same, classes, job, layer, noise, picture, translator


def pasted(shape: tuple[int, int], edge: int) -> WindowPlan:
    """Blocks side by side, without overlap."""
    rows, columns = (Axis(length, edge, 0, tuple(range(0, length, edge))) for length in shape)
    return WindowPlan(rows, columns, edge)


def seams(work: Job) -> dict[str, Any]:
    found = Seams(work.translator.target, work.plan.rows.lines, work.plan.columns.lines)
    for part in translate_scene(work):
        found.add(part.values, part.valid)
    return found.report()


def test_seam_ratio_by_hand() -> None:
    values = np.zeros((1, 4, 6), dtype=np.uint8)
    values[:, :, 3:] = 10  # a step at the line 3
    values[:, 2:] += 30  # and one at row 2, which is no line
    valid = np.ones((4, 6), dtype=bool)
    valid[0, 3] = False  # two pairs along the row, one down
    found = Seams(picture(bands=1, high=510), (), (3,))
    for row in (0, 1, 3):  # blocks of 1, 2 and 1 rows
        stop = {0: 1, 1: 3, 3: 4}[row]
        found.add(values[:, row:stop], valid[row:stop])
    told = found.report()
    assert told["gradient_across_seams"] == pytest.approx(5)  # 10 of 510 are 5 of 255
    assert told["gradient_elsewhere"] == pytest.approx(0)  # along rows, as seams are
    assert told["seam_ratio"] is None
    values[:, :, 5] += 8
    found = Seams(picture(bands=1, high=510), (), (3,))
    found.add(values, valid)
    told = found.report()
    assert told["gradient_elsewhere"] == pytest.approx(4 * 4 / 15)  # 4 rows x 4 pairs, but one
    assert told["seam_ratio"] == pytest.approx(5 / (4 * 4 / 15))


def test_seams_of_classes_are_differences_of_colours_and_phases_are_told_apart() -> None:
    codes = np.zeros((1, 2, 64), dtype=np.uint8)
    codes[:, :, 32:] = 1  # (200, 180, 90) -> (0, 0, 255): 545 / 3
    codes[:, :, 48:] = 0
    found = Seams(classes(), (), (32,))
    found.add(codes, np.ones((2, 64), dtype=bool))
    told = found.report()
    step = (200 + 180 + 165) / 3
    assert told["gradient_across_seams"] == pytest.approx(step)
    assert told["gradient_in_phase"] == pytest.approx(step / 2)  # lines 16 and 48
    assert told["gradient_elsewhere"] == pytest.approx(step / 62)
    assert told["seam_ratio_in_phase"] == pytest.approx(2)


def test_blocks_of_a_network_that_depends_on_their_content_show_and_blended_windows_less() -> None:
    values = noise(3, 384, 384) // 2 + np.linspace(0, 120, 384).astype(np.uint8)
    model = translator(Normalised(), picture(), picture())
    shown = seams(Job(model, layer(values), pasted((384, 384), 64)))
    assert shown["seam_ratio"] > 1.5
    assert seams(job(model, layer(values)))["seam_ratio"] < 1.05
    assert seams(job(translator(Same(), picture(), picture()), layer(values)))["seam_ratio"] == pytest.approx(
        1, abs=0.05
    )


def test_a_single_window_has_no_seams() -> None:
    told = seams(job(translator(Same(), picture(), picture()), layer(noise(3, 30, 30))))
    assert (told["seam_ratio"], told["gradient_across_seams"]) == (None, None)
    assert told["gradient_elsewhere"] > 0
