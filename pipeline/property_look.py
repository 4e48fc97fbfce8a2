"""How the page of a simulation shows a continuous property."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import matplotlib
import numpy as np
from jaxtyping import Bool

from geogan.ensemble import Ensemble
from geogan.property_variable import Property
from geogan.variable import Field

from . import pages, simulation_maps
from .pages import Html
from .simulation_look import Look
from .simulation_maps import Picture, bar, image, scalar, thinned
from .simulation_sections import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "cividis"
NEAR = 0.25  # a mean that differs by more standard deviations of the training image is pointed at


@final
class PropertyLook(Look):
    """One scale of colours for fields, wells and mean; the distribution of the values."""

    datum = "in the colour of its value"
    curves = "Variogram"
    figure = "Variogram"
    curves_about = "in squared units of the property"
    axes: ClassVar[Mapping[str, str]] = {"variogram": "variogram γ(h)"}
    ground = "training tiles"
    margin = simulation_maps.BAR

    def __init__(self, ensemble: Ensemble):
        assert isinstance(ensemble.variable, Property)
        self.ensemble, span = ensemble, ensemble.variable.span
        self.span = span.low, span.high

    def legend(self) -> dict[str, str]:
        return {}

    def draw(self, axis: Axes, field: Field) -> None:
        low, high = self.span
        bar(axis, image(axis, thinned(field), field.shape, cmap=COLOURS, vmin=low, vmax=high))

    def paint(self, where: Bool[np.ndarray, "y x"]) -> Any:
        low, high = self.span
        return matplotlib.colormaps[COLOURS]((self.ensemble.hard.values[where] - low) / (high - low))

    def statistics(self) -> Iterator[Picture]:
        """E-type and standard deviation."""
        maps = self.ensemble.maps
        yield Picture("E-type", scalar(self.ensemble, maps["e_type"], self.span, COLOURS), "mean over realizations")
        top = float(maps["std"].max()) or 1.0
        png = scalar(self.ensemble, maps["std"], (0, top), "magma")
        yield Picture("standard deviation", png, "over realizations")

    def card(self, told: dict[str, Any]) -> tuple[Any, Any]:
        return number(told["values"]["mean"]), "mean value"

    def attend(self, told: dict[str, Any]) -> Sequence[str]:
        own, trained = told["values"]["mean"], told["values_training"]
        if trained is None or abs(own - trained["mean"]) <= NEAR * trained["std"]:
            return ()
        return (f"The mean is {number(own)} simulated, {number(trained['mean'])} in the training image.",)

    def honoured(self, told: dict[str, Any]) -> Sequence[tuple[str, str]]:
        return (
            ("honoured: at most this far from the datum", number(told["tolerance"])),
            ("root mean square error at the data", number(told["constraint_rmse"])),
        )

    def section(self, told: dict[str, Any]) -> Html:
        """Mean, deviation, percentiles and histogram beside those of the training image."""
        own, trained = _flat(told["values"]), _flat(told["values_training"])
        rows = [(name, number(value), number(trained.get(name))) for name, value in own.items()]
        low, high = self.span
        notes = [f"The training image has values from {number(low)} to {number(high)}, and so has every field."]
        if not trained:
            notes.append("Their distribution: not in this bundle.")
        edges = np.linspace(low, high, len(told["values"]["histogram"]) + 1).tolist()
        real = told["values_training"] and told["values_training"]["histogram"]
        return pages.section(
            "Values",
            pages.paragraph(*notes, note=True),
            pages.table(("", "simulated", "training image"), rows, numbers=(1, 2)),
            pages.figure(simulation_maps.histogram(edges, told["values"]["histogram"], real), "Distribution"),
        )


def _flat(values: dict[str, Any] | None) -> dict[str, float]:
    """The numbers of a distribution by what they are called."""
    if values is None:
        return {}
    flat = {"mean": values["mean"], "standard deviation": values["std"]}
    flat |= {f"percentile {name[1:]}": value for name, value in values["percentiles"].items()}
    if "mean_std" in values:
        flat["deviation of the mean between fields"] = values["mean_std"]
    return flat
