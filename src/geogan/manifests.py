"""The manifest of a store: every file with its size and sha256, written last.

A Zarr store whose shard is missing reads as the fill value without an error, and a store that was cut off
opens like a whole one; the manifest is what tells them apart.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from geogan.errors import InputError
from geogan.files import sha256_of

MANIFEST = "manifest.json"
VERSION = 1


def write_manifest(folder: Path, kind: str) -> None:
    """Write the manifest of all files under ``folder``; the last step of writing a store."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    files = {name: {"size": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in names}
    content = {"kind": kind, "version": VERSION, "files": files}
    (folder / MANIFEST).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_manifest(folder: Path, kind: str | None = None) -> tuple[dict[str, Any], str]:
    """The files of a store by name, and the sha256 of the manifest.

    Every listed file is there with its size.

    Raises:
        InputError: the store is missing, empty, half-written, of another kind, or lacks a byte.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such store; it has to be made first")
    try:
        text = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{folder}: not a whole store, {MANIFEST} is missing; it has to be made again") from None
    try:
        content = json.loads(text)
        found, version, files = content["kind"], content["version"], content["files"]
        sizes = {name: int(entry["size"]) for name, entry in files.items() if entry["sha256"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{folder / MANIFEST}: not a manifest of a store; it has to be made again") from None
    if version != VERSION:
        raise InputError(f"{folder / MANIFEST}: version {version}, this program reads version {VERSION}")
    if kind is not None and found != kind:
        raise InputError(f"{folder}: a store of kind {found!r} where {kind!r} is needed")
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file():
            raise InputError(f"{file}: missing from the store, which has to be made again")
        if file.stat().st_size != size:
            raise InputError(
                f"{file}: {file.stat().st_size} bytes where the manifest says {size}; make the store again"
            )
    return files, hashlib.sha256(text).hexdigest()


def verify(path: Path) -> None:
    """Compare every file of a store with its sha256 in the manifest.

    Raises:
        InputError: a file is missing, altered, or not in the manifest; the message names it.
    """
    files, _ = read_manifest(path)
    for name, entry in files.items():
        if sha256_of(path / name) != entry["sha256"]:
            raise InputError(f"{path / name}: altered, its sha256 differs from the manifest's; make the store again")
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        if file.is_file() and name != MANIFEST and name not in files:
            raise InputError(f"{file}: not in the manifest of the store; remove it or make the store again")
