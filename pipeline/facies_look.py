"""How the page of a simulation shows facies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from jaxtyping import Bool

from geogan.ensemble import Ensemble
from geogan.variable import Field

from . import figure_parts as parts
from . import pages
from .pages import Html
from .simulation_look import Look
from .simulation_maps import Picture, image, scalar, thinned
from .simulation_sections import number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 0.05  # a share that differs by more is pointed at


@final
class FaciesLook(Look):
    """Colours by code, maps of probability, proportions."""

    datum = "in the colour of its facies"
    curves = "Connectivity and variogram"
    figure = "Connectivity and indicator variogram"
    curves_about = "connectivity: probability that two cells of the facies at lag h belong to the same body"
    axes: ClassVar[Mapping[str, str]] = {"connectivity": "connectivity τ(h)", "variogram": "indicator variogram γ(h)"}
    ground = "held-out tiles"

    def __init__(self, ensemble: Ensemble):
        self.ensemble, self.names = ensemble, ensemble.variable.names
        self.palette = parts.colours(len(self.names))

    def legend(self) -> dict[str, str]:
        from matplotlib.colors import to_hex

        return {parts.label(name): to_hex(self.palette(code)) for code, name in enumerate(self.names)}

    def draw(self, axis: Axes, field: Field) -> None:
        image(axis, thinned(field), field.shape, cmap=self.palette, vmin=-0.5, vmax=len(self.names) - 0.5)

    def paint(self, where: Bool[np.ndarray, "y x"]) -> Any:
        return self.palette(self.ensemble.hard.values[where].astype(int))

    def statistics(self) -> Iterator[Picture]:
        """Probability of each facies (of two, of the second), entropy, E-type and standard deviation."""
        maps, top = self.ensemble.maps, len(self.names) - 1
        for code, name in enumerate(self.names):
            if len(self.names) > 2 or code == 1:
                png = scalar(self.ensemble, maps["probability"][code], (0, 1), "Blues")
                yield Picture(f"probability of {parts.label(name)}", png)
        note = "0: all agree; 1: all facies equally frequent"
        yield Picture("entropy", scalar(self.ensemble, maps["entropy"], (0, 1), "magma"), note)
        codes = ", ".join(f"{code} for {name}" for code, name in enumerate(self.names))
        note = f"mean of the codes as numbers: {codes}"
        yield Picture("E-type", scalar(self.ensemble, maps["e_type"], (0, top), "cividis"), note)
        png = scalar(self.ensemble, maps["std"], (0, top / 2), "magma")
        yield Picture("standard deviation", png, "of the codes as numbers")

    def card(self, told: dict[str, Any]) -> tuple[Any, Any]:
        name, share = list(told["proportions"].items())[-1]
        return percent(share), name

    def attend(self, told: dict[str, Any]) -> Sequence[str]:
        lines = []
        for name, share in list(told["proportions"].items())[len(told["proportions"]) == 2 :]:
            trained = (told["proportions_training"] or {}).get(name)
            if trained is not None and abs(share - trained) > NEAR and not told["target_proportions"]:
                lines.append(f"{name}: {percent(share)} simulated, {percent(trained)} in the training image.")
        if told["target_proportions"]:
            lines.append("The proportions were shifted to those asked for; they are not the model's own.")
        return lines

    def honoured(self, told: dict[str, Any]) -> Sequence[tuple[str, str]]:
        return ()

    def section(self, told: dict[str, Any]) -> Html:
        """Shares of the facies beside those of the training image, and what a shift did to them."""
        trained, target = told["proportions_training"] or {}, told["target_proportions"]
        head = ["facies", "", "simulated", "deviation between fields", "training image", "difference"]
        rows = []
        for name, share in told["proportions"].items():
            own = trained.get(name)
            off = None if own is None else share - own
            row = [name, pages.bar(share, own), percent(share), percent(told["proportions_std"][name]), percent(own)]
            row.append("-" if off is None else f"{100 * off:+.2f} points")
            rows.append(row)
        parts: list[str] = [pages.table(head, rows, numbers=range(2, 6))]
        parts.append(pages.paragraph("The mark in a bar is the share in the training image.", note=True))
        if target:
            parts.append("<h3>Asked for</h3>")
            parts.append(
                pages.paragraph(
                    "A constant per facies was added to the raw outputs of the generator before the facies was "
                    f"chosen. It was fitted to the realizations 0 to {target['pilot'] - 1} of the seed and is the same "
                    "for all.",
                    note=True,
                )
            )
            rows = [
                [
                    name,
                    *(percent(target[key][name]) for key in ("wanted", "before", "after")),
                    number(target["shift"][name]),
                ]
                for name in target["wanted"]
            ]
            head = ["facies", "wanted", "pilot before", "pilot after", "shift"]
            parts.append(pages.table(head, rows, numbers=range(1, 5)))
            if target["honoured_share_before"] is not None:
                before, after = (percent(target[f"honoured_share_{when}"]) for when in ("before", "after"))
                parts.append(pages.paragraph(f"Hard data honoured in the pilot: {before} before, {after} after."))
        return pages.section("Proportions", *parts)
