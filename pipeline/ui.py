"""MLflow's own pages on this machine, opened where the runs of the project are compared."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from types import FrameType

from geogan.errors import InputError

from .root import state_root
from .tracking_server import SETTINGS
from .tracking_store import Store, answering

HOST = "127.0.0.1"
PAGE = "#/experiments/{experiment}/runs?workflowType=machine_learning&compareRunsMode=CHART"
START = 120.0  # seconds that the server has to begin to answer


def serve(root: Path, port: int = 5000, open_browser: bool = True, uri: str | None = None) -> int:
    """Serve the MLflow pages of the project until Ctrl-C; prints the address of the comparison on stdout.

    A store that is a server already is only opened. Returns the exit status: 130 after Ctrl-C, 0 for a server
    that was only opened, else that of ``mlflow ui``. Raises InputError if the port is taken
    or the store does not answer.
    """
    store = Store(root, uri)
    if store.kind in ("http", "https"):
        with answering(store):
            _show(page(store.uri.rstrip("/"), store.experiment()), open_browser)
        return 0
    _check_free(port)
    with answering(store):
        experiment = store.experiment()  # a new database is made here, under its lock, not by the server
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    environment = SETTINGS | dict(os.environ) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    before = signal.signal(signal.SIGTERM, _terminated)
    server = subprocess.Popen(  # in a session of its own: it is ended by us, once, with all its workers
        command, cwd=state_root(root), env=environment, stdout=sys.stderr, start_new_session=True
    )
    try:
        if _answers(server, port):
            _show(page(f"http://{HOST}:{port}", experiment), open_browser)
        return server.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        _end(server)
        signal.signal(signal.SIGTERM, before)


def page(address: str, experiment: str) -> str:
    """The address of the page that compares the runs of an experiment."""
    return f"{address}/{PAGE.format(experiment=experiment)}"


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port}: cannot be used on {HOST} ({error}); give another one") from error


def _show(address: str, open_browser: bool) -> None:
    print(address, flush=True)
    if open_browser:
        webbrowser.open(address)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False if it ends or takes too long."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START
    while server.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(f"http://{HOST}:{port}/health", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return True
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and its workers, hard if they do not go."""
    for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(server.pid, sign)
            server.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
    server.poll()


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)
