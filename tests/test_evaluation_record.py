"""What a bundle keeps of the evaluation of its model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geogan.bundles import read_evaluation
from geogan.errors import InputError
from geogan.pipeline.evaluation_record import evaluation

CURVES = """lag,statistic,simulated,real_mean,real_min,real_max
1,variogram_x,0.5,0.1,0.05,0.2
1,"variogram_y_clay, grey",0.5,0.3,0.25,0.4
2,variogram_x,0.5,0.2,0.15,0.25
"""
METRICS = {"size": 160, "n_real": 40, "brier": 0.1}


def test_curves_and_reliability_come_from_the_tables(tmp_path: Path) -> None:
    (tmp_path / "curves.csv").write_text(CURVES)
    found = evaluation(METRICS, tmp_path)
    assert found == {
        "size": 160,
        "tiles": 40,
        "metrics": METRICS,
        "curves": {
            "variogram_x": {"mean": [0.1, 0.2], "min": [0.05, 0.15], "max": [0.2, 0.25]},
            "variogram_y_clay, grey": {"mean": [0.3], "min": [0.25], "max": [0.4]},
        },
    }
    table = "level,facies,share,observed,calibrated\n0,sand,0.75,0.1,0.1\n1,sand,0.25,,\n"
    (tmp_path / "reliability.csv").write_text(table)
    found = evaluation(METRICS, tmp_path)
    assert found is not None
    curve = {"level": [0, 1], "share": [0.75, 0.25], "observed": [0.1, None], "calibrated": [0.1, None]}
    assert found["reliability"] == {"sand": curve}
    json.dumps(found, allow_nan=False)


def test_without_an_evaluation_of_fields_there_is_none(tmp_path: Path) -> None:
    assert evaluation(METRICS, tmp_path) is None
    (tmp_path / "curves.csv").write_text(CURVES)
    assert evaluation({}, tmp_path) is None


def test_bundles_without_one_are_whole_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    assert read_evaluation(tmp_path) is None
    (tmp_path / "evaluation.json").write_text("[")
    with pytest.raises(InputError, match=r"evaluation\.json: is not valid JSON"):
        read_evaluation(tmp_path)
    (tmp_path / "evaluation.json").write_text('{"metrics": {}}')
    with pytest.raises(InputError, match=r"evaluation\.json: lacks curves, size, tiles"):
        read_evaluation(tmp_path)
