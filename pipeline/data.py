"""``geogan data``: bring training images in, and prove that stores are whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from geogan.config import read_yaml
from geogan.datasets import SOURCES
from geogan.datasets.fetch import REMOTES
from geogan.errors import InputError
from geogan.files import replacing_file, sha256_of, write_text
from geogan.manifests import verify

from .profile import edited
from .project import Project
from .root import project_root

GSLIB_SUFFIXES = (".sgems", ".gslib", ".gs", ".dat", ".txt")


def listing(project: Project) -> list[dict[str, str]]:
    """Rows (name, kind, about) of what can be fetched and of the datasets of the params."""
    public = [{"name": name, "kind": "to fetch", "about": remote.url} for name, remote in REMOTES.items()]
    own = [
        {"name": name, "kind": "dataset", "about": _about(dataset.source.plain())}
        for name, dataset in project.params.datasets.items()
    ]
    return public + own


def _about(source: dict[str, Any]) -> str:
    return " ".join([source["name"], *(str(source[key]) for key in ("path", "image") if source.get(key))])


def fetch(project: Project, name: str) -> str:
    """Download a public image now and make it a dataset of the same name."""
    if name not in REMOTES:
        raise InputError(f"data fetch {name}: is not one of {', '.join(REMOTES)}")
    params, text = _pointing(project, name, {"name": "fetch", "image": name})
    SOURCES["fetch"](project.context, image=name)
    write_text(params, text)
    return f"{name}: fetched and checked; params.yaml: datasets.{name} reads it"


def import_file(project: Project, file: Path, dataset: str) -> str:
    """Copy a training image to data/raw/<dataset>/, track it with DVC, point params.yaml at it.

    The file is read first: what no stage could use is refused and nothing is written. If DVC does not track
    the copy, it is taken away again.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    kind = "gslib" if file.suffix.lower() in GSLIB_SUFFIXES else "raster"
    target = project.root / "data" / "raw" / dataset / file.name
    path, sha256 = target.relative_to(project.root).as_posix(), sha256_of(file)
    params, text = _pointing(project, dataset, {"name": kind, "path": path, "sha256": sha256})
    SOURCES[kind](project.context, path=str(file.resolve()))
    if target.exists() and sha256_of(target) != sha256:
        raise InputError(f"{target}: exists with other content; raw files never change, import under another name")
    with _copied(file, target):
        _track(project.root, target)
    write_text(params, text)
    return f"{path}: tracked by DVC; params.yaml: datasets.{dataset}.source reads it"


def _pointing(project: Project, name: str, source: dict[str, Any]) -> tuple[Path, str]:
    """params.yaml with the source of a dataset set; one that does not exist yet copies the keys of the first."""
    params = project.root / "params.yaml"
    datasets = read_yaml(params).get("datasets") or {}
    if not datasets:
        raise InputError(f"{params}: datasets: holds none whose keys {name!r} could copy; write one first")
    keys = {} if name in datasets else dict(next(iter(datasets.values())))
    return params, edited(params, {"datasets": {name: keys | {"source": source}}})


@contextmanager
def _copied(file: Path, target: Path) -> Iterator[None]:
    """Copy a file unless it is there; the copy, and folders made for it, go again if the body fails."""
    if target.exists():
        yield
        return
    fresh = [folder for folder in target.parents if not folder.exists()]
    try:
        with replacing_file(target) as temporary:
            shutil.copyfile(file, temporary)
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        for folder in fresh:
            with suppress(OSError):
                folder.rmdir()
        raise


def _track(root: Path, file: Path) -> None:
    """``dvc add``, with the DVC of this environment. Raises InputError with DVC's reason where it refuses."""
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(file.relative_to(root))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    if done.returncode:
        reason = " ".join(done.stderr.split()).removeprefix("ERROR: ") or "no reason given"
        raise InputError(f"{file.relative_to(root)}: DVC does not track it ({reason}); nothing was imported")


def verify_stores(path: Path | None) -> list[str]:
    """One line for each store or bundle proved whole. Raises InputError naming the first damaged file."""
    if path is not None:
        verify(path)
        return [f"{path}: whole"]
    root = project_root()
    found = sorted(file.parent for file in (root / "data").glob("*/*/manifest.json"))
    for store in found:
        verify(store)
    return [f"{store.relative_to(root)}: whole" for store in found] or ["no stores under data/"]
