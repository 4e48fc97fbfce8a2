"""Shapes and types in signatures are checked while the tests run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of each test process: several share the cores

install_import_hook(
    [
        "geogan.augmentation",
        "geogan.batches",
        "geogan.blocks",
        "geogan.conditions",
        "geogan.constraints",
        "geogan.critics",
        "geogan.descent",
        "geogan.domains",
        "geogan.drawn_fields",
        "geogan.facies",
        "geogan.facies_variable",
        "geogan.field_curves",
        "geogan.generators",
        "geogan.ground",
        "geogan.inference",
        "geogan.large_fields",
        "geogan.latents",
        "geogan.metrics",
        "geogan.objectives",
        "geogan.penalties",
        "geogan.picture_batches",
        "geogan.property_variable",
        "geogan.receptive_field",
        "geogan.refinement",
        "geogan.refinement_report",
        "geogan.rescaling",
        "geogan.selection",
        "geogan.soft_data",
        "geogan.study_table",
        "geogan.systems",
        "geogan.target_proportions",
        "geogan.tiles",
        "geogan.translation",
        "geogan.translation_sheets",
        "geogan.image_pool",
        "geogan.unpaired_batches",
        "geogan.value_figures",
        "geogan.variable",
    ],
    "beartype.beartype",
)

from tests import clone  # noqa: E402  # imports the library, so only now


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs; tests that need it are skipped where GEOGAN_DATA is not set."""
    folder = os.environ.get("GEOGAN_DATA")
    if not folder:
        pytest.skip("GEOGAN_DATA is not set: no real data here")
    return Path(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the files of this one and smaller params, after ``dvc repro``, committed.

    All tests share it: what changes files works in a copy.
    """
    folder = clone.make(tmp_path_factory.mktemp("project") / "clone")
    told = clone.run(folder, "dvc", "repro")
    for stage in ("prepare@channels", "constrain@channels", "train@channels_sgan", "evaluate@channels_sgan"):
        assert f"Running stage '{stage}'" in told
    clone.commit(folder)
    return folder


@pytest.fixture(scope="session")
def translation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``project``, for scenes and maps."""
    folder = clone.make(tmp_path_factory.mktemp("translation") / "clone", clone.TRANSLATION)
    told = clone.run(folder, "dvc", "repro")
    for stage in ("prepare@city", "constrain@city", "train@city_pix2pix", "evaluate@city_pix2pix"):
        assert f"Running stage '{stage}'" in told
    clone.commit(folder)
    return folder


@pytest.fixture(scope="session")
def unpaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``translation``, with a system that learns without pairs; made by the commands, without DVC."""
    folder = clone.make(tmp_path_factory.mktemp("unpaired") / "clone", clone.UNPAIRED)
    for command in ("train", "evaluate", "export"):
        clone.typed(folder, command, "-q")
    return folder


@pytest.fixture
def copied(project: Path, tmp_path: Path) -> Path:
    """A copy of the finished project that a test may change; without DVC's cache."""
    return shutil.copytree(project, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp"))
