"""Task ``simulation``: fields of facies that honour hard data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geogan.batches import FaciesBatches
from geogan.config import Evaluation
from geogan.evaluate import Evaluation as Evaluated
from geogan.evaluate import HardData, evaluate, hard_data_rows, spread_tiles, validate
from geogan.evaluate_property import QUARTERS, Quarters, evaluate_property, validate_property
from geogan.export import Exported
from geogan.export_fields import exported
from geogan.generators import surrounded
from geogan.inference import FieldSampler, generator_of, load_bundle
from geogan.store import GROUPS, open_constraints, open_prepared
from geogan.system import System
from geogan.systems import SYSTEMS
from geogan.value_figures import training_figures
from geogan.value_range import ValueRange

from .field_features import features_of
from .figures import draw_evaluation, sample_sheet
from .project import Project
from .task import Input, Judged, Task

SHOWN = 3  # sets of hard data and noises of a picture


class Simulation(Task):
    """Facies tiles of a training image, and hard data: of a pool in training, else of the held-out tiles."""

    code = (
        "batches.py",
        "facies.py",
        "latents.py",
        "soft_data.py",
        "generators/generator.py",
        "generators/hourglass.py",
        "generators/surrounded.py",
    )
    shown = ("constraint_accuracy", "mph_js_0", "connectivity_y", "hamming")

    def __init__(self, project: Project, name: str, device: torch.device):
        self.experiment, self.device, self.root = project.experiment(name), device, project.context.root
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
        truth = self.prepared.tiles("train", "constraint")
        batch = self.experiment.training.batch
        return FaciesBatches(real, mask, codes, truth, batch=batch, seed=seed, device=device)

    def validate(self, system: System) -> dict[str, float]:
        training = self.experiment.training
        sampler, real = self._sampler(system), self.prepared.tiles("validation", "image", "evaluation")
        hard = self._hard("validation")
        names, fields = training.select_by, training.validation_samples
        if self.prepared.scale:
            train = self.prepared.tiles("train", "image", "evaluation")
            return validate_property(sampler, real, train, hard, names=names, fields=fields)
        return validate(sampler, real, hard, names=names, facies_names=self.prepared.names, fields=fields)

    def picture(self, system: System, path: Path) -> list[Path]:
        """Real tiles, and for three sets of hard data three fields of different noise."""
        real = self.prepared.tiles("validation", "image", "evaluation")
        masks, known = hard_data_rows(self._hard("validation"), SHOWN)
        sampler, names = self._sampler(system), self.prepared.names
        groups = np.stack([sampler.sample(*hard, SHOWN, seed=0) for hard in zip(masks, known, strict=True)])
        real = spread_tiles(real, SHOWN + 1, "validation")
        if self.prepared.scale:
            code, names = Quarters.of(self.prepared.tiles("train", "image", "evaluation")), QUARTERS
            real, known, groups = code(real), code(known), code(groups)
        sample_sheet(Evaluated({}, (), real, masks, known, groups, names, 0.0), path)
        return [path]

    def facts(self) -> dict[str, Any]:
        grid = self.prepared.grid
        scale = self.prepared.scale
        return {
            "facies": list(self.prepared.names),
            "value_range": scale and [scale.low, scale.high],
            "proportions": {} if scale else self._proportions(),
            **({"values": self._values(scale)} if scale else {}),
            "grid": {"crs": grid.crs, "transform": list(grid.transform), "cell_size": list(grid.cell_size)},
            "tile": self.prepared.tile("tiles"),
            "constraints": self.sampled.plain(),
            "source_sha256": self.prepared.sha256,
        }

    def judge(self, model: Path, settings: Evaluation, figures: Path) -> Judged:
        sampler = replace(load_bundle(model, self.device.type).sampler, soft=self.soft)
        real, train = (self.prepared.tiles(split, "image", "evaluation") for split in ("test", "train"))
        hard, names = self._hard("test"), self.prepared.names
        counts: dict[str, Any] = {"fields": settings.fields, "groups": settings.groups, "seed": settings.seed}
        beside: dict[str, float] = {}
        if self.prepared.scale:
            features, beside = features_of(settings.features, self.prepared, self.root)
            evaluation = evaluate_property(sampler, real, train, hard, **counts, features=features)
        else:
            evaluation = evaluate(sampler, real, train, hard, facies_names=names, **counts)
        draw_evaluation(evaluation, figures)
        batch = 1 if self.device.type == "cpu" else 16
        return Judged(evaluation.metrics | beside, {"seconds_per_field": evaluation.seconds_per_field, "batch": batch})

    @staticmethod
    def exported(model: Path, metrics: dict[str, Any]) -> Exported:
        return exported(load_bundle(model, "cpu"), metrics)

    def _sampler(self, system: System) -> FieldSampler:
        latent = self.experiment.slots.latent
        generator = surrounded(generator_of(system), self.experiment.system.options["margin"])
        return FieldSampler(generator, latent, self.prepared.facies_count, self.device, soft=self.soft)

    @property
    def soft(self) -> float | None:
        """The smoothing of the soft data, None without any."""
        return self.experiment.system.options["soft"] or None

    def _hard(self, split: str) -> HardData:
        """The hard data of a split; where soft data are made of it, the truth stands outside the masks too."""
        mask, codes = self.constraints.read(split)
        if self.soft:
            truth = self.prepared.tiles(split, "image", "evaluation")
            codes = np.broadcast_to(truth[:, None], mask.shape)
        return mask, codes

    def _values(self, scale: ValueRange) -> dict[str, Any]:
        """Distribution and variogram of a property in the training tiles, in its units."""
        train, judged = (self.prepared.tiles("train", "image", group) for group in GROUPS)
        return training_figures(train, judged, scale)

    def _proportions(self) -> dict[str, float]:
        """Share of each facies in the training tiles."""
        tiles = torch.from_numpy(self.prepared.tiles("train", "image"))
        counts: Tensor = torch.bincount(tiles.flatten(), minlength=self.prepared.facies_count)
        return {name: round(float(n) / tiles.numel(), 6) for name, n in zip(self.prepared.names, counts, strict=True)}
