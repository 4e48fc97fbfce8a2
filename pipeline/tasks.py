"""The task of each kind of system."""

from __future__ import annotations

from .task import Task
from .task_simulation import Simulation
from .task_translation import Translation

TASKS: dict[str, type[Task]] = {"simulation": Simulation, "translation": Translation}
