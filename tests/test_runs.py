"""The list of runs, and rebuilding runs from what is in the working tree and in the history."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from geogan.errors import InputError
from geogan.pipeline import ui
from geogan.pipeline.runs import import_runs, list_runs, runs_table
from geogan.pipeline.tracking import open_run
from geogan.pipeline.tracking_store import Store


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    Store(folder, f"sqlite:///{folder}/mlflow.db").experiment()
    return folder / "mlflow.db"


@pytest.fixture
def root(tmp_path: Path, empty_store: Path) -> Path:
    """A project whose MLflow store knows no run."""
    (tmp_path / "dvc.yaml").touch()
    shutil.copy(empty_store, tmp_path)
    return tmp_path


def files_of(key: str, steps: int, **identity: Any) -> dict[str, str]:
    """The files of a finished training with ``steps`` logged steps."""
    system = {
        "schema": 1,
        "experiment": "channels",
        "key": key,
        "config": {"seed": 0, "generator": {"name": "unet"}},
        "datasets": {"laloy": {"digest": "cd" * 32, "path": "data/raw/laloy.png"}},
    }
    records = [{"step": float(step), "critic/loss": step / 2} for step in range(1, steps + 1)]
    return {
        "data/models/channels/system.json": json.dumps(system),
        "data/models/channels/history.jsonl": "".join(json.dumps(record) + "\n" for record in records),
        "data/models/channels/run.json": json.dumps({"key": key, "run_id": "elsewhere"} | identity),
        "data/metrics/channels.json": json.dumps({"hamming": steps / 100, "seeds": [1, 2]}),
    }


def written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def committed(root: Path, files: dict[str, str], cached: tuple[str, ...]) -> str:
    """Commit a dvc.lock that names the files; those of ``cached`` are put into DVC's cache."""
    stage = []
    for name, text in files.items():
        digest = hashlib.md5(text.encode()).hexdigest()
        stage.append(f"    - path: {name}\n      hash: md5\n      md5: {digest}\n      size: {len(text)}\n")
        if name.rsplit("/")[-1] in cached:
            written(root / ".dvc" / "cache" / "files" / "md5", {f"{digest[:2]}/{digest[2:]}": text})
    lock = "schema: '2.0'\nstages:\n  train@channels:\n    cmd: geogan train\n    outs:\n" + "".join(stage)
    (root / "dvc.lock").write_text(lock)
    git(root, "add", "dvc.lock")
    git(root, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "result")
    return git(root, "rev-parse", "HEAD")


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def history(root: Path, run_id: str, name: str = "critic/loss") -> list[tuple[int, float]]:
    points = Store(root).client.get_metric_history(run_id, name)
    return sorted((point.step, point.value) for point in points)


def test_an_import_rebuilds_a_run_once(root: Path) -> None:
    written(root, files_of("k1", 3, started="2026-01-02T03:04:05+00:00", ended="2026-01-02T04:00:00+00:00"))
    assert import_runs(root).imported == ["channels"]
    again = import_runs(root)
    assert (again.imported, again.completed, again.skipped) == ([], [], ["channels"])

    (row,) = list_runs(root)
    assert (row.name, row.key, row.status, row.steps) == ("channels", "k1", "FINISHED", 3)
    assert row.started == "2026-01-02T03:04:05+00:00"
    assert row.metrics == {"critic/loss": 1.5, "hamming": 0.03}
    assert history(root, row.run_id) == [(1, 0.5), (2, 1.0), (3, 1.5)]
    run = Store(root).client.get_run(row.run_id)
    assert run.data.params == {"seed": "0", "generator.name": "unet"}
    assert run.data.tags["geogan.original_run"] == "elsewhere"
    assert run.data.tags["dataset.laloy"] == "cd" * 32
    assert run.info.end_time == 1767326400000


def test_an_import_completes_a_run_that_the_training_could_not_finish(root: Path) -> None:
    run = open_run(root, experiment="channels", key="k2", params={}, tags={}, datasets=[])
    for step in (1, 2):
        run.log(step, {"critic/loss": step / 2})
    run.close("KILLED")
    written(root, files_of("k2", 4))
    assert import_runs(root).completed == ["channels"]
    (row,) = list_runs(root)
    assert row.status == "FINISHED"
    assert history(root, row.run_id) == [(1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)]
    assert history(root, row.run_id, "hamming") == [(0, 0.04)]
    assert import_runs(root).skipped == ["channels"]


def test_what_is_broken_or_not_pulled_is_named_as_unavailable(root: Path) -> None:
    written(root, files_of("k3", 2))
    (root / "data/models/channels/history.jsonl").write_text('{"step": 1, "cri')
    (root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  train@city:\n    outs:\n    - path: data/models/city/system.json\n"
        "      md5: 0cc175b9c0f1b6a831c399e269772661\n"
    )
    outcome = import_runs(root)
    assert outcome.unavailable == ["channels", "city"]
    assert "2 unavailable (dvc pull" in outcome.summary()
    assert list_runs(root) == []


def test_all_commits_are_read_through_the_cache(root: Path) -> None:
    git(root, "init", "-q")
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").touch()
    every = ("system.json", "history.jsonl", "run.json", "channels.json")
    first = committed(root, files_of("first", 1), every)
    lost = committed(root, files_of("lost", 2), ("system.json",))
    third = committed(root, files_of("third", 3), every)
    git(root, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "same lock")
    experiment = committed(root, files_of("experiment", 4), every)
    git(root, "update-ref", f"refs/exps/{third[:2]}/{third[2:]}/wild-fox", experiment)
    git(root, "reset", "-q", "--hard", "HEAD~1")

    outcome = import_runs(root, all_commits=True)
    assert sorted(outcome.imported) == sorted(f"channels@{c[:7]}" for c in (first, third, experiment))
    assert outcome.unavailable == ["channels", f"channels@{lost[:7]}"]  # the first: the working tree is empty
    rows = {row.key: row for row in list_runs(root)}
    assert {key: row.steps for key, row in rows.items()} == {"first": 1, "third": 3, "experiment": 4}
    assert rows["third"].metrics["hamming"] == 0.03
    tags = Store(root).client.get_run(rows["experiment"].run_id).data.tags
    assert (tags["dvc.experiment"], tags["geogan.imported_from"]) == ("wild-fox", experiment)
    again = import_runs(root, all_commits=True)
    assert (again.imported, again.completed, len(again.skipped)) == ([], [], 3)
    assert len(list_runs(root)) == 3


def test_all_commits_without_a_repository_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    with pytest.raises(InputError, match="repository"):
        import_runs(root, all_commits=True)


def test_without_a_store_there_are_no_runs_and_none_is_made(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_is_one_line(root: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://me:secret@127.0.0.1:{probe.getsockname()[1]}"
    written(root, files_of("k4", 1))
    for ask in (list_runs, import_runs):
        with pytest.raises(InputError, match="connection refused") as error:
            ask(root, uri=address)
        assert "\n" not in str(error.value)
        assert "secret" not in str(error.value)


def test_the_table_shows_every_run(root: Path) -> None:
    written(root, files_of("k5", 7))
    import_runs(root)
    text = io.StringIO()
    Console(file=text, width=200).print(runs_table(list_runs(root)))
    line = next(line for line in text.getvalue().splitlines() if "k5" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")][:3] == ["channels", "k5", "FINISHED"]
    assert "0.07" in line


def test_the_pages_open_at_the_comparison_and_a_taken_port_is_refused(root: Path) -> None:
    assert ui.page("http://127.0.0.1:5000", "1") == (
        "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=str(port)):
            ui.serve(root, port=port, open_browser=False)
