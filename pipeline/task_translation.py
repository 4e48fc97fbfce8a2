"""Task ``translation``: pictures from pictures, such as maps from scenes, in one direction or in both."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from geogan.config import Evaluation
from geogan.domains import Domain
from geogan.errors import InputError
from geogan.evaluate_translation import evaluate_translation, refuse_metrics, validate_translation
from geogan.export import Exported
from geogan.export_pictures import exported
from geogan.generators import Translator
from geogan.metrics.labels import Classifier, train_classifier
from geogan.picture_batches import PairBatches, Pictures
from geogan.scene_store import open_scenes
from geogan.scenes import Tiles
from geogan.system import System
from geogan.systems import SYSTEMS
from geogan.translation import PictureTranslator, load_translator
from geogan.translation_sheets import as_rgb, sheet
from geogan.unpaired_batches import UnpairedBatches

from .project import Project
from .task import Input, Judged, Task
from .translation_figures import draw_translation, picture_sheet

SHOWN = 6  # tiles of a picture
LABELLED = 10_000  # labelled tiles that a classifier learns from
MEASURES = ("l1", "ssim", "acc10", "constant_l1", "constant_ssim", "constant_acc10")
BLIND_MEASURES = ("fid", "constant_fid", "cycle_l1", "cycle_l1_quantised")  # where no truth is known
LABEL_MEASURES = ("label_accuracy", "untranslated_label_accuracy")


class Translation(Task):
    """Tiles of the domains A and B, of the same ground or not.

    A metric of a system that translates both ways begins with its direction: ``a_to_b_l1``. Truth is known where
    the tiles are aligned, even if the training breaks the pairs.
    """

    code = (
        "picture_batches.py",
        "augmentation.py",
        "domains.py",
        "generators/translator.py",
    )

    def __init__(self, project: Project, name: str, device: torch.device):
        self.name, self.experiment = name, project.experiment(name)
        self.device, self.root = device, project.context.root
        dataset, system = self.experiment.dataset, self.experiment.system
        self.prepared = open_scenes(project.prepared(dataset))
        self.inputs = (Input(dataset, self.prepared.digest, self.prepared.path),)
        self.paired = SYSTEMS[system.name].paired
        if self.paired and not self.prepared.aligned:
            raise InputError(
                f"experiments.{name}.dataset: {dataset!r} holds no pairs, {system.name} learns from pairs; "
                "give cyclegan, or a source that matches its files"
            )
        self.directions = SYSTEMS[system.name].directions(**system.options)
        self.classes = system.options.get("target") == "classes"
        measures = MEASURES if self.prepared.aligned else (*LABEL_MEASURES, *BLIND_MEASURES)
        self.shown = tuple(self._prefix(direction) + name for direction in self.directions for name in measures)
        self.classifier, self.read = cache(self._classifier), cache(self.prepared.read)
        self._refuse_metrics()

    def system(self) -> System:
        domains = (self.prepared.a, self.prepared.b)
        try:
            system: System = self.experiment.system.build(SYSTEMS, self.experiment.slots, *domains, self._edges())
        except InputError as error:
            raise InputError(f"experiments.{self.name}.{error}") from None
        return system

    def batches(self, seed: int, device: torch.device) -> PairBatches | UnpairedBatches:
        batch = self.experiment.training.batch
        if self.paired:
            source, target = next(iter(self.directions)).split("_to_")
            first = Pictures(self._domain(source), self.prepared.read("train", source))
            second = Pictures(self._domain(target), self.prepared.read("train", target), self.classes)
            return PairBatches(first, second, batch=batch, seed=seed, device=device)
        a, b = (Pictures(self._domain(side), self.prepared.read("train", side)) for side in ("a", "b"))
        aligned = self.experiment.system.options["pairing"] == "aligned"
        if aligned and not self.prepared.aligned:
            raise InputError(f"experiments.{self.name}.system.pairing: 'aligned', but the dataset holds no pairs")
        return UnpairedBatches(a, b, batch=batch, seed=seed, device=device, aligned=aligned)

    def validate(self, system: System) -> dict[str, float]:
        number, translators = self.experiment.training.validation_samples, self._translators(system)
        found: dict[str, float] = {}
        for direction, names in self._names_by_direction().items():
            scores = validate_translation(
                translators[direction],
                self._held("validation", direction, number),
                names=names,
                back=translators.get(_reversed(direction)),
                aligned=self.prepared.aligned,
                classifier=self.classifier(direction) if "label_accuracy" in names else None,
                tiles=number,
                seed=0,
            )
            found |= {self._prefix(direction) + name: value for name, value in scores.items()}
        return {name: found[name] for name in self.experiment.training.select_by}

    def picture(self, system: System, path: Path) -> list[Path]:
        """Validation tiles: input, output, the truth where it is known, the way back where there is one."""
        translators, paths = self._translators(system), []
        for direction, translator in translators.items():
            inputs, truths = self._held("validation", direction, SHOWN)
            back = translators.get(_reversed(direction))
            paths.append(path.with_stem(f"{path.stem}-{direction}") if back else path)
            seen = sheet(translator, inputs, range(len(inputs)), back=back)
            true = translator.target.encode(truths.values, truths.valid).numpy()
            known = as_rgb(true, truths.valid) if self.prepared.aligned else None
            picture_sheet(seen.inputs, seen.outputs, known, paths[-1], seen.reconstructions)
        return paths

    def facts(self) -> dict[str, Any]:
        a, b = self._edges()
        return {
            "a": self.prepared.a.plain(),
            "b": self.prepared.b.plain(),
            "directions": self.directions,
            "classes": self.classes,
            "tiles": {"a": a, "b": b},
            "source_sha256": self.prepared.sha256,
        }

    def judge(self, model: Path, settings: Evaluation, figures: Path) -> Judged:
        translators = load_translator(model, self.device.type).translators
        metrics: dict[str, Any] = {}
        timing: dict[str, Any] = {}
        for direction, translator in translators.items():
            prefix, labelled = self._prefix(direction), self._labelled(direction)
            evaluation = evaluate_translation(
                translator,
                self._held("train", direction, settings.tiles),
                self._held("test", direction, settings.tiles),
                back=translators.get(_reversed(direction)),
                aligned=self.prepared.aligned,
                labelled=labelled,
                tiles=settings.tiles,
                features=str(self.root / settings.features) if settings.features else None,
                seed=settings.seed,
            )
            draw_translation(evaluation, figures / direction if prefix else figures)
            metrics |= {prefix + name: value for name, value in evaluation.metrics.items()}
            timing[f"{prefix}seconds_per_tile"] = evaluation.seconds_per_tile
        return Judged(metrics, timing)

    @staticmethod
    def exported(model: Path, metrics: dict[str, Any]) -> Exported:
        return exported(load_translator(model, "cpu"), metrics)

    def _refuse_metrics(self) -> None:
        """Raise InputError for metrics of ``select_by`` that this system and these data do not have."""
        labelled = all(self._labelled(direction, 1) for direction in self.directions)
        for direction, names in self._names_by_direction().items():
            try:
                refuse_metrics(
                    names,
                    ways=len(self.directions),
                    aligned=self.prepared.aligned,
                    labelled=labelled,
                    # where classes are asked for and there are none, the system says so
                    classes=self.classes or self._domain(direction[-1]).palette is not None,
                )
            except InputError as error:
                raise InputError(f"experiments.{self.name}.{error} (of {direction})") from None

    def _classifier(self, direction: str) -> Classifier:
        labelled = self._labelled(direction)
        assert labelled is not None
        return train_classifier(self._domain(direction[-1]), labelled)

    def _labelled(self, direction: str, limit: int = LABELLED) -> Tiles | None:
        """Training tiles of what pictures become, if they have labels."""
        tiles = self.prepared.read("train", direction[-1], "evaluation", limit)
        return None if tiles.labels is None else tiles

    def _names_by_direction(self) -> dict[str, list[str]]:
        """The metrics of ``select_by``, without their prefix, by the direction that they judge."""
        wanted = self.experiment.training.select_by
        if len(self.directions) == 1:
            return {direction: list(wanted) for direction in self.directions}
        names: dict[str, list[str]] = {direction: [] for direction in self.directions}
        for name in wanted:
            direction = next((some for some in names if name.startswith(self._prefix(some))), None)
            if direction is None:
                either = " or ".join(self._prefix(some) + name for some in names)
                raise InputError(f"experiments.{self.name}.select_by: {name!r} has no direction; give {either}")
            names[direction].append(name.removeprefix(self._prefix(direction)))
        return {direction: some for direction, some in names.items() if some}

    def _prefix(self, direction: str) -> str:
        return f"{direction}_" if len(self.directions) > 1 else ""

    def _edges(self) -> tuple[int, int]:
        return self.prepared.tile("tiles", "a"), self.prepared.tile("tiles", "b")

    def _domain(self, side: str) -> Domain:
        return self.prepared.a if side == "a" else self.prepared.b

    def _held(self, split: str, direction: str, limit: int) -> tuple[Tiles, Tiles]:
        """Evaluation tiles of what is translated, and of what it should become or look like."""
        source, target = (self.read(split, side, "evaluation", limit) for side in direction.split("_to_"))
        return source, target

    def _translators(self, system: System) -> dict[str, PictureTranslator]:
        made = {}
        for direction, name in self.directions.items():
            network, (source, target) = system.get_submodule(name), direction.split("_to_")
            assert isinstance(network, Translator)
            made[direction] = PictureTranslator(
                network, self._domain(source), self._domain(target), self.classes, self.device
            )
        return made


def _reversed(direction: str) -> str:
    return "_to_".join(reversed(direction.split("_to_")))
