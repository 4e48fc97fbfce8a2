"""Fields computed by windows are those computed in one piece."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from geogan import drawn_fields
from geogan.choices import Choice
from geogan.errors import InputError
from geogan.facies import activate
from geogan.generators import FIELD_GENERATORS, Generator, surrounded
from geogan.inference import FieldSampler
from geogan.large_fields import FEATURES, Window, plan_windows
from geogan.receptive_field import ReceptiveField

SMALL: dict[str, dict[str, Any]] = {  # fewer channels than by default, all layers
    "unet_residual": {"filters": (4, 6, 8, 8), "dilations": (1, 2)},
    "encoder_decoder": {"filters": (4, 6, 8, 8)},
    "noise_encoder_decoder": {"filters": (4, 6, 8, 8)},
    "upsampling_encoder_decoder": {"up": (8, 6, 4), "filters": (4, 6, 8, 8)},
    "upsampling_dilated": {"up": (8, 6, 4), "filters": (4, 6, 8, 8)},
    "dilated": {"filters": (4, 6, 8, 8)},
}
ROWS, COLUMNS = 203, 157  # no multiple of any stride


def made(name: str, facies: int = 2, **more: Any) -> Generator:
    """A generator whose features have the sizes of a trained one's, with random statistics, images of all values."""
    torch.manual_seed(1)
    channels = 1 if facies == 2 else facies
    network: Generator = FIELD_GENERATORS[name](1 + channels, channels, 3, **SMALL[name], **more)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network(torch.randn(4, *network.noise_shape(64, 64)), torch.randn(4, 1 + channels, 64, 64))
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_var is not None
                assert layer.running_mean is not None
                layer.running_var *= 0.5 + torch.rand_like(layer.running_var)
                layer.running_mean += 0.3 * layer.running_var.sqrt() * torch.randn_like(layer.running_var)
                layer.bias.normal_(0, 0.3)
        list(network.modules())[-1].weight *= 20  # type: ignore[operator]
    return network.eval()


def sampler(name: str, facies: int = 2, margin: int = 0, **more: Any) -> FieldSampler:
    network = surrounded(made(name, facies, **more), margin).eval()
    return FieldSampler(network, Choice("uniform", {"channels": 3}), facies, torch.device("cpu"))


