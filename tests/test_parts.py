"""Exact values of objectives and penalties, and what every network must do."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from geogan import facies
from geogan.critics import CRITICS
from geogan.generators import FIELD_GENERATORS
from geogan.objectives import OBJECTIVES
from geogan.penalties import CRITIC_PENALTIES
from geogan.penalties.energy_score import energy_score
from geogan.penalties.hinge import hinge
from geogan.penalties.masked_cross_entropy import masked_cross_entropy
from geogan.penalties.masked_l2 import masked_l2
from geogan.penalties.supported_l2 import supported_l2

SMALL = {
    "encoder_decoder": {"filters": (4, 6, 8)},
    "noise_encoder_decoder": {"filters": (4, 6, 8)},
    "upsampling_encoder_decoder": {"up": (8, 6), "filters": (4, 6, 8)},
    "dilated": {"filters": (4, 6), "kernel": 3},
    "unet_residual": {"filters": (4, 6, 8, 8), "dilations": (1,)},
    "upsampling_dilated": {"up": (8, 6, 4), "filters": (4, 6), "kernel": 3},
}


def scores(value: float) -> torch.Tensor:
    return torch.full((2, 1, 3, 3), value)


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        ("js", math.log1p(math.exp(-2)) + math.log1p(math.e), -math.log1p(math.e)),
        ("non_saturating", math.log1p(math.exp(-2)) + math.log1p(math.e), math.log1p(math.exp(-1))),
        ("least_squares", 1.0 + 1.0, 0.0),
        ("wasserstein", 1.0 - 2.0, -1.0),
        ("relativistic", math.log1p(math.exp(-1)), math.log1p(math.e)),
    ],
)
def test_objective_values(name: str, critic: float, generator: float) -> None:
    objective = OBJECTIVES[name]()
    assert objective.critic(scores(2.0), scores(1.0)).item() == pytest.approx(critic)
    assert objective.generator(scores(2.0), scores(1.0)).item() == pytest.approx(generator)


def test_objectives_differ_pairwise() -> None:
    values = {
        name: (
            round(kind().critic(scores(0.3), scores(-0.7)).item(), 6),
            round(kind().generator(scores(0.3), scores(-0.7)).item(), 6),
        )
        for name, kind in OBJECTIVES.items()
    }
    for (one, a), (other, b) in itertools.combinations(values.items(), 2):
        assert a != b, (one, other)


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_gradient_penalty_of_a_linear_critic(name: str) -> None:
    """Score map mean = slope . x: the norm is |slope| for each sample, whatever the batch."""
    x, y = torch.randn(4, 1, 5, 5), torch.randn(4, 1, 5, 5)
    rng = torch.Generator().manual_seed(0)
    for length, expected in ((1.0, 0.0), (3.0, 10.0 * 4.0), (0.0, 10.0)):
        slope = torch.full((1, 1, 5, 5), length / 5.0)
        value = CRITIC_PENALTIES[name](lambda v, s=slope: (v * s).sum((1, 2, 3), keepdim=True), x, y, rng)
        assert value.item() == pytest.approx(expected, abs=1e-4)


def test_r1_is_half_the_squared_gradient_on_real_data_and_r2_adds_that_on_fakes() -> None:
    real, fake = torch.full((4, 1, 2, 2), 3.0), torch.full((4, 1, 2, 2), 1.0)  # gradients of x^2 / 2 are x: norms 6, 2
    rng = torch.Generator().manual_seed(0)

    def score(x: torch.Tensor) -> torch.Tensor:
        return x.square().sum((1, 2, 3), keepdim=True) / 2

    assert CRITIC_PENALTIES["r1"](score, real, fake, rng, weight=0.1).item() == pytest.approx(0.05 * 36)
    assert CRITIC_PENALTIES["r1"](score, real, fake, rng, weight=0.1, on_fake=True).item() == pytest.approx(0.05 * 40)


def test_wgan_gp_looks_between_and_dragan_around_the_data() -> None:
    seen: list[torch.Tensor] = []

    def score(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.square().sum((1, 2, 3), keepdim=True)

    real, fake = torch.ones(8, 1, 4, 4), torch.zeros(8, 1, 4, 4)
    real[0] += 0.5
    rng = torch.Generator().manual_seed(1)
    CRITIC_PENALTIES["wgan_gp"](score, real, fake, rng)
    CRITIC_PENALTIES["dragan"](score, real, fake, rng)
    between, around = seen
    assert ((between >= 0) & (between <= 1.5)).all()
    assert between[1].std().item() == pytest.approx(0, abs=1e-6)  # one alpha for each sample
    assert (around >= real).all()
    assert (around - real).max() <= 0.5 * real.std()


def test_masked_l2_is_the_mean_over_constrained_pixels() -> None:
    logits = torch.zeros(2, 1, 4, 4)  # tanh gives 0: error 1 for each facies
    codes = torch.zeros(2, 4, 4, dtype=torch.uint8)
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert masked_l2(logits, codes, mask).item() == 0.0
    mask[0, 1, 2] = True  # a facies coded 0 is data
    assert masked_l2(logits, codes, mask, weight=7.0).item() == pytest.approx(7.0)
    mask[1] = True
    assert masked_l2(logits, codes, mask, weight=7.0).item() == pytest.approx(7.0)
    codes[:] = 255  # outside the mask codes mean nothing
    assert masked_l2(logits, codes, torch.zeros_like(mask)).item() == 0.0


def test_supported_l2_asks_the_neighbours_of_a_datum_too() -> None:
    codes = torch.zeros(1, 5, 5, dtype=torch.uint8)
    mask = torch.zeros(1, 5, 5, dtype=torch.bool)
    codes[0, 2, 2] = codes[0, 0, 0] = 1
    mask[0, 2, 2] = True
    logits = torch.full((1, 1, 5, 5), -20.0)  # image -1: facies 0 everywhere ...
    logits[0, 0, 2, 2] = 20.0  # ... but for the datum, pasted
    assert masked_l2(logits, codes, mask).item() == pytest.approx(0.0)
    assert supported_l2(logits, codes, mask, weight=2.0, support=3.0).item() == pytest.approx(6.0)
    logits[0, 0, 2, 1] = logits[0, 0, 1, 2] = 20.0  # two of eight neighbours, 0.25 of 0.4
    assert supported_l2(logits, codes, mask, weight=1.0, share=0.4).item() == pytest.approx(0.15 / 0.4)
    logits[0, 0, 1, 1] = logits[0, 0, 3, 3] = 20.0
    assert supported_l2(logits, codes, mask, weight=1.0, share=0.4).item() == pytest.approx(0.0)
    mask[0, 2, 2], mask[0, 0, 0] = False, True  # a corner has three neighbours, here one of them alike
    logits[0, 0, 0, 0] = 20.0
    assert supported_l2(logits, codes, mask, weight=1.0, share=0.5).item() == pytest.approx((0.5 - 1 / 3) / 0.5)
    three = torch.zeros(1, 3, 5, 5)
    three[:, 0] = 50.0
    three[0, :, 0, 0] = torch.tensor([0.0, 50.0, 0.0])
    assert supported_l2(three, codes, mask, weight=1.0).item() == pytest.approx(1.0)


def test_masked_cross_entropy_for_two_and_three_facies() -> None:
    mask = torch.zeros(1, 2, 2, dtype=torch.bool)
    mask[0, 0, 0] = True
    codes = torch.full((1, 2, 2), 255, dtype=torch.uint8)
    codes[0, 0, 0] = 1
    two = masked_cross_entropy(torch.full((1, 1, 2, 2), 0.5), codes, mask, weight=1.0)
    assert two.item() == pytest.approx(math.log1p(math.exp(-1.0)))  # -log sigmoid(2 * 0.5)
    three = masked_cross_entropy(torch.zeros(1, 3, 2, 2), codes, mask, weight=1.0)
    assert three.item() == pytest.approx(math.log(3))


NO_DATA = torch.zeros(1, 10, 10, dtype=torch.bool)


def test_hinge_vanishes_at_the_hamming_distance_wanted() -> None:
    image = torch.ones(1, 1, 10, 10)
    other = image.clone()
    other.view(-1)[:17] = -1  # hamming 0.17, mean difference 0.34
    assert hinge(image, other, image, NO_DATA, weight=20.0, target=0.34).item() == pytest.approx(0.0, abs=1e-5)
    assert hinge(image, other, image, NO_DATA, weight=20.0, target=0.44).item() == pytest.approx(2.0, abs=1e-5)
    one_hot = torch.zeros(1, 3, 10, 10)
    one_hot[:, 0] = 1
    swapped = one_hot.flatten(2).clone()
    swapped[:, 0, :17], swapped[:, 2, :17] = 0, 1
    three = hinge(one_hot, swapped.view_as(one_hot), one_hot, NO_DATA, weight=1.0, target=1.0)
    assert three.item() == pytest.approx(0.66)


def score(image: torch.Tensor, other: torch.Tensor, truth: torch.Tensor, **options: float) -> torch.Tensor:
    """The energy score where no data are told."""
    return energy_score(image, other, truth, torch.zeros_like(truth[:, 0], dtype=torch.bool), **options)


def draws(share: float, seed: int, count: int = 400_000) -> torch.Tensor:
    """Pixels of -1 and +1, +1 with this share."""
    rng = torch.Generator().manual_seed(seed)
    return (torch.rand(1, 1, 1, count, generator=rng) < share).float() * 2 - 1


@pytest.mark.parametrize("ground", [0.1, 0.3, 0.5])
def test_energy_score_is_least_for_fields_that_are_as_uncertain_as_the_ground(ground: float) -> None:
    shares = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)
    scores = [score(draws(q, 1), draws(q, 2), draws(ground, 3), weight=1.0, spread=0.0).item() for q in shares]
    assert shares[scores.index(min(scores))] == ground
    for q, found in zip(shares, scores, strict=True):  # twice the Brier score of the probability q
        assert found == pytest.approx(2 * (ground * (1 - q) ** 2 + (1 - ground) * q**2), abs=0.01)


def test_energy_score_costs_only_what_both_fields_have_wrong() -> None:
    truth = torch.ones(1, 1, 2, 2)
    one, two = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    one[..., 0, :] = -1  # wrong in the first row
    two[..., :, 0] = -1  # wrong in the first column
    assert score(one, two, truth, weight=10.0, spread=0.0).item() == pytest.approx(10 * 2 / 4)
    hot, cold = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1), torch.tensor([0.0, 0, 1]).view(1, 3, 1, 1)
    assert score(cold, cold, hot, weight=1.0, spread=0.0).item() == pytest.approx(2)


def test_spread_parts_fields_that_are_more_alike_than_right_and_no_others() -> None:
    truth = torch.ones(1, 1, 2, 2)
    one, two = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    one[..., 0, :] = -1
    two[..., :, 0] = -1
    both = score(one, one, truth, weight=0.0, spread=3.0)  # wrong in half the pixels, the same ones
    assert both.item() == pytest.approx(3 * 1)
    assert score(one, two, truth, weight=0.0, spread=3.0).item() == 0  # as far apart as from the ground
    one, two = torch.tensor([[[[-0.1, 0.2]]]], requires_grad=True), torch.tensor([[[[0.1, 0.1]]]])
    score(one, two, truth[..., :1, :], weight=0.0, spread=1.0).backward()
    assert one.grad is not None
    assert torch.equal(one.grad.sign(), (two - one).sign())  # downhill is away from the other


def test_near_judges_the_pixels_around_the_data_of_each_field_by_themselves() -> None:
    truth = torch.ones(1, 1, 9, 9)
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    mask[0, 4, 4] = True

    def near(image: torch.Tensor, mask: torch.Tensor = mask, reach: int = 1) -> float:
        ground = truth.expand_as(image)
        return energy_score(image, image, ground, mask, weight=0.0, spread=0.0, near=3.0, reach=reach).item()

    image = truth.clone()
    image[..., 4, 4] = image[..., 4, 6] = -1  # the datum, and a pixel two columns away
    assert near(image) == 0
    assert near(image, reach=2) == pytest.approx(3 * 2 / 24)
    image[..., 3, 3:] = -1  # three of the eight neighbours
    assert near(image) == pytest.approx(3 * 2 * 3 / 8)
    sparse_and_dense = torch.cat([mask, torch.zeros_like(mask)])
    sparse_and_dense[1, ::3, ::3] = True
    right = torch.cat([image, truth])
    assert near(right, sparse_and_dense) == pytest.approx(near(image) / 2)  # fields count alike, however many data
    assert near(image, torch.zeros_like(mask)) == 0


@pytest.mark.parametrize("name", FIELD_GENERATORS)
@pytest.mark.parametrize("size", [(16, 24), (40, 16)])
def test_generators_are_fully_convolutional_and_see_noise_and_condition(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    generator = FIELD_GENERATORS[name](2, 1, 3, **SMALL.get(name, {})).eval()
    z = torch.rand(2, *generator.noise_shape(*size))
    condition = torch.zeros(2, 2, *size)
    field = generator(z, condition)
    assert field.shape == (2, 1, *size)
    assert not torch.equal(field, generator(-z, condition))
    condition[:, 0, 5, 5] = 1  # a datum of facies 0 differs from no datum
    assert not torch.equal(field, generator(z, condition))


@pytest.mark.parametrize("name", ["patch", "dcgan"])
def test_critics_give_a_map_of_scores_without_sigmoid(name: str) -> None:
    critic = CRITICS[name](3, filters=(4, 8)).eval()
    small, large = critic(torch.randn(2, 3, 32, 32)), critic(torch.randn(2, 3, 64, 32))
    assert small.shape[:2] == (2, 1)
    assert large.shape[2] == 2 * small.shape[2]
    assert large.shape[3] == small.shape[3]
    torch.nn.init.constant_(critic.layers[-1].bias, 5.0)
    assert critic(torch.zeros(2, 3, 32, 32)).max() > 1


def test_without_the_finest_skip_no_single_pixel_path_leads_from_the_condition_to_the_output() -> None:
    unet = FIELD_GENERATORS["unet_residual"](2, 1, 3, filters=(4, 6, 8), dilations=(1,), finest_skip=False)
    assert unet.head.in_channels == 4
    assert FIELD_GENERATORS["unet_residual"](2, 1, 3, filters=(4, 6, 8), dilations=(1,)).head.in_channels == 8


def test_a_nugget_gives_every_cell_and_facies_a_noise_of_its_own() -> None:
    options: dict[str, Any] = {"filters": (4, 6, 8), "dilations": (1,)}
    torch.manual_seed(0)
    unet = FIELD_GENERATORS["unet_residual"](4, 3, 2, nugget=1.5, **options).eval()
    assert unet.noise_shape(8, 12) == (2 + 3 * 16, 2, 3)
    z = torch.rand(1, *unet.noise_shape(8, 12))
    condition = torch.zeros(1, 4, 8, 12)
    calm = torch.cat([z[:, :2], torch.zeros_like(z[:, 2:])], dim=1)
    added = unet(z, condition) - unet(calm, condition)
    assert torch.allclose(added.flatten().sort().values, 1.5 * z[:, 2:].flatten().sort().values, atol=1e-5)
    one = calm.clone()
    one[0, 2 + 16 + 4 * 1 + 2, 1, 2] = 1  # facies 1, row 1 and column 2 of the cells of (1, 2)
    moved = unet(one, condition) - unet(calm, condition)
    assert moved[0, 1, 4 + 1, 8 + 2].item() == pytest.approx(1.5, abs=1e-5)
    assert moved.abs().sum().item() == pytest.approx(1.5, abs=1e-4)
    with pytest.raises(ValueError, match="nugget must be at least 0, got -1"):
        FIELD_GENERATORS["unet_residual"](4, 3, 2, nugget=-1.0, **options)


ENCODED = [(64, 128, 4), (128, 256, 4), (256, 512, 4)]
DECODED = [(512, 256, 4), (512, 128, 4), (256, 64, 4), (128, 64, 4), (64, 1, 3)]  # with skips
PLAIN = [(512, 256, 4), (256, 128, 4), (128, 64, 4), (64, 64, 4), (64, 1, 3)]
RESIDUAL = [(64, 128, 4), (128, 256, 4), (256, 256, 4), (272, 256, 3), *([(256, 256, 3)] * 8), (256, 256, 4)]
UPSAMPLED = [(16, 256, 4), (256, 128, 4), (128, 64, 4)]
WIDENING = [(64, 128, 5), (128, 256, 5), (256, 512, 5), (512, 1, 5)]
LAYOUTS = {  # (channels in, channels out, kernel) of every convolution by default, two facies and 16 noise channels
    "dilated": [(18, 64, 5), *WIDENING],
    "encoder_decoder": [(2, 64, 4), *ENCODED, (528, 512, 3), *PLAIN],
    "upsampling_encoder_decoder": [*UPSAMPLED, (66, 64, 4), *ENCODED, (512, 512, 3), *DECODED],
    "upsampling_dilated": [*UPSAMPLED, (66, 64, 5), *WIDENING],
    "noise_encoder_decoder": [(18, 64, 4), *ENCODED, (512, 512, 3), *DECODED],
    "unet_residual": [(2, 64, 3), *RESIDUAL, (512, 128, 4), (256, 64, 4), (128, 1, 3)],
}


@pytest.mark.parametrize("name", FIELD_GENERATORS)
def test_published_filters_are_the_defaults(name: str) -> None:
    generator = FIELD_GENERATORS[name](2, 1, 16)
    layers = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert sorted((m.in_channels, m.out_channels, m.kernel_size[0]) for m in layers) == sorted(LAYOUTS[name])


def test_default_networks_have_the_parameters_of_their_layout() -> None:
    """Filter counts times kernel sizes, added up by hand."""
    unet = FIELD_GENERATORS["unet_residual"](2, 1, 16, filters=(8, 16), dilations=(1, 2))
    bn = 2
    stem, down = 2 * 8 * 9 + 8 * bn, 8 * 16 * 16 + 16 * bn
    join, block = (16 + 16) * 16 * 9 + 16 * bn, 2 * (16 * 16 * 9 + 16 * bn)
    up, head = 16 * 8 * 16 + 8 * bn, 16 * 9 + 1
    assert sum(p.numel() for p in unet.parameters()) == stem + down + join + 2 * block + up + head


def test_facies_codes_survive_the_image() -> None:
    for count in (2, 3, 5):
        codes = torch.randint(count, (2, 6, 7)).to(torch.uint8)
        image = facies.encode(codes, count)
        assert image.shape[1] == facies.channels(count)
        assert torch.equal(facies.decode(image, count), codes)


def test_critics_are_shown_facies_and_their_gradient_is_that_of_the_probabilities() -> None:
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    weight = torch.randn(2, 3, 4, 5)
    image = facies.activate(logits)
    shown = facies.decided(image)
    assert torch.equal(shown, facies.encode(facies.decode(image, 3), 3))
    (straight,) = torch.autograd.grad((shown * weight).sum(), logits, retain_graph=True)
    (soft,) = torch.autograd.grad((image * weight).sum(), logits)
    assert torch.equal(straight, soft)
    assert soft.abs().sum() > 0
    assert torch.equal(facies.decided(weight[:, :1]), weight[:, :1])


def test_condition_tells_a_datum_of_facies_0_from_no_datum() -> None:
    codes = torch.zeros(1, 2, 2, dtype=torch.uint8)
    mask = torch.tensor([[[True, False], [False, False]]])
    shown = facies.condition(mask, codes, 2)
    assert shown[0, :, 0, 0].tolist() == [1.0, -1.0]
    assert shown[0, :, 1, 1].tolist() == [0.0, 0.0]
    assert facies.condition(mask, codes, 3).shape == (1, 4, 2, 2)
