"""Stages and their runs: stopped by signals and gone on with, run again where something changed and only there."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.clone import EXPERIMENT, edit, environment, make, run, said

pytestmark = pytest.mark.slow
METRICS = f"data/metrics/{EXPERIMENT}.json"


@pytest.fixture(scope="module")
def fresh(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another clone with the same stores, in which nothing was trained."""
    folder = make(tmp_path_factory.mktemp("fresh") / "clone")
    for store in ("prepared", "constraints"):
        shutil.copytree(project / "data" / store, folder / "data" / store)
    return folder


def history(folder: Path) -> list[Path]:
    return list((folder / ".geogan" / "checkpoints").glob("*/history.jsonl"))


def last_step(folder: Path) -> float:
    """The last whole record of the one training of a project; 0 before it."""
    lines = history(folder)[0].read_text(encoding="utf-8").splitlines(keepends=True) if history(folder) else []
    whole = [line for line in lines if line.endswith("\n")]
    return float(json.loads(whole[-1])["step"]) if whole else 0.0


def interrupted(folder: Path, step: float, sign: signal.Signals) -> tuple[int, str]:
    """Train until the history has passed ``step``, then send the signal; exit status and what it said."""
    process = subprocess.Popen(
        ["geogan", "train", "-q"], cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and last_step(folder) <= step:
        time.sleep(0.005)
    process.send_signal(sign)
    said = process.communicate()[1]
    return process.returncode, said


def runs(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said(folder, "geogan", "runs", "list", "--json")
    return found


def test_a_training_stopped_and_killed_ends_with_the_weights_of_an_uninterrupted_one(
    project: Path, fresh: Path
) -> None:
    status, told = interrupted(fresh, 0, signal.SIGTERM)
    assert (status, told.count("\n")) == (143, 1)
    assert told.startswith(f"geogan: experiments.{EXPERIMENT}: stopped after step ")
    stopped = int(told.split("after step ")[1].split(",")[0])
    assert [file.name for file in fresh.glob(".geogan/checkpoints/*/step-*.pt")][-1] == f"step-{stopped:08d}.pt"
    assert not (fresh / "data/models").exists()
    (killed,) = runs(fresh)
    assert killed["status"] == "KILLED"

    assert 0 < stopped < 20
    status, _ = interrupted(fresh, max(stopped, 10), signal.SIGKILL)
    assert status == -signal.SIGKILL
    with history(fresh)[0].open("a", encoding="utf-8") as torn:
        torn.write('{"step": 9')  # what a power cut leaves

    done = said(fresh, "geogan", "train", "-q", "--json")
    assert done["trained"] is True
    model = f"data/models/{EXPERIMENT}"
    for file in ("weights.safetensors", "history.jsonl"):
        assert (fresh / model / file).read_bytes() == (project / model / file).read_bytes(), file
    (row,) = runs(fresh)
    assert (row["run_id"], row["status"], row["steps"]) == (killed["run_id"], "FINISHED", 30)
    assert row["key"] == runs(project)[0]["key"] == done["key"]


def test_mlflow_got_every_step_of_the_interrupted_run_once(fresh: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{fresh / 'mlflow.db'}")
    (row,) = runs(fresh)
    found = client.get_run(row["run_id"])
    steps = [point.step for point in client.get_metric_history(row["run_id"], "generator/constraint")]
    assert steps == list(range(2, 31, 2))
    validated = [point.step for point in client.get_metric_history(row["run_id"], "validation/mph_js_0")]
    assert validated == [10, 20, 30]
    assert found.data.params["system.name"] == "constrained_sgan"
    assert found.data.params["compute.threads"] == "1"
    assert {"geogan.key", "version.torch", "dataset.channels", "dataset.channels_constraints"} <= found.data.tags.keys()
    assert [used.dataset.name for used in found.inputs.dataset_inputs] == ["channels", "channels_constraints"]


def test_the_run_of_a_repro_holds_params_metrics_figures_and_the_model(project: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'geogan'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.data.tags["dvc.stage"] == f"train@{EXPERIMENT}"
    metrics = json.loads((project / METRICS).read_text())
    assert found.data.metrics["floor_mph_js_0"] == pytest.approx(metrics["floor_mph_js_0"])
    assert {item.path for item in client.list_artifacts(found.info.run_id, "evaluation")} >= {
        "evaluation/samples.png",
        "evaluation/curves.csv",
    }
    (model,) = client.search_logged_models([experiment.experiment_id])
    assert (model.source_run_id, str(model.status)) == (found.info.run_id, "READY")


def test_a_change_of_the_evaluation_runs_evaluate_and_export_alone(project: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(project, tmp_path / "copy", symlinks=True)  # with DVC's cache
    edit(folder / "params.yaml", "  fields: 6", "  fields: 7")
    told = run(folder, "dvc", "repro")
    ran = [line.split("'")[1] for line in told.splitlines() if line.startswith("Running stage")]
    assert ran == [f"evaluate@{EXPERIMENT}", f"export@{EXPERIMENT}"]
    assert json.loads((folder / METRICS).read_text())["n_fields"] == 7
    assert "n_fields 7" in " ".join(
        (folder / f"data/exports/{EXPERIMENT}/card.md").read_text().replace("|", "").split()
    )
    (row,) = runs(folder)
    assert row["metrics"]["n_fields"] == 7
    changed = json.loads(run(folder, "dvc", "metrics", "diff", "--json"))
    assert changed[METRICS]["n_fields"] == {"old": 6, "new": 7, "diff": 1}


def test_a_change_of_the_hard_data_is_other_work_and_prepares_nothing_again(copied: Path) -> None:
    before = {path.parent.name for path in history(copied)}
    edit(copied / "params.yaml", "density: 0.005", "density: 0.02")
    edit(copied / "params.yaml", "steps: 30", "steps: 2")
    told = run(copied, "geogan", "train")
    assert "data/constraints/channels.zarr made: it was of other params" in told
    assert "data/prepared" not in told
    assert f"{EXPERIMENT}: trained; weights of step 2" in told
    (new,) = {path.parent.name for path in history(copied)} - before
    assert {row["key"] for row in runs(copied)} == before | {new}
    assert (copied / f".geogan/checkpoints/{new}/samples/00000002.png").stat().st_size > 1000
