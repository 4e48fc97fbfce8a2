"""Studies: how a grid becomes cells, what their table says, and a small one from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from ruamel.yaml import YAML

from geogan.config import merged, read_yaml
from geogan.errors import InputError
from geogan.pipeline import study_cells
from geogan.pipeline.signals import Stopped
from geogan.pipeline.study_queue import changes
from geogan.pipeline.tracking_store import Store
from geogan.study import Study, plan
from geogan.study_table import Outcome, Summary, cells_csv, pareto, rows, table_csv, table_markdown
from tests.clone import EXPERIMENT, ROOT, make, run, typed

WEIGHTS: dict[str, Any] = {
    "experiment": EXPERIMENT,
    "grid": {
        "constraint.weight": [0.5, 10.0],
        "shown": {"yes": {"system.condition_critic": True}, "no": {"system.condition_critic": False}},
    },
    "repeats": 3,
    "table": ["mph_js_0"],
}


def planned(**changed: Any) -> Study:
    return plan("weights", {**merged([ROOT / "params.yaml"]), "study": {**WEIGHTS, **changed}})


def test_a_grid_becomes_cells_with_their_own_params() -> None:
    study = planned()
    assert study.variations == [("0.5", "yes"), ("0.5", "no"), ("10.0", "yes"), ("10.0", "no")]
    names = [cell.name for cell in study.cells]
    assert names[:4] == ["weights-0_5-yes-0", "weights-0_5-yes-1", "weights-0_5-yes-2", "weights-0_5-no-0"]
    assert len(names) == len(set(names)) == 12
    params = study.params(study.cells[4])
    assert (params.seed, list(params.experiments)) == (1, ["weights-0_5-no-1"])
    experiment = params.experiments["weights-0_5-no-1"]
    assert experiment.slots.constraint.options == {"weight": 0.5}
    assert experiment.system.options["condition_critic"] is False
    base = {**merged([ROOT / "params.yaml"])["experiments"][EXPERIMENT]}
    assert study.experiment_of(study.cells[4]) == {
        **base,
        "system": {**base["system"], "condition_critic": False},
        "constraint": {**base["constraint"], "weight": 0.5},
    }


def test_a_part_with_another_name_replaces_the_whole_part() -> None:
    study = planned(grid={"generator": [{"name": "unet_residual"}, {"name": "upsampling_dilated", "up": [8, 8]}]})
    assert [cell.labels for cell in study.cells[::3]] == [("unet_residual",), ("upsampling_dilated",)]
    assert study.experiment_of(study.cells[0])["generator"]["filters"] == [16, 32, 64, 128]
    assert study.experiment_of(study.cells[3])["generator"] == {"name": "upsampling_dilated", "up": [8, 8]}


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("study_*.yaml")), ids=lambda path: path.stem)
def test_every_cell_of_the_studies_that_come_along_is_valid(profile: Path) -> None:
    study = plan(profile.stem, merged([ROOT / "params.yaml", profile]))
    known = [study.params(cell).experiments[cell.name].plain() for cell in study.cells]
    texts = {json.dumps([cell.seed, each], sort_keys=True) for cell, each in zip(study.cells, known, strict=True)}
    assert len(texts) == len(study.cells)  # no two are the same work


def outcomes(study: Study) -> list[Outcome]:
    """Of the first variation three values, of the second one, of the others none."""
    cells = study.cells
    done = [Outcome(cell, "finished", key="k", metrics={"mph_js_0": n}) for n, cell in enumerate(cells[:4])]
    bad = [Outcome(cells[4], "diverged", "a loss | nan"), Outcome(cells[5], "not run")]
    return done + bad + [Outcome(cell, "refused", "why") for cell in cells[6:]]


def test_the_table_tells_median_and_percentiles_over_the_seeds_and_what_went_wrong() -> None:
    study = planned()
    table = rows(study, outcomes(study))
    assert table[0].summary("mph_js_0") == Summary(1.0, 0.2, 1.8)
    assert table_csv(study, table).splitlines() == [
        "constraint.weight,shown,finished,cells,mph_js_0,mph_js_0_p10,mph_js_0_p90,reason",
        "0.5,yes,3,3,1,0.2,1.8,",
        "0.5,no,1,3,3,3,3,diverged: a loss | nan; not run",
        "10.0,yes,0,3,,,,refused: why",
        "10.0,no,0,3,,,,refused: why",
    ]
    assert table_markdown(study, table).splitlines()[4:6] == [
        "| 0.5 | yes | 3 of 3 | 1 (0.2 to 1.8) |  |",
        "| 0.5 | no | 1 of 3 | 3 | diverged: a loss \\| nan; not run |",
    ]
    assert cells_csv(study, outcomes(study)).splitlines()[:2] == [
        "cell,constraint.weight,shown,seed,status,mph_js_0,key,reason",
        "weights-0_5-yes-0,0.5,yes,0,finished,0,k,",
    ]


def test_the_front_is_what_no_point_beats() -> None:
    points = np.array([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0], [1.0, 1.0], [3.0, 0.0], [0.0, 4.0]])
    assert pareto(points).tolist() == [True, True, False, True, True, False]


def test_settings_for_dvc_turn_the_params_into_those_of_a_cell(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    below = read_yaml(ROOT / "params.yaml")
    other = {"list": [1.0e-5, None, {"a": True}], "none": None, "quotes": "a 'b' \\ c, {d}: x", "end": "\\"}
    above = {**planned(grid={"generator": [{"name": "upsampling_dilated", "up": [8, 8]}]}).data, "seed": 3}
    above["datasets"] = {"channels": {**below["datasets"]["channels"], "tile": 32}, "new": {"deep": other}}
    assert changes(below, below) == []
    assert "~datasets.city" in changes(below, above)
    assert "seed=3" in changes(below, above)
    file = tmp_path / "params.yaml"
    YAML().dump(below, file)
    apply_overrides(file, changes(below, above))
    assert read_yaml(file) == above


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (None, "bad: has no section 'study' with the keys experiment, grid and table"),
        ({"table": []}, "study.experiment: is missing"),
        ({**WEIGHTS, "experiment": "nothing"}, "study.experiment: 'nothing' is not in the params; there are "),
        ({**WEIGHTS, "repeats": 0}, "study.repeats: must be at least 1, got 0"),
        (
            {**WEIGHTS, "repeat": 2},
            "study.repeat: unknown key; known here: experiment, grid, name, plot, repeats, table",
        ),
        ({**WEIGHTS, "grid": {"steps": 3}}, "study.grid.steps: must be a list of values or a mapping of labels"),
        ({**WEIGHTS, "grid": {"steps": [1, 1]}}, "study.grid.steps: two values are called '1'; give a mapping"),
        ({**WEIGHTS, "grid": {"a": {"b": 1}}}, "study.grid.a.b: must be a mapping of keys of the experiment to values"),
        ({**WEIGHTS, "plot": {"x": "a", "y": "b", "colour": "c"}}, "study.plot.colour: 'c' is no axis of the grid"),
        (
            {**WEIGHTS, "grid": {"step": [1, 2]}},
            "study bad: no cell can be trained; the first: experiments.bad-1-0.step: unknown key",
        ),
        ({**WEIGHTS, "name": "a/b"}, "study.name: 'a/b' must be of letters, digits, _ and -"),
    ],
)
def test_a_bad_study_is_refused_in_one_line(section: Any, told: str) -> None:
    with pytest.raises(InputError) as refused:
        plan("bad", {**merged([ROOT / "params.yaml"]), **({"study": section} if section else {})})
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


def test_a_name_that_is_no_metric_is_told_with_those_near_it() -> None:
    study = planned(table=["mph_js_0"], plot={"x": "constraint.weight", "y": "constraint_acuracy"})
    assert list(study.unknown(["mph_js_0", "constraint_acuracy"])) == []
    told = "is no metric of the first cell, its place stays empty; there is"
    assert list(study.unknown(["mph_js_0", "constraint_accuracy"])) == [
        f"study.plot.y: 'constraint_acuracy' {told} constraint_accuracy"
    ]
    assert next(study.unknown(["fid", "brier"])) == f"study.table: 'mph_js_0' {told} brier, fid"


SMALL = """
study:
  experiment: channels_sgan
  grid:
    constraint.weight: [1.0, 10.0]
    critic:
      one: {system.condition_critic: false}
      two: {system.pairs: true}
  table: [constraint_accuracy, mph_js_0]
  plot: {x: constraint_accuracy, y: mph_js_0, colour: constraint.weight, marker: critic, pareto: true}
