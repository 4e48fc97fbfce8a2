"""Hard data: how many are honoured, and whether they are simulated or merely pasted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from geogan.errors import InputError


def accuracy(
    fields: UInt8[np.ndarray, "field y x"],
    mask: Bool[np.ndarray, "field y x"],
    facies: UInt8[np.ndarray, "field y x"],
    names: Sequence[str],
) -> dict[str, float]:
    """``constraint_accuracy`` (share of hard data honoured), the same per facies, ``constraint_mse``.

    The squared error is between codes spread evenly over [-1, 1]: with two facies 4 x the share missed.
    A facies without a datum has no entry. Raises InputError where there is no datum at all.
    """
    simulated, wanted = fields[mask], facies[mask]
    if len(wanted) == 0:
        raise InputError("hard data: no datum in any mask; evaluation needs at least one")
    honoured = simulated == wanted
    result = {"constraint_accuracy": float(honoured.mean())}
    for code, name in enumerate(names):
        if (wanted == code).any():
            result[f"constraint_accuracy_{name}"] = float(honoured[wanted == code].mean())
    step = 2 / (len(names) - 1)
    result["constraint_mse"] = float(((simulated.astype(float) - wanted) ** 2).mean() * step**2)
    return result


def isolated(fields: UInt8[np.ndarray, "field y x"]) -> Bool[np.ndarray, "field y x"]:
    """Pixels whose facies differs from all their neighbours (8 inside, 5 and 3 at borders and corners)."""
    rows, columns = fields.shape[1:]
    alone = np.ones(fields.shape, bool)
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        here = np.s_[:, : rows - dy, max(0, -dx) : columns - max(0, dx)]
        there = np.s_[:, dy:, max(0, dx) : columns - max(0, -dx)]
        differs = fields[here] != fields[there]
        alone[here] &= differs
        alone[there] &= differs
    return alone


def isolated_share(
    fields: UInt8[np.ndarray, "field y x"],
    mask: Bool[np.ndarray, "field y x"],
    facies: UInt8[np.ndarray, "field y x"],
) -> float:
    """Share of the honoured hard data that are isolated pixels; 0 where none is honoured."""
    honoured = mask & (fields == facies)
    return float(isolated(fields)[honoured].mean()) if honoured.any() else 0.0
