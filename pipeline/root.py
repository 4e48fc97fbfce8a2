"""Where the project is, and where it keeps what no commit holds (raw files, ``mlflow.db``, ``.geogan/``)."""

from __future__ import annotations

import os
from pathlib import Path

from geogan.errors import InputError


def project_root(start: Path | None = None) -> Path:
    """The nearest folder at or above ``start`` (default: the working directory) that has a dvc.yaml.

    Raises InputError if there is none.
    """
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / "dvc.yaml").is_file():
            return candidate
    raise InputError(f"{folder}: no dvc.yaml here or above; run geogan inside a project that has one")


def state_root(root: Path) -> Path:
    """The folder of raw files, ``mlflow.db`` and ``.geogan/``: DVC_ROOT where DVC sets it, else the project root.

    DVC runs queued experiments in temporary copies of the project; DVC_ROOT names the repository that stays.
    """
    anchor = os.environ.get("DVC_ROOT")
    return Path(anchor).resolve() if anchor else root.resolve()
