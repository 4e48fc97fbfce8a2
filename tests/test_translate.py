"""Whole scenes through a translator: no window shows, nothing depends on how the work was done."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.scenes import NO_CLASS
from geogan.whole_scenes.engine import translate_scene
from geogan.whole_scenes.strips import Job
from tests.layers import torn
from tests.translators import Same, classes, job, layer, noise, picture, translator, unet, whole


def run(work: Job, **options: Any) -> np.ndarray:
    return whole(list(translate_scene(work, **options)))[0]


@pytest.mark.parametrize("shape", [(200, 330), (5, 300), (300, 1), (1, 1), (64, 64), (65, 63)])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_network_that_changes_nothing_gives_the_scene_back(shape: tuple[int, int], batch: int) -> None:
    values = noise(3, *shape)
    found = run(job(translator(Same(), picture(), picture()), layer(values), batch=batch))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_values_come_back_in_the_type_and_scale_of_the_target(dtype: str) -> None:
    values = (noise(2, 100, 90).astype(np.float64) * 40).astype(dtype)
    found = run(job(translator(Same(), picture(dtype, 2, 10_200), picture(dtype, 2, 10_200)), layer(values)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(np.float64), values, atol=0.01)


@pytest.mark.parametrize("target", [picture(bands=2), classes()], ids=["picture", "classes"])
def test_windows_with_a_margin_as_wide_as_the_network_sees_give_one_pass_over_the_scene(target: Domain) -> None:
    values = noise(3, 384, 448)
    model = translator(unet(picture(), target, depth=2), picture(), target)
    found = run(job(model, layer(values), window=160))
    known = torch.ones((1, 384, 448), dtype=torch.bool)
    once = model.values(model.image(model.source.encode(values[None], known.numpy())))[0]
    assert len(np.unique(once)) > 2
    assert np.abs(found.astype(int) - once).max() <= (0 if target.palette else 1)  # 1: another rounding
    assert (found == once).mean() > 0.999


def test_any_number_of_workers_gives_the_same_bits() -> None:
    torch.set_num_threads(1)
    scene = layer(noise(3, 230, 200))
    work = job(translator(unet(picture(), classes()), picture(), classes()), scene, batch=2)
    one, two = list(translate_scene(work)), list(translate_scene(work, workers=2))
    assert len(one) == 5
    for first, second in zip(one, two, strict=True):
        assert first.strip == second.strip
        for name in ("values", "valid", "ramp"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_an_error_in_a_worker_comes_out_as_it_is() -> None:
    scene = torn(layer(noise(3, 230, 90)))
    work = job(translator(unet(picture(), picture()), picture(), picture()), scene)
    for workers in (1, 2):
        with pytest.raises(InputError, match=r"torn\.tif: cut off below row 0"):
            run(work, workers=workers)


def test_tta_is_the_mean_over_eight_flips_and_rotations() -> None:
    values = noise(3, 32, 32)
    model = translator(unet(picture(), picture()), picture(), picture())
    found = run(job(model, layer(values), tta=True))
    images = []
    for turns, flip in itertools.product(range(4), (False, True)):
        seen = np.rot90(values, turns, (1, 2))
        seen = np.ascontiguousarray(seen[:, ::-1] if flip else seen)
        image = model.image(model.source.encode(seen[None], np.ones((1, 32, 32), dtype=bool)))[0].numpy()
        images.append(np.rot90(image[:, ::-1] if flip else image, -turns, (1, 2)))
    expected = model.values(torch.from_numpy(np.mean(images, axis=0))[None])[0]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != run(job(model, layer(values)))).mean() > 0.2


def test_noise_depends_on_the_seed_and_the_window_alone() -> None:
    network = unet(picture(), picture())
    for part in network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.train()
    model = translator(network, picture(), picture())
    scene = layer(noise(3, 130, 140))
    before = torch.get_rng_state()
    first = list(translate_scene(job(model, scene, seed=3)))
    assert (torch.get_rng_state() == before).all()
    again = run(job(model, scene, seed=3, batch=5))
    np.testing.assert_array_equal(whole(first)[0], again)
    later = list(translate_scene(job(model, scene, seed=3), first=1, ramp=first[0].ramp))
    np.testing.assert_array_equal(later[0].values, first[1].values)
    assert (run(job(model, scene, seed=4)) != again).mean() > 0.2


def test_windows_without_a_valid_pixel_do_not_go_through_the_network() -> None:
    values = noise(1, 200, 330).astype(np.float32)
    valid = np.zeros((200, 330), dtype=bool)
    valid[:20, 100:150] = True
    network = Same()
    parts = list(
        translate_scene(job(translator(network, picture("float32", 1), picture("float32", 1)), layer(values, valid)))
    )
    found, known = whole(parts)
    assert network.windows == 3  # of 4 x 7
    np.testing.assert_array_equal(known, valid)
    assert np.isnan(found[0][~valid]).all()
    np.testing.assert_allclose(found[0][valid], values[0][valid], atol=1e-3)
    with np.errstate(invalid="ignore"):
        values[0][~valid] = np.nan
    again = run(job(translator(Same(), picture("float32", 1), picture("float32", 1)), layer(values, valid)))
    assert np.isfinite(again[0][valid]).all()


def test_not_valid_pixels_have_no_class_and_no_value() -> None:
    values, valid = noise(3, 90, 90), np.ones((90, 90), dtype=bool)
    valid[30:60, 40:70] = False
    found = run(job(translator(unet(picture(), classes()), picture(), classes()), layer(values, valid)))
    np.testing.assert_array_equal(found[0] == NO_CLASS, ~valid)
    found = run(job(translator(unet(picture(), picture()), picture(), picture()), layer(values, valid)))
    assert (found[:, ~valid] == 0).all()