evaluation: {fields: 2, groups: 1}
experiments:
  channels_sgan: {steps: 4, checkpoint_every: 2, validation_samples: 2, select_by: [constraint_accuracy]}
"""
NAMES = ["small-1_0-one-0", "small-10_0-one-0"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a study of 2 x 2 cells, stopped at the second training."""
    folder = make(tmp_path_factory.mktemp("study") / "clone")
    (folder / "profiles" / "small.yaml").write_text(SMALL, encoding="utf-8")
    train, trained = study_cells.train, []

    def once(project: Any, name: str, **options: Any) -> Any:
        trained.append(name)
        if len(trained) == 2:
            raise Stopped(15, "stopped here")
        return train(project, name, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_cells, "train", once)
        _, told = typed(folder, "study", "small", status=143)
    assert told.splitlines()[-1] == "geogan: stopped here"
    assert trained == NAMES
    return folder


def cells(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "data/studies/small/cells.csv").open(encoding="utf-8") as stream:
        return {row["cell"]: row for row in csv.DictReader(stream)}


def test_a_study_goes_on_where_it_was_stopped_and_ends_in_table_plot_and_one_parent_run(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped / "data/studies/small"
    before = cells(stopped)
    assert [row["status"] for row in before.values()] == ["finished", "refused", "not run", "refused"]
    (parent,) = (run for run in Store(stopped).runs() if run.data.tags.get("geogan.kind") == "study")
    assert parent.info.status == "KILLED"

    train, trained = study_cells.train, []
    monkeypatch.setattr(
        study_cells, "train", lambda project, name, **more: trained.append(name) or train(project, name, **more)
    )
    told, _ = typed(stopped, "study", "small", "-q", "--json")
    assert trained == NAMES[1:]
    assert json.loads(told) == {"study": "small", "table": "data/studies/small/table.md", "finished": 2, "refused": 2}

    after = cells(stopped)
    assert after[NAMES[0]] == before[NAMES[0]]
    metrics = json.loads((folder / f"metrics/{NAMES[1]}.json").read_text(encoding="utf-8"))
    assert float(after[NAMES[1]]["mph_js_0"]) == metrics["mph_js_0"]
    reason = "system.pairs: needs condition_critic: false, the critic judges the two fields"
    assert after["small-1_0-two-0"]["reason"] == reason
    assert f"| 1.0 | two |  |  | refused: {reason} |" in (folder / "table.md").read_text(encoding="utf-8")
    assert (folder / "plot.png").stat().st_size > 5000

    store = Store(stopped)
    runs = {run.data.tags.get("geogan.experiment", ""): run for run in store.runs()}
    assert sorted(runs) == sorted(["", *NAMES])
    parent = runs[""]
    assert (parent.info.run_name, parent.info.status) == ("study small", "FINISHED")
    for name, weight in zip(NAMES, ("1.0", "10.0"), strict=True):
        tags = runs[name].data.tags
        assert tags["mlflow.parentRunId"] == parent.info.run_id
        assert (tags["geogan.study"], tags["geogan.study.constraint.weight"]) == ("small", weight)
    kept = {artifact.path for artifact in store.client.list_artifacts(parent.info.run_id)}
    assert kept == {"table.csv", "table.md", "cells.csv", "study.yaml", "plot.png"}


def test_what_was_trained_elsewhere_is_collected_and_diverged_cells_are_told(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geogan.train import Diverged

    def diverging(project: Any, name: str, **options: Any) -> Any:
        raise Diverged(f"experiments.{name}: by step 3 critic/adversarial is nan: training stopped")

    folder = stopped / "data/studies/small"
    for name in NAMES:
        (folder / f"outcomes/{name}.json").unlink(missing_ok=True)
    monkeypatch.setattr(study_cells, "evaluate", lambda project, name: None)
    told, _ = typed(stopped, "study", "small", "--table", "-q", "--json")
    assert json.loads(told)["finished"] >= 1
    monkeypatch.setattr(study_cells, "train", diverging)
    more = ("--set", "experiments.channels_sgan.steps=2", "--cell", NAMES[0])
    typed(stopped, "study", "small", *more)
    known = json.loads((folder / f"outcomes/{NAMES[0]}.json").read_text(encoding="utf-8"))
    assert known["status"] == "diverged"
    assert known["reason"] == "by step 3 critic/adversarial is nan: training stopped"
    monkeypatch.undo()
    _, told = typed(stopped, "study", "small", *more)  # it would again: not tried
    assert told.splitlines()[-1] == f"{NAMES[0]}: diverged: by step 3 critic/adversarial is nan: training stopped"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "study 'nothing': is no file, and there is no "),
        (["small", "--cell", "nobody"], "--cell nobody: is none of the study; there are small-1_0-one-0, "),
        (["small", "--table", "--queue"], "--table, --queue, --cell: give one of them"),
        (["params.yaml"], "params: has no section 'study' with the keys experiment, grid and table"),
        (["small", "--set", "study.repeats=x"], "study.repeats: input should be a valid integer, got 'x'"),
    ],
)
def test_the_command_refuses_in_one_line(stopped: Path, words: list[str], told: str) -> None:
    _, line = typed(stopped, "study", *words, status=2)
    assert line.startswith(f"geogan: {told}")
    assert line.count("\n") == 1


def test_a_study_is_run_by_one_process_at_a_time(stopped: Path) -> None:
    with FileLock(stopped / "data/studies/small/.study.lock"):
        _, line = typed(stopped, "study", "small", status=2)
    assert line == "geogan: study small: is being run by another process\n"


@pytest.mark.slow
def test_cells_run_in_processes_of_their_own(stopped: Path) -> None:
    told = run(stopped, "geogan", "study", "small", "--workers", "2", "--set", "study.name=apart")
    assert "apart: 2 finished, 2 refused" in told
    assert {file.name for file in (stopped / "data/studies/apart/logs").iterdir()} == {
        name.replace("small", "apart") + ".log" for name in NAMES
    }
