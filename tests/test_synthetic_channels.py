"""The generated channel field: reproducible, of the proportion asked for, the same at its borders as inside."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from geogan.datasets import Context, Limits
from geogan.datasets.raster import read as read_raster
from geogan.datasets.synthetic_channels import read
from geogan.errors import InputError
from geogan.grids import Grid

HERE = Context(Path())


def mean_run(field: np.ndarray, axis: int) -> float:
    """Mean length of the runs of True along an axis."""
    padded = np.pad(field.astype(np.int8), [(1, 1) if at == axis else (0, 0) for at in (0, 1)])
    return float(field.sum() / (np.diff(padded, axis=axis) == 1).sum())


def islands(field: np.ndarray) -> float:
    """Background components per million pixels."""
    return float(ndimage.label(~field)[1] / field.size * 1e6)


def test_the_seed_and_the_settings_alone_make_the_field() -> None:
    first, again = read(HERE, rows=64, columns=80, seed=3), read(HERE, rows=64, columns=80, seed=3)
    other, wider = read(HERE, rows=64, columns=80, seed=4), read(HERE, rows=64, columns=80, seed=3, width=12.0)
    assert np.array_equal(first.values, again.values)
    assert first.sha256 == again.sha256
    assert (first.values != other.values).mean() > 0.1
    assert len({first.sha256, other.sha256, wider.sha256}) == 3
    assert first.values.dtype == np.uint8
    assert first.values.shape == (64, 80)
    assert first.names == ("background", "channel")
    assert first.grid == Grid.in_cells(64, 80)


@pytest.mark.parametrize(
    ("rows", "columns", "proportion", "orientation"),
    [(64, 64, 0.26, 90.0), (300, 500, 0.26, 90.0), (400, 200, 0.1, 20.0), (300, 300, 0.45, 135.0)],
)
def test_the_proportion_is_met(rows: int, columns: int, proportion: float, orientation: float) -> None:
    field = read(HERE, rows=rows, columns=columns, proportion=proportion, orientation=orientation).values
    assert set(np.unique(field)) == {0, 1}
    assert abs(field.mean() - proportion) <= 0.01


@pytest.mark.parametrize("shape", [(80, 600), (600, 80)])
def test_the_borders_are_like_the_middle(shape: tuple[int, int]) -> None:
    small = {"rows": shape[0], "columns": shape[1], "width": 3.0, "amplitude": 5.4, "wavelength": 60.0}
    fields = np.stack([read(HERE, seed=seed, **small).values for seed in range(12)])  # type: ignore[arg-type]
    axis = 1 + int(np.argmin(shape))
    by_line = fields.mean(axis=(0, 3 - axis))
    distance = np.minimum(np.arange(80), 79 - np.arange(80))
    for near, far in ((0, 2), (2, 5), (5, 10), (10, 20), (20, 40)):
        inside = (distance >= near) & (distance < far)
        assert by_line[inside].mean() == pytest.approx(0.26, abs=0.03), (near, far)


def test_channels_have_the_width_and_run_along_the_orientation() -> None:
    across = read(HERE, rows=400, columns=400, orientation=90.0).values.astype(bool)
    down = read(HERE, rows=400, columns=400, orientation=0.0).values.astype(bool)
    assert 9.5 < mean_run(across, 0) < 13.5
    assert mean_run(across, 1) > 3 * mean_run(across, 0)
    assert mean_run(down, 0) > 3 * mean_run(down, 1)
    wide = read(HERE, rows=400, columns=400, width=20.0).values.astype(bool)
    assert 1.7 < mean_run(wide, 0) / mean_run(across, 0) < 2.3
    straight = read(HERE, rows=400, columns=400, amplitude=2.0).values.astype(bool)
    assert mean_run(straight, 1) > 1.5 * mean_run(across, 1)


@pytest.fixture(scope="module")
def large() -> tuple[np.ndarray, float]:
    """A field of 2000 x 2000 and the seconds that it took."""
    start = time.process_time()
    return read(HERE, rows=2000, columns=2000, seed=7).values.astype(bool), time.process_time() - start


def test_two_thousand_squared_in_seconds(large: tuple[np.ndarray, float]) -> None:
    assert large[1] < 10


def test_it_is_like_the_classic_channel_image(large: tuple[np.ndarray, float], real_data: Path) -> None:
    made = large[0]
    real = read_raster(Context(real_data), path="channels/laloy_channels_2500.png").values.astype(bool)
    for axis in (0, 1):
        assert mean_run(made, axis) == pytest.approx(mean_run(real, axis), rel=0.1)
        assert mean_run(~made, axis) == pytest.approx(mean_run(~real, axis), rel=0.1)
    assert islands(made) == pytest.approx(islands(real), rel=0.3)


@pytest.mark.parametrize(
    ("knobs", "key"),
    [
        ({"rows": 0}, "rows"),
        ({"width": 0.0}, "width"),
        ({"amplitude": -1.0}, "amplitude"),
        ({"proportion": 1.2}, "proportion"),
        ({"seed": -1}, "seed"),
        ({"rows": 4, "columns": 4, "proportion": 0.1}, "proportion"),
    ],
)
def test_what_cannot_be_is_refused_by_key(knobs: dict[str, float], key: str) -> None:
    with pytest.raises(InputError, match=f"source.{key}"):
        read(HERE, **knobs)  # type: ignore[arg-type]


def test_the_limit_of_pixels_holds_here_too() -> None:
    with pytest.raises(InputError, match=r"limits\.pixels"):
        read(Context(Path(), Limits(pixels=10_000)), rows=101, columns=100)
