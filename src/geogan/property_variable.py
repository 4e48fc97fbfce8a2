"""A continuous property as what fields hold: values in their units, their distribution and variogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from geogan.field_curves import FieldCurves, value_curves
from geogan.value_figures import figures, squared_error
from geogan.value_range import ValueRange
from geogan.variable import Field, Fields, OnConflict, Value, Variable

TOLERANCE = 0.05  # of the range of the values: a datum that a field is this near to is honoured
CELLS = 2**22  # values of an ensemble that its distribution is taken from


@final
@dataclass(frozen=True)
class Property(Variable):
    """Values in the ``span`` of those of the training image; ``training``: what is known of them, see
    ``value_figures.training_figures``, None where nothing is."""

    span: ValueRange
    training: Mapping[str, Any] | None = None
    names: tuple[str, ...] = ()

    key: ClassVar[str] = "value"
    blank: ClassVar[np.uint8 | np.float32] = np.float32("nan")
    map_names: ClassVar[tuple[str, ...]] = ("e_type", "std")
    settling: ClassVar[OnConflict] = "mean"
    refused: ClassVar[Mapping[str, str]] = {
        "--proportions": "draws a property, which has no facies whose shares could be shifted",
        "--rescale": "draws a property, and how its values in larger cells follow from those in smaller ones is not "
        "known; give a grid of its cell size, or --force if shapes may be scaled",
        "--soft": "draws a property, and soft data are probabilities of facies",
        "--refine": "draws a property, and the descent moves the noise until wells have their facies",
        "--exact": "draws a property, whose values are honoured within a tolerance, never exactly",
    }

    @property
    def statistics(self) -> int:
        return 10

    @property
    def tolerance(self) -> float:
        """By which a value may differ from a datum and honour it, in units."""
        return TOLERANCE * (self.span.high - self.span.low)

    def read(self, label: str) -> float:
        """The value that a well's label says, in the units of the property. Raises ValueError where it is no number
        or not in the range of the training image.
        """
        known = f"the values of the training image are from {self.span.low:g} to {self.span.high:g}"
        try:
            with np.errstate(over="ignore"):
                value = float(np.float32(label))  # as precise as the range
        except ValueError:
            raise ValueError(f"{label!r} is not a number; {known}") from None
        if not math.isfinite(value):
            raise ValueError(f"{label} is not a finite number; {known}")
        if not self.span.low <= value <= self.span.high:
            raise ValueError(f"{label} is out of range; {known}, and so are those of all fields")
        return value

    def plain(self, value: Value) -> float:
        return float(f"{value:.6g}")

    def settled(self, values: Sequence[Value]) -> tuple[float, Sequence[bool]]:
        """Their mean."""
        return math.fsum(values) / len(values), [True] * len(values)

    def scaled(self, values: Field) -> Field:
        return self.span.scaled(values)

    def units(self, drawn: Field) -> Field:
        low, high = np.float32(self.span.low), np.float32(self.span.high)
        return np.asarray(self.span.units(drawn).clip(low, high))  # a rounding error may lead beyond

    def honours(
        self, found: Shaped[np.ndarray, " datum"], wanted: Shaped[np.ndarray, " datum"]
    ) -> Bool[np.ndarray, " datum"]:
        return np.asarray(np.abs(found.astype(float) - wanted) <= self.tolerance)

    def maps(self, fields: Fields) -> dict[str, Float32[np.ndarray, "*band y x"]]:
        """``e_type`` and ``std``: mean and standard deviation over realizations, in units."""
        mean, squares = np.zeros((2, *fields.shape[1:]))
        for number, field in enumerate(fields, start=1):  # Welford (1962)
            off = field - mean
            mean += off / number
            squares += off * (field - mean)
        std = np.sqrt(squares / len(fields))
        return {"e_type": mean.astype(np.float32), "std": std.astype(np.float32)}

    def report(self, fields: Fields, mask: Bool[np.ndarray, "y x"], wanted: Field) -> dict[str, Any]:
        """``value_range``; ``values``, the distribution of all fields (of large ones, of the cells of a lattice), with
        ``mean_std``, the deviation of the mean between fields; ``values_training``, null if unknown; ``tolerance`` of
        what is honoured; ``constraint_mse``, as in the evaluation, and ``constraint_rmse``, in units, null without
        wells."""
        step = math.ceil(math.sqrt(max(1.0, fields.size / CELLS)))
        looked = fields[:, ::step, ::step]
        error = squared_error([field[mask] for field in fields], wanted[mask]) if mask.any() else None
        half = (self.span.high - self.span.low) / 2  # one in the scaled values
        between = float(np.std([field.mean(dtype=float) for field in fields]))
        shown = ("mean", "std", "percentiles", "histogram")
        return {
            "value_range": [self.span.low, self.span.high],
            "values": figures(looked, self.span) | {"mean_std": self.plain(between)},
            "values_training": self.training and {key: self.training[key] for key in shown},
            "tolerance": self.plain(self.tolerance),
            "constraint_mse": None if error is None else self.plain(error / half**2),
            "constraint_rmse": None if error is None else self.plain(math.sqrt(error)),
        }

    def curves(self, fields: Fields, evaluation: Mapping[str, Any] | None) -> FieldCurves:
        """The variogram, in squared units."""
        return value_curves(fields, self.training)
