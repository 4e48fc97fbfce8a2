"""The work of a training: all that decides its result, and the key made of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import geogan
from geogan.bundles import pick_device
from geogan.config import Experiment
from geogan.files import sha256_of
from geogan.systems import SYSTEMS

from .project import Project, digest_of
from .task import Task
from .tasks import TASKS

PACKAGE = Path(geogan.__file__).parent
CORE = (
    "train.py",
    "system.py",
    "blocks.py",
    "optimisers.py",
    "selection.py",
    "objectives/objective.py",
    "penalties/gradient.py",
)


def code_files(experiment: Experiment) -> list[str]:
    """The library files that a training depends on, relative to the package: the core, its task's, its own parts."""
    slots = experiment.slots
    costs = {slots.critic_penalty.name, slots.constraint.name, slots.diversity.name, slots.reconstruction.name}
    return [
        *CORE,
        *TASKS[SYSTEMS[experiment.system.name].task].code,
        *SYSTEMS[experiment.system.name].code,
        f"systems/{experiment.system.name}.py",
        f"generators/{slots.generator.name}.py",
        f"critics/{slots.critic.name}.py",
        f"objectives/{slots.objective.name}.py",
        *sorted(f"penalties/{name}.py" for name in costs),
    ]


def open_task(project: Project, name: str) -> Task:
    """An experiment with its data open. Raises InputError if a store is missing or damaged."""
    task = TASKS[SYSTEMS[project.experiment(name).system.name].task]
    return task(project, name, pick_device(project.params.compute.device))


@dataclass(frozen=True)
class Work:
    """One experiment with its inputs on this kind of device."""

    name: str
    task: Task
    identity: dict[str, Any]

    @property
    def experiment(self) -> Experiment:
        """The experiment's params."""
        return self.task.experiment

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.task.device

    @property
    def key(self) -> str:
        """sha256 of params, inputs, code, torch version and kind of device."""
        return digest_of(self.identity)

    @classmethod
    def of(cls, project: Project, name: str) -> Work:
        """Open the inputs of an experiment. Raises InputError if a store is missing or damaged."""
        task = open_task(project, name)
        compute = dataclasses.asdict(project.params.compute) | {"device": task.device.type}
        identity = {
            "seed": project.params.seed,
            "compute": compute,
            "experiment": task.experiment.plain(),
            "inputs": {store.name: store.digest for store in task.inputs},
            "code": {file: sha256_of(PACKAGE / file) for file in code_files(task.experiment)},
            "torch": torch.__version__.split("+")[0],
        }
        return cls(name, task, identity)
