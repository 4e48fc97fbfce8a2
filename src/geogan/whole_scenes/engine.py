"""A whole scene through a translator: finished rows in order, from one process or several."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.synchronize import Event

import numpy as np
import torch

from geogan.scenes import NO_CLASS
from geogan.whole_scenes.strips import Job, Ramp, Strip, Tick, Valid, Values

POLL = 0.2  # seconds between two looks at whether to stop


@dataclass(frozen=True)
class Rows:
    """Finished rows of the scene in the target's dtype; where not valid: code 255, NaN, or 0, by kind of target.

    ``strip``: the number of the strip that finished them; ``ramp``: its share of the rows that follow.
    """

    strip: int
    values: Values
    valid: Valid
    ramp: Ramp


def translate_scene(
    job: Job, *, first: int = 0, ramp: Ramp | None = None, workers: int = 1, tick: Tick = lambda done: None
) -> Generator[Rows, None, None]:
    """The translated rows of the scene, a strip of windows at a time.

    To go on with a scene, ``first`` is the strip after the last one that was kept, and ``ramp`` that one's.
    With ``workers`` above 1 strips are made side by side in as many processes of one thread each, at most
    one more of them waiting than are made; the result is that of one process whose torch has one thread.
    Raises InputError where the scene cannot be read, and whatever ``tick`` raises.
    """
    job.translator.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    strips = _in_processes(job, first, workers, tick) if workers > 1 else _here(job, first, tick)
    for number, strip in enumerate(strips, first):
        yield _finished(job, number, strip, ramp)
        ramp = strip.tail


def _finished(job: Job, number: int, strip: Strip, ramp: Ramp | None) -> Rows:
    values = strip.values
    if strip.head.shape[1]:
        assert ramp is not None
        blended = torch.from_numpy(ramp + strip.head)[None].contiguous(memory_format=torch.channels_last)
        values = np.concatenate([job.translator.values(blended)[0], values], axis=1)
    valid = strip.valid[: values.shape[1]]
    target = job.translator.target
    nothing = NO_CLASS if target.palette else np.nan if values.dtype.kind == "f" else 0
    values = np.where(valid, values, values.dtype.type(nothing))
    return Rows(number, values, valid, strip.tail)


def _here(job: Job, first: int, tick: Tick) -> Iterator[Strip]:
    return (job.strip(number, tick) for number in range(first, len(job.plan.rows)))


def _in_processes(job: Job, first: int, workers: int, tick: Tick) -> Iterator[Strip]:
    """The strips in order; results that wait are few, whatever the scene's height."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    waiting: deque[Future[Strip]] = deque()
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(job, stop)) as pool:
        try:
            todo = iter(range(first, len(job.plan.rows)))
            while True:
                while len(waiting) <= workers and (number := next(todo, None)) is not None:
                    waiting.append(pool.submit(_strip, number))
                if not waiting:
                    return
                while not wait([waiting[0]], POLL).done:
                    tick(0)
                strip = waiting.popleft().result()
                tick(len(job.plan.columns))
                yield strip
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


class _Asked(Exception):
    """The process that asked for the strip wants it no more."""


_given: tuple[Job, Event]  # in a worker


def _start(job: Job, stop: Event) -> None:
    global _given
    import signal

    _given = job, stop
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):  # those are for the first process, which then ends the others
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _strip(number: int) -> Strip:
    job, stop = _given

    def tick(done: int) -> None:
        if stop.is_set():
            raise _Asked

    return job.strip(number, tick)
