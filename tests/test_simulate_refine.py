"""``--refine`` and ``--exact`` from the command to the files, with a generator whose noise is free."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from geogan import inference
from geogan.errors import InputError
from geogan.pipeline.cli import app
from geogan.pipeline.refine import Refinement
from geogan.pipeline.simulate import simulate
from geogan.refinement import RESTARTS
from tests.test_refinement import Free, sampler

SIZE = (8, 12)
NAMES = ("clay", "sand")


@pytest.fixture
def wells(tmp_path: Path) -> Path:
    path = tmp_path / "wells.csv"
    path.write_text("row,column,facies\n0,0,sand\n2,3,clay\n7,8,sand\n")
    return path


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Free:
    """Of blocks of 4 x 4 cells: set ``stride`` to 1 to let every cell have a noise of its own."""
    made = Free(stride=4)
    bundle = inference.Bundle(
        sampler(made), NAMES, None, {"clay": 0.5, "sand": 0.5}, "d1", {"config": {"system": {"soft": 0.0}}}
    )
    monkeypatch.setattr(inference, "load_bundle", lambda path: bundle)
    return made


def test_refined_fields_and_what_became_of_them(tmp_path: Path, wells: Path, generator: Free) -> None:
    generator.stride = 1
    told = simulate(
        Path("b"), tmp_path / "r.npz", wells=wells, size=SIZE, count=6, refinement=Refinement(50), quiet=True
    )
    assert told == json.loads((tmp_path / "r.npz.report.json").read_text())
    plain = simulate(Path("b"), tmp_path / "p.npz", wells=wells, size=SIZE, count=6, quiet=True)
    assert plain["refinement"] is None
    block = told["refinement"]
    assert (block["steps"], block["exact"], block["wells_hidden"]) == (50, False, False)
    assert block["honoured_share_before"] == pytest.approx(plain["honoured_share"])
    assert block["honoured_share_min_before"] == pytest.approx(plain["honoured_share_min"])
    assert block["honoured_share_after"] == told["honoured_share"] == 1
    assert block["isolated_share_after"] <= block["isolated_share_before"]
    assert block["missed"] == []
    assert all(block["seconds_per_field"][key] > 0 for key in ("feed_forward", "refinement"))
    with np.load(tmp_path / "r.npz") as after, np.load(tmp_path / "p.npz") as before:
        same = (after["facies"] == before["facies"]).all(axis=(1, 2))
    tried = [field["realization"] for field in block["fields"]]
    assert 0 < len(tried) == block["fields_tried"] == block["fields_changed"] == 6 - same.sum()
    assert not same[tried].any()


def test_exact_names_the_wells_and_writes_nothing(tmp_path: Path, wells: Path, generator: Free) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        simulate(
            Path("b"), tmp_path / "r.npz", wells=wells, size=SIZE, count=3, refinement=Refinement(4, True), quiet=True
        )
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(
        f"{wells}: --exact: realization 0 does not honour and simulate all of the 3 wells; not honoured: "
    )
    assert "(--refine 8)" in said
    assert ("row 0, column 0 (sand)" in said) != ("row 2, column 3 (clay)" in said)  # cells of one block
    assert "row 7" not in said
    assert sorted(tmp_path.iterdir()) == before
    assert max(len(z) for z in generator.seen) == RESTARTS


def test_exact_names_wells_that_are_single_pixels(
    tmp_path: Path, wells: Path, generator: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that draws clay alone, but for cells that are shown sand."""

    def forward(z: Tensor, condition: Tensor) -> Tensor:
        return 3 * condition[:, 1:].clamp(min=0) - 1 + 0 * z.mean()

    monkeypatch.setattr(generator, "forward", forward)
    out = tmp_path / "r.npz"
    with pytest.raises(InputError, match=r"; single pixels: row 0, column 0 \(sand\), row 7, column 8 \(sand\); no"):
        simulate(Path("b"), out, wells=wells, size=SIZE, count=3, refinement=Refinement(2, True), quiet=True)
    assert not out.exists()
    told = simulate(Path("b"), out, wells=wells, size=SIZE, count=3, refinement=Refinement(2), quiet=True)
    block = told["refinement"]
    assert [(well["row"], well["column"], well["realizations"]) for well in block["pasted"]] == [
        (0, 0, [0, 1, 2]),
        (7, 8, [0, 1, 2]),
    ]
    assert (block["missed"], block["fields_tried"], block["fields_changed"]) == ([], 3, 0)
    page = out.with_name("r.npz.report.html").read_text(encoding="utf-8")
    assert "before, 100 % of the hard data were honoured, 66.67 % of these by single pixels (now 66.67 %)." in page


def test_exact_succeeds_by_itself(tmp_path: Path, wells: Path, generator: Free) -> None:
    generator.stride = 1
    told = simulate(
        Path("b"), tmp_path / "r.npz", wells=wells, size=SIZE, count=6, refinement=Refinement(exact=True), quiet=True
    )
    assert told["honoured_share_min"] == 1
    assert told["refinement"]["steps"] == 300


def test_hidden_wells_are_never_shown(tmp_path: Path, wells: Path, generator: Free) -> None:
    generator.stride = 1
    asked = Refinement(100, hidden=True)
    told = simulate(Path("b"), tmp_path / "r.npz", wells=wells, size=SIZE, count=2, refinement=asked, quiet=True)
    assert told["honoured_share"] == 1
    assert told["wells_used"] == 3
    assert all(shown.abs().sum() == 0 for shown in generator.told)


def test_an_interruption_leaves_what_was_there(
    tmp_path: Path, wells: Path, generator: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.npz").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    draw = generator.forward

    def interrupted(*given: object) -> object:
        if len(generator.seen) > 4:
            raise KeyboardInterrupt
        return draw(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(generator, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(Path("b"), tmp_path / "r.npz", wells=wells, size=SIZE, count=3, refinement=Refinement(9), quiet=True)
    assert len(generator.seen) == 5
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "r.npz").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--wells {wells} --refine -1", "--refine -1: must be 0 (no refinement) or a number of steps, such as 300"),
        ("--wells {wells} --refine much", "Invalid value for '--refine'"),
        ("--unconditional --refine 10", "--refine: needs --wells"),
        ("--unconditional --exact", "--exact: needs --wells"),
        ("--unconditional --hide-wells", "--hide-wells: needs --wells"),
        ("--wells {wells} --hide-wells", "--hide-wells: needs --refine STEPS too"),
    ],
)
def test_options_that_cannot_be(
    tmp_path: Path, wells: Path, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    out = tmp_path / "o.npz"
    typed = ["simulate", "nowhere", "--size", "8", "12", "-o", str(out), *options.format(wells=wells).split()]
    with pytest.raises(SystemExit) as caught:
        app(typed)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith(f"geogan: {said}")
    assert not out.exists()
