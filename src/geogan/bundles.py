"""The files that a model folder and a bundle share: ``weights.safetensors`` and ``system.json``.

Nothing else is needed to use a model, and nothing in them executes code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.manifests import MANIFEST, read_manifest, verify

SCHEMA = 3
WEIGHTS = "weights.safetensors"
EVALUATION = "evaluation.json"  # of bundles alone, and of those whose model was judged before their export
USES = {"simulation": "geogan simulate", "translation": "geogan translate"}


def open_folder(path: Path, task: str, *, keys: Sequence[str] = ()) -> dict[str, Any]:
    """The checked content of ``system.json`` of a whole model folder or bundle for the task.

    ``keys`` are those that the task needs besides. Raises InputError if a file is missing, was changed since
    the export, or is of another schema or task.
    """
    if not path.is_dir():
        raise InputError(f"{path}: there is no such bundle; a bundle is a folder that 'geogan export' made")
    if (path / MANIFEST).exists():
        read_manifest(path, "bundle")
        verify(path)
    system = read_system(path)
    if system["task"] != task:
        raise InputError(f"{path}: is a bundle for {system['task']}, not for {task}; use {USES.get(system['task'])}")
    _has(path / "system.json", system, keys)
    weights = path / WEIGHTS
    try:
        digest = sha256_of(weights)
    except OSError as error:
        raise InputError(f"{weights}: cannot be read ({error.strerror}); export the bundle again") from error
    if digest != system["weights_sha256"]:
        raise InputError(f"{weights}: altered, its sha256 differs from the one in system.json; export the bundle again")
    return system


def read_system(path: Path) -> dict[str, Any]:
    """The content of ``system.json`` in a model folder or bundle, with the keys that every task has."""
    file = path / "system.json"
    try:
        system = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: holds no system.json, so it is no bundle; 'geogan export' makes one") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError:
        system = None
    if not isinstance(system, dict):
        raise InputError(f"{file}: is not valid JSON; export the bundle again")
    if system.get("schema") != SCHEMA:
        raise InputError(f"{file}: schema {system.get('schema')}, this geogan reads schema {SCHEMA}; export it again")
    _has(file, system, ("task", "config", "weights_sha256"))
    return system


def read_evaluation(path: Path) -> dict[str, Any] | None:
    """What a bundle knows of its model's evaluation; None in a model folder, or where the bundle has none.

    ``metrics`` by name; ``curves`` of held-out tiles of the training image, each with ``mean``, ``min`` and ``max``
    over the tiles at lags 1, 2, ...; ``size`` of these tiles, in cells, and their number ``tiles``; in some bundles
    ``reliability`` of each facies: ``level`` of probability, ``share`` of the cells, ``observed`` frequency.
    """
    file = path / EVALUATION
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{file}: is not valid JSON; export the bundle again")
    _has(file, found, ("metrics", "curves", "size", "tiles"))
    return found


def _has(file: Path, system: dict[str, Any], keys: Sequence[str]) -> None:
    missing = set(keys) - set(system)
    if missing:
        raise InputError(f"{file}: lacks {', '.join(sorted(missing))}; train and export again with this geogan")


def load_weights(network: nn.Module, path: Path, name: str = "generator") -> None:
    """Load the weights ``name.*`` of the folder's file. Raises InputError where they are not the network's."""
    weights = path / WEIGHTS
    try:
        tensors = load_file(weights)
        own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
        network.load_state_dict(own)
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{weights}: not the weights of this generator ({str(error).splitlines()[0]})") from None


def pick_device(name: str) -> torch.device:
    """``auto`` is a CUDA device where there is one. Raises InputError when cuda is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("compute.device: cuda was asked for, but torch sees no CUDA device; use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
