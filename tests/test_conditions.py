"""A sampler judged with other hard data than the store holds, by the library and by the script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from geogan.conditions import hard_data, judge
from geogan.constraints import Clusters, Density, NoConstraints, WellColumns
from geogan.errors import InputError
from geogan.grids import Grid
from geogan.prepare import constrain, prepare
from geogan.store import Prepared, open_constraints, open_prepared
from geogan.tiles import Split
from geogan.training_image import TrainingImage
from tests.clone import ROOT
from tests.test_metrics import channels


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    path = tmp_path_factory.mktemp("conditions") / "prepared.zarr"
    facies = channels(1, 400, 0)[0]
    grid = Grid(400, 400, (1.0, 0.0, 0.0, 0.0, -1.0, 400.0), None)
    image = TrainingImage(facies, ("mud", "sand"), grid, "ab" * 32)
    split = Split(validation=0.2, test=0.2)
    prepare(image, tile=32, stride=32, evaluation_tile=40, split=split, pool=0.2, path=path, key="k")
    return open_prepared(path)


@pytest.mark.parametrize("masks", [Density(density=0.02, draws=3, seed=5), Clusters(draws=2), WellColumns(wells=2)])
def test_hard_data_are_those_of_a_constraint_store_of_the_kind(prepared: Prepared, tmp_path: Path, masks) -> None:
    constrain(prepared, masks, path=tmp_path / "constraints.zarr", key="k")
    for split in ("validation", "test"):
        stored = open_constraints(tmp_path / "constraints.zarr").read(split)
        for wanted, found in zip(stored, hard_data(prepared, masks, split), strict=True):
            assert found.dtype == wanted.dtype
            assert np.array_equal(found, wanted)


def test_more_wells_leave_a_simple_baseline_less_to_guess(prepared: Prepared) -> None:
    def pasting(mask: np.ndarray, facies: np.ndarray, seed: int) -> np.ndarray:
        return np.where(mask, facies, np.random.default_rng(seed).integers(0, 2, mask.shape)).astype(np.uint8)

    few, many = (
        judge(pasting, prepared, Density(density=density), fields=4, groups=2).metrics for density in (0.002, 0.05)
    )
    assert many["kriging_brier"] < 0.5 * few["kriging_brier"]
    assert many["constant_brier"] == few["constant_brier"]
    assert many["constraint_accuracy"] == few["constraint_accuracy"] == 1
    with pytest.raises(InputError, match="none has no hard data"):
        judge(pasting, prepared, NoConstraints())


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "docs/results/conditions.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_script_prints_a_line_for_each_kind(project: Path, tmp_path: Path) -> None:
    bundle, store = project / "data/exports/channels_sgan", project / "data/prepared/channels.zarr"
    kinds = ["{name: density, density: 0.005, draws: 2, seed: 0}", "{name: clusters, clusters: 2}"]
    done = script(bundle, store, "--fields", 6, "--groups", 2, "--picture", tmp_path / "kinds.png", *kinds)
    assert done.returncode == 0, done.stderr
    assert imread(tmp_path / "kinds.png").shape[0] > 3 * 160  # real tiles above, a row for each kind
    first, second = map(json.loads, done.stdout.splitlines())
    assert second["constraints"] == {"name": "clusters", "clusters": 2, "wells": 5, "spread": 4, "draws": 4, "seed": 0}
    told = json.loads((project / "data/metrics/channels_sgan.json").read_text())  # the kind that the store holds
    assert {name: told[name] for name in first if name != "constraints"} | {"constraints": kinds[0]} == first | {
        "constraints": kinds[0]
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("{name: density, density: 2}", "constraints.density: must lie in (0, 1], not 2"),
        ("{name: rain}", "constraints.name: 'rain'"),
        ("density", "constraints"),
        ("{name: [", "is not YAML"),
    ],
)
def test_the_script_refuses_a_kind_that_is_none(tmp_path: Path, kind: str, message: str) -> None:
    done = script(tmp_path, tmp_path, kind)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
