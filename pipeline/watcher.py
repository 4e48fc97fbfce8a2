"""Who looks on while an experiment trains: progress on stderr, MLflow, validation, pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from geogan.system import System

from .signals import Signals
from .tracking import Run
from .work import Work


class TrainingWatcher:
    """Watches one training; what is judged and drawn is the task's."""

    def __init__(self, work: Work, folder: Path, run: Run, signals: Signals, *, quiet: bool):
        self.work, self.folder, self.run, self.signals = work, folder, run, signals
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
        return self.work.task.validate(system)

    def picture(self, step: int, system: System) -> None:
        path = self.folder / "samples" / f"{step:08d}.png"
        for made in self.work.task.picture(system, path):
            self.run.picture(made, f"samples/{made.name}")

    def stop(self) -> bool:
        return self.signals.number != 0

    def _send(self, record: dict[str, float]) -> None:
        self.run.log(int(record["step"]), {name: value for name, value in record.items() if name != "step"})
