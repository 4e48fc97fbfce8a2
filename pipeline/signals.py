"""SIGINT and SIGTERM ask for a stop at the end of the step; a second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stopped(Exception):
    """A signal came and a checkpoint was saved; the command exits with 128 + the signal's number."""

    def __init__(self, number: int, message: str):
        super().__init__(message)
        self.status = 128 + number


class Signals:
    """Which signal came, 0 while none did."""

    def __init__(self) -> None:
        self.number = 0


@contextmanager
def catching() -> Iterator[Signals]:
    """Note the first SIGINT or SIGTERM and give the second its usual effect."""
    seen = Signals()
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        seen.number = number
        restore()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, note)
    try:
        yield seen
    finally:
        restore()