def hard(rows: int = ROWS, columns: int = COLUMNS, facies: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Hard data: one cell in a hundred, all four corners, and both sides of every line of 32 cells."""
    rng = np.random.default_rng(0)
    mask = rng.random((rows, columns)) < 0.01
    mask[:: rows - 1, :: columns - 1] = True
    mask[31::32, 5::40] = mask[32::32, 25::40] = mask[5::40, 31::32] = mask[32::32, 32::32] = True
    return mask, rng.integers(0, facies, (rows, columns)).astype(np.uint8)


def image(drawn: FieldSampler, plan: list[Window], data: tuple[np.ndarray, np.ndarray], k: int = 2) -> np.ndarray:
    mask, codes = data
    whole = np.full((drawn.count if drawn.count > 2 else 1, *mask.shape), np.nan, np.float32)
    for one, raw in drawn._raw(mask[None], codes[None], [k], 7, plan):
        assert np.isnan(whole[:, one.rows.given, one.columns.given]).all()  # windows do not overlap
        whole[:, one.rows.given, one.columns.given] = activate(raw)[0].numpy()
    assert not np.isnan(whole).any()
    return whole


def plan_of(drawn: FieldSampler, window: int | None, less: int = 0, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Any:
    field = drawn.receptive_field
    assert field.margin is not None
    return plan_windows(*shape, drawn.generator.stride, dataclasses.replace(field, margin=field.margin - less), window)


def test_every_generator_is_tried() -> None:
    assert SMALL.keys() == FIELD_GENERATORS.keys()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("facies", "margin"), [(2, 0), (3, 0), (2, 16)])
def test_windows_leave_no_trace(name: str, facies: int, margin: int) -> None:
    drawn = sampler(name, facies, margin)
    data = hard(facies=facies)
    whole = image(drawn, plan_of(drawn, None), data)
    assert whole.std() > 0.05
    plan = plan_of(drawn, 32)
    assert len(plan) == 35
    assert np.abs(image(drawn, plan, data) - whole).max() < 1e-5


@pytest.mark.parametrize(("facies", "margin"), [(2, 16), (3, 0)])
def test_the_noise_of_single_cells_is_that_of_the_field_in_windows_too(facies: int, margin: int) -> None:
    drawn, calm = (sampler("unet_residual", facies, margin, nugget=nugget) for nugget in (3.0, 0.0))
    assert drawn.receptive_field.margin == calm.receptive_field.margin
    data = hard(facies=facies)
    whole = image(drawn, plan_of(drawn, None), data)
    assert np.abs(image(drawn, plan_of(drawn, 32), data) - whole).max() < 1e-5
    assert np.abs(whole - image(calm, plan_of(calm, None), data)).mean() > 0.1


def test_with_a_margin_a_field_has_no_border() -> None:
    """The same noise everywhere and nothing known: then all cells are alike, if none sees what lies beyond."""
    network = made("dilated")
    drawn = {margin: surrounded(network, margin).eval() for margin in (0, 16, 20)}  # it sees 20 cells around
    spans = {}
    for margin, one in drawn.items():
        with torch.no_grad():
            image = one(torch.full((1, *one.noise_shape(24, 30)), 0.5), torch.zeros(1, 2, 24, 30))
        assert image.shape == (1, 1, 24, 30)
        spans[margin] = float(image.max() - image.min())
    assert spans[20] < 1e-5 < 1e-3 < spans[16] < spans[0]


def test_a_margin_of_0_is_no_other_generator() -> None:
    network = made("dilated")
    assert surrounded(network, 0) is network


@pytest.mark.parametrize("name", SMALL)
def test_the_margin_is_no_larger_than_needed(name: str) -> None:
    drawn = sampler(name)
    whole = image(drawn, plan_of(drawn, None), hard())
    short = image(drawn, plan_of(drawn, 64, less=drawn.generator.stride), hard())
    assert np.abs(short - whole).max() > 0


def test_margins_of_known_layers() -> None:
    # five layers of 5 x 5 with dilation 2: 4 cells each
    assert ReceptiveField.of(made("dilated")).margin == 20
    # 5 x 5 with dilations 1, 2, 3, 4 and a head of 5 x 5: 2 + 4 + 6 + 8 + 2 = 22 cells of 8-fold upsampled noise;
    # the cell of noise 24 cells away reaches 22 + 4 + 2 + 1 = 29 cells: the next multiple of the stride is 32
    assert ReceptiveField.of(made("upsampling_dilated")).margin == 32


def test_bytes_per_cell_count_channels() -> None:
    field = ReceptiveField.of(made("dilated"))
    assert field.bytes_per_cell == 4 * (8 + 2 * 8)  # the fourth layer reads 6 channels, the head 8 and writes 1
    assert ReceptiveField.of(made("dilated").train()).bytes_per_cell == field.bytes_per_cell


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 9), (16, 16), (33, 8), (5, 130)])
def test_fields_of_any_size(rows: int, columns: int) -> None:
    for name in ("unet_residual", "dilated"):
        drawn = sampler(name)
        data = hard(rows + 2, columns + 2)
        shape = (rows + 2, columns + 2)
        whole = image(drawn, plan_of(drawn, None, shape=shape), data)
        assert np.abs(image(drawn, plan_of(drawn, 16, shape=shape), data) - whole).max() < 1e-5


def test_a_realization_depends_on_seed_and_number_alone() -> None:
    drawn = sampler("unet_residual")
    data = hard(70, 90)
    three = list(drawn.fields(*data, 3, 5))
    told: list[float] = []
    four = list(drawn.fields(*data, 4, 5, told.append, 24))
    assert all(np.array_equal(one, two) for one, two in zip(three, four, strict=False))
    assert not np.array_equal(four[2], four[3])
    assert np.array_equal(drawn.sample(*data, 3, 5), np.stack(three))
    assert len(told) == 4 * 3 * 4
    assert told[:2] == [1 / 12, 2 / 12]
    assert told[-1] == 4


def test_windows_are_taken_where_one_piece_is_too_large() -> None:
    field = ReceptiveField(88, 768.0)
    cells = FEATURES / 768
    for edge, count in ((640, 1), (832, 1), (840, 4), (4096, 49)):
        plan = plan_windows(edge, edge, 8, field)
        assert len(plan) == count, edge
        assert max(one.cells(0) for one in plan) <= cells
        assert sum((one.rows.end - one.rows.start) * (one.columns.end - one.columns.start) for one in plan) == edge**2
    assert [len(plan_windows(208, 208, 8, field, at_once=n)) for n in (16, 17)] == [1, 9]
    assert len(plan_windows(4096, 4096, 8, ReceptiveField(None, 768.0, "it"))) == 1
    far = plan_windows(4096, 4096, 8, ReceptiveField(800, 768.0))  # no shorter than the margin
    assert far[0].rows.end >= 600


def test_memory_is_that_of_a_window() -> None:
    drawn = sampler("unet_residual")
    small, large = drawn.memory(512, 512, 64), drawn.memory(2048, 2048, 64)
    per_cell = 1 + 8 * 3 / 64  # the field, and a noise map of 3 channels per 8 x 8 cells
    assert large - small == pytest.approx((2048**2 - 512**2) * per_cell)
    assert drawn.memory(2048, 2048, 2048) > 10 * large


def test_a_property_takes_four_bytes_a_cell() -> None:
    drawn = sampler("unet_residual", 1)
    grown = drawn.memory(2048, 2048, 64) - drawn.memory(512, 512, 64)
    assert grown == pytest.approx((2048**2 - 512**2) * (4 + 8 * 3 / 64))


def test_a_generator_that_went_astray_is_told_of() -> None:
    drawn = sampler("unet_residual")
    with torch.no_grad():
        list(drawn.generator.modules())[-1].bias[0] = float("nan")  # type: ignore[index,operator]
    with pytest.raises(InputError, match="the generator gives values that are NaN or infinite"):
        drawn.sample(*hard(64, 64), count=1, seed=0)


@pytest.mark.parametrize("window", [0, -8, 12])
def test_windows_are_multiples_of_the_stride(window: int) -> None:
    with pytest.raises(InputError, match=rf"--window {window}: must be a multiple of the generator's stride, 8"):
        list(sampler("unet_residual").fields(*hard(40, 40), 1, 0, None, window))


def test_norms_over_the_whole_field_allow_no_windows() -> None:
    network = FIELD_GENERATORS["unet_residual"](2, 1, 3, norm="instance", **SMALL["unet_residual"]).eval()
    drawn = FieldSampler(network, Choice("uniform", {"channels": 3}), 2, torch.device("cpu"))
    assert len(list(drawn.fields(*hard(40, 40), 2, 0))) == 2
    with pytest.raises(InputError, match=r"--window 16: .* cannot draw .*InstanceNorm2d\) takes in the whole field"):
        list(drawn.fields(*hard(40, 40), 1, 0, None, 16))


def test_instance_norm_with_kept_statistics_is_as_batch_norm() -> None:
    network = made("dilated")
    for module in list(network.modules()):
        for child, layer in module.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                setattr(module, child, nn.InstanceNorm2d(layer.num_features, track_running_stats=True))
    assert ReceptiveField.of(network.eval()).margin == 20


def test_fields_wait_on_disk(tmp_path: Path) -> None:
    fields = np.random.default_rng(0).integers(0, 9, (3, 5, 7)).astype(np.uint8)
    kept = drawn_fields.keep(iter(fields), 3, (5, 7), tmp_path / "none" / "yet")
    assert isinstance(kept, np.memmap)
    assert np.array_equal(kept, fields)
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_on_disk_is_told_before_the_first_field(tmp_path: Path) -> None:
    def never() -> Any:
        pytest.fail("drawn")
        yield

    with pytest.raises(
        InputError, match=r"2 fields of 2199023255552 x 1048576 need .* GiB there until they are written"
    ):
        drawn_fields.keep(never(), 2, (2**41, 2**20), tmp_path)
    assert list(tmp_path.iterdir()) == []
