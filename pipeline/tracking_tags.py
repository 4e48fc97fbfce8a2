"""What is written beside a run: parameters made flat, and where and with what it was made."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME_LENGTH = 250  # limits of MLflow's store
PARAM_LENGTH = 6000
TAG_LENGTH = 5000

LIBRARIES = ("geogan", "torch", "lightning-fabric", "numpy", "mlflow", "dvc")


def legible_name(name: str) -> str:
    """``name`` with the characters that MLflow refuses replaced by ``_``, and cut to what it holds."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:NAME_LENGTH]


def cut(text: str, length: int) -> str:
    """``text``, ended with ``…`` where it is longer than ``length`` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def flattened(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as dotted names: ``{"a": {"b": [1, 2]}}`` gives ``{"a.b": "[1, 2]"}``.

    Text stays as it is, everything else is written as JSON; values over MLflow's limit are cut.
    """
    flat: dict[str, str] = {}
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            flat[legible_name(f"{prefix}{name}")] = cut(text, PARAM_LENGTH)
    return flat


def environment_tags(root: Path) -> dict[str, str]:
    """Git commit, DVC stage and experiment, machine and library versions; what is unknown is left out."""
    tags = {
        "machine.hostname": platform.node(),
        "machine.platform": platform.platform(),
        "version.python": platform.python_version(),
        "mlflow.source.name": "geogan train",
        "mlflow.source.type": "LOCAL",
        "dvc.stage": os.environ.get("DVC_STAGE", ""),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "mlflow.user": _user(),
    }
    commit = _git(root, "rev-parse", "HEAD")
    if commit:
        tags["git.commit"] = tags["mlflow.source.git.commit"] = commit
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
        if changes is not None:
            tags["git.dirty"] = "true" if changes else "false"
    for library in LIBRARIES:
        try:
            tags[f"version.{library}"] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {name: cut(value, TAG_LENGTH) for name, value in tags.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return ""


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
