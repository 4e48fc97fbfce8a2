"""How the page of a simulation shows what its fields hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool

from geogan.ensemble import Ensemble
from geogan.variable import Field

from .pages import Html
from .simulation_maps import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Look(ABC):
    """Of facies or of a property. ``told`` is the report.

    ``datum`` is what a hard datum is coloured by; ``curves`` the title of the section of curves, ``figure`` that of
    their picture, ``curves_about`` what a reader must know of them, ``axes`` the label of each statistic; ``ground``
    the tiles of the training image that they stand beside.
    """

    datum: ClassVar[str]
    curves: ClassVar[str]
    figure: ClassVar[str]
    curves_about: ClassVar[str]
    axes: ClassVar[Mapping[str, str]]
    ground: ClassVar[str]
    margin: ClassVar[float] = 0.0  # inches beside a realization, for its scale

    @abstractmethod
    def __init__(self, ensemble: Ensemble): ...

    @abstractmethod
    def legend(self) -> dict[str, str]:
        """Colours, as #rrggbb, by what they are called."""

    @abstractmethod
    def draw(self, axis: Axes, field: Field) -> None:
        """A realization."""

    @abstractmethod
    def paint(self, where: Bool[np.ndarray, "y x"]) -> Any:
        """The colours of the hard data of some cells."""

    @abstractmethod
    def statistics(self) -> Iterator[Picture]:
        """The maps of what all realizations say."""

    @abstractmethod
    def card(self, told: dict[str, Any]) -> tuple[Any, Any]:
        """The number that is seen first, and what it is."""

    @abstractmethod
    def attend(self, told: dict[str, Any]) -> Sequence[str]:
        """What must not be overlooked of the values."""

    @abstractmethod
    def honoured(self, told: dict[str, Any]) -> Sequence[tuple[str, str]]:
        """What else is to be known of how the wells are honoured."""

    @abstractmethod
    def section(self, told: dict[str, Any]) -> Html:
        """The values of the fields beside those of the training image."""
