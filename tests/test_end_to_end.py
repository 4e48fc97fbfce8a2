"""The real command line in a temporary clone: ``dvc repro`` on small params, and what stands on it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.clone import run

pytestmark = pytest.mark.slow


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
    assert (row["status"], row["steps"], row["key"]) == ("FINISHED", 30, system["key"])
    assert row["metrics"]["hamming"] == pytest.approx(metrics["hamming"])
    assert "generator/constraint" in row["metrics"]
    assert list((project / "mlartifacts").rglob("model.onnx"))
    assert list((project / "mlartifacts").rglob("00000030.png"))


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
    page = (tmp_path / "three.npz.report.html").read_text(encoding="utf-8")
    assert "not in this bundle" not in page
    judged = json.loads((tmp_path / "bundle/evaluation.json").read_text())
    assert judged["metrics"] == json.loads((project / "data/metrics/channels_sgan.json").read_text())
    assert report["curves"]["differences"].keys() == judged["curves"].keys()


def test_a_model_knows_the_cell_size_of_its_training_image(project: Path, tmp_path: Path) -> None:
    from geogan.inference import load_bundle

    model = shutil.copytree(project / "data/models/channels_sgan", tmp_path / "model")
    assert load_bundle(model, "cpu").cell_size is None  # in cells
    system = json.loads((model / "system.json").read_text())
    for transform, wanted in (((25, 0, 0, 0, -20, 0), (20, 25)), ((1, 0, 0, 0, -1, 0), (1, 1))):
        (model / "system.json").write_text(json.dumps(system | {"grid": {"crs": None, "transform": transform}}))
        assert load_bundle(model, "cpu").cell_size == wanted


def test_a_damaged_model_is_refused(project: Path, tmp_path: Path) -> None:
    from geogan.errors import InputError
    from geogan.inference import load_bundle

    model = shutil.copytree(project / "data/models/channels_sgan", tmp_path / "model")
    system = json.loads((model / "system.json").read_text())
    config = system["config"]
    margins = [{"config": config | {"system": config["system"] | {"margin": margin}}} for margin in (7, -8, "16")]
    for change in (*margins, {"config": {}}, {"facies": None}, {"grid": {}}, {"grid": {"crs": None, "transform": "a"}}):
        (model / "system.json").write_text(json.dumps(system | change))
        with pytest.raises(InputError, match=r"system\.json: is damaged \(.*\); export the bundle again"):
            load_bundle(model, "cpu")
    (model / "system.json").write_text(json.dumps(system))
    (model / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors: cannot be read"):
        load_bundle(model, "cpu")


def test_onnx_computes_what_torch_does(project: Path) -> None:
    import onnxruntime
    import torch

    from geogan import facies
    from geogan.export_fields import exported
    from geogan.inference import load_bundle

    bundle = load_bundle(project / "data/exports/channels_sgan", "cpu")
    session = onnxruntime.InferenceSession(str(project / "data/exports/channels_sgan/model.onnx"))
    for size in ((2, 24, 40), (1, 80, 32)):
        noise, condition = exported(bundle, {}).graphs["model.onnx"].example(size[0], size[1] // 8, size[2] // 8)
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
