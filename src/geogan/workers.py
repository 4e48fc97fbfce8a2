"""Work on many items: one after another, or in the processes of a dask cluster."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from geogan.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10  # seconds until a scheduler has to answer, and to have a worker

Run = Callable[[Callable[[Any], None], Sequence[Any]], None]


def sequential(work: Callable[[Any], None], items: Sequence[Any]) -> None:
    """Do the work on each item in turn, in this process."""
    for item in items:
        work(item)


@contextmanager
def cluster(workers: int = 1, scheduler: str | None = None) -> Iterator[Run]:
    """Yield what does work on items in the processes of a dask cluster, in any order.

    The cluster is the one of the ``scheduler`` (an address such as tcp://10.0.0.5:8786; its workers see the same
    files and have this package), else ``workers`` processes with one thread each on this machine, which listen on
    the loopback only. One worker and no scheduler need no cluster. Work and items are sent pickled. The first error
    of the work ends it and is raised here.

    Raises:
        InputError: fewer than one worker, or a scheduler that does not answer or has no worker.
    """
    if workers < 1:
        raise InputError(f"--workers {workers}: must be at least 1")
    if workers == 1 and scheduler is None:
        yield sequential
        return
    with ExitStack() as stack:
        client = _local(stack, workers) if scheduler is None else _remote(stack, scheduler)

        def run(work: Callable[[Any], None], items: Sequence[Any]) -> None:
            _gather(client, work, items)

        yield run


def _local(stack: ExitStack, workers: int) -> Client:
    from distributed import Client, LocalCluster

    folder = stack.enter_context(TemporaryDirectory(prefix="geogan-workers-"))
    with _ignoring_interrupts():  # the workers keep to it: an interrupt is for this process, which ends them
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port, for the little that is left without a dashboard
            scheduler_kwargs={"dashboard": False},
            local_directory=folder,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )
    stack.enter_context(local)
    client: Client = stack.enter_context(Client(local, set_as_default=False))
    return client


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Processes that are started meanwhile ignore SIGINT; this one hears it again afterwards."""
    if threading.current_thread() is not threading.main_thread():  # only that one may change it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _remote(stack: ExitStack, scheduler: str) -> Client:
    from distributed import Client

    try:  # asked before: a client that fails stays open until it is collected, and if that is amid a start, both hang
        asyncio.run(_answering(scheduler))
        client: Client = stack.enter_context(Client(scheduler, timeout=PATIENCE, set_as_default=False))
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no dask scheduler answers there within {PATIENCE} s "
            f"({' '.join(str(error).split()) or 'it is silent'}); give tcp://host:port of one, or --workers alone"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise InputError(
            f"--scheduler {scheduler}: has no worker after {PATIENCE} s; start one with dask worker {scheduler}"
        ) from None
    return client


async def _answering(scheduler: str) -> None:
    """Raise OSError or ValueError unless something at the address speaks as dask does."""
    from distributed.comm import connect

    async def greet() -> None:
        await (await connect(scheduler, timeout=PATIENCE)).close()

    await asyncio.wait_for(greet(), PATIENCE + 1)


def _gather(client: Client, work: Callable[[Any], None], items: Sequence[Any]) -> None:
    """Work on items, few at a time: after an error no further one is begun, and nobody is at work any more."""
    from distributed import wait

    waiting = iter(items)
    atonce = 2 * sum(client.nthreads().values())
    with client.as_current():
        running = {client.submit(work, item, pure=False) for item in islice(waiting, atonce)}
        try:
            while running:
                done, running = wait(running, return_when="FIRST_COMPLETED")
                for future in done:
                    future.result()
                running |= {client.submit(work, item, pure=False) for item in islice(waiting, len(done))}
        finally:
            wait(running)
