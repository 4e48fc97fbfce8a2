"""Which MLflow store is used, how MLflow is made to behave, and what its failures mean."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from .root import state_root
from .tracking_tags import cut

# No telemetry; and a server that hangs is given up after seconds, not after MLflow's quarter of an hour.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

PHRASES = (  # what matters in messages of many lines
    "Connection refused",
    "Name or service not known",
    "timed out",
    "database is locked",
    "database or disk is full",
)


def tracking_uri(root: Path, uri: str | None = None) -> str:
    """The store to use: ``uri``, else MLFLOW_TRACKING_URI, else ``mlflow.db`` at the state root.

    A relative SQLite path is taken from the state root, so that a run made in a temporary copy outlives it.
    """
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if given.startswith("sqlite:///"):
        return f"sqlite:///{state_root(root) / given.removeprefix('sqlite:///')}"
    return given


def import_mlflow() -> None:
    """Import MLflow with its telemetry off, its patience short and its database code silent."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow.tracking  # noqa: F401

    for name in ("mlflow.store.db.utils", "alembic"):  # it prints what it raises, a page for each failure
        logging.getLogger(name).setLevel(logging.CRITICAL)


def reason(error: BaseException) -> str:
    """Why a store did not answer, in one short line."""
    for phrase in PHRASES:
        if phrase in str(error):
            return phrase.lower()
    lines = str(error).strip().splitlines()
    return cut(lines[0] if lines else type(error).__name__, 160)
