"""One cell of a study: a project of its own below ``data/studies/``, trained and judged by the stages, never twice."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from geogan.errors import InputError
from geogan.files import sha256_of, write_text
from geogan.study import Cell, Study
from geogan.study_table import Outcome, Status
from geogan.train import Diverged

from .evaluate import evaluate
from .prepare import refresh
from .project import Project, digest_of
from .tracking_study import PARENT, STUDY, adopt
from .train import Busy, check, train
from .work import PACKAGE, Work

JUDGES = ("evaluate*.py", "inference.py", "translation.py", "metrics/*.py")


@dataclass(frozen=True)
class Cells:
    """The cells of a study in the project at ``root``; ``parent`` is the study's MLflow run."""

    root: Path
    study: Study
    parent: str | None = None

    @property
    def folder(self) -> Path:
        """Where stores, models, metrics and the table of the study are."""
        return self.root / "data" / "studies" / self.study.name

    def project(self, cell: Cell) -> Project:
        """The project whose one experiment is the cell. Raises InputError for parts that do not go together."""
        tags = {STUDY: self.study.name}
        tags |= {f"{STUDY}.{axis}": label for axis, label in zip(self.study.axes, cell.labels, strict=True)}
        tags |= {PARENT: self.parent} if self.parent else {}
        folder = str(self.folder.relative_to(self.root))
        return Project(self.root, self.study.params(cell), folder, tags)

    def refresh(self, cell: Cell) -> list[str]:
        """Make the stores of a cell where they are missing; says which. Raises InputError where that fails."""
        try:
            project = self.project(cell)
        except InputError:
            return []  # it will be told with the cell
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".stores.lock"):
            return refresh(project, project.experiment(cell.name).dataset)

    def standing(self, cell: Cell) -> Outcome:
        """What is known of a cell on disk; nothing is computed. A failed one counts as not run, with its reason."""
        try:
            project = self.project(cell)
            check(project, cell.name)
            work = Work.of(project, cell.name)
        except InputError as error:
            return Outcome(cell, "refused", _reason(cell, error))
        known = self._stored(cell)
        if known.get("key") != work.key:
            return Outcome(cell, "not run", key=work.key)
        status: Status = known["status"]
        if status == "finished" and (known["judged"] != self._judged or not project.metrics(cell.name).is_file()):
            return Outcome(cell, "not run", key=work.key)
        metrics = json.loads(project.metrics(cell.name).read_text(encoding="utf-8")) if status == "finished" else None
        return Outcome(cell, status, known["reason"], work.key, metrics)

    def is_trained(self, outcome: Outcome, cell: Cell) -> bool:
        """Whether the training of a cell that was not run here is finished, by DVC's queue for example."""
        return (self.project(cell).checkpoints / outcome.key / "finished.json").is_file()

    def run(self, cell: Cell, *, quiet: bool = True) -> Outcome:
        """Train and judge a cell as far as that is not done; what became of it, also kept on disk.

        Raises Stopped after a signal, with a checkpoint to go on from.
        """
        outcome = self.standing(cell)
        if outcome.status in ("refused", "diverged"):
            return outcome
        project = self.project(cell)
        if outcome.status != "finished":
            try:
                train(project, cell.name, quiet=quiet)
                evaluate(project, cell.name)
            except Busy as busy:
                return dataclasses.replace(outcome, reason=_reason(cell, busy))
            except Diverged as error:
                return self.keep(dataclasses.replace(outcome, status="diverged", reason=_reason(cell, error)))
            except (InputError, RuntimeError, MemoryError) as error:  # the other cells may do
                return self.keep(dataclasses.replace(outcome, status="failed", reason=_reason(cell, error)))
            metrics = json.loads(project.metrics(cell.name).read_text(encoding="utf-8"))
            outcome = self.keep(dataclasses.replace(outcome, status="finished", reason="", metrics=metrics))
        adopt(self.root, project.model(cell.name) / "run.json", project.tags)
        return outcome

    def keep(self, outcome: Outcome) -> Outcome:
        """Note on disk what became of a cell."""
        record = {
            "cell": outcome.cell.name,
            "status": outcome.status,
            "reason": outcome.reason,
            "key": outcome.key,
            "judged": self._judged,
        }
        write_text(self._file(outcome.cell), json.dumps(record, indent=1) + "\n")
        return outcome

    def _file(self, cell: Cell) -> Path:
        return self.folder / "outcomes" / f"{cell.name}.json"

    def _stored(self, cell: Cell) -> dict[str, Any]:
        file = self._file(cell)
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return known

    @cached_property
    def _judged(self) -> str:
        """Identity of the judgement: its settings, and the code that makes the metrics."""
        files = sorted(file for pattern in JUDGES for file in PACKAGE.glob(pattern))
        return digest_of(
            {
                "evaluation": self.study.data.get("evaluation"),
                "code": {str(file.relative_to(PACKAGE)): sha256_of(file) for file in files},
            }
        )


def _reason(cell: Cell, error: BaseException) -> str:
    """Why, in one line, without the name of the cell that it stands beside."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told.replace(f"experiments.{cell.name}: ", "").replace(f"experiments.{cell.name}.", "")
