"""How a command ends: its exit status, and one line on stderr that says why."""

from __future__ import annotations

import errno
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from geogan.errors import InputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
UsageError: Any = typer.BadParameter.__base__  # the library's own, wherever a version of it keeps the class


class Commands(TyperGroup):
    """Commands whose bad usage is answered as bad input is: one line, exit status 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        standalone = extra.pop("standalone_mode", True)
        extra["standalone_mode"] = False  # errors come here
        if not standalone:
            return super().main(*args, **extra)
        try:
            status = super().main(*args, **extra)
        except typer.Abort:
            status = 1
        except UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()
            else:
                command = error.ctx.command_path if error.ctx else "geogan"
                told = error.format_message().rstrip(".")
                print(f"geogan: {_line(told)} ('{command} --help' tells what is right)", file=sys.stderr)
            status = error.exit_code
        sys.exit(status if isinstance(status, int) else 0)


@contextmanager
def answering() -> Iterator[None]:
    """Turn what went wrong into one line on stderr and the exit status of the contract."""
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        with _ending_on_sigterm():
            yield
    except InputError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        fail("interrupted", 130)
    except Terminated:
        fail("terminated", 143)
    except Exception as error:
        full = _no_room(error)
        if full is None and isinstance(error, OSError) and error.errno in NOT_ALLOWED and error.filename:
            fail(f"{error.filename2 or error.filename}: {error.strerror}", 2)
        if full is None:
            raise
        file = isinstance(full, OSError) and (full.filename2 or full.filename)  # a copy names its source first
        where = f" while writing {file}" if file else ""
        fail(f"no space left on the device{where}: free some and run the same command; what was there is kept", 2)


class Terminated(BaseException):
    """SIGTERM came. What was half-written is cleared away on the way up, as after Ctrl-C."""


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def fail(line: str, status: int) -> NoReturn:
    """End the command with this status and line."""
    print(f"geogan: {_line(line)}", file=sys.stderr)
    raise typer.Exit(status)


def _line(text: str) -> str:
    return " ".join(text.split())


def _no_room(error: BaseException | None) -> BaseException | None:
    """The exception, among those that led to ``error``, that says that the device is full; libraries hide it."""
    while error is not None:
        if getattr(error, "errno", None) in NO_ROOM or "No space left on device" in str(error):
            return error
        error = error.__cause__ or error.__context__
    return None
