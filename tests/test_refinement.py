"""Noise descent, on generators small enough to know what must come out."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import numpy as np
import pytest
import torch
from torch import Tensor

from geogan import refinement
from geogan.choices import Choice
from geogan.descent import COORDINATES, MARGIN, RATE, Wells, cost, lead
from geogan.generators import Generator, surrounded
from geogan.inference import FieldSampler, noise
from geogan.latents import LATENTS
from geogan.metrics.wells import isolated
from geogan.refinement import RESTARTS, Outcome, Refiner, real_share, refining
from geogan.refinement_report import RefinementReport

SHAPE = (8, 9)


@final
class Free(Generator):
    """Every cell has a noise of its own: logits = ``gain`` (z - ``offset``), blocks of ``stride`` cells alike."""

    def __init__(self, image: int = 1, stride: int = 1, gain: float = 1.0, offset: float = 0.0):
        super().__init__()
        self.image, self.stride, self.gain, self.offset = image, stride, gain, offset
        self.seen: list[Tensor] = []
        self.told: list[Tensor] = []

    def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        return self.image, rows // self.stride, columns // self.stride

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        self.seen.append(z.detach())
        self.told.append(condition)
        z = z.repeat_interleave(self.stride, dim=2).repeat_interleave(self.stride, dim=3)
        return self.gain * (z - self.offset)


def sampler(generator: Generator, latent: str = "normal", count: int = 2) -> FieldSampler:
    choice = Choice(latent, {"channels": count if count > 2 else 1})
    return FieldSampler(generator.eval(), choice, count, torch.device("cpu"))


def hard(wells: dict[tuple[int, int], int]) -> tuple[np.ndarray, np.ndarray]:
    mask, codes = np.zeros(SHAPE, bool), np.full(SHAPE, 255, np.uint8)
    for cell, code in wells.items():
        mask[cell], codes[cell] = True, code
    return mask, codes


def refined(
    of: FieldSampler, wells: dict[tuple[int, int], int], n: int = 2, *, steps: int = 100, shown: bool = True
) -> tuple[np.ndarray, np.ndarray, list[Outcome]]:
    """Fields as drawn, fields as refined, what became of each."""
    mask, codes = hard(wells)
    drawn = of.sample(mask, codes, n, 3)
    refine = Refiner(of, mask, codes, 3, steps, shown=shown)
    fields, outcomes = zip(*(refine(field, k) for k, field in enumerate(drawn)), strict=True)
    return drawn, np.stack(fields), list(outcomes)


WELLS = {(0, 0): 1, (3, 4): 0, (3, 7): 1, (7, 2): 0, (5, 8): 1}


def test_a_refining_sampler_gives_each_row_of_hard_data_its_refined_field() -> None:
    of = sampler(Free())
    data = [hard(WELLS), hard({(1, 1): 0, (6, 6): 1})]
    mask, codes = (np.stack(part) for part in zip(*data, strict=True))
    fields = refining(of, 100)(mask, codes, 3)
    assert (of(mask, codes, 3) != codes)[mask].any()
    assert (fields == codes)[mask].all()
    assert np.array_equal(fields[0], refined(of, WELLS, 1)[1][0])


@pytest.mark.parametrize("latent", ["normal", "uniform"])
def test_free_noise_honours_every_well_and_no_pixel_is_pasted(latent: str) -> None:
    of = sampler(Free(), latent)
    drawn, fields, outcomes = refined(of, WELLS)
    mask, codes = hard(WELLS)
    assert (drawn[:, mask] != codes[mask]).any(axis=1).all()  # each field misses a well as it is drawn
    assert (fields[:, mask] == codes[mask]).all()
    for before, field, outcome in zip(drawn, fields, outcomes, strict=True):
        assert outcome.after == (5, int((isolated(field[None])[0] & mask).sum()))
        assert outcome.before[0] == (before[mask] == codes[mask]).sum()
        assert outcome.after[1] <= outcome.before[1]
        assert (outcome.missed, outcome.restart) == ((), 0)
        assert 0.5 < (outcome.deviation or 0) < 1.5
        far = np.ones(SHAPE, bool)
        for y, x in WELLS:
            far[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = False
        assert (before[far] == field[far]).all()  # only the cells that the wells ask for


def test_the_first_honouring_step_ends_the_descent() -> None:
    """Under a constant slope each step of Adam is RATE, so the number of steps follows from the drawn noise."""
    of = sampler(Free())
    drawn, _, outcomes = refined(of, {(4, 4): 1}, n=6)
    for k, outcome in enumerate(outcomes):
        z = LATENTS["normal"]((1, 1, *SHAPE), noise(3, k), channels=1)[0, 0, 4, 4].item()
        missed = drawn[k, 4, 4] == 0
        assert missed == (z <= 0)
        alone = isolated(drawn[k : k + 1])[0, 4, 4]
        if not missed:
            assert (outcome.steps, outcome.restart) == (0, None)
        elif not alone:
            assert abs(outcome.steps - math.ceil(-z / RATE)) <= 1


def test_fields_that_honour_all_stay_and_cost_nothing() -> None:
    of = sampler(Free())
    mask, codes = hard(WELLS)
    honouring = np.where(mask, codes, of.sample(mask, codes, 1, 3)[0])
    field, outcome = Refiner(of, mask, codes, 3, 100)(honouring, 0)
    assert field is honouring
    assert (outcome.steps, outcome.restart, outcome.deviation, outcome.missed) == (0, None, None, ())
    assert outcome.before == outcome.after


def test_a_realization_depends_on_the_seed_and_its_number_alone() -> None:
    _, few, first = refined(sampler(Free()), WELLS, n=1)
    _, many, all_ = refined(sampler(Free()), WELLS, n=3)
    assert (few == many[:1]).all()
    assert first == all_[:1]
    mask, codes = hard(WELLS)
    of = sampler(Free())
    drawn = of.sample(mask, codes, 3, 3)
    alone, outcome = Refiner(of, mask, codes, 3, 100)(drawn[2], 2)
    assert (alone == many[2]).all()
    assert outcome == all_[2]


def test_wells_that_no_noise_reaches_are_named() -> None:
    """Cells of a block are alike, so that the two wells of one block cannot both be honoured."""
    drawn, fields, outcomes = refined(sampler(Free(stride=4)), {(0, 0): 1, (2, 3): 0, (7, 8): 1}, n=3, steps=40)
    assert {outcome.missed for outcome in outcomes} <= {((0, 0),), ((2, 3),)}
    assert (fields[:, 7, 8] == 1).all()
    for k, outcome in enumerate(outcomes):
        assert outcome.steps == 40 * 2
        assert outcome.after[0] == 2
        assert (outcome.restart is None) == (outcome.before[0] == 2) == bool((drawn[k] == fields[k]).all())


def test_a_deaf_generator_leaves_its_fields_as_they_are() -> None:
    drawn, fields, outcomes = refined(sampler(Free(gain=0.0)), {(1, 1): 1, (2, 2): 0}, n=2, steps=3)
    assert (fields == drawn).all()
    assert [(o.missed, o.steps, o.restart) for o in outcomes] == [(((1, 1),), 6, None)] * 2


def test_a_well_that_only_a_pasted_pixel_would_honour_counts_as_missed() -> None:
    @final
    class Dot(Generator):
        """Facies 0 wherever there is no well."""

        stride = 1

        def noise_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
            return 1, rows, columns

        def forward(self, z: Tensor, condition: Tensor) -> Tensor:
            return torch.where(condition[:, :1] > 0, z, -1 - 0 * z)

    drawn, fields, outcomes = refined(sampler(Dot()), {(4, 4): 1}, n=4, steps=8)
    assert {outcome.missed for outcome in outcomes} == {(), ((4, 4),)}
    for before, field, outcome in zip(drawn, fields, outcomes, strict=True):
        assert (before == field).all()
        assert (outcome.missed == ()) == bool(before[4, 4])  # drawn so, not made so


def pasting(of: FieldSampler, cell: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Hard data of one well, a field that honours it by an isolated pixel, and its realization."""
    mask, codes = hard({cell: 1})
    drawn = of.sample(mask, codes, 2000, 3)
    found = np.flatnonzero((drawn[:, *cell] == 1) & isolated(drawn)[:, *cell])
    return mask, codes, drawn[found[0]], int(found[0])


