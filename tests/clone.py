"""A small project in a temporary repository, and the commands as a user runs them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from typer.testing import CliRunner

from geogan.pipeline.cli import app
from geogan.pipeline.profile import edited

ROOT = Path(__file__).parents[1]
PARTS = ("src", "pipeline", "profiles", ".dvc/config", ".dvcignore", ".gitignore")
PARTS += ("data/.gitignore", "dvc.yaml", "params.yaml")
EXPERIMENT = "channels_sgan"
TRANSLATION = "city_pix2pix"
UNPAIRED = "city_cyclegan"
CITY: dict[str, Any] = {
    "source": {"rows": 128, "columns": 128, "scenes": 4},
    "tile": 32,
    "stride": 32,
    "evaluation_tile": 64,
    "split": {"validation": 0.25, "test": 0.25},
}
SMALLER: dict[str, dict[str, Any]] = {
    EXPERIMENT: {
        "compute": {"threads": 1},
        "evaluation": {"fields": 6, "groups": 2},
        "datasets": {
            "channels": {
                "source": {"rows": 600, "columns": 600},
                "tile": 32,
                "evaluation_tile": 48,
                "constraints": {"draws": 2},
            }
        },
        "experiments": {
            EXPERIMENT: {
                "generator": {"filters": [4, 8, 8, 8]},
                "critic": {"filters": [8, 8]},
                "steps": 30,
                "batch": 4,
                "checkpoint_every": 10,
                "log_every": 2,
                "picture_every": 30,
                "validation_samples": 4,
            }
        },
    },
    TRANSLATION: {
        "compute": {"threads": 1},
        "evaluation": {"tiles": 8},
        "datasets": {"city": CITY},
        "experiments": {
            TRANSLATION: {
                "generator": {"depth": 3, "filters": 4},
                "critic": {"field": 16, "filters": 4},
                "steps": 30,
                "batch": 4,
                "checkpoint_every": 10,
                "log_every": 2,
                "picture_every": 30,
                "validation_samples": 4,
            }
        },
    },
    UNPAIRED: {
        "compute": {"threads": 1},
        "evaluation": {"tiles": 8},
        "datasets": {"city": CITY},
        "experiments": {
            UNPAIRED: {
                "system": {"pool": 4},
                "generator": {"blocks": 1, "filters": 4},
                "critic": {"field": 16, "filters": 4},
                "steps": 30,
                "batch": 2,
                "checkpoint_every": 10,
                "log_every": 2,
                "picture_every": 30,
                "validation_samples": 4,
            }
        },
    },
}


def environment(**extra: str) -> dict[str, str]:
    """That of a user: no settings of DVC or MLflow, the commands of this environment first."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    return clean | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
        **extra,
    }


def answer(folder: Path, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """What a command says in ``folder``, whatever its exit status; ``extra`` environment variables."""
    return subprocess.run(
        command, cwd=folder, env=environment(**extra), capture_output=True, text=True, check=False, timeout=600
    )


def typed(folder: Path, *words: str, status: int = 0) -> tuple[str, str]:
    """What ``geogan`` with these words writes to stdout and stderr, run in this process, which saves its start.

    Leaves the settings of torch as they were. Fails unless it ends with ``status``.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
            patch.delenv(name, raising=False)
        result = CliRunner().invoke(app, words)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    assert result.exit_code == status, f"{' '.join(words)}\n{result.output}\n{result.exception!r}"
    return result.stdout, result.stderr


def run(folder: Path, *command: str, status: int = 0) -> str:
    """Run a command as a user would; its output. Fails unless it ends with ``status``."""
    done = answer(folder, *command)
    assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def said(folder: Path, *command: str) -> Any:
    """The JSON that a command writes to stdout as its only line."""
    done = answer(folder, *command)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def commit(folder: Path) -> None:
    """Commit everything that git does not ignore."""
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "state")


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that is in the file once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


def make(folder: Path, experiment: str = EXPERIMENT) -> Path:
    """A repository with the files of this one and one small experiment; nothing has run in it."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(source, target)
    file, smaller = folder / "params.yaml", SMALLER[experiment]
    text = edited(file, smaller)
    document = YAML().load(text)
    for table in ("datasets", "experiments"):
        for name in list(document[table]):
            if name not in smaller[table]:
                del document[table][name]
    YAML().dump(document, file)
    run(folder, "git", "init", "-q")
    return folder


def state(*folders: Path) -> dict[str, str]:
    """Every path below the folders with its content's hash; but for git's own, which reading may touch."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if ".git" not in path.relative_to(folder).parts:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found
