"""The commands as they are typed: help at once, quiet and JSON, data brought in, profiles merged."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from ruamel.yaml import YAML
from typer.testing import CliRunner

from geogan.files import replacing_file, sha256_of
from geogan.pipeline.cli import app
from geogan.pipeline.exits import answering
from geogan.pipeline.project import Project
from tests.clone import EXPERIMENT, answer, environment, make, run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Dataset has no geotransform")]
COMMANDS = ("prepare", "constrain", "train", "evaluate", "export", "simulate", "translate", "profile", "ui", "data")
HEAVY = ("torch", "mlflow", "rasterio", "dvc", "numpy", "zarr", "scipy", "matplotlib", "lightning_fabric")
HELPED = """
import sys
from geogan.pipeline.cli import app
try:
    app(sys.argv[1:])
finally:
    print("loaded:", *sorted(set(sys.modules) & set({names!r})), file=sys.stderr)
"""


def typed(folder: Path, *words: str) -> str:
    """What a command writes to stdout, run in this process; it must succeed and say nothing else."""
    with contextlib.chdir(folder):
        result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert typed(tmp_path, "--version") == f"geogan {importlib.metadata.version('geogan')}\n"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which nothing has run."""
    return make(tmp_path_factory.mktemp("bare") / "clone")


@pytest.mark.parametrize(
    ("happening", "status", "line"),
    [
        (lambda: signal.raise_signal(signal.SIGTERM), 143, "terminated"),
        (lambda: signal.raise_signal(signal.SIGINT), 130, "interrupted"),
        (lambda: Path("a" * 300).touch(), 2, f"{'a' * 300}: File name too long"),
    ],
)
def test_what_comes_from_outside_ends_in_one_line_and_leaves_nothing(
    happening: Callable[[], None], status: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended, answering(), replacing_file(tmp_path / "out.npz"):
        happening()
    assert (ended.value.exit_code, capsys.readouterr().err) == (status, f"geogan: {line}\n")
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_raw_files_lie_where_the_project_stays(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare)
    assert Project.load([Path("params.yaml")], []).context.root == bare
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # DVC runs queued experiments in copies
    assert Project.load([Path("params.yaml")], []).context.root == tmp_path


@pytest.mark.parametrize("command", [[], ["train"], ["simulate"], ["data", "import"]])
def test_help_lists_the_commands_and_loads_nothing_heavy(command: list[str]) -> None:
    code = HELPED.format(names=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stderr == "loaded:\n"
    told = done.stdout
    if not command:
        assert all(f" {word} " in told for word in COMMANDS)
    elif command == ["train"]:
        assert [
            option for option in ("--params", "--set", "--experiment", "--quiet", "--json") if option not in told
        ] == []


def test_the_installed_command_is_the_same(bare: Path) -> None:
    assert "Usage: geogan [OPTIONS] COMMAND" in run(bare, "geogan", "--help")
    bare_call = answer(bare, "geogan")
    assert bare_call.returncode == 2
    assert "Usage: geogan" in bare_call.stdout + bare_call.stderr


def test_results_go_to_stdout_and_the_same_input_gives_the_same_bytes(project: Path, copied: Path) -> None:
    quiet = answer(copied, "geogan", "prepare", "-q")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout.startswith("channels: tiles of 32: train image ")
    counts = json.loads(typed(copied, "constrain", "-d", "channels", "--json"))
    assert (counts["dataset"], counts["draws"]) == ("channels", 2)
    assert counts["tiles"] > 0 < counts["evaluation"]
    for store in ("prepared", "constraints"):
        ours, theirs = (folder / "data" / store / "channels.zarr/manifest.json" for folder in (copied, project))
        assert ours.read_bytes() == theirs.read_bytes()


def test_simulate_writes_json_on_request_and_is_silent_when_quiet(project: Path, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("row,column,facies\n0,0,1\n7,3,0\n")
    command = [
        "geogan",
        "simulate",
        str(project / f"data/exports/{EXPERIMENT}"),
        "--wells",
        "w.csv",
        "--size",
        "8",
        "8",
    ]
    done = answer(tmp_path, *command, "-n", "2", "-o", "o.tif", "-q", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "o.tif.report.json").read_text())
    assert (report["wells_read"], report["wells_used"], report["wells_dropped"]) == (2, 2, 0)
    assert report["realizations"] == 2
    assert 0 <= report["honoured_share_min"] <= report["honoured_share"] <= 1
    assert sum(report["proportions"].values()) == pytest.approx(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("o.tif", "o.tif.e_type.tif", "o.tif.entropy.tif", "o.tif.probability.tif"),
        *("o.tif.report.html", "o.tif.report.json", "o.tif.std.tif", "w.csv"),
    ]


def striped(path: Path) -> None:
    import rasterio

    stripes = (np.indices((500, 500))[0] // 25 % 2 * 255).astype(np.uint8)
    with rasterio.open(path, "w", driver="PNG", height=500, width=500, count=1, dtype="uint8") as file:
        file.write(stripes, 1)


def test_a_picture_is_imported_tracked_and_pointed_at_with_comments_kept(bare: Path, tmp_path: Path) -> None:
    striped(tmp_path / "stripes.png")
    before = (bare / "params.yaml").read_text(encoding="utf-8")
    assert "# training only" in before
    told = run(bare, "geogan", "data", "import", str(tmp_path / "stripes.png"), "--as", "stripes")
    assert told == "data/raw/stripes/stripes.png: tracked by DVC; params.yaml: datasets.stripes.source reads it\n"
    assert (bare / "data/raw/stripes/stripes.png").read_bytes() == (tmp_path / "stripes.png").read_bytes()
    assert (bare / "data/raw/stripes/stripes.png.dvc").is_file()
    assert "stripes.png.dvc" in run(bare, "git", "status", "--short", "--untracked-files=all")
    assert "stripes.png\n" not in run(bare, "git", "status", "--short", "--untracked-files=all")

    after = (bare / "params.yaml").read_text(encoding="utf-8")
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    old, new = (YAML(typ="safe").load(text) for text in (before, after))
    source = new["datasets"]["stripes"].pop("source")
    assert source == {
        "name": "raster",
        "path": "data/raw/stripes/stripes.png",
        "sha256": sha256_of(tmp_path / "stripes.png"),
    }
    keys = dict(old["datasets"]["channels"])
    keys.pop("source")
    assert new["datasets"].pop("stripes") == keys
    assert new == old

    assert json.loads(typed(bare, "prepare", "-d", "stripes", "--json"))["tiles"]["train_image"] > 0
    rows = json.loads(typed(bare, "data", "list", "--json"))
    assert {"name": "stripes", "kind": "dataset", "about": "raster data/raw/stripes/stripes.png"} in rows
    public = {row["name"] for row in rows if row["kind"] == "to fetch"}
    assert public == {"digits", "laloy_channels", "maps", "strebelle"}

    (tmp_path / "stripes.png").write_bytes(b"\x89PNG other")
    again = answer(bare, "geogan", "data", "import", str(tmp_path / "stripes.png"), "--as", "stripes")
    assert again.returncode == 2
    assert (bare / "params.yaml").read_text(encoding="utf-8") == after


def test_a_gslib_grid_replaces_the_source_of_a_dataset_that_exists(tmp_path: Path) -> None:
    folder = make(tmp_path / "clone")
    grid = tmp_path / "grid.sgems"
    values = np.indices((500, 500))[1] // 30 % 2
    grid.write_bytes(b"500 500 1\r\n1\r\nfacies\r\n" + b"".join(b"%d \r\n" % value for value in values.ravel()))
    typed(folder, "data", "import", str(grid), "--as", "channels")
    dataset = YAML(typ="safe").load(folder / "params.yaml")["datasets"]["channels"]
    assert dataset["source"] == {
        "name": "gslib",
        "path": "data/raw/channels/grid.sgems",
        "sha256": sha256_of(grid),
    }
    assert dataset["tile"] == 32
    assert "0.1 # share of the training ground" in (folder / "params.yaml").read_text()


def test_what_dvc_does_not_track_is_not_imported(tmp_path: Path) -> None:
    folder = make(tmp_path / "clone")
    (folder / ".dvc/config").unlink()
    (folder / ".dvc").rmdir()
    striped(tmp_path / "stripes.png")
    before = (folder / "params.yaml").read_bytes()
    done = answer(folder, "geogan", "data", "import", str(tmp_path / "stripes.png"), "--as", "stripes")
    assert done.returncode == 2
    assert done.stderr.startswith("geogan: data/raw/stripes/stripes.png: DVC does not track it (")
    assert done.stderr.count("\n") == 1
    assert (folder / "params.yaml").read_bytes() == before
    assert not (folder / "data/raw").exists()


def test_whole_stores_are_proved_whole(project: Path) -> None:
    stores = ["data/constraints/channels.zarr", f"data/exports/{EXPERIMENT}", "data/prepared/channels.zarr"]
    assert typed(project, "data", "verify").splitlines() == [f"{store}: whole" for store in stores]
    assert typed(project / "data", "data", "verify", "prepared/channels.zarr") == "prepared/channels.zarr: whole\n"


def test_a_profile_is_merged_key_by_key_and_a_wrong_one_not_at_all(tmp_path: Path) -> None:
    folder = make(tmp_path / "clone")
    (folder / "profiles/mine.yaml").write_text(
        f"experiments:\n  {EXPERIMENT}:\n    steps: 77\n    objective: {{name: wasserstein}}\n"
        f"    critic_penalty: {{name: wgan_gp, weight: 5.0}}\n"
    )
    before = (folder / "params.yaml").read_text(encoding="utf-8")
    assert typed(folder / "data", "profile", "mine").startswith("params.yaml: profiles/mine.yaml merged")
    after = (folder / "params.yaml").read_text(encoding="utf-8")
    experiment = YAML(typ="safe").load(after)["experiments"][EXPERIMENT]
    assert experiment["steps"] == 77
    assert experiment["objective"] == {"name": "wasserstein"}
    assert experiment["critic_penalty"] == {"name": "wgan_gp", "weight": 5.0}
    assert experiment["batch"] == 4
    gone = {line.strip() for line in before.splitlines() if line not in after.splitlines()}
    assert gone == {"steps: 30", "name: relativistic", "name: r1", "weight: 1.0", "on_fake: true"}
    assert after.count("#") == before.count("#")

    (folder / "profiles/broken.yaml").write_text(f"experiments: {{{EXPERIMENT}: {{stpes: 3}}}}\n")
    with contextlib.chdir(folder):
        refused = CliRunner().invoke(app, ["profile", "broken"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"geogan: experiments.{EXPERIMENT}.stpes: unknown key")
    assert (folder / "params.yaml").read_text(encoding="utf-8") == after


def test_workers_prepare_the_same_stores(tmp_path: Path) -> None:
    folder = make(tmp_path / "clone")
    other = YAML(typ="safe").load(folder / "params.yaml")["datasets"]["channels"]
    other["source"] |= {"rows": 300, "columns": 300, "seed": 3}
    (folder / "two.yaml").write_text(json.dumps({"datasets": {"other": other}}))
    words = ["prepare", "--params", "params.yaml", "--params", "two.yaml", "--workers"]
    one = typed(folder, *words, "1")
    manifests = {path: path.read_bytes() for path in folder.glob("data/prepared/*/manifest.json")}
    assert len(manifests) == 2
    shutil.rmtree(folder / "data/prepared")
    assert run(folder, "geogan", *words, "2") == one
    assert {path: path.read_bytes() for path in folder.glob("data/prepared/*/manifest.json")} == manifests


def test_the_root_is_the_nearest_folder_with_a_graph_and_settings_are_never_written_back(bare: Path) -> None:
    inner = bare / "data" / "deep"
    inner.mkdir()
    before = (bare / "params.yaml").read_bytes()
    finer, plain = (
        json.loads(typed(inner, "prepare", "-d", "channels", "--json", *setting))["tiles"]["train_image"]
        for setting in (["--set", "datasets.channels.stride=16"], [])
    )
    assert finer > 2 * plain
    assert (bare / "data/prepared/channels.zarr").is_dir()
    assert (bare / "params.yaml").read_bytes() == before
