"""Task ``simulation``: fields of facies that honour hard data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geogan.batches import FaciesBatches
from geogan.config import Evaluation
from geogan.evaluate import Evaluation as Evaluated
from geogan.evaluate import evaluate, validate
from geogan.export import Exported
from geogan.export_fields import exported
from geogan.inference import FieldSampler, generator_of, load_bundle
from geogan.store import open_constraints, open_prepared
from geogan.system import System
from geogan.systems import SYSTEMS

from .figures import draw_evaluation, sample_sheet
from .project import Project
from .task import Input, Judged, Task

SHOWN = 3  # sets of hard data and noises of a picture


class Simulation(Task):
    """Facies tiles of a training image, and the hard data drawn from its constraint ground."""

    code = ("batches.py", "facies.py", "latents.py", "generators/generator.py", "generators/hourglass.py")
    shown = ("constraint_accuracy", "mph_js_0", "connectivity_y", "hamming")

    def __init__(self, project: Project, name: str, device: torch.device):
        self.experiment, self.device = project.experiment(name), device
        dataset = self.experiment.dataset
        self.prepared = open_prepared(project.prepared(dataset))
        self.constraints = open_constraints(project.constraints(dataset))
        self.sampled = project.dataset(dataset).constraints
        self.inputs = (
            Input(dataset, self.prepared.digest, self.prepared.path),
            Input(f"{dataset}_constraints", self.constraints.digest, self.constraints.path),
        )

    def system(self) -> System:
        system: System = self.experiment.system.build(SYSTEMS, self.experiment.slots, self.prepared.facies_count)
        return system

    def batches(self, seed: int, device: torch.device) -> FaciesBatches:
        real = self.prepared.tiles("train", "image")
        mask, codes = self.constraints.read("train")
        return FaciesBatches(real, mask, codes, batch=self.experiment.training.batch, seed=seed, device=device)

    def validate(self, system: System) -> dict[str, float]:
        training = self.experiment.training
        return validate(
            self._sampler(system),
            self.prepared.tiles("validation", "image", "evaluation"),
            self.constraints.read("validation", "evaluation"),
            names=training.select_by,
            facies_names=self.prepared.names,
            fields=training.validation_samples,
            seed=0,
        )

    def picture(self, system: System, path: Path) -> list[Path]:
        """Real tiles, and for three sets of hard data three fields of different noise."""
        real = self.prepared.tiles("validation", "image", "evaluation")
        mask, codes = self.constraints.read("validation", "evaluation")
        masks, known = mask[:SHOWN, 0], codes[:SHOWN, 0]
        sampler = self._sampler(system)
        groups = [sampler.sample(*hard, SHOWN, seed=0) for hard in zip(masks, known, strict=True)]
        fields = np.stack(groups)
        sample_sheet(Evaluated({}, (), real[: SHOWN + 1], masks, known, fields, self.prepared.names, 0.0), path)
        return [path]

    def facts(self) -> dict[str, Any]:
        grid = self.prepared.grid
        return {
            "facies": list(self.prepared.names),
            "proportions": self._proportions(),
            "grid": {"crs": grid.crs, "transform": list(grid.transform), "cell_size": list(grid.cell_size)},
            "tile": self.prepared.tile("tiles"),
            "constraints": self.sampled.plain(),
            "source_sha256": self.prepared.sha256,
        }

    def judge(self, model: Path, settings: Evaluation, figures: Path) -> Judged:
        evaluation = evaluate(
            load_bundle(model, self.device.type).sampler,
            self.prepared.tiles("test", "image", "evaluation"),
            self.prepared.tiles("train", "image", "evaluation"),
            self.constraints.read("test", "evaluation"),
            facies_names=self.prepared.names,
            fields=settings.fields,
            groups=settings.groups,
            seed=settings.seed,
        )
        draw_evaluation(evaluation, figures)
        batch = 1 if self.device.type == "cpu" else 16
        return Judged(evaluation.metrics, {"seconds_per_field": evaluation.seconds_per_field, "batch": batch})

    @staticmethod
    def exported(model: Path, metrics: dict[str, Any]) -> Exported:
        return exported(load_bundle(model, "cpu"), metrics)

    def _sampler(self, system: System) -> FieldSampler:
        latent = self.experiment.slots.latent
        return FieldSampler(generator_of(system), latent, self.prepared.facies_count, self.device)

    def _proportions(self) -> dict[str, float]:
        """Share of each facies in the training tiles."""
        tiles = torch.from_numpy(self.prepared.tiles("train", "image"))
        counts: Tensor = torch.bincount(tiles.flatten(), minlength=self.prepared.facies_count)
        return {name: round(float(n) / tiles.numel(), 6) for name, n in zip(self.prepared.names, counts, strict=True)}
