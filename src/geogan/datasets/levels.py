"""Values of a picture -> facies codes or a property, in pieces, so that no whole array of other values is ever held."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from geogan.errors import InputError
from geogan.training_image import NODATA

MOST_LEVELS = 16


class Levels:
    """Maps values to codes that ascend with the value.

    Without thresholds every distinct value is a facies (2 to 16 of them); with thresholds the code is the
    number of thresholds that the value reaches (code k: thresholds[k - 1] <= value < thresholds[k]).
    Pieces are coded in the order of their values' arrival; `ascending` puts the codes in order at the end.
    """

    def __init__(self, where: str, thresholds: tuple[float, ...] = (), nodata: float | None = None):
        if any(not np.isfinite(value) for value in thresholds) or list(thresholds) != sorted(set(thresholds)):
            raise InputError(f"source.thresholds: must be finite and ascending, not {list(thresholds)}")
        if len(thresholds) >= MOST_LEVELS:
            raise InputError(f"source.thresholds: at most {MOST_LEVELS - 1} thresholds, not {len(thresholds)}")
        self.where, self.thresholds, self.nodata = where, np.asarray(thresholds, dtype=np.float64), nodata
        self.values: list[float] = []  # by code, in order of arrival

    def code(self, values: Shaped[np.ndarray, "y x"], first_row: int = 0) -> UInt8[np.ndarray, "y x"]:
        """Codes of a piece of the picture whose first row is ``first_row``; nodata becomes 255.

        Raises:
            InputError: NaN that is not the declared nodata, or more than 16 distinct values.
        """
        missing = self._missing(values, first_row)
        if self.thresholds.size:
            codes: UInt8[np.ndarray, "y x"] = np.digitize(values, self.thresholds).astype(np.uint8)
        else:
            codes = self._by_value(values, missing)
        codes[missing] = NODATA
        return codes

    def measured(self, values: Shaped[np.ndarray, "y x"], first_row: int = 0) -> Float32[np.ndarray, "y x"]:
        """A piece of a continuous property as float32; nodata becomes NaN.

        Raises:
            InputError: a value that is not finite and not the declared nodata.
        """
        gaps = self._missing(values, first_row)
        result = values.astype(np.float32)
        result[gaps] = np.nan
        return result

    def ascending(self, codes: UInt8[np.ndarray, "y x"]) -> tuple[str, ...]:
        """Put all codes in ascending order of their values, in place; a name for each, its number.

        Raises:
            InputError: fewer than two facies, or a facies between the thresholds that no pixel has.
        """
        present = self._present(codes)
        if present.size < 2:
            what = "no facies" if present.size == 0 else "one facies"
            raise InputError(f"{self.where}: holds {what} only; a training image has two or more")
        if self.thresholds.size:
            count = self.thresholds.size + 1
            if present.size < count:
                absent = sorted(set(range(count)) - set(present.tolist()))
                raise InputError(f"{self.where}: no value falls into facies {absent[0]}; mend source.thresholds")
            return _numbers(count)
        table = np.full(256, NODATA, dtype=np.uint8)
        table[np.argsort(self.values)] = np.arange(len(self.values), dtype=np.uint8)
        if len(self.values) > 1 and list(self.values) != sorted(self.values):
            for row in range(0, codes.shape[0], 256):
                codes[row : row + 256] = table[codes[row : row + 256]]
        return _numbers(len(self.values))

    def _missing(self, values: Shaped[np.ndarray, "y x"], first_row: int) -> Shaped[np.ndarray, "y x"]:
        if self.nodata is None or np.isnan(self.nodata):
            missing = np.zeros(values.shape, dtype=bool)
        else:
            missing = values == self.nodata
        if values.dtype.kind != "f":
            return missing
        bad = ~np.isfinite(values) & ~missing
        if self.nodata is not None and np.isnan(self.nodata):
            missing = np.isnan(values)
            bad &= ~missing
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(
                f"{self.where}: {values[row, column]} at row {row + first_row}, column {column}; every value must be "
                "finite (declare it as nodata if it means that)"
            )
        return missing

    def _by_value(
        self, values: Shaped[np.ndarray, "y x"], missing: Shaped[np.ndarray, "y x"]
    ) -> UInt8[np.ndarray, "y x"]:
        codes = np.full(values.shape, NODATA, dtype=np.uint8)
        unknown = ~missing
        for code, value in enumerate(self.values):
            same = values == value
            codes[same] = code
            unknown &= ~same
        while unknown.any():
            value = values[np.unravel_index(unknown.argmax(), values.shape)].item()
            if len(self.values) == MOST_LEVELS:
                raise InputError(
                    f"{self.where}: more than {MOST_LEVELS} distinct values (such as {value:g}); give "
                    "source.thresholds to make facies of continuous values, or source.continuous: true for a property"
                )
            same = values == value
            codes[same] = len(self.values)
            self.values.append(value)
            unknown &= ~same
        return codes

    @staticmethod
    def _present(codes: UInt8[np.ndarray, "y x"]) -> Shaped[np.ndarray, " facies"]:
        seen = np.zeros(256, dtype=bool)
        for row in range(0, codes.shape[0], 256):
            seen[np.unique(codes[row : row + 256])] = True
        seen[NODATA] = False
        return np.flatnonzero(seen)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(code) for code in range(count))


def check_continuous(continuous: bool, thresholds: tuple[float, ...]) -> None:
    """Raise InputError where a property is asked for and cut into facies at once."""
    if continuous and thresholds:
        raise InputError(
            f"source.thresholds: {list(thresholds)} make facies, source.continuous keeps the values; give one of them"
        )
