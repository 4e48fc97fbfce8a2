"""Task ``translation``: pictures from pictures, such as maps from scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from geogan.config import Evaluation
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.evaluate_translation import as_rgb, evaluate_translation, validate_translation
from geogan.export import Exported
from geogan.export_pictures import exported
from geogan.generators import Translator
from geogan.picture_batches import PairBatches, Pictures
from geogan.scene_store import open_scenes
from geogan.scenes import Tiles
from geogan.system import System
from geogan.systems import SYSTEMS
from geogan.translation import PictureTranslator, load_translator

from .project import Project
from .task import Input, Judged, Task
from .translation_figures import draw_translation, picture_sheet

SHOWN = 6  # tiles of a picture


class Translation(Task):
    """Tiles of scenes and of the maps of the same ground."""

    code = (
        "picture_batches.py",
        "augmentation.py",
        "domains.py",
        "generators/translator.py",
    )
    shown = ("l1", "ssim", "acc10", "constant_l1", "constant_ssim", "constant_acc10")

    def __init__(self, project: Project, name: str, device: torch.device):
        self.name, self.experiment, self.device, self.root = name, project.experiment(name), device, project.root
        dataset = self.experiment.dataset
        self.prepared = open_scenes(project.prepared(dataset))
        self.inputs = (Input(dataset, self.prepared.digest, self.prepared.path),)
        options = self.experiment.system.options
        self.direction: str = options["direction"]
        self.sides = tuple(self.direction.split("_to_"))
        self.classes = options["target"] == "classes"

    def system(self) -> System:
        try:
            system: System = self.experiment.system.build(
                SYSTEMS, self.experiment.slots, self.prepared.a, self.prepared.b
            )
        except InputError as error:
            raise InputError(f"experiments.{self.name}.{error}") from None
        return system

    def batches(self, seed: int, device: torch.device) -> PairBatches:
        source, target = self._tiles("train")
        return PairBatches(
            Pictures(self._domain(0), source),
            Pictures(self._domain(1), target, self.classes),
            batch=self.experiment.training.batch,
            seed=seed,
            device=device,
        )

    def validate(self, system: System) -> dict[str, float]:
        training = self.experiment.training
        held = self._tiles("validation", "evaluation", training.validation_samples)
        return validate_translation(
            self._translator(system), held, names=training.select_by, tiles=training.validation_samples, seed=0
        )

    def picture(self, system: System, path: Path) -> None:
        """Validation tiles: input, output, truth."""
        source, truth = self._tiles("validation", "evaluation", SHOWN)
        translator = self._translator(system)
        made = translator.colours(translator.translate(source.values, source.valid)).numpy()
        real = [
            as_rgb(domain.encode(tiles.values, tiles.valid).numpy(), tiles.valid)
            for domain, tiles in ((translator.source, source), (translator.target, truth))
        ]
        picture_sheet(real[0], as_rgb(made, source.valid), real[1], path)

    def facts(self) -> dict[str, Any]:
        return {
            "a": self.prepared.a.plain(),
            "b": self.prepared.b.plain(),
            "direction": self.direction,
            "classes": self.classes,
            "tile": self.prepared.tile("tiles"),
            "source_sha256": self.prepared.sha256,
        }

    def judge(self, model: Path, settings: Evaluation, figures: Path) -> Judged:
        evaluation = evaluate_translation(
            load_translator(model, self.device.type).translator,
            self._tiles("train", "evaluation", settings.tiles),
            self._tiles("test", "evaluation", settings.tiles),
            tiles=settings.tiles,
            features=str(self.root / settings.features) if settings.features else None,
            seed=settings.seed,
        )
        draw_translation(evaluation, figures)
        return Judged(evaluation.metrics, {"seconds_per_tile": evaluation.seconds_per_tile})

    @staticmethod
    def exported(model: Path, metrics: dict[str, Any]) -> Exported:
        return exported(load_translator(model, "cpu"), metrics)

    def _domain(self, side: int) -> Domain:
        return self.prepared.a if self.sides[side] == "a" else self.prepared.b

    def _tiles(self, split: str, group: str = "tiles", limit: int | None = None) -> tuple[Tiles, Tiles]:
        """Tiles of what is translated and of what it should become."""
        source, target = (self.prepared.read(split, side, group, limit) for side in self.sides)
        return source, target

    def _translator(self, system: System) -> PictureTranslator:
        network = system.get_submodule("generator")
        assert isinstance(network, Translator)
        return PictureTranslator(network, self._domain(0), self._domain(1), self.classes, self.device)
