"""Facies as what fields hold: codes, their probabilities, proportions and curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from geogan.field_curves import FieldCurves, field_curves
from geogan.variable import Field, Fields, OnConflict, Value, Variable


@final
@dataclass(frozen=True)
class Facies(Variable):
    """Codes 0..K-1 with a name each; ``training``: their shares in the training image, None where unknown."""

    names: tuple[str, ...]
    training: Mapping[str, float] | None = None

    key: ClassVar[str] = "facies"
    blank: ClassVar[np.uint8 | np.float32] = np.uint8(255)
    map_names: ClassVar[tuple[str, ...]] = ("probability", "entropy", "e_type", "std")
    settling: ClassVar[OnConflict] = "majority"

    @property
    def statistics(self) -> int:
        return len(self.names) + 6

    def read(self, label: str) -> int:
        code = code_of(label, self.names)
        if code is None:
            raise ValueError(f"unknown facies {label!r}; known are {self._known()}")
        return code

    def plain(self, value: Value) -> str:
        return self.names[int(value)]

    def settled(self, values: Sequence[Value]) -> tuple[int | None, Sequence[bool]]:
        """The most frequent facies; none at a tie."""
        (code, most), (_, next_most) = Counter(values).most_common(2)
        if most == next_most:
            return None, [False] * len(values)
        return int(code), [value == code for value in values]

    def scaled(self, values: Field) -> Field:
        return values

    def units(self, drawn: Field) -> Field:
        return drawn

    def honours(
        self, found: Shaped[np.ndarray, " datum"], wanted: Shaped[np.ndarray, " datum"]
    ) -> Bool[np.ndarray, " datum"]:
        return np.asarray(found == wanted)

    def maps(self, fields: Fields) -> dict[str, Float32[np.ndarray, "*band y x"]]:
        """``probability`` is the share of realizations that have the facies in the cell (its sum over the facies is
        1); ``entropy`` = -sum p log p / log K lies in [0, 1]: 0 where all agree, 1 where all K facies are equally
        frequent. ``e_type``, in [0, K-1], and ``std``, in [0, (K-1) / 2], are mean and standard deviation of the codes
        taken as numbers; of two facies ``e_type`` is the probability of code 1."""
        probability = np.zeros((len(self.names), *fields.shape[1:]), np.float32)
        for field in fields:
            for code in range(len(self.names)):
                probability[code] += field == code
        probability /= len(fields)
        entropy, mean, variance = np.zeros((3, *fields.shape[1:]), np.float32)
        for code, share in enumerate(probability):
            entropy -= share * np.log(np.where(share > 0, share, 1), dtype=np.float32)
            mean += code * share
        for code, share in enumerate(probability):
            variance += share * (code - mean) ** 2
        entropy = np.clip(entropy / np.log(max(len(self.names), 2)), 0, 1).astype(np.float32)
        return {"probability": probability, "entropy": entropy, "e_type": mean, "std": np.sqrt(variance)}

    def report(self, fields: Fields, mask: Bool[np.ndarray, "y x"], wanted: Field) -> dict[str, Any]:
        """``proportions`` per facies with their ``proportions_std`` over realizations and ``proportions_training``
        (null if unknown)."""
        shares = np.array([[np.mean(field == code) for code in range(len(self.names))] for field in fields])
        return {
            "proportions": dict(zip(self.names, shares.mean(axis=0).tolist(), strict=True)),
            "proportions_std": dict(zip(self.names, shares.std(axis=0).tolist(), strict=True)),
            "proportions_training": self.training and dict(self.training),
        }

    def curves(self, fields: Fields, evaluation: Mapping[str, Any] | None) -> FieldCurves:
        """Connectivity and indicator variograms."""
        return field_curves(fields, self.names, evaluation)

    def _known(self) -> str:
        codes = [str(code) for code in range(len(self.names))]
        return ", ".join(c if c == name else f"{c} ({name})" for c, name in zip(codes, self.names, strict=True))


def code_of(label: str, names: tuple[str, ...]) -> int | None:
    """The code that a facies label means: a name (case aside), else a whole number below K; else None."""
    for candidates, wanted in ((names, label), (tuple(map(str.lower, names)), label.lower())):
        if wanted in candidates:
            return candidates.index(wanted)
    try:
        value = float(label)
    except ValueError:
        return None
    return int(value) if value in range(len(names)) else None
