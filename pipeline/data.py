"""``geogan data``: bring training images in, and prove that stores are whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from geogan.datasets import SOURCES
from geogan.datasets.fetch import REMOTES
from geogan.errors import InputError
from geogan.files import replacing_file, sha256_of
from geogan.manifests import verify

from .profile import edit
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
    source = {"name": "fetch", "image": name}
    SOURCES["fetch"](project.context, image=name)
    _point(project, name, source)
    return f"{name}: fetched and checked; params.yaml: datasets.{name} reads it"


def import_file(project: Project, file: Path, dataset: str) -> str:
    """Copy a training image to data/raw/<dataset>/, track it with DVC, point params.yaml at it.

    The file is read first: what no stage could use is refused and nothing is written.
    """
    if not dataset.replace("_", "").replace("-", "").isalnum():
        raise InputError(f"--as {dataset}: a name of letters, digits, _ and - is needed")
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    kind = "gslib" if file.suffix.lower() in GSLIB_SUFFIXES else "raster"
    SOURCES[kind](project.context, path=str(file.resolve()))
    target = project.root / "data" / "raw" / dataset / file.name
    if target.exists() and sha256_of(target) != sha256_of(file):
        raise InputError(f"{target}: exists with other content; raw files never change, import under another name")
    if not target.exists():
        with replacing_file(target) as temporary:
            temporary.write_bytes(file.read_bytes())
    path = target.relative_to(project.root).as_posix()
    _point(project, dataset, {"name": kind, "path": path, "sha256": sha256_of(target)})
    _track(project.root, target)
    return f"{path}: tracked by DVC; params.yaml: datasets.{dataset}.source reads it"


def _point(project: Project, name: str, source: dict[str, Any]) -> None:
    """Set the source of a dataset; one that does not exist yet copies the keys of the first."""
    from geogan.config import read_yaml

    params = project.root / "params.yaml"
    datasets = read_yaml(params)["datasets"]
    keys = {} if name in datasets else dict(next(iter(datasets.values())))
    edit(params, {"datasets": {name: keys | {"source": source}}})


def _track(root: Path, file: Path) -> None:
    """``dvc add``, with the DVC of this environment."""
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(file.relative_to(root))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    if done.returncode:
        reason = " ".join(done.stderr.split()) or "no reason given"
        raise InputError(f"{file}: copied, but DVC does not track it ({reason}); mend that and run 'dvc add' on it")


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
