"""Finished rows on disk: a translation that was broken off goes on to the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.translation import PictureTranslator
from geogan.whole_scenes.engine import translate_scene
from geogan.whole_scenes.state import Partial
from geogan.whole_scenes.strips import Job
from tests.layers import ArrayLayer
from tests.translators import classes, job, layer, noise, picture, translator, unet, whole

WORK = {"scene": "abc", "window": 64}


def partial(out: Path, model: PictureTranslator, scene: ArrayLayer, work: dict[str, Any] = WORK) -> Partial:
    target = model.target
    bands, dtype = (1, "uint8") if target.palette else (target.channels, target.dtype)
    return Partial(out, work, bands=bands, columns=scene.grid.columns, dtype=dtype)


def go_on(out: Path, work: Job, tick: Callable[[int], None] = lambda done: None) -> tuple[np.ndarray, np.ndarray]:
    kept = partial(out, work.translator, work.layer)  # type: ignore[arg-type]
    try:
        for rows in translate_scene(work, first=kept.strips, ramp=kept.ramp, tick=tick):
            kept.add(rows)
        parts = list(kept.blocks(50))
    finally:
        kept.close()
    return np.concatenate([values for values, _ in parts], axis=1), np.concatenate([valid for _, valid in parts])


@pytest.mark.parametrize("target", [classes(), picture("float32", 2, 1.0)], ids=["classes", "float32"])
@pytest.mark.parametrize("windows", [1, 6, 13, 20])
def test_a_translation_broken_anywhere_goes_on_to_the_same_bits(tmp_path: Path, target: Domain, windows: int) -> None:
    values, valid = noise(3, 230, 200), noise(1, 230, 200, seed=1)[0] > 40
    network = unet(picture(), target)
    work = job(translator(network, picture(), target), layer(values, valid))
    wanted = whole(list(translate_scene(work)))
    done = itertools.count(1)

    def tick(_: int) -> None:
        if next(done) == windows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(tmp_path / "o.tif", work, tick)
    assert (tmp_path / ".o.tif.partial").exists() is (windows > 4)  # 4 windows a strip
    left: list[int] = []
    found = go_on(tmp_path / "o.tif", work, left.append)
    assert sum(left) == 20 - (windows - 1) // 4 * 4
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert found[0].dtype == wanted[0].dtype


def test_bytes_after_the_last_whole_strip_do_not_count(tmp_path: Path) -> None:
    """A device that was full, or a SIGKILL, may leave some."""
    scene = layer(noise(3, 230, 200))
    work = job(translator(unet(picture(), classes()), picture(), classes()), scene)
    parts = list(translate_scene(work))
    kept = partial(tmp_path / "o.tif", work.translator, scene)
    kept.add(parts[0])
    kept.close()
    for name in ("values.raw", "valid.raw"):
        with (tmp_path / ".o.tif.partial" / name).open("ab") as stream:
            stream.write(b"torn")
    (tmp_path / ".o.tif.partial/ramp-1.npy").write_bytes(b"torn")
    np.testing.assert_array_equal(go_on(tmp_path / "o.tif", work)[0], whole(parts)[0])


@pytest.mark.parametrize("harm", ["other work", "no JSON", "values cut", "nothing"])
def test_what_is_of_other_work_or_damaged_is_dropped(tmp_path: Path, harm: str) -> None:
    scene = layer(noise(3, 230, 200))
    work = job(translator(unet(picture(), classes()), picture(), classes()), scene)
    kept = partial(tmp_path / "o.tif", work.translator, scene)
    kept.add(next(translate_scene(work)))
    kept.close()
    folder = tmp_path / ".o.tif.partial"
    if harm == "no JSON":
        (folder / "state.json").write_text("{")
    if harm == "values cut":
        (folder / "values.raw").write_bytes(b"few")
    again = partial(tmp_path / "o.tif", work.translator, scene, WORK | ({"window": 72} if harm == "other work" else {}))
    assert again.strips == (1 if harm == "nothing" else 0)
    again.close()
    assert folder.exists() is (harm == "nothing")


def test_two_processes_do_not_translate_to_one_file(tmp_path: Path) -> None:
    scene = layer(noise(3, 100, 100))
    model = translator(unet(picture(), classes()), picture(), classes())
    kept = partial(tmp_path / "o.tif", model, scene)
    with pytest.raises(InputError, match="another process is translating to it"):
        partial(tmp_path / "o.tif", model, scene)
    kept.close()
    partial(tmp_path / "o.tif", model, scene).close()
    assert list(tmp_path.iterdir()) == []
