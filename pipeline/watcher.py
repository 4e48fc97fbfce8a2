"""Who looks on while an experiment trains: progress on stderr, MLflow, validation, pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from geogan.evaluate import Evaluation, validate
from geogan.inference import FieldSampler, generator_of
from geogan.system import System

from .figures import sample_sheet
from .signals import Signals
from .tracking import Run
from .work import Work

SHOWN = 3  # real tiles, sets of hard data and noises of a picture


class TrainingWatcher:
    """Watches one training; validation uses the ``evaluation`` tiles of the validation split."""

    def __init__(self, work: Work, folder: Path, run: Run, signals: Signals, *, quiet: bool):
        self.work, self.folder, self.run, self.signals = work, folder, run, signals
        self.real = work.prepared.tiles("validation", "image", "evaluation")
        self.mask, self.codes = work.constraints.read("validation", "evaluation")
        steps = work.experiment.training.steps
        console = Console(stderr=True, quiet=quiet)
        self.lines = None if quiet or console.is_terminal else console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.task = self.bar.add_task(work.name, total=steps, rate="", terms="")
        self.started: tuple[float, float] | None = None

    def __enter__(self) -> TrainingWatcher:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def replay(self, history: Path) -> None:
        """Hand the tracking what an earlier process logged; it sends only what the server lacks."""
        if history.exists():
            for line in history.read_text(encoding="utf-8").splitlines():
                self._send(json.loads(line))

    def logged(self, record: dict[str, float]) -> None:
        self._send(record)
        step = record["step"]
        now = time.monotonic()
        if self.started is None:
            self.started = (now, step)
        since, first = self.started
        rate = f"{(step - first) / (now - since):.2f} steps/s" if now > since and step > first else ""
        terms = "  ".join(f"{name} {value:.3g}" for name, value in record.items() if name != "step")
        self.bar.update(self.task, completed=int(step), rate=rate, terms=terms)
        if self.lines:
            total = self.work.experiment.training.steps
            self.lines.print(
                f"{self.work.name} step {step:.0f}/{total} {rate} {terms}", soft_wrap=True, highlight=False
            )

    def validate(self, system: System) -> dict[str, float]:
        training = self.work.experiment.training
        names = training.select_by
        return validate(
            self._sampler(system),
            self.real,
            (self.mask, self.codes),
            names=names,
            facies_names=self.work.prepared.names,
            fields=training.validation_fields,
            seed=0,
        )

    def picture(self, step: int, system: System) -> None:
        """Real tiles, and for three sets of hard data three fields of different noise."""
        masks, codes = self.mask[:SHOWN, 0], self.codes[:SHOWN, 0]
        sampler = self._sampler(system)
        groups = [sampler.sample(mask, known, SHOWN, seed=0) for mask, known in zip(masks, codes, strict=True)]
        path = self.folder / "samples" / f"{step:08d}.png"
        fields = np.stack(groups)
        shown = Evaluation({}, (), self.real[: SHOWN + 1], masks, codes, fields, self.work.prepared.names, 0.0)
        sample_sheet(shown, path)
        self.run.picture(path, f"samples/{path.name}")

    def stop(self) -> bool:
        return self.signals.number != 0

    def _sampler(self, system: System) -> FieldSampler:
        experiment = self.work.experiment
        return FieldSampler(
            generator_of(system), experiment.slots.latent, self.work.prepared.facies_count, self.work.device
        )

    def _send(self, record: dict[str, float]) -> None:
        self.run.log(int(record["step"]), {name: value for name, value in record.items() if name != "step"})
