"""Checkpoints of one piece of work: atomic, the last two kept, never executing code when read."""

from __future__ import annotations

import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from geogan.errors import InputError
from geogan.files import replacing_file

KEPT = 2


def path_of(folder: Path, step: int) -> Path:
    """The file of the checkpoint after ``step`` steps."""
    return folder / f"step-{step:08d}.pt"


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write the state after ``step`` steps beside its place, rename it, then drop all but the last two."""
    with replacing_file(path_of(folder, step)) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)  # a stream tells when the device is full, a path does not
    for old in sorted(folder.glob("step-*.pt"))[:-KEPT]:
        old.unlink()


def load_latest(folder: Path) -> dict[str, Any] | None:
    """The newest readable state, all of it on the CPU, or None when there is no checkpoint.

    A broken file (cut off, or holding anything but tensors and plain values) is skipped with a warning for
    the one before it, and renamed. Raises InputError, and touches nothing, when there are files and none can be read.
    """
    files = sorted(folder.glob("step-*.pt"), reverse=True)
    broken: dict[Path, str] = {}
    for file in files:
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            if state["step"] != int(file.stem.removeprefix("step-")):
                raise ValueError("its step is not that of its name")
        except Exception as error:
            broken[file] = _reason(error)
            continue
        for bad, reason in broken.items():
            warnings.warn(f"{bad}: {reason}; skipped for the one before it", stacklevel=2)
            bad.rename(bad.with_suffix(".broken"))  # it does not count as one of the last two
        return state
    if files:
        raise InputError(
            f"{folder}: none of its {len(files)} checkpoints can be read ({files[0].name}: {broken[files[0]]}); "
            "delete the folder to start anew"
        )
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, UnpicklingError):
        return "not a whole checkpoint, or it holds more than tensors and plain values"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
