"""The range of a continuous property: its own units <-> [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from geogan.errors import InputError


@dataclass(frozen=True)
class ValueRange:
    """``low`` and ``high`` in the units of the property become -1 and 1."""

    low: float
    high: float

    @classmethod
    def of(cls, parts: Iterable[Float32[np.ndarray, ...]]) -> ValueRange:
        """The range of all values. Raises InputError where they are all equal."""
        low, high = np.inf, -np.inf
        for part in parts:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        if not low < high:
            raise InputError(f"source: all values of the training ground are {low:g}; a property must vary")
        return cls(low, high)

    def scaled(self, values: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
        """Values in [-1, 1] inside the range, beyond it outside."""
        return ((values - self.low) * (2 / (self.high - self.low)) - 1).astype(np.float32)

    def units(self, scaled: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
        """The values in their own units again."""
        return ((scaled + 1) * ((self.high - self.low) / 2) + self.low).astype(np.float32)

    def packing(self) -> dict[str, float]:
        """``scale_factor`` and ``add_offset`` of the CF conventions: units = scaled * factor + offset."""
        return {"scale_factor": (self.high - self.low) / 2, "add_offset": (self.high + self.low) / 2}
