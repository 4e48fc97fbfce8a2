"""``geogan study``: the cells of a grid trained and judged, a table and a plot made of what became of them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from ruamel.yaml import YAML

from geogan.config import merged
from geogan.errors import InputError
from geogan.files import replacing_file, write_text
from geogan.study import Cell, Study, plan
from geogan.study_table import Outcome, cells_csv, rows, table_csv, table_markdown

from .root import project_root
from .signals import Stopped
from .study_cells import Cells
from .study_figure import draw
from .study_queue import enqueue
from .study_workers import at_once
from .tracking import environment_tags
from .tracking_study import close_parent, open_parent

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """What a study came to: the table to read, its file, how many cells have which status."""

    table: str
    file: Path
    counts: dict[str, int]


def find(profile: str, params: Sequence[Path], sets: Sequence[str]) -> tuple[Path, Study]:
    """The root, and the study of a file or of ``profiles/PROFILE.yaml`` over the first params file, the others over it.

    Raises InputError for a file that is missing or wrong.
    """
    root = project_root()
    file = Path(profile) if Path(profile).is_file() else root / "profiles" / f"{profile}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("study_*.yaml"))) or "none"
        raise InputError(f"study {profile!r}: is no file, and there is no {file}; there are {known}")
    first, *others = [each if each.exists() or each.is_absolute() else root / each for each in params]
    return root, plan(file.stem, merged([first, file, *others], sets))


def run(
    root: Path, study: Study, workers: int = 1, words: Sequence[str] = (), *, quiet: bool = False, tell: Tell = print
) -> Ended:
    """Run every cell that is not finished, ``workers`` at once, then write table and plot.

    ``words`` are those of this command, for the processes of several workers. Raises Stopped after a signal, with the
    table of what there is; InputError where another process runs the same study, or its data cannot be made.
    """
    cells = Cells(root, study)
    with _alone(cells):
        for cell in study.cells:
            for line in cells.refresh(cell):
                tell(line)
        parent = open_parent(root, study.name, environment_tags(root))
        cells, status = Cells(root, study, parent), "FAILED"
        outcomes: dict[Cell, Outcome] = {}
        try:
            each = _in_processes(cells, workers, words) if workers > 1 else _one_by_one(cells, quiet)
            for outcome in each:
                outcomes[outcome.cell] = outcome
                tell(f"[{len(outcomes)}/{len(study.cells)}] {_line(cells, outcome)}")
                if [one for one in outcomes.values() if one.metrics] == [outcome]:
                    for line in study.unknown(outcome.metrics or ()):
                        tell(line)
            status = "FINISHED"
        except Stopped:
            status = "KILLED"
            raise
        finally:
            ended, files = _written(cells, [outcomes.get(cell) or cells.standing(cell) for cell in study.cells])
            close_parent(root, study.name, parent, status, files)
        return ended


@contextmanager
def _alone(cells: Cells) -> Iterator[None]:
    """Keep other processes from the same study. Raises InputError where one is at it."""
    cells.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cells.folder / ".study.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"study {cells.study.name}: is being run by another process") from None
    try:
        yield
    finally:
        lock.release()


def run_cells(root: Path, study: Study, names: Sequence[str], *, quiet: bool, tell: Tell) -> list[str]:
    """Run some cells by name, without table; the names of those that failed.

    Raises InputError for an unknown name, Stopped after a signal.
    """
    known = {cell.name: cell for cell in study.cells}
    for name in names:
        if name not in known:
            raise InputError(f"--cell {name}: is none of the study; there are {', '.join(known)}")
    cells = Cells(root, study, open_parent(root, study.name, environment_tags(root)))
    failed = []
    for name in names:
        cells.refresh(known[name])
        outcome = cells.run(known[name], quiet=quiet)
        tell(_line(cells, outcome))
        if outcome.status == "failed":
            failed.append(name)
    return failed


def collect(root: Path, study: Study) -> Ended:
    """Table and plot of the cells that are finished, those trained by DVC's queue among them; none is trained."""
    with _alone(Cells(root, study)):
        parent = open_parent(root, study.name, environment_tags(root))
        cells, outcomes = Cells(root, study, parent), []
        for cell in study.cells:
            cells.refresh(cell)
            outcome = cells.standing(cell)
            if outcome.status == "finished" or (outcome.key and cells.is_trained(outcome, cell)):
                outcome = cells.run(cell)
            outcomes.append(outcome)
        ended, files = _written(cells, outcomes)
        close_parent(root, study.name, parent, "FINISHED", files)
        return ended


def queue_cells(root: Path, study: Study, tell: Tell) -> int:
    """Put the cells that are left into DVC's queue; how many. Raises InputError where DVC refuses one."""
    cells, todo = Cells(root, study), []
    for cell in study.cells:
        cells.refresh(cell)
        outcome = cells.standing(cell)
        if outcome.status in ("not run", "failed") and not cells.is_trained(outcome, cell):
            todo.append(cell)
    for number, cell in enumerate(enqueue(root, study, todo), start=1):
        tell(f"[{number}/{len(todo)}] {cell.name}: queued")
    return len(todo)


def _one_by_one(cells: Cells, quiet: bool) -> Iterator[Outcome]:
    return (cells.run(cell, quiet=quiet) for cell in cells.study.cells)


def _in_processes(cells: Cells, workers: int, words: Sequence[str]) -> Iterator[Outcome]:
    """Cells as they end; those that need no training first."""
    todo = []
    for cell in cells.study.cells:
        if cells.standing(cell).status in ("not run", "failed"):
            todo.append(cell)
        else:
            yield cells.run(cell)
    for cell, status, line in at_once(todo, words, workers, cells.folder / "logs"):
        outcome = cells.standing(cell)
        if status:
            why = f"killed by signal {-status}" if status < 0 else line or f"exit status {status}"
            outcome = cells.keep(Outcome(cell, "failed", why, outcome.key))
        yield outcome


def _line(cells: Cells, outcome: Outcome) -> str:
    """A cell and its figures, or why there are none."""
    if outcome.metrics is None:
        return f"{outcome.cell.name}: {outcome.status}" + (f": {outcome.reason}" if outcome.reason else "")
    found = {name: outcome.metrics[name] for name in cells.study.table if name in outcome.metrics}
    return f"{outcome.cell.name}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items())


def _written(cells: Cells, outcomes: Sequence[Outcome]) -> tuple[Ended, list[Path]]:
    """Write the study, its tables and its plot into its folder; their paths."""
    study, table = cells.study, rows(cells.study, outcomes)
    text = table_markdown(study, table)
    content = {"table.csv": table_csv(study, table), "cells.csv": cells_csv(study, outcomes), "table.md": text}
    files = [cells.folder / name for name in content]
    for file, written in zip(files, content.values(), strict=True):
        write_text(file, written)
    files.append(_kept(study, cells.folder / "study.yaml"))
    if study.plot and draw(study, table, cells.folder / "plot.png"):
        files.append(cells.folder / "plot.png")
    counts = Counter(str(outcome.status) for outcome in outcomes)
    return Ended(text, cells.folder / "table.md", dict(counts)), files


def _kept(study: Study, file: Path) -> Path:
    """The study with all its params, as it was run."""
    section: dict[str, Any] = {
        "name": study.name,
        "experiment": study.experiment,
        "grid": {axis: dict(values) for axis, values in study.axes.items()},
        "repeats": study.repeats,
        "table": list(study.table),
        "plot": study.plot and {**dataclasses.asdict(study.plot), "log": list(study.plot.log)},
    }
    with replacing_file(file) as temporary, temporary.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump({"study": section, **study.data}, stream)
    return file
