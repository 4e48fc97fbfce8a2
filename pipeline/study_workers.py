"""Cells of a study in several processes at once; a signal stops them with checkpoints."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from geogan.errors import InputError
from geogan.study import Cell

from .signals import Stopped, catching

PAUSE = 0.1  # seconds between two looks at the processes


@dataclass
class Child:
    """A process at work on one cell, and the file of what it tells."""

    cell: Cell
    process: subprocess.Popen[bytes]
    log: Path


def at_once(cells: Sequence[Cell], words: Sequence[str], workers: int, logs: Path) -> Iterator[tuple[Cell, int, str]]:
    """Run ``geogan`` with ``words`` and ``--cell NAME`` for each cell, ``workers`` at once; stderr goes to ``logs``.

    Yields each cell that ended, its exit status (negative: the signal that killed it) and its last line.
    Raises Stopped when a signal came, after all processes have ended; InputError where a process met bad input.
    """
    waiting, running = list(cells), list[Child]()
    with catching() as signals, _ending(running):
        while (waiting or running) and not signals.number:
            while waiting and len(running) < workers:
                running.append(_start(waiting.pop(0), words, logs))
            time.sleep(PAUSE)
            for child in [child for child in running if child.process.poll() is not None]:
                running.remove(child)
                status, line = child.process.returncode, _last_line(child)
                if status == 2:
                    raise InputError(line.removeprefix("geogan: "))
                yield child.cell, status, line
    if signals.number:
        raise Stopped(signals.number, "stopped; what is trained is kept, the same command goes on from it")


def _start(cell: Cell, words: Sequence[str], logs: Path) -> Child:
    logs.mkdir(exist_ok=True)
    log = logs / f"{cell.name}.log"
    command = [sys.executable, "-m", "geogan.pipeline.cli", *words, "--cell", cell.name]
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told, start_new_session=True)
    return Child(cell, process, log)


def _last_line(child: Child) -> str:
    lines = child.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


@contextmanager
def _ending(running: Sequence[Child]) -> Iterator[None]:
    """Stop whatever still runs at the end, and wait for its checkpoints."""
    try:
        yield
    finally:
        for child in running:
            child.process.send_signal(signal.SIGTERM)
        for child in running:
            child.process.wait()
