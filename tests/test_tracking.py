"""The MLflow run of a training: what arrives in a real store, and that no store can hurt a training."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geogan.errors import InputError
from geogan.pipeline import tracking, tracking_sender
from geogan.pipeline.root import project_root, state_root
from geogan.pipeline.tracking_points import points_of
from geogan.pipeline.tracking_server import import_mlflow, tracking_uri
from geogan.pipeline.tracking_store import Store
from geogan.pipeline.tracking_system import gpu_metrics
from geogan.pipeline.tracking_tags import PARAM_LENGTH, environment_tags, flattened


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its own SQLite store, made on first use."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "dvc.yaml").touch()
    return folder


def opened(root: Path, key: str, **changes: Any) -> tracking.Run:
    about: dict[str, Any] = {
        "experiment": "channels",
        "key": key,
        "params": {"seed": 0, "optimisers": {"critic": {"betas": [0.5, 0.999], "name": "adam"}}},
        "tags": {"colour": "blue"},
        "datasets": [("laloy", "ab" * 32, root / "data" / "raw" / "laloy.png")],
    }
    return tracking.open_run(root, **(about | changes))


def stored(root: Path, key: str) -> list[Any]:
    return list(Store(root).runs(key))


def history(root: Path, run: Any, name: str) -> list[tuple[int, float]]:
    points = Store(root).client.get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value) for point in points)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_run_arrives_whole(root: Path, tmp_path: Path) -> None:
    picture = tmp_path / "grid.png"
    picture.write_bytes(b"picture")
    run = opened(root, "whole")
    for step in range(1, 701):  # 1400 points: more than one batch
        run.log(step, {"step": float(step), "critic/loss": step / 2, "generator/loss": 1.0})
    run.log(701, {"critic/loss": float("nan"), "generator/loss": float("inf"), "odd[name]": 3})
    run.picture(picture, "samples/000701.png")
    identity = run.identity()
    run.close("KILLED")

    (found,) = stored(root, "whole")
    assert found.info.run_name == "channels whole"
    assert found.info.status == "KILLED"
    assert found.data.params == {
        "seed": "0",
        "optimisers.critic.betas": "[0.5, 0.999]",
        "optimisers.critic.name": "adam",
    }
    assert found.data.tags["colour"] == "blue"
    assert found.data.tags["dataset.laloy"] == "ab" * 32
    dataset = found.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest, dataset.source) == ("laloy", ("ab" * 32)[:36], "data/raw/laloy.png")
    assert history(root, found, "critic/loss") == [(step, step / 2) for step in range(1, 701)]
    assert history(root, found, "generator/loss") == [(step, 1.0) for step in range(1, 701)]
    assert history(root, found, "odd_name_") == [(701, 3.0)]
    assert "step" not in found.data.metrics
    assert found.data.metrics["system/system_memory_usage_megabytes"] > 0
    copy = Store(root).client.list_artifacts(found.info.run_id, "samples")
    assert [(file.path, file.file_size) for file in copy] == [("samples/000701.png", 7)]
    assert (identity["run_id"], identity["key"]) == (found.info.run_id, "whole")
    assert (identity["experiment"], identity["tracking_uri_kind"]) == ("channels", "sqlite")
    assert str(root) not in json.dumps(identity)
    assert (root / "mlflow.db").is_file()


def test_an_unfinished_run_is_gone_on_with_and_nothing_is_sent_twice(root: Path) -> None:
    run = opened(root, "resumed")
    for step in (1, 2, 3):
        run.log(step, {"loss": float(step)})
    run.log(3, {"validation/score": 9.0})
    run.close("KILLED")

    run = opened(root, "resumed", params={"seed": 0, "late": 1})  # a changed parameter would raise
    for step in (1, 2, 3, 4):
        run.log(step, {"loss": 10.0 * step, "slow": 1.0})
    run.log(4, {"validation/score": 8.0})
    run.close()

    (found,) = stored(root, "resumed")
    assert found.info.status == "FINISHED"
    assert history(root, found, "loss") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]
    assert history(root, found, "validation/score") == [(3, 9.0), (4, 8.0)]
    assert history(root, found, "slow") == [
        (1, 1.0),
        (2, 1.0),
        (3, 1.0),
        (4, 1.0),
    ]  # what it lacked is filled in
    assert [step for step, _ in history(root, found, "system/cpu_utilization_percentage")] == [0, 1]

    opened(root, "resumed").close()  # the same work again, by force: a finished run is left alone
    assert len(stored(root, "resumed")) == 2


def test_a_server_that_is_down_costs_a_second_and_one_line(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address = f"http://someone:secret@127.0.0.1:{closed_port()}"
    import_mlflow()
    start = time.monotonic()
    run = opened(root, "down", uri=address)
    for step in range(1000):
        run.log(step, {"loss": 1.0})
    assert run.identity()["run_id"] is None
    run.close()
    assert time.monotonic() - start < 3
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    assert "connection refused" in told
    assert "runs import" in told
    assert "secret" not in told


def test_a_server_that_never_answers_is_waited_for_in_all_no_longer_than_the_patience(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 1.0)
    import_mlflow()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        start = time.monotonic()
        run = opened(root, "deaf", uri=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        run.log(1, {"loss": 1.0})
        assert run.identity()["run_id"] is None
        run.close()
        assert time.monotonic() - start < 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_store_that_comes_back_gets_the_history(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_sender, "LONGEST_PAUSE", 0.1)
    Store(root).experiment()
    home = tmp_path / "away"
    home.touch()  # a file where the folder of the store should be: every attempt fails
    run = opened(root, "outage", uri=f"sqlite:///{home}/mlflow.db")
    for step in range(5):
        run.log(step, {"loss": float(step)})
    assert run.identity()["run_id"] is None
    home.unlink()
    home.mkdir()
    shutil.copy(root / "mlflow.db", home)
    run.log(5, {"loss": 5.0})
    run.close()
    store = Store(root, f"sqlite:///{home}/mlflow.db")
    (found,) = store.runs("outage")
    assert found.info.status == "FINISHED"
    points = store.client.get_metric_history(found.info.run_id, "loss")
    assert sorted(point.step for point in points) == [0, 1, 2, 3, 4, 5]


def test_a_send_that_fails_halfway_is_not_repeated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Store.send
    failures = iter([True, True])

    def broken(self: Store, run_id: str, points: Any) -> None:
        send(self, run_id, points)
        if next(failures, False):
            raise ConnectionError("the answer was lost")

    monkeypatch.setattr(Store, "send", broken)
    monkeypatch.setattr(tracking_sender, "LONGEST_PAUSE", 0.1)
    run = opened(root, "halfway")
    for step in range(3):
        run.log(step, {"loss": float(step)})
    run.close()
    (found,) = stored(root, "halfway")
    assert history(root, found, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_four_processes_open_a_cold_store_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from geogan.pipeline.tracking import open_run;"
        "run = open_run(Path(sys.argv[1]), experiment='e', key=sys.argv[2], params={}, tags={}, datasets=[]);"
        "run.log(1, {'loss': 1.0}); run.close()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(number)], env=environment)
        for number in range(4)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0, 0]
    runs = list(Store(tmp_path).runs())
    assert sorted(run.data.tags["geogan.key"] for run in runs) == ["0", "1", "2", "3"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.data.metrics["loss"] == 1.0 for run in runs)


def test_evaluation_and_export_add_to_the_run(root: Path, tmp_path: Path) -> None:
    run = opened(root, "added")
    run.close()
    run_json = tmp_path / "run.json"
    run_json.write_text(json.dumps({"key": "added", "run_id": None}))  # the server was away when it was written
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"sheet")
    example = {"x": np.zeros((2, 1, 4, 4), "f4")}
    for _ in range(2):
        metrics = {"hamming": 0.5, "note": "text", "nothing": None, "bad": float("nan")}
        assert tracking.add_to_run(root, run_json, metrics=metrics, artifacts={"figures": sheet})
        assert tracking.log_onnx_model(root, run_json, tiny_onnx(tmp_path), example)

    (found,) = stored(root, "added")
    assert found.info.status == "FINISHED"
    assert history(root, found, "hamming") == [(0, 0.5)]
    assert {"note", "nothing", "bad"}.isdisjoint(found.data.metrics)
    client = Store(root).client
    assert [file.path for file in client.list_artifacts(found.info.run_id, "figures")] == ["figures/sheet.png"]
    (model,) = client.search_logged_models(
        [found.info.experiment_id], filter_string=f"source_run_id = '{found.info.run_id}'"
    )
    assert str(model.status) == "READY"

    import mlflow.models
    import mlflow.onnx

    folder = Path(model.artifact_location.removeprefix("file://"))
    (tensor,) = mlflow.models.Model.load(folder).signature.inputs.inputs
    assert (tensor.name, tensor.type, tensor.shape) == ("x", np.dtype("float32"), (-1, 1, -1, -1))
    assert mlflow.models.Model.load(folder).load_input_example(folder)["x"].shape == (2, 1, 4, 4)
    assert len(mlflow.onnx.load_model(str(folder)).graph.node) == 1


def test_adding_to_a_run_that_is_nowhere_warns_and_makes_no_store(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_json = tmp_path / "run.json"
    run_json.write_text(json.dumps({"key": "unknown", "run_id": "0" * 32}))
    assert not tracking.add_to_run(tmp_path, run_json, metrics={"hamming": 0.5})
    assert not tracking.add_to_run(tmp_path, tmp_path / "missing.json", metrics={"hamming": 0.5})
    assert capfd.readouterr().err.count("\n") == 2
    assert not (tmp_path / "mlflow.db").exists()


def tiny_onnx(folder: Path) -> Path:
    """y = -x on (batch, 1, rows, columns)."""
    import onnx
    from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

    shape = ["batch", 1, "rows", "columns"]
    x, y = (make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy")
    graph = make_graph([make_node("Neg", ["x"], ["y"])], "tiny", [x], [y])
    path = folder / "model.onnx"
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 20)], ir_version=10), path)
    return path


def test_the_store_is_the_argument_else_the_environment_else_at_the_state_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, copy = tmp_path / "main", tmp_path / "copy"
    assert tracking_uri(copy) == f"sqlite:///{copy}/mlflow.db"
    monkeypatch.setenv("DVC_ROOT", str(main))  # a queued experiment in a temporary copy
    assert state_root(copy) == main
    assert tracking_uri(copy) == f"sqlite:///{main}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert tracking_uri(copy) == f"sqlite:///{main}/other.db"
    assert tracking_uri(copy, "http://server") == "http://server"


def test_the_root_is_the_nearest_folder_with_a_dvc_yaml(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "data" / "raw"
    inner.mkdir(parents=True)
    with pytest.raises(InputError, match=r"dvc\.yaml"):
        project_root(inner)
    (tmp_path / "project" / "dvc.yaml").touch()
    assert project_root(inner) == tmp_path / "project"


def test_parameters_become_flat_text() -> None:
    assert flattened({"a": {"b": {"c": 1e-4}, "d": None}, "e": {}, "f": "x", "g": True, "h/i[0]": [1, "y"]}) == {
        "a.b.c": "0.0001",
        "a.d": "null",
        "e": "{}",
        "f": "x",
        "g": "true",
        "h/i_0_": '[1, "y"]',
    }
    (long,) = flattened({"long": "x" * 7000}).values()
    assert len(long) == PARAM_LENGTH
    assert long.endswith("x…")


def test_points_are_the_finite_numbers_of_a_record() -> None:
    record = {
        "step": 3.0,
        "a": 1,
        "b": np.float32(0.5),
        "c": float("-inf"),
        "d": True,
        "e": "text",
        "f": None,
    }
    assert [(p.name, p.value, p.milliseconds, p.step) for p in points_of(3.0, record, 7)] == [
        ("a", 1.0, 7, 3),
        ("b", 0.5, 7, 3),
    ]


def test_tags_name_commit_versions_and_the_dvc_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train@channels")
    monkeypatch.setenv("DVC_EXP_NAME", "wild-fox")
    assert "git.commit" not in environment_tags(tmp_path)
    commit = ["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "first"]
    (tmp_path / "file").write_text("one")
    for command in (["git", "init", "-q"], ["git", "add", "file"], commit):
        subprocess.run(command, cwd=tmp_path, check=True)
    tags = environment_tags(tmp_path)
    assert tags["git.commit"] == tags["mlflow.source.git.commit"]
    assert len(tags["git.commit"]) == 40
    assert (tags["git.dirty"], tags["dvc.stage"], tags["dvc.experiment"]) == (
        "false",
        "train@channels",
        "wild-fox",
    )
    assert tags["version.torch"].startswith("2.")
    (tmp_path / "file").write_text("two")
    assert environment_tags(tmp_path)["git.dirty"] == "true"


def test_gpu_metrics_leave_out_what_a_gpu_does_not_report() -> None:
    table = "0, 87, 1024, 143771, 301.25\n1, [N/A], 12, 143771, [N/A]\n"
    assert gpu_metrics(table) == {
        "system/gpu_0_utilization_percentage": 87.0,
        "system/gpu_0_memory_usage_megabytes": 1024.0,
        "system/gpu_0_memory_total_megabytes": 143771.0,
        "system/gpu_0_power_usage_watts": 301.25,
        "system/gpu_1_memory_usage_megabytes": 12.0,
        "system/gpu_1_memory_total_megabytes": 143771.0,
    }
