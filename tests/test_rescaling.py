"""Fields drawn in cells of the training image and brought to other ones."""

from __future__ import annotations

import numpy as np
import pytest

from geogan.grids import Grid
from geogan.hard_data import HardData
from geogan.rescaling import Rescaling, Spans

UTM = "EPSG:25832"


def plan(size: tuple[int, int], cell: float, trained: tuple[float, float]) -> Rescaling:
    rows, columns = size
    grid = Grid.from_bounds((500, 1000, 500 + columns * cell, 1000 + rows * cell), cell, UTM)
    made = Rescaling.of(grid, (float(trained[0]), float(trained[1])))
    assert made is not None
    return made


def data(shape: tuple[int, int], cells: dict[tuple[int, int], int]) -> HardData:
    hard = HardData.none(Grid.in_cells(*shape))
    for cell, code in cells.items():
        hard.mask[cell], hard.values[cell] = True, code
    return hard


@pytest.mark.parametrize(
    ("number", "ratio"), [(7, 1.0), (7, 1.5), (9, 2.0), (5, 3.7), (11, 0.5), (13, 0.3), (10, 0.99)]
)
def test_every_wanted_cell_has_drawn_ones_around_its_centre(number: int, ratio: float) -> None:
    spans = Spans.of(number, ratio)
    assert np.all(spans.stop > spans.start)
    assert np.all((spans.start <= spans.centre) & (spans.centre < spans.stop))
    assert spans.start[0] == 0
    assert spans.stop[-1] <= np.ceil(number * ratio)
    if ratio >= 1:  # no drawn cell belongs to two, none between is left out
        assert np.array_equal(spans.start[1:], spans.stop[:-1])


def test_coarser_cells_take_the_most_frequent_facies() -> None:
    made = plan((2, 3), 40, (20, 20))
    assert (made.drawn.rows, made.drawn.columns, made.drawn.cell_size) == (4, 6, (20, 20))
    assert made.drawn.bounds == made.wanted.bounds
    drawn = np.array(
        [
            [0, 0, 1, 1, 2, 2],
            [0, 1, 1, 0, 0, 0],
            [2, 2, 0, 1, 1, 0],
            [1, 2, 1, 2, 0, 1],
        ],
        np.uint8,
    )
    # ties go to the cell at the centre, which is the lower right one of four: of 2 2 0 0 it is 0
    assert made.field(drawn, 3).tolist() == [[0, 1, 0], [2, 1, 1]]


def test_finer_cells_take_the_facies_at_their_centre() -> None:
    made = plan((4, 6), 10, (20, 20))
    assert (made.drawn.rows, made.drawn.columns) == (2, 3)
    drawn = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    assert np.array_equal(made.field(drawn, 3), drawn.repeat(2, axis=0).repeat(2, axis=1))


def test_one_axis_coarser_and_the_other_finer() -> None:
    made = plan((2, 4), 20, (10, 40))
    assert (made.drawn.rows, made.drawn.columns) == (4, 2)
    drawn = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], np.uint8)
    assert made.field(drawn, 2).tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.3, 0.7])
def test_data_that_a_drawn_field_honours_are_honoured_on_the_wanted_grid(ratio: float) -> None:
    made = plan((12, 15), 20 * ratio, (20, 20))
    rng = np.random.default_rng(0)
    cells = {(int(rng.integers(0, 3)) * 4, int(column)): int(rng.integers(3)) for column in range(0, 15, 3)}
    hard = data((12, 15), cells)
    shown = made.data(hard, 3)
    drawn = rng.integers(0, 3, (made.drawn.rows, made.drawn.columns), dtype=np.uint8)
    drawn[shown.mask] = shown.values[shown.mask]
    field = made.field(drawn, 3)
    assert np.array_equal(field[hard.mask], hard.values[hard.mask])
    told = made.report(shown, hard)
    assert told["cells_not_shown"] == 0
    assert told["cell_size"] == pytest.approx([20 * ratio] * 2)


def test_data_in_one_drawn_cell_are_outvoted_or_left_out_and_counted() -> None:
    made = plan((4, 4), 10, (20, 20))
    hard = data((4, 4), {(0, 0): 1, (0, 1): 1, (1, 1): 0, (2, 2): 0, (3, 3): 1})
    shown = made.data(hard, 2)
    assert shown.mask.tolist() == [[True, False], [False, False]]
    assert shown.values[0, 0] == 1
    assert made.report(shown, hard)["cells_not_shown"] == 3  # one outvoted, two at a tie


def test_grids_cover_what_is_wanted_and_equal_cells_need_nothing() -> None:
    made = plan((5, 5), 30, (20, 20))
    assert (made.drawn.rows, made.drawn.columns) == (8, 8)  # 150 m in cells of 20 m
    assert Rescaling.of(made.wanted, (30.0, 30.2)) is None
    assert Rescaling.of(made.wanted, (30.0, 31.0)) is not None