def test_a_pasted_well_gets_neighbours_of_its_facies() -> None:
    of = sampler(Free())
    mask, codes, drawn, k = pasting(of, (4, 4))
    field, outcome = Refiner(of, mask, codes, 3, 100)(drawn, k)
    assert (outcome.before, outcome.after, outcome.restart) == ((1, 1), (1, 0), 0)
    assert not isolated(field[None])[0, 4, 4]
    assert 0 < outcome.steps < 100
    changed = np.argwhere(field != drawn)
    assert (np.abs(changed - 4).max(axis=1) == 1).all()  # neighbours of the well alone
    real = 0.5  # of an image in which every second pixel may stand alone
    field, outcome = Refiner(of, mask, codes, 3, 100, real=real)(drawn, k)
    assert field is drawn
    assert (outcome.steps, outcome.pasted) == (0, ())


def test_a_well_that_can_only_be_pasted_is_named_and_tried_anew_where_it_must_not_be() -> None:
    @final
    class Dots(Free):
        """Facies 1 needs more noise than there is, but at wells."""

        def forward(self, z: Tensor, condition: Tensor) -> Tensor:
            return super().forward(z, condition) - 1.5 * (1 - condition[:, :1])

    of = sampler(Dots(), "uniform")
    mask, codes, drawn, k = pasting(of, (4, 4))
    for exact, starts in ((False, 1), (True, 1 + refinement.ROUNDS)):
        field, outcome = Refiner(of, mask, codes, 3, 5, exact=exact)(drawn, k)
        assert (field == drawn).all()
        assert (outcome.missed, outcome.pasted, outcome.restart) == ((), ((4, 4),), None)
        assert outcome.steps == 5 * starts


