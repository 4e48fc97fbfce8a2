"""Two sets of samples as the domains A and B: MNIST and USPS, for example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geogan.choices import choose
from geogan.datasets import hdf5_digits, idx
from geogan.datasets.context import Context
from geogan.datasets.digits import DigitSet
from geogan.datasets.pairing import identity
from geogan.scenes import Scenes

DIGIT_SOURCES: dict[str, Callable[..., DigitSet]] = {
    "hdf5_digits": hdf5_digits.read,
    "idx": idx.read,
}


def read(context: Context, /, *, a: dict[str, Any], b: dict[str, Any]) -> Scenes:
    """The sets ``a`` and ``b``, each ``{name: ..., ...}`` as in DIGIT_SOURCES. No sample of A belongs to one of B.

    Scenes of both are called "train/0" to "train/9" and "test/0". Raises InputError as their sources do.
    """
    first, second = (
        choose(f"source.{side}", given, DIGIT_SOURCES).build(DIGIT_SOURCES, context, f"source.{side}")
        for side, given in (("a", a), ("b", b))
    )
    sha256 = identity(a=first.sha256, b=second.sha256)
    return Scenes(first.layers, second.layers, first.names, False, sha256, names_b=second.names)
