"""What fields hold: how wells say it, how a generator is told it, and what an ensemble says of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8

from geogan.field_curves import FieldCurves

OnConflict = Literal["error", "drop", "majority", "mean"]
Value = int | float  # a facies code, or a value of a property in its units
Field = UInt8[np.ndarray, "y x"] | Float32[np.ndarray, "y x"]
Fields = UInt8[np.ndarray, "realization y x"] | Float32[np.ndarray, "realization y x"]


class Variable(ABC):
    """Facies or a property: the one place where they differ, from a table of wells to the files of an ensemble.

    ``key`` is its name in tables, files and reports; ``blank`` the value of a cell without a datum, of the type that
    fields have; ``map_names`` those of ``maps``; ``settling`` the ``on_conflict`` that makes one datum of wells that
    differ; ``refused`` the options of a simulation that mean nothing to it, with the reason, which goes on after the
    bundle; ``names`` the facies by code, none of a property; ``statistics`` the grids of float32 that the maps take
    with what computes them.
    """

    key: ClassVar[str]
    blank: ClassVar[np.uint8 | np.float32]
    map_names: ClassVar[tuple[str, ...]]
    settling: ClassVar[OnConflict]
    refused: ClassVar[Mapping[str, str]] = {}
    names: tuple[str, ...]

    @property
    @abstractmethod
    def statistics(self) -> int: ...

    @abstractmethod
    def read(self, label: str) -> Value:
        """What a well says. Raises ValueError, with the reason, for a label that means nothing here."""

    @abstractmethod
    def plain(self, value: Value) -> str | float:
        """A value as reports have it."""

    @abstractmethod
    def settled(self, values: Sequence[Value]) -> tuple[Value | None, Sequence[bool]]:
        """The one datum of a cell whose wells differ, None where there is none, and which wells it is made of."""

    @abstractmethod
    def scaled(self, values: Field) -> Field:
        """Values as a generator takes and gives them."""

    @abstractmethod
    def units(self, drawn: Field) -> Field:
        """What a generator gave, as files have it."""

    @abstractmethod
    def honours(
        self, found: Shaped[np.ndarray, " datum"], wanted: Shaped[np.ndarray, " datum"]
    ) -> Bool[np.ndarray, " datum"]:
        """Which data are honoured by the values found in their cells."""

    @abstractmethod
    def maps(self, fields: Fields) -> dict[str, Float32[np.ndarray, "*band y x"]]:
        """What the fields say together, as maps by name; one with three axes has a band for each of ``names``."""

    @abstractmethod
    def report(self, fields: Fields, mask: Bool[np.ndarray, "y x"], wanted: Field) -> dict[str, Any]:
        """The values of the fields beside those of the training image, as JSON values; ``wanted`` are the hard data."""

    @abstractmethod
    def curves(self, fields: Fields, evaluation: Mapping[str, Any] | None) -> FieldCurves:
        """Curves over the lag beside those of the training image; ``evaluation`` is that of the bundle."""
