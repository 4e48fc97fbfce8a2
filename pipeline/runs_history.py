"""Finished trainings as their files tell them: in the working tree, and by DVC's cache in every commit."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geogan.errors import InputError

MODELS = "data/models"
METRICS = "data/metrics"

Read = Callable[[str], bytes | None]  # the content of a file by its path from the project root


@dataclass(frozen=True)
class Training:
    """What a run is rebuilt from. ``seconds`` (since 1970) is when its files were written, at the latest."""

    experiment: str
    system: dict[str, Any]
    identity: dict[str, Any]
    records: list[dict[str, float]]
    metrics: dict[str, Any]
    seconds: float
    commit: str = ""  # empty: the working tree
    dvc_experiment: str = ""

    @property
    def key(self) -> str:
        """The key of the work."""
        return str(self.system["key"])


@dataclass(frozen=True)
class Unavailable:
    """A training that is known of, but whose files are not here or not readable."""

    experiment: str
    commit: str = ""


def trainings_here(root: Path) -> Iterator[Training | Unavailable]:
    """The trainings in the working tree; those that dvc.lock names and that are not there are unavailable."""

    def read(path: str) -> bytes | None:
        file = root / path
        return file.read_bytes() if file.is_file() else None

    lock = read("dvc.lock")
    named = {model[0] for model in _models(_outs(lock, _default_cache(root)))} if lock else set()
    present = {folder.name for folder in (root / MODELS).glob("*/") if (folder / "history.jsonl").is_file()}
    for name in sorted(named | present):
        history = root / MODELS / name / "history.jsonl"
        yield _training(name, read, history.stat().st_mtime) if name in present else Unavailable(name)


def trainings_in_history(root: Path) -> Iterator[Training | Unavailable]:
    """The trainings of all commits, newest first, DVC's experiments among them.

    They are known by their hashes in dvc.lock and read from DVC's local cache; equal ones come once.
    Raises InputError if the project is not in a git repository.
    """
    try:
        prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{root}: git cannot read it as a repository; --all-commits needs one") from error
    commits = _git(root, "rev-list", "--all").decode().split()
    queries = "".join(f"{commit}:{prefix}dvc.lock\n" for commit in commits).encode()
    answers = _git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", given=queries).decode()
    names, cache = _experiment_names(root), _cache(root)
    found: dict[tuple[str, ...], tuple[str, dict[str, str]]] = {}
    locks: dict[str, dict[str, str]] = {}
    for commit, answer in zip(commits, answers.splitlines(), strict=True):
        blob, _, kind = answer.partition(" ")
        if kind != "blob":
            continue
        if blob not in locks:
            locks[blob] = _outs(_git(root, "cat-file", "blob", blob), cache)
        for model in _models(locks[blob]):
            found[model] = (
                commit,
                locks[blob],
            )  # as old as its oldest commit, in the newest's place
    for (experiment, *_), (commit, outs) in found.items():
        written = float(_git(root, "show", "-s", "--format=%ct", commit))
        read = _reader(root, f"{commit}:{prefix}", outs, cache)
        yield _training(experiment, read, written, commit, names.get(commit, ""))


def _training(
    experiment: str, read: Read, seconds: float, commit: str = "", dvc_experiment: str = ""
) -> Training | Unavailable:
    folder = f"{MODELS}/{experiment}"
    system, history = read(f"{folder}/system.json"), read(f"{folder}/history.jsonl")
    if system is None or history is None:
        return Unavailable(experiment, commit)
    identity, metrics = read(f"{folder}/run.json"), read(f"{METRICS}/{experiment}.json")
    try:
        found = Training(
            experiment,
            _mapping(system),
            _mapping(identity or b"{}"),
            [_mapping(line) for line in history.splitlines() if line.strip()],
            _mapping(metrics or b"{}"),
            seconds,
            commit,
            dvc_experiment,
        )
    except ValueError:
        return Unavailable(experiment, commit)
    whole = "key" in found.system and all("step" in record for record in found.records)
    return found if whole else Unavailable(experiment, commit)


def _mapping(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout


def _experiment_names(root: Path) -> dict[str, str]:
    """The names of DVC's experiments by commit."""
    refs = _git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").decode()
    pairs = (line.split(" ", 1) for line in refs.splitlines())
    return {commit: ref.rsplit("/", 1)[1] for commit, ref in pairs if re.match(r"refs/exps/\w\w/", ref)}


def _cache(root: Path) -> Path:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return Path(repo.cache.local.path)
    except DvcException:
        return _default_cache(root)


def _default_cache(root: Path) -> Path:
    return root / ".dvc" / "cache" / "files" / "md5"


def _cached(cache: Path, digest: str) -> Path:
    return cache / digest[:2] / digest[2:]


def _outs(lock: bytes, cache: Path) -> dict[str, str]:
    """The hashes of the outs in a dvc.lock by path; those of the files in a folder if its list is here."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        stages = (YAML(typ="safe").load(lock) or {}).get("stages") or {}
    except (YAMLError, AttributeError):
        return {}
    outs: dict[str, str] = {}
    for stage in stages.values():
        for out in stage.get("outs") or ():
            path, digest = out["path"], str(out.get("md5", ""))
            outs[path] = digest
            if digest.endswith(".dir") and _cached(cache, digest).is_file():
                listed = json.loads(_cached(cache, digest).read_bytes())
                outs |= {f"{path}/{file['relpath']}": file["md5"] for file in listed}
    return outs


def _models(outs: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The experiments with a model among the outs, each followed by the hashes that tell it from others."""
    for name in sorted({match[1] for path in outs if (match := re.match(rf"{MODELS}/([^/]+)", path))}):
        folder = f"{MODELS}/{name}"
        files = (folder, f"{folder}/system.json", f"{folder}/history.jsonl", f"{METRICS}/{name}.json")
        yield name, *(outs.get(path, "") for path in files)


def _reader(root: Path, commit: str, outs: Mapping[str, str], cache: Path) -> Read:
    """Read what a commit names from the cache, or from the commit itself if it holds the file."""

    def read(path: str) -> bytes | None:
        digest = outs.get(path)
        if digest and _cached(cache, digest).is_file():
            return _cached(cache, digest).read_bytes()
        try:
            return _git(root, "cat-file", "blob", f"{commit}{path}")
        except subprocess.CalledProcessError:
            return None

    return read
