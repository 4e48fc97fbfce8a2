"""Work on items: in this process, in local ones, by a scheduler's address."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from geogan.errors import InputError
from geogan.workers import cluster, sequential


def note(item: tuple[Path, int]) -> None:
    """Write the number and this process into a file; a negative number is bad input, 99 a bug."""
    folder, number = item
    if number < 0:
        raise InputError(f"item {number}: must be positive")
    if number == 99:
        raise RuntimeError("a bug")
    (folder / str(number)).write_text(str(os.getpid()))


def noted(folder: Path) -> dict[int, int]:
    return {int(file.name): int(file.read_text()) for file in folder.iterdir()}


def test_sequential_work_is_in_order(tmp_path: Path) -> None:
    seen: list[int] = []
    sequential(seen.append, [3, 1, 2])
    assert seen == [3, 1, 2]
    with cluster(1) as run:
        run(note, [(tmp_path, number) for number in range(3)])
    assert noted(tmp_path) == dict.fromkeys(range(3), os.getpid())


def test_numbers_and_addresses_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="--workers 0: must be at least 1"), cluster(0):
        pass
    monkeypatch.setattr("geogan.workers.PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0))
    mute = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
    for address in (f"tcp://127.0.0.1:{free}", "nonsense://x", "127.0.0.1:99999999", "", mute):
        start = time.monotonic()
        refused = pytest.raises(InputError, match=rf"^--scheduler {address}: no dask scheduler answers")
        with refused as caught, cluster(2, address):
            pass
        assert "\n" not in str(caught.value)
        assert time.monotonic() - start < 5
        assert not open_clients()  # collected later, in the midst of another start, it would wait for that one's lock
    silent.close()


def open_clients() -> list[object]:
    from distributed import Client

    return [found for found in gc.get_objects() if type(found) is Client and found.status != "closed"]


@pytest.mark.slow
def test_local_processes_share_the_work_and_pass_errors_on(tmp_path: Path) -> None:
    with warnings.catch_warnings(), cluster(2) as run, cluster(2):  # two at once, without a word
        warnings.simplefilter("error")
        assert listening() == {"127.0.0.1"}
        run(note, [(tmp_path, number) for number in range(40)])
        found = noted(tmp_path)
        assert sorted(found) == list(range(40))
        assert os.getpid() not in found.values()
        assert len(set(found.values())) == 2
        with pytest.raises(InputError, match=r"^item -1: must be positive$"):
            run(note, [(tmp_path, -1), *((tmp_path, number) for number in range(5))])
        with pytest.raises(RuntimeError, match="a bug"):
            run(note, [(tmp_path, 99)])
        run(note, [(tmp_path, 50)])  # the cluster goes on
        assert 50 in noted(tmp_path)


def listening() -> set[str]:
    """The addresses at which this process and its children listen."""
    import psutil

    here = psutil.Process()
    processes = [here, *here.children(recursive=True)]
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.slow
def test_a_scheduler_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, log = tmp_path / "scheduler.json", tmp_path / "log"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with log.open("wb") as out:
        scheduler = start(out, "scheduler", *options)
        try:
            address = wait_for(file, log)
            monkeypatch.setattr("geogan.workers.PATIENCE", 2)
            with pytest.raises(InputError, match="has no worker after 2 s"), cluster(1, address):
                pass
            monkeypatch.undo()
            worker = start(out, "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny")
            (tmp_path / "notes").mkdir()
            try:
                with cluster(1, address) as run:
                    run(note, [(tmp_path / "notes", number) for number in range(3)])
            finally:
                worker.kill()
                worker.wait()
        finally:
            scheduler.kill()
            scheduler.wait()
    assert set(noted(tmp_path / "notes").values()) == {worker.pid}


def start(out: object, *arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
    return subprocess.Popen(command, stdout=out, stderr=out, env=environment)


def wait_for(file: Path, log: Path) -> str:
    import json

    for _ in range(200):
        if file.is_file() and file.stat().st_size:
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.1)
    raise AssertionError(log.read_text())
