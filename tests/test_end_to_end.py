"""The real command line in a temporary clone: ``dvc repro`` on the quick profile, and what stands on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SMALLER = {
    "rows: 2000": "rows: 600",
    "columns: 2000": "columns: 600",
    "evaluation_tile: 160": "evaluation_tile: 48",
    "    tile: 64": "    tile: 32",
    "draws: 16": "draws: 2",
    "filters: [16, 32, 64, 128]": "filters: [4, 8, 8, 8]",
    "filters: [32, 64, 128, 256]": "filters: [8, 8]",
    "steps: 1400": "steps: 6",
    "batch: 32": "batch: 4",
    "checkpoint_every: 200": "checkpoint_every: 3",
    "log_every: 20": "log_every: 2",
    "picture_every: 200": "picture_every: 6",
    "validation_fields: 64": "validation_fields: 4",
    "  fields: 100": "  fields: 6",
    "groups: 10": "groups: 2",
}
pytestmark = pytest.mark.slow


def run(folder: Path, *command: str, status: int = 0) -> str:
    """Run a command as a user would; its output. Fails unless it ends with ``status``."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    env = clean | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def commit(folder: Path) -> None:
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "state")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the files of this one and smaller params, after ``dvc repro``."""
    folder = tmp_path_factory.mktemp("project") / "clone"
    parts = ("src", "pipeline", ".dvc/config", ".dvcignore", ".gitignore", "data/.gitignore", "dvc.yaml", "params.yaml")
    for part in parts:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(source, target)
    params = (folder / "params.yaml").read_text(encoding="utf-8")
    for old, new in SMALLER.items():
        assert params.count(old) == 1, old
        params = params.replace(old, new)
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    run(folder, "git", "init", "-q")
    told = run(folder, "dvc", "repro")
    for stage in ("prepare@channels", "constrain@channels", "train@channels_sgan", "evaluate@channels_sgan"):
        assert f"Running stage '{stage}'" in told
    commit(folder)
    return folder


def test_a_second_repro_runs_no_stage(project: Path) -> None:
    assert "Running stage" not in run(project, "dvc", "repro")


def test_outputs_of_the_contract(project: Path) -> None:
    model, bundle = project / "data/models/channels_sgan", project / "data/exports/channels_sgan"
    assert {f.name for f in model.iterdir()} == {"weights.safetensors", "system.json", "history.jsonl", "run.json"}
    assert {f.name for f in bundle.iterdir()} >= {"weights.safetensors", "system.json", "model.onnx", "card.md"}
    metrics = json.loads((project / "data/metrics/channels_sgan.json").read_text())
    wanted = {"constraint_accuracy", "constraint_mse", "isolated_share", "mph_js_0", "connectivity_y", "variogram_x"}
    wanted |= {"components", "hamming", "copy_rate", "proportion_channel_mean", "seed", "n_fields"}
    assert wanted <= metrics.keys()
    assert metrics["n_fields"] == 6
    for name in ("mph_js_0", "connectivity_y", "components_wasserstein"):
        assert metrics[f"noise_{name}"] > metrics[f"floor_{name}"]
        assert f"rotated_{name}" in metrics
    assert not any("second" in name for name in metrics)
    assert "seconds_per_field" in json.loads((project / "data/metrics/channels_sgan.timing.json").read_text())


def test_mlflow_has_one_finished_run_with_figures_and_model(project: Path) -> None:
    (row,) = json.loads(run(project, "geogan", "runs", "list", "--json").splitlines()[-1])
    metrics = json.loads((project / "data/metrics/channels_sgan.json").read_text())
    system = json.loads((project / "data/models/channels_sgan/system.json").read_text())
    assert (row["status"], row["steps"], row["key"]) == ("FINISHED", 6, system["key"])
    assert row["metrics"]["hamming"] == pytest.approx(metrics["hamming"])
    assert "generator/constraint" in row["metrics"]
    assert list((project / "mlartifacts").rglob("model.onnx"))
    assert list((project / "mlartifacts").rglob("00000006.png"))


def test_a_change_reruns_what_depends_on_it_and_no_more(project: Path) -> None:
    def stages(old: str, new: str) -> str:
        params = project / "params.yaml"
        before = params.read_text(encoding="utf-8")
        params.write_text(before.replace(old, new), encoding="utf-8")
        told = run(project, "dvc", "status")
        params.write_text(before, encoding="utf-8")
        return told

    of_evaluation = stages("fields: 6", "fields: 7")
    assert "evaluate@channels_sgan:" in of_evaluation
    assert "train@channels_sgan:" not in of_evaluation
    of_constraints = stages("density: 0.005", "density: 0.01")
    assert "constrain@channels:" in of_constraints
    assert "prepare@channels:" not in of_constraints


def test_metrics_and_experiments_can_be_compared(project: Path) -> None:
    assert "constraint_accuracy" in run(project, "dvc", "metrics", "show")
    assert "channels_sgan" in run(project, "dvc", "exp", "show", "--csv")


def test_evaluate_refuses_params_of_another_training(project: Path) -> None:
    told = run(project, "geogan", "evaluate", "--set", "experiments.channels_sgan.diversity.weight=1.5", "-q", status=2)
    assert told.count("\n") == 1
    assert "experiments.channels_sgan.diversity" in told


def test_the_bundle_works_in_an_empty_folder(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "data/exports/channels_sgan", tmp_path / "bundle")
    (tmp_path / "wells.csv").write_text("x,y,facies\n0.5,0.5,channel\n20.2,10.9,background\n", encoding="utf-8")
    command = ["geogan", "simulate", "bundle", "--wells", "wells.csv", "--size", "33", "47", "--seed", "3", "-q"]
    run(tmp_path, *command, "-n", "3", "-o", "three.npz")
    run(tmp_path, *command, "-n", "5", "-o", "five.npz")
    three, five = np.load(tmp_path / "three.npz"), np.load(tmp_path / "five.npz")
    assert three["facies"].shape == (3, 33, 47)
    assert np.array_equal(three["facies"], five["facies"][:3])  # realization k depends on the seed and k only
    assert three["probability"].shape == (2, 33, 47)
    report = json.loads((tmp_path / "three.npz.report.json").read_text())
    found = np.mean(
        [[field[32, 0] == 1, field[33 - 1 - 10, 20] == 0] for field in three["facies"]]  # y counts from the bottom
    )
    assert report["honoured_share"] == pytest.approx(found)


def test_onnx_computes_what_torch_does(project: Path) -> None:
    import onnxruntime
    import torch

    from geogan import facies
    from geogan.export import inputs_of
    from geogan.inference import load_bundle

    bundle = load_bundle(project / "data/exports/channels_sgan", "cpu")
    session = onnxruntime.InferenceSession(str(project / "data/exports/channels_sgan/model.onnx"))
    for size in ((2, 24, 40), (1, 80, 32)):
        noise, condition = inputs_of(bundle, *size)
        with torch.no_grad():
            wanted = facies.activate(bundle.sampler.generator(noise, condition)).numpy()
        (got,) = session.run(None, {"noise": noise.numpy(), "condition": condition.numpy()})
        assert got.shape == (size[0], 1, *size[1:])
        assert np.abs(got - wanted).max() < 1e-4


def test_a_clone_pulls_the_results_and_rebuilds_the_history(project: Path, tmp_path: Path) -> None:
    run(project, "dvc", "remote", "add", "--default", "--local", "store", str(tmp_path / "store"))
    run(project, "dvc", "push", "-q")
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(project), str(clone))
    run(clone, "dvc", "remote", "add", "--default", "--local", "store", str(tmp_path / "store"))
    run(clone, "dvc", "pull", "-q")
    assert "Running stage" not in run(clone, "dvc", "repro")
    assert json.loads(run(clone, "geogan", "runs", "list", "--json")) == []
    first = json.loads(run(clone, "geogan", "runs", "import", "--json").splitlines()[-1])
    again = json.loads(run(clone, "geogan", "runs", "import", "--json").splitlines()[-1])
    assert (len(first["imported"]), len(again["imported"]), len(again["skipped"])) == (1, 0, 1)
    ours, theirs = (json.loads(run(at, "geogan", "runs", "list", "--json").splitlines()[-1]) for at in (clone, project))
    assert [row["key"] for row in ours] == [row["key"] for row in theirs]


def test_finished_work_is_written_again_and_not_trained(project: Path) -> None:
    weights = project / "data/models/channels_sgan/weights.safetensors"
    before = weights.read_bytes()
    told = json.loads(run(project, "geogan", "train", "-q", "--json"))
    assert told["trained"] is False
    assert weights.read_bytes() == before
