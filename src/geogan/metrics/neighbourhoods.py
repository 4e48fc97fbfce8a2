"""The surroundings of hard data: how far the nearest datum is, and which one it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, UInt8
from scipy import ndimage

REACH = 10  # pixels: the farthest distance that is told apart


@dataclass(frozen=True)
class Neighbourhoods:
    """For each pixel of some fields its nearest datum, by Euclidean distance.

    ``distance``: in pixels, rounded up; 0 at a datum, ..., 11 for all beyond 10. ``datum``: where the nearest
    datum lies, as row * columns + column; of several the first. A field without a datum is beyond everywhere.
    """

    distance: UInt8[np.ndarray, "field y x"]
    datum: Int32[np.ndarray, "field y x"]

    def nearest(self, values: UInt8[np.ndarray, "field y x"]) -> UInt8[np.ndarray, "field y x"]:
        """What ``values`` has at the nearest datum of each pixel."""
        flat = (len(values), -1)
        found = np.take_along_axis(values.reshape(flat), self.datum.reshape(flat), axis=1)
        return found.reshape(values.shape)


def neighbourhoods(mask: Bool[np.ndarray, "field y x"]) -> Neighbourhoods:
    """The neighbourhoods of the data that ``mask`` marks."""
    distance = np.full(mask.shape, REACH + 1, np.uint8)
    datum = np.zeros(mask.shape, np.int32)
    for index, field in enumerate(mask):
        if field.any():
            away, (row, column) = ndimage.distance_transform_edt(~field, return_indices=True)
            distance[index] = np.minimum(np.ceil(away), REACH + 1)
            datum[index] = row * field.shape[1] + column
    return Neighbourhoods(distance, datum)
