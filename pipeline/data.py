"""``geogan data``: bring training images in, and prove that stores are whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from geogan.config import read_yaml
from geogan.datasets import IMAGE_SOURCES, SCENE_SOURCES, SOURCES, hdf5_digits, idx
from geogan.datasets.fetch import REMOTES
from geogan.datasets.fetch_pairs import ARCHIVES
from geogan.errors import InputError
from geogan.files import replacing_file, sha256_of, write_text
from geogan.manifests import verify

from .profile import edited
from .project import Project
from .root import project_root

PUBLIC: dict[str, dict[str, Any]] = {name: {"name": "fetch", "image": name} for name in REMOTES}
PUBLIC |= {name: {"name": "fetch_pairs", "set": name} for name in ARCHIVES}
PUBLIC |= {
    "digits": {"name": "two_sets", "a": {"name": "idx", "set": "mnist"}, "b": {"name": "hdf5_digits", "set": "usps"}}
}
ADDRESSES = {name: remote.url for name, remote in REMOTES.items()}
ADDRESSES |= {name: archive.url for name, archive in ARCHIVES.items()}
ADDRESSES |= {"digits": f"{idx.SETS['mnist'][0]} and {hdf5_digits.SETS['usps'].url}"}
# what the keys of another dataset do not fit; in the split of the maps (600 x 600) neighbouring ground is apart
PUBLISHED: dict[str, dict[str, Any]] = {
    "digits": {
        "tile": [28, 16],
        "stride": [28, 16],
        "evaluation_tile": [28, 16],
        "split": {"validation": ["train/9"], "test": ["test/*"]},
    },
    "maps": {
        "tile": 256,
        "stride": 256,
        "evaluation_tile": 256,
        "split": {"validation": ["train/1??"], "test": ["val/*"]},
    },
    "strebelle": {"tile": 64, "stride": 8, "evaluation_tile": 64},  # 250 x 250
}
GSLIB_SUFFIXES = (".sgems", ".gslib", ".gs", ".dat", ".txt")


def listing(project: Project) -> list[dict[str, str]]:
    """Rows (name, kind, about) of what can be fetched and of the datasets of the params."""
    public = [{"name": name, "kind": "to fetch", "about": ADDRESSES[name]} for name in PUBLIC]
    own = [
        {"name": name, "kind": "dataset", "about": _about(dataset.source.plain())}
        for name, dataset in project.params.datasets.items()
    ]
    return public + own


def _about(source: dict[str, Any]) -> str:
    if source["name"] == "two_sets":
        return f"two_sets: {_about(source['a'])}, {_about(source['b'])}"
    keys = ("path", "image", "images", "set")
    return " ".join([source["name"], *(str(source[key]) for key in keys if source.get(key))])


def fetch(project: Project, name: str) -> str:
    """Download public data now and make them a dataset of the same name."""
    if name not in PUBLIC:
        raise InputError(f"data fetch {name}: is not one of {', '.join(PUBLIC)}")
    source = PUBLIC[name]
    params, text = _pointing(project, name, source, **PUBLISHED.get(name, {}))
    SOURCES[source["name"]](project.context, **{key: value for key, value in source.items() if key != "name"})
    write_text(params, text)
    return f"{name}: fetched and checked; params.yaml: datasets.{name} reads it"


def import_file(project: Project, file: Path, dataset: str, pair: Path | None = None) -> str:
    """Copy a training image, or a scene and its map, to data/raw/<dataset>/, track with DVC, point params.yaml there.

    The files are read first: what no stage could use is refused and nothing is written. If DVC does not track
    a copy, the copies are taken away again.
    """
    files = [file] if pair is None else [file, pair]
    for each in files:
        if not each.is_file():
            raise InputError(f"{each}: there is no such file")
    targets = [project.root / "data" / "raw" / dataset / each.name for each in files]
    if len(set(targets)) < len(files):
        raise InputError(f"{pair}: has the name of the scene; rename one of them")
    paths = [target.relative_to(project.root).as_posix() for target in targets]
    hashes = [sha256_of(each) for each in files]
    if pair is None:
        kind = "gslib" if file.suffix.lower() in GSLIB_SUFFIXES else "raster"
        source = {"name": kind, "path": paths[0], "sha256": hashes[0]}
        params, text = _pointing(project, dataset, source)
        SOURCES[kind](project.context, path=str(file.resolve()))
    else:
        source = {"name": "raster_pairs", "a": paths[0], "b": paths[1]}
        source |= {"a_sha256": hashes[0], "b_sha256": hashes[1]}
        params, text = _pointing(project, dataset, source)
        SOURCES["raster_pairs"](project.context, a=str(file.resolve()), b=str(pair.resolve()))
    for target, sha256 in zip(targets, hashes, strict=True):
        if target.exists() and sha256_of(target) != sha256:
            raise InputError(f"{target}: exists with other content; raw files never change, import under another name")
    with ExitStack() as copies:
        for each, target in zip(files, targets, strict=True):
            copies.enter_context(_copied(each, target))
            _track(project.root, target)
    write_text(params, text)
    what = "it" if pair is None else "them"
    return f"{', '.join(paths)}: tracked by DVC; params.yaml: datasets.{dataset}.source reads {what}"


def _pointing(project: Project, name: str, source: dict[str, Any], **more: Any) -> tuple[Path, str]:
    """params.yaml with the source of a dataset, and ``more`` keys of it, set; the source's old options are gone.

    A dataset that does not exist yet copies the first of its kind.
    """
    params = project.root / "params.yaml"
    datasets = read_yaml(params).get("datasets") or {}
    kind = SCENE_SOURCES if source["name"] in SCENE_SOURCES else IMAGE_SOURCES
    alike = [keys for keys in datasets.values() if keys["source"]["name"] in kind]
    if not alike:
        raise InputError(f"{params}: datasets: holds none whose keys {name!r} could copy; write one first")
    keys = {} if name in datasets else dict(alike[0])
    return params, edited(params, {"datasets": {name: keys | more | {"source": source}}}, whole=("source", "split"))


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


STORES = ("*/*", "studies/*/*/*")  # below data/; those of studies last


def verify_stores(path: Path | None) -> list[str]:
    """One line for each store or bundle proved whole. Raises InputError naming the first damaged file."""
    if path is not None:
        verify(path)
        return [f"{path}: whole"]
    root = project_root()
    data = root / "data"
    found = sorted(file.parent for pattern in STORES for file in data.glob(f"{pattern}/manifest.json"))
    for store in found:
        verify(store)
    return [f"{store.relative_to(root)}: whole" for store in found] or ["no stores under data/"]