@pytest.mark.parametrize(
    ("evaluation", "share"), [(None, 0.0), ({"metrics": {}}, 0.0), ({"metrics": {"isolated_share_real": 0.1}}, 0.1)]
)
def test_share_of_isolated_pixels_of_real_fields(evaluation: dict[str, Any] | None, share: float) -> None:
    assert real_share(evaluation) == share


def test_uniform_noise_stays_inside_its_range_where_normal_noise_may_go_on() -> None:
    wells = {(4, 4): 1}
    inside, outside = Free(offset=1.5), Free(offset=1.5)
    _, _, outcomes = refined(sampler(inside, "uniform"), wells, n=1, steps=30)
    assert outcomes[0].missed == ((4, 4),)
    assert max(z.abs().max() for z in inside.seen) <= 1
    assert inside.seen[0].shape[0] == 1
    assert inside.seen[-1].shape[0] == RESTARTS
    _, _, outcomes = refined(sampler(outside, "normal"), wells, n=1)
    assert outcomes[0].missed == ()


def test_fields_with_a_margin() -> None:
    """Wells keep their cells, while the noise map covers the margin too."""
    inner = Free()
    wells = {(0, 0): 1, (4, 4): 0, (7, 8): 1}
    fields, moved, outcomes = refined(sampler(surrounded(inner, 2)), wells)
    assert fields.shape == moved.shape == (2, *SHAPE)
    for field, one in zip(moved, outcomes, strict=True):
        assert [field[cell] for cell in wells] == list(wells.values())
        assert one.missed == ()
    assert inner.seen[0].shape[-2:] == (SHAPE[0] + 4, SHAPE[1] + 4)


@pytest.mark.parametrize("margin", [0, 2])
def test_the_noise_of_single_cells_stays_as_drawn(margin: int) -> None:
    inner = Free(image=3)
    inner.fine = 2  # the last two of three channels; the first one decides between facies 0 and the others
    wells = {(0, 0): 0, (3, 4): 0, (5, 7): 0}
    drawn, fields, _ = refined(sampler(surrounded(inner, margin), count=3), wells)
    mask, codes = hard(wells)
    assert (drawn[:, mask] != codes[mask]).any()
    assert (fields[:, mask] == codes[mask]).all()
    starts = [z for z in inner.seen if len(z) == 1]
    last = {z[:, 1:].numpy().tobytes() for z in starts}
    assert len(last) == 2  # one for each field, before the descent and all along it
    assert len({z[:, :1].numpy().tobytes() for z in starts}) > 2


def test_three_facies() -> None:
    wells = {(0, 0): 2, (3, 4): 0, (3, 7): 1, (7, 2): 2}
    of = sampler(Free(image=3), count=3)
    drawn, fields, outcomes = refined(of, wells)
    mask, codes = hard(wells)
    assert (drawn[:, mask] != codes[mask]).any(axis=1).all()
    assert (fields[:, mask] == codes[mask]).all()
    assert all(outcome.after[1] <= outcome.before[1] for outcome in outcomes)


@pytest.mark.parametrize("shown", [True, False])
def test_an_unconditional_generator_is_shown_no_wells(shown: bool) -> None:
    generator = Free()
    of = sampler(generator)
    mask, codes = hard(WELLS)
    field = of.sample(np.zeros(SHAPE, bool), codes, 1, 3)[0]
    generator.told.clear()
    field, _ = Refiner(of, mask, codes, 3, 100, shown=shown)(field, 0)
    assert (field[mask] == codes[mask]).all()
    assert {told.abs().sum().item() for told in generator.told} == ({2.0 * len(WELLS)} if shown else {0.0})


