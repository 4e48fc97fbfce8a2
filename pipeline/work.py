"""The work of a training: all that decides its result, and the key made of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import geogan
from geogan.config import Experiment
from geogan.files import sha256_of
from geogan.inference import pick_device
from geogan.store import Constraints, Prepared, open_constraints, open_prepared

from .project import Project, digest_of

PACKAGE = Path(geogan.__file__).parent
CORE = (
    "train.py",
    "system.py",
    "batches.py",
    "blocks.py",
    "facies.py",
    "latents.py",
    "optimisers.py",
    "selection.py",
    "generators/generator.py",
    "objectives/objective.py",
    "penalties/gradient.py",
)


def code_files(experiment: Experiment) -> list[str]:
    """The library files that a training depends on, relative to the package: the core and its own parts."""
    slots = experiment.slots
    return [
        *CORE,
        f"systems/{experiment.system.name}.py",
        f"generators/{slots.generator.name}.py",
        f"critics/{slots.critic.name}.py",
        f"objectives/{slots.objective.name}.py",
        *sorted(f"penalties/{part.name}.py" for part in (slots.critic_penalty, slots.constraint, slots.diversity)),
    ]


@dataclass(frozen=True)
class Work:
    """One experiment with its inputs on this kind of device."""

    name: str
    experiment: Experiment
    prepared: Prepared
    constraints: Constraints
    device: torch.device
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        """sha256 of params, inputs, code, torch version and kind of device."""
        return digest_of(self.identity)

    @classmethod
    def of(cls, project: Project, name: str) -> Work:
        """Open the inputs of an experiment. Raises InputError if a store is missing or damaged."""
        experiment = project.experiment(name)
        prepared = open_prepared(project.prepared(experiment.dataset))
        constraints = open_constraints(project.constraints(experiment.dataset))
        device = pick_device(project.params.compute.device)
        compute = dataclasses.asdict(project.params.compute) | {"device": device.type}
        identity = {
            "seed": project.params.seed,
            "compute": compute,
            "experiment": experiment.plain(),
            "inputs": {"prepared": prepared.digest, "constraints": constraints.digest},
            "code": {file: sha256_of(PACKAGE / file) for file in code_files(experiment)},
            "torch": torch.__version__.split("+")[0],
        }
        return cls(name, experiment, prepared, constraints, device, identity)
