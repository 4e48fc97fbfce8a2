"""Penalties: terms beside the adversarial one. Functions; an empty slot is ``none``.

Four slots of an experiment take their entries here, each with the positional arguments of its kind:

- critic penalties ``(score, real, fake, rng)`` on what the critic is shown,
- constraint costs ``(logits, codes, mask)`` on the hard data,
- diversity terms ``(image, other, truth, mask)`` on two samples of the same condition, and the ground it was read from,
- reconstruction costs ``(raw, image, truth)`` on what a picture should have become.
"""

from geogan.choices import Table
from geogan.penalties.cross_entropy import cross_entropy
from geogan.penalties.dragan import dragan
from geogan.penalties.energy_score import energy_score
from geogan.penalties.hinge import hinge
from geogan.penalties.l1 import l1
from geogan.penalties.l2 import l2
from geogan.penalties.masked_cross_entropy import masked_cross_entropy
from geogan.penalties.masked_l2 import masked_l2
from geogan.penalties.none import none
from geogan.penalties.r1 import r1
from geogan.penalties.supported_l2 import supported_l2
from geogan.penalties.wgan_gp import wgan_gp

CRITIC_PENALTIES: Table = {"none": none, "wgan_gp": wgan_gp, "dragan": dragan, "r1": r1}
CONSTRAINT_COSTS: Table = {
    "none": none,
    "masked_l2": masked_l2,
    "masked_cross_entropy": masked_cross_entropy,
    "supported_l2": supported_l2,
}
DIVERSITIES: Table = {"none": none, "hinge": hinge, "energy_score": energy_score}
RECONSTRUCTIONS: Table = {"none": none, "l1": l1, "l2": l2, "cross_entropy": cross_entropy}