def test_large_fields_descend_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "CELLS", 3 * math.prod(SHAPE) + 1)
    generator = Free(offset=9.0)
    _, _, (outcome,) = refined(sampler(generator), {(4, 4): 1}, n=1, steps=1)
    assert outcome.steps == 1 + 3
    rows = [len(z) for z in generator.seen[1:]]  # the field itself was drawn first
    assert rows == [1, 1, 3, 3, 3, 3, 1, 1]
    assert sum(rows[2::2]) == RESTARTS


def test_training_mode_and_properties_are_refused() -> None:
    with pytest.raises(ValueError, match="is for facies"):
        Refiner(sampler(Free(), count=1), *hard(WELLS), 3, 10)
    of = sampler(Free())
    of.generator.train()
    with pytest.raises(ValueError, match="training mode"):
        Refiner(of, *hard(WELLS), 3, 10)


class TestCost:
    """Of one well in the middle of a plane of logits."""

    wells: ClassVar = Wells.of(*hard({(4, 4): 1}), torch.device("cpu"))

    def test_lead_is_a_difference_of_logits(self) -> None:
        plane = torch.full((1, 1, *SHAPE), -0.3)
        assert lead(plane, self.wells).item() == pytest.approx(-0.6)  # logits 0 and 2 l
        three = torch.tensor([0.1, 0.4, 0.9]).view(1, 3, 1, 1).expand(1, 3, *SHAPE)
        assert lead(three, self.wells).item() == pytest.approx(0.4 - 0.9)

    def test_a_well_asks_for_itself_and_three_neighbours(self) -> None:
        plane = torch.full((1, 1, *SHAPE), -1.0)
        assert cost(plane, self.wells).item() == pytest.approx(2 * (MARGIN + 2))
        plane[0, 0, 4, 4] = 5.0
        assert cost(plane, self.wells).item() == pytest.approx(MARGIN + 2)
        plane[0, 0, 5, 5] = 5.0
        assert cost(plane, self.wells).item() == pytest.approx((MARGIN + 2) * 2 / 3)
        plane[0, 0, 3, 3:5] = 5.0
        assert cost(plane, self.wells).item() == 0

    def test_wells_at_the_border_ask_for_neighbours_inside(self) -> None:
        corner = Wells.of(*hard({(0, 0): 1}), torch.device("cpu"))
        plane = torch.full((1, 1, *SHAPE), -1.0)
        plane[0, 0, :2, :2] = 5.0
        assert cost(plane, corner).item() == 0


def test_coordinates_of_every_latent() -> None:
    assert set(COORDINATES) == set(LATENTS) - {"none"}
    for name, (to_normal, back) in COORDINATES.items():
        z = LATENTS[name]((1, 2, 50, 50), torch.Generator().manual_seed(0), channels=2)
        u = to_normal(z)
        assert u.std().item() == pytest.approx(1, abs=0.05)
        assert torch.allclose(back(u), z, atol=1e-6)
    assert torch.isfinite(COORDINATES["uniform"][0](torch.tensor([-1.0, 1.0]))).all()


def test_report() -> None:
    of = sampler(Free(stride=4))
    wells = {(0, 0): 1, (2, 3): 0, (7, 8): 1}
    mask, codes = hard(wells)
    refine = Refiner(of, mask, codes, 3, 40)
    report = RefinementReport(refine, ("clay", "sand"))
    drawn = of.sample(mask, codes, 3, 3)
    now = []
    for k, field in enumerate(drawn):
        after, outcome = refine(field, k)
        report.add(field, after, outcome)
        now.append(after)
    told = report.block()
    shares = [(field[mask] == codes[mask]).mean() for field in drawn]
    assert told["honoured_share_before"] == pytest.approx(np.mean(shares))
    assert told["honoured_share_min_before"] == pytest.approx(min(shares))
    assert told["honoured_share_after"] == told["honoured_share_min_after"] == pytest.approx(2 / 3)
    assert told["fields_tried"] == len(told["fields"]) == 3
    changed = [k for k in range(3) if (drawn[k] != now[k]).any()]
    assert told["fields_changed"] == len(changed) > 0
    missed = {(well["row"], well["column"]): well for well in told["missed"]}
    assert missed.keys() <= {(0, 0), (2, 3)}
    assert sorted(k for well in told["missed"] for k in well["realizations"]) == [0, 1, 2]
    assert all(well["facies"] == ("sand" if cell == (0, 0) else "clay") for cell, well in missed.items())
    pairs = [(now[a] != now[b]).mean() for a in range(3) for b in range(a)]
    assert told["hamming_after"] == pytest.approx(np.mean(pairs))
    assert len(told["pattern_shift"]) == 2
    assert told["pattern_shift"][0] > 0
