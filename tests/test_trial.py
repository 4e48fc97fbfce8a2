"""The trial of parts: what it refuses, naming the key, before any data are made."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from geogan.choices import choose
from geogan.critics.patch_gan import PatchGAN
from geogan.errors import InputError
from geogan.optimisers import OPTIMISERS
from geogan.systems import SYSTEMS
from geogan.trial import Edge, refuse
from tests.test_cyclegan import slots as cyclegan_slots
from tests.test_pix2pix import slots as pix2pix_slots
from tests.test_system import slots as field_slots

ADAM = choose("adam", {"name": "adam", "lr": 1e-3}, OPTIMISERS)
SLOTS_OF = {"cyclegan": cyclegan_slots, "pix2pix": pix2pix_slots, "constrained_sgan": field_slots}


def tried(name: str, tile: Edge, evaluation_tile: Edge, parts: dict[str, Any] | None = None, **options: Any) -> None:
    system = choose("system", {"name": name, **options}, SYSTEMS)
    refuse("experiments.x", system, SLOTS_OF[name](**(parts or {})), {"generator": ADAM}, tile, evaluation_tile)


def test_parts_that_fit_pass_and_leave_the_random_state() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    tried("constrained_sgan", 16, 20)
    tried("pix2pix", 16, 24)
    tried("pix2pix", (16, 16), (24, 24), direction="b_to_a")
    tried("cyclegan", 16, 32)
    tried("cyclegan", (28, 16), (28, 16), identity=0.0)
    tried("cyclegan", (28, 16), (56, 32), identity=0.0)
    assert torch.equal(torch.get_rng_state(), before)


UNET = {"generator": {"name": "unet", "depth": 3, "filters": 4}}


@pytest.mark.parametrize(
    ("name", "tile", "evaluation_tile", "parts", "options", "message"),
    [
        (
            "pix2pix",
            12,
            16,
            UNET,
            {},
            r"generator: its stride is 8, and tiles of 12 are no multiple .* dataset's tile ",
        ),
        ("pix2pix", 16, 12, UNET, {}, r"generator: its stride is 8, and tiles of 12 .* dataset's evaluation_tile "),
        ("pix2pix", (16, 8), (16, 8), {}, {}, r"dataset: its tiles of A have 16 pixels and those of B 8"),
        ("cyclegan", 12, 16, UNET, {}, r"generator: its stride is 8, and tiles of 12 are no multiple"),
        ("cyclegan", (28, 16), (28, 16), {}, {}, r"system\.identity: is 0\.5, but .* 28 pixels .* 16 pixels; give 0"),
        ("cyclegan", (28, 16), (28, 16), UNET, {"identity": 0.0}, r"generator\.name: 'unet' keeps the grid.* 4/7 "),
        ("cyclegan", (28, 16), (28, 28), {}, {"identity": 0.0}, r"dataset: .* 28 and 16 pixels, .* 28 and 28, another"),
        ("cyclegan", 2, 2, {}, {}, r"generator: cannot be built for tiles of 2 \("),
        ("cyclegan", (12, 4), (12, 4), {}, {"identity": 0.0}, r"critic: cannot be built for tiles of 4 \("),
        (
            "cyclegan",
            16,
            16,
            {"critic": {"name": "patch_gan", "field": 70, "filters": 4}},
            {},
            r"critic: cannot be built for tiles of 16 \(",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(
    name: str, tile: Edge, evaluation_tile: Edge, parts: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"^experiments\.x\.{message}"):
        tried(name, tile, evaluation_tile, parts, **options)


def test_the_critic_is_shown_what_it_will_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of each domain, or the scene and its map."""
    shown: list[tuple[int, ...]] = []

    def forward(critic: nn.Module, x: torch.Tensor) -> torch.Tensor:
        shown.append(tuple(x.shape[1:]))
        return x.mean(dim=1, keepdim=True)

    monkeypatch.setattr(PatchGAN, "forward", forward)
    tried("cyclegan", (28, 16), (28, 16), identity=0.0)
    tried("pix2pix", 16, 16)
    assert shown == [(3, 16, 16), (3, 28, 28), (6, 16, 16)]
