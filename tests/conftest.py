"""Shapes and types in signatures are checked while the tests run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook(
    [
        "geogan.batches",
        "geogan.blocks",
        "geogan.constraints",
        "geogan.critics",
        "geogan.facies",
        "geogan.generators",
        "geogan.ground",
        "geogan.inference",
        "geogan.latents",
        "geogan.metrics",
        "geogan.objectives",
        "geogan.penalties",
        "geogan.selection",
        "geogan.systems",
        "geogan.tiles",
    ],
    "beartype.beartype",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs; tests that need it are skipped where GEOGAN_DATA is not set."""
    folder = os.environ.get("GEOGAN_DATA")
    if not folder:
        pytest.skip("GEOGAN_DATA is not set: no real data here")
    return Path(folder)
