"""Checkpoints of one piece of work: atomic, the last two kept, never executing code when read."""

from __future__ import annotations

import warnings
from pathlib import Path
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


def load_latest(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The newest readable state, or None when there is no checkpoint.

    A broken file (cut off, or holding anything but tensors and plain values) is skipped with a warning for
    the one before it. Raises InputError when there are files and none can be read.
    """
    files = sorted(folder.glob("step-*.pt"), reverse=True)
    for file in files:
        try:
            state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
            if state["step"] != int(file.stem.removeprefix("step-")):
                raise ValueError("its step is not that of its name")
            return state
        except Exception as error:
            reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
            warnings.warn(f"{file}: skipped, not a whole checkpoint ({reason})", stacklevel=2)
    if files:
        raise InputError(f"{folder}: none of its {len(files)} checkpoints can be read; delete the folder to start anew")
    return None
