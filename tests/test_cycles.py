"""What comes back of a picture, and that a picture hidden in its translation is found out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from geogan.metrics.cycles import BASELINES, CYCLES, Back, CycleTally, weakened
from geogan.metrics.scores import Batch, Source


def smooth(tiles: int = 6, channels: int = 2, edge: int = 24, seed: int = 0) -> np.ndarray:
    """Pictures of large soft spots in [-1, 1]."""
    coarse = torch.rand((tiles, channels, 5, 5), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return F.interpolate(coarse, size=(edge, edge), mode="bicubic").clamp(-1, 1).numpy()


def source(image: np.ndarray, valid: np.ndarray | None = None) -> Source:
    known = np.ones((len(image), *image.shape[2:]), bool) if valid is None else valid
    return lambda where: Batch(image[where], None, known[where])


def figures(image: np.ndarray, made: np.ndarray, back: Back, valid: np.ndarray | None = None) -> dict[str, float]:
    tally = CycleTally(back, source(image, valid))
    tally.add(slice(None), made)
    return tally.figures()


def test_weakened_rounds_to_256_levels_and_blurs_by_the_binomial_kernel() -> None:
    impulse = torch.full((1, 2, 5, 5), -1.0)
    impulse[0, 0, 2, 2] = 1
    impulse[0, 1, 0, 0] = 1
    taps = torch.tensor([0.25, 0.5, 0.25])
    found = (weakened(impulse) + 1) / 2
    torch.testing.assert_close(found[0, 0, 1:4, 1:4], torch.outer(taps, taps))
    assert found[0, 0].sum() == pytest.approx(1, abs=1e-5)
    # the reflected border has no pixel of the corner itself: it keeps its quarter, and no more comes from beyond
    torch.testing.assert_close(found[0, 1, :2, :2], torch.tensor([[0.25, 0.125], [0.125, 0.0625]]))
    level = torch.full((1, 1, 4, 4), 0.3)
    assert weakened(level).unique().tolist() == pytest.approx([round(1.3 * 127.5) / 127.5 - 1])


def test_a_pair_that_changes_nothing_gets_what_the_weakening_alone_costs() -> None:
    image = smooth()
    for sign in (1, -1):  # a negative hides nothing either
        found = figures(image, sign * image, lambda made, sign=sign: sign * made)
        assert found["cycle_l1"] == found["identity_cycle_l1"] == 0
        lost = np.abs(weakened(torch.from_numpy(image)).numpy() - image).mean()
        assert found["identity_cycle_l1_quantised"] == pytest.approx(lost, rel=1e-5)
        assert found["cycle_l1_quantised"] == pytest.approx(lost, rel=0.01)


@pytest.mark.parametrize("code", ["faint", "fine"])
def test_a_picture_hidden_in_its_translation_comes_back_from_the_cycle_alone(code: str) -> None:
    """In differences below a grey level, or in the sign of a checkerboard of a few grey levels."""
    image = smooth(channels=1)
    board = np.indices(image.shape[2:]).sum(axis=0) % 2 * 2 - 1
    carrier = np.float32(1e-3 if code == "faint" else 0.03 * board)

    def back(made: Tensor) -> Tensor:
        return (made - 0.5) / torch.as_tensor(carrier)

    found = figures(image, (0.5 + carrier * image).astype(np.float32), back)
    assert found["cycle_l1"] < 1e-3
    assert found["cycle_l1_quantised"] > 10 * found["identity_cycle_l1_quantised"]


def test_the_error_is_a_mean_over_valid_pixels_and_bands() -> None:
    image = smooth(3)
    valid = np.ones((3, 24, 24), bool)
    valid[1] = valid[:, :7] = False

    def off(made: Tensor) -> Tensor:
        came = made + torch.tensor([0.1, 0.3]).view(1, 2, 1, 1)
        return torch.where(torch.from_numpy(valid)[: len(made), None], came, torch.nan)

    assert figures(image, image, off, valid)["cycle_l1"] == pytest.approx(0.2, rel=1e-4)
    assert figures(image, image, off, np.zeros_like(valid)) == {}


def test_another_grid_costs_the_resizing() -> None:
    image = smooth(channels=1, edge=28)
    small = F.interpolate(torch.from_numpy(image), size=(16, 16), mode="bilinear", antialias=True)

    def back(made: Tensor) -> Tensor:
        assert made.shape[2:] == (16, 16)
        return F.interpolate(made, size=(28, 28), mode="bilinear")

    found = figures(image, small.numpy(), back)
    assert 0 < found["cycle_l1"] == pytest.approx(found["identity_cycle_l1"], rel=1e-4)
    assert found["cycle_l1"] < found["cycle_l1_quantised"]
    assert found["cycle_l1_quantised"] == pytest.approx(found["identity_cycle_l1_quantised"], rel=0.01)


def test_tiles_come_in_any_batches_and_only_what_is_asked_for_is_computed() -> None:
    image, calls = smooth(7), []

    def back(made: Tensor) -> Tensor:
        calls.append(len(made))
        return 0.9 * made

    whole = figures(image, image, back)
    assert tuple(whole) == CYCLES + BASELINES
    assert calls == [7, 7]
    calls.clear()
    tally = CycleTally(back, source(image), ["cycle_l1"])
    for first, end in ((0, 3), (3, 4), (4, 7)):
        tally.add(slice(first, end), image[first:end])
    assert tally.figures() == pytest.approx({"cycle_l1": whole["cycle_l1"]})
    assert calls == [3, 1, 3]
