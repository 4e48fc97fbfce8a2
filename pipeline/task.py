"""What the stages ask of an experiment's task: its stores, its system, its judges. They know no more of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from geogan.config import Evaluation, Experiment
from geogan.export import Exported
from geogan.system import System
from geogan.train import Source

from .project import Project


@dataclass(frozen=True)
class Input:
    """A store that a training reads."""

    name: str
    digest: str
    path: Path


@dataclass(frozen=True)
class Judged:
    """``metrics``: flat, the same for the same work; ``timing``: what varies with the machine."""

    metrics: dict[str, Any]
    timing: dict[str, Any]


class Task(ABC):
    """One experiment with its data open; ``experiment`` and ``device`` are those of its params."""

    code: ClassVar[tuple[str, ...]]  # files of the library that its trainings depend on, besides the common ones
    shown: tuple[str, ...]  # metrics that the command line tells
    experiment: Experiment
    device: torch.device
    inputs: tuple[Input, ...]

    @abstractmethod
    def __init__(self, project: Project, name: str, device: torch.device):
        """Open the stores. Raises InputError if one is missing or damaged."""

    @abstractmethod
    def system(self) -> System:
        """The system, freshly initialised. Raises InputError where the data do not suit it."""

    @abstractmethod
    def batches(self, seed: int, device: torch.device) -> Source:
        """Batches of the training split."""

    @abstractmethod
    def validate(self, system: System) -> dict[str, float]:
        """The metrics of ``select_by`` on the validation split."""

    @abstractmethod
    def picture(self, system: System, path: Path) -> list[Path]:
        """Write a PNG of what the system makes of validation tiles, or one for each direction; their paths."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What system.json says of the data, as far as sampling and the card need it."""

    @abstractmethod
    def judge(self, model: Path, settings: Evaluation, figures: Path) -> Judged:
        """Judge a model on the test split and draw its figures into a folder."""

    @staticmethod
    @abstractmethod
    def exported(model: Path, metrics: dict[str, Any]) -> Exported:
        """What goes into the bundle of a model."""
