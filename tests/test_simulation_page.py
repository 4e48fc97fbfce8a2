"""The page of a simulation: one file, everything of the report, nothing from outside."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from geogan.ensemble import Ensemble, report
from geogan.facies_variable import Facies
from geogan.field_curves import field_curves
from geogan.grids import Grid
from geogan.hard_data import HardData
from geogan.pipeline import simulation_maps
from geogan.pipeline.facies_look import FaciesLook
from geogan.pipeline.simulation_page import write_page
from geogan.pipeline.simulation_sections import number, percent
from tests.test_field_curves import evaluation

UTM = Grid.from_bounds((500, 1000, 980, 1400), 20, "EPSG:25832")  # 20 rows, 24 columns
EVIL = '<script>alert("&")</script>'
VOID = {"meta", "img"}


def words(page: str) -> str:
    """What a reader reads, in one line."""
    return " ".join(Reader(page).text.split())


class Reader(HTMLParser):
    """Text and attributes of a page; fails where tags do not close in order."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.values: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data + " "


def page(
    count: int = 2, *, wells: bool = True, grid: Grid = UTM, known: bool = True, **changed: Any
) -> tuple[str, dict[str, Any], Ensemble]:
    """A page of eight random fields, its report, and the ensemble; the last well is missed by half of them."""
    names = ("clay", "sand", "gravel")[:count]
    rng = np.random.default_rng(1)
    fields = rng.integers(0, count, (8, grid.rows, grid.columns), dtype=np.uint8)
    hard = HardData.none(grid)
    if wells:
        for column, code in ((1, 0), (5, 1), (9, 1)):
            hard.mask[4, column], hard.values[4, column], fields[:, 4, column] = True, code, code
        fields[:4, 4, 9] = 0
        hard.report.update(wells_read=5, wells_used=3, wells_dropped=2, cells_snapped=3)
        hard.report["dropped"] = [{"well": "line 7", "reason": f"unknown facies {EVIL}"}]
        hard.report["conflicts"] = [{"row": 0, "column": 2, "wells": ["line 3 (clay)", EVIL], "kept": None}]
    variable = Facies(names, dict(zip(names, (0.6, 0.3, 0.1), strict=False)))
    ensemble = Ensemble.of(fields, grid=grid, variable=variable, seed=4, hard=hard)
    judged = evaluation(rng.integers(0, count, (6, 16, 16), dtype=np.uint8), names) if known else None
    if judged:
        judged["metrics"] = {"n_fields": 6, "mph_js_0": 0.01234, "floor_mph_js_0": 0.00567, "brier": 0.0987}
        judged["reliability"] = {
            "sand": {"level": [0.0, 0.5, 1.0], "share": [0.9, 0.0, 0.1], "observed": [0.1, None, 1.0]}
        }
    curves = field_curves(fields, names, judged)
    told = report(ensemble, bundle="d" * 64)
    told |= {
        "curves": curves.report(),
        "target_proportions": None,
        "rescaled": None,
        "refinement": None,
        "files": ["f.npz"],
    }
    columns = {"x": "x", "facies": EVIL}
    told["wells"] = {"file": f"{EVIL}.csv", "sha256": "ab" * 32, "columns": columns, "notes": [EVIL]} if wells else None
    origin = {"geogan": "0", "experiment": "delta", "key": "k" * 64, "dataset": "d", "source_sha256": "s" * 64}
    told["provenance"] = {**origin, "options": {"size": [20, 24], "columns": {"x": EVIL}}}
    told |= changed
    return write_page(ensemble, told, curves, judged), told, ensemble


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps take most of the time; a test of words needs none."""
    for name in ("map_png", "curves", "reliability", "histogram"):
        monkeypatch.setattr(simulation_maps, name, lambda *given, **options: b"")


@pytest.mark.parametrize(("count", "wells"), [(2, True), (3, False)])
def test_the_page_loads_nothing_and_is_well_formed(count: int, wells: bool) -> None:
    made = page(count, wells=wells)[0]
    read = Reader(made)
    assert not {"script", "link", "iframe", "object", "base"} & set(read.tags)
    sources = [value for name, value in read.values if name in ("src", "href", "srcset", "action", "data")]
    assert all(value is not None and value.startswith("data:image/png;base64,") for value in sources)
    assert len(sources) == 6 + (4 if count == 2 else 6) + 2
    assert all(base64.b64decode(value.partition(",")[2]).startswith(b"\x89PNG") for value in sources if value)
    assert not re.search(r"url\(|@import|https?:", made)


def test_the_page_holds_the_numbers_of_the_report(undrawn: None) -> None:
    made, told, _ = page(3)
    text = words(made)
    for share in (
        *told["proportions"].values(),
        *told["proportions_std"].values(),
        *told["proportions_training"].values(),
    ):
        assert percent(share) in text
    for name, value in told["curves"]["differences"].items():
        assert (
            f"{name} {number(value)} {percent(told['curves']['inside'][name])}".split()
            == re.search(rf"{name} .*?%", text.replace("\n", " ")).group().split()
        )  # type: ignore[union-attr]
    assert percent(told["honoured_share"]) == "83.33 %"
    for shown in (
        "83.33 %",
        "66.67 %",
        "3 of 5",
        "4 of 8",
        "d" * 64,
        "k" * 64,
        "s" * 64,
        "ab" * 32,
        "0.01234",
        "0.0987",
    ):
        assert shown in text
    assert told["missed"] == [{"row": 4, "column": 9, "facies": "sand", "realizations": 4}]
    assert "690 1310 sand 4 of 8" in text
    assert "ETRS89 / UTM zone 32N" in text


def test_text_of_files_is_escaped(undrawn: None) -> None:
    made, told, _ = page(experiment=None)
    assert "<script" not in made
    assert Reader(made).text.count(EVIL) == 5 + 1  # the file twice, columns, notes, the reason, the conflict
    told["provenance"]["experiment"] = EVIL
    again = page(provenance=told["provenance"])[0]
    assert "<script" not in again
    assert Reader(again).text.count(EVIL) == 6 + 3


def test_what_a_bundle_does_not_know_is_said(undrawn: None) -> None:
    text = words(page(known=False)[0])
    assert "Curves of the training image: not in this bundle." in text
    assert "The evaluation of the model: not in this bundle." in text


def test_what_must_not_be_overlooked_comes_first(undrawn: None) -> None:
    text = words(page()[0])
    first = text[: text.index("Maps")]
    assert "2 of 5 wells were left out" in first
    assert "1 of 3 cells are missed" in first
    assert "sand: 48.83 % simulated, 30 % in the training image" in first
    assert "clay:" not in first
    small = words(page(grid=Grid.in_cells(10, 30))[0])
    assert "smaller than the tiles of 16 cells" in small


def test_shifted_proportions_are_stated(undrawn: None) -> None:
    shares = {"wanted": 0.25, "before": 0.5, "after": 0.2513, "shift": -0.7071}
    target: dict[str, Any] = {key: {"clay": 1 - value, "sand": value} for key, value in shares.items()}
    target |= {"honoured_share_before": 1.0, "honoured_share_after": 0.9731, "pilot": 16}
    text = words(page(target_proportions=target)[0])
    for shown in ("sand 25 % 50 % 25.13 % -0.7071", "100 % before, 97.31 % after", "0 to 15 of the seed"):
        assert shown in text
    assert "they are not the model's own" in text


def test_fields_of_other_cells_are_told(undrawn: None) -> None:
    rescaled = {"drawn_cell_size": [10.0, 12.5], "drawn_rows": 40, "drawn_columns": 39, "cells_not_shown": 3}
    text = words(page(rescaled=rescaled)[0])
    assert "20 x 20 map units; drawn on 40 x 39 cells of 10 x 12.5, where 3 cells with data" in text
    assert "of the fields as drawn" in text


def test_the_same_call_gives_the_same_bytes() -> None:
    assert page(wells=False)[0] == page(wells=False)[0]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2000)])
def test_any_size_is_drawn_small(rows: int, columns: int) -> None:
    grid = Grid.in_cells(rows, columns)
    fields = np.zeros((2, rows, columns), np.uint8)
    fields[1] = 1
    ensemble = Ensemble.of(fields, grid=grid, variable=Facies(("a", "b")), seed=0, hard=HardData.none(grid))
    look = FaciesLook(ensemble)
    thin, mean = simulation_maps.thinned(fields[1]), simulation_maps.averaged(ensemble.maps["probability"][1])
    assert thin.min() == 1
    assert max(thin.shape) <= max(mean.shape) <= simulation_maps.PIXELS
    assert np.all(mean == 0.5)
    for one in (*simulation_maps.realizations(ensemble, look), *look.statistics()):
        assert len(one.png) < 60_000


def test_means_of_blocks_are_exact() -> None:
    values = np.arange(4 * 1500, dtype=np.float32).reshape(4, 1500)
    mean = simulation_maps.averaged(values)
    assert mean.shape == (2, 500)
    assert mean[0, 0] == values[:3, :3].mean()
    assert mean[1, 499] == values[3:, 1497:].mean()


def test_shares_are_not_rounded_to_all() -> None:
    assert [percent(share) for share in (None, 1, 0.99999, 0.5, 1 / 3)] == ["-", "100 %", "< 100 %", "50 %", "33.33 %"]
