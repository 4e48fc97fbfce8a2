"""Maps and curves of an ensemble as pictures for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from geogan.ensemble import Ensemble
from geogan.field_curves import FieldCurve
from geogan.variable import Field

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .simulation_look import Look

SHOWN = 6  # realizations
PIXELS = 600  # of the longer side of a map: larger grids are thinned
WELLS = 2000  # cells with a datum that are drawn one by one
WIDTH = 3.6  # inches
BAR = 0.55  # inches beside a map for its scale


@dataclass(frozen=True)
class Picture:
    """A PNG with a title, the text for who cannot see it, and what to know of it."""

    title: str
    png: bytes
    note: str = ""


def realizations(ensemble: Ensemble, look: Look) -> list[Picture]:
    """The first realizations, with the hard data where these are not too many."""
    return [
        Picture(
            f"realization {k}",
            map_png(ensemble, lambda axis, field=field: _realization(axis, ensemble, look, field), look.margin),
        )
        for k, field in enumerate(ensemble.fields[:SHOWN])
    ]


def curves(found: Sequence[FieldCurve], axis_of: Mapping[str, str]) -> bytes:
    """Statistics along x and y, a row per facies; the training image beside them where it is known.

    ``axis_of``: the label of each statistic.
    """
    from . import figure_parts as parts

    facies = list(dict.fromkeys(_name(curve)[2] for curve in found))
    columns = 2 if len(facies) == 1 else 4
    ordered = sorted(found, key=lambda curve: facies.index(_name(curve)[2]))  # stable
    with parts.style():
        size = (4.0, 2.5) if columns == 2 else (2.3, 2.0)
        figure, axes = parts.panels(len(found) // columns, columns, size, share=True)
        flat = [axis for row in axes for axis in row]
        for number, (curve, axis) in enumerate(zip(ordered, flat, strict=True)):
            statistic, direction, name = _name(curve)
            _curve(parts, axis, curve)
            axis.set_ylim(0, 1.05 if statistic == "connectivity" else _top(found))
            axis.set_title(f"along {direction}" + (f", {parts.label(name)}" if name else ""), loc="left")
            if number % columns in (0, 2):
                axis.set_ylabel(axis_of[statistic])
            if number >= len(found) - columns:
                axis.set_xlabel("lag h (cells)")
        handles, labels = flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        return parts.png(figure)


def reliability(found: Mapping[str, Mapping[str, list[float | None]]]) -> bytes:
    """How often a facies was true at each probability; a disc is the larger the more cells had it."""
    from . import figure_parts as parts

    with parts.style():
        figure, axes = parts.panels(1, len(found), (4.0, 3.6) if len(found) == 1 else (3.0, 3.0))
        for axis, (name, curve) in zip(axes[0], found.items(), strict=True):
            level, share, observed = (np.array(curve[key], float) for key in ("level", "share", "observed"))
            if "calibrated" in curve:
                right = np.array(curve["calibrated"], float)
                axis.plot(level, right, color=parts.INK, linewidth=1.2, dashes=(4, 2))
            axis.plot([0, 1], [0, 1], color=parts.GREY, linewidth=0.8, dashes=(1, 2))
            axis.plot(level, observed, color=parts.BLUE, linewidth=1.6)
            axis.scatter(level, observed, s=300 * np.nan_to_num(share), color=parts.BLUE, alpha=0.35, linewidths=0)
            axis.set_xlim(-0.03, 1.03)
            axis.set_ylim(-0.03, 1.03)
            axis.set_title(parts.label(name), loc="left")
            axis.set_xlabel("simulated probability")
        axes[0][0].set_ylabel("share of the truth with the facies")
        return parts.png(figure)


def _curve(parts: Any, axis: Axes, curve: FieldCurve) -> None:
    lags = np.arange(1, len(curve.simulated) + 1)
    if curve.real_mean is not None:
        assert curve.real_min is not None
        assert curve.real_max is not None
        band = axis.fill_between(lags, curve.real_min, curve.real_max, label="training image, min to max")
        band.set(color=parts.GREY, alpha=0.25, linewidth=0)
        axis.plot(lags, curve.real_mean, color=parts.INK, linewidth=1.2, dashes=(4, 2), label="training image, mean")
    axis.plot(lags, curve.simulated, color=parts.BLUE, linewidth=1.6, label="simulated, mean")
    axis.set_xlim(0, lags[-1] + 1)


def _name(curve: FieldCurve) -> tuple[str, str, str]:
    """Statistic, direction and facies ("" where only one is studied)."""
    statistic, direction, *facies = curve.name.split("_")
    return statistic, direction, "_".join(facies)


def _top(found: Sequence[FieldCurve]) -> float:
    """Upper end of the axes of the variograms."""
    shown = [curve for curve in found if curve.name.startswith("variogram")]
    highest = [max(c.simulated.max(), 0 if c.real_max is None else c.real_max.max()) for c in shown]
    return 1.08 * float(max(highest)) or 1.0


def _realization(axis: Axes, ensemble: Ensemble, look: Look, field: Field) -> None:
    from . import figure_parts as parts

    look.draw(axis, field)
    mask, wanted = ensemble.hard.mask, ensemble.hard.values
    number = int(mask.sum())
    if 0 < number <= WELLS:
        missed = np.zeros_like(mask)
        missed[mask] = ~ensemble.variable.honours(field[mask], wanted[mask])
        parts.discs(axis, mask, missed, look.paint, size=float(np.clip(1200 / number, 3, 28)))
    parts.bare(axis)


def histogram(edges: Sequence[float], simulated: Sequence[float], real: Sequence[float] | None) -> bytes:
    """Shares of the values between ``edges``, those of the training image as a line."""
    from . import figure_parts as parts

    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (6.0, 2.6))
        axis.stairs(simulated, edges, fill=True, color=parts.BLUE, alpha=0.6, label="simulated")
        if real is not None:
            axis.stairs(real, edges, color=parts.INK, linewidth=1.2, label="training image")
        axis.set_xlim(edges[0], edges[-1])
        axis.set_xlabel("value")
        axis.set_ylabel("share of the cells")
        figure.legend(loc="outside lower center", ncols=2)
        return parts.png(figure)


def scalar(ensemble: Ensemble, values: Float32[np.ndarray, "y x"], span: tuple[float, float], colours: str) -> bytes:
    """A map of numbers with its scale."""

    def draw(axis: Axes) -> None:
        from . import figure_parts as parts

        bar(axis, image(axis, averaged(values), values.shape, cmap=colours, vmin=span[0], vmax=span[1]))
        parts.bare(axis)

    return map_png(ensemble, draw, BAR)


def bar(axis: Axes, shown: Any) -> None:
    """The scale of a map beside it."""
    scale = axis.figure.colorbar(shown, ax=axis, shrink=0.9, aspect=24, pad=0.03)
    scale.outline.set_linewidth(0.5)


def map_png(ensemble: Ensemble, draw: Any, extra: float = 0.0) -> bytes:
    """A picture as wide as all others, as high as the grid needs."""
    from . import figure_parts as parts

    ratio = float(np.clip(ensemble.grid.rows / ensemble.grid.columns, 0.12, 2.5))
    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (WIDTH + extra, WIDTH * ratio))
        draw(axis)
        return bytes(parts.png(figure, dpi=170))


def image(axis: Axes, values: np.ndarray, shape: tuple[int, ...], **options: Any) -> Any:
    """The values over the extent of ``shape`` cells, cell centres at whole numbers, row 0 at the top."""
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    return axis.imshow(values, extent=extent, interpolation="nearest", aspect="equal", **options)


def thinned(field: Field) -> Field:
    """Every n-th cell, so that no side is longer than PIXELS."""
    step = -(-max(field.shape) // PIXELS)
    first, left = (min(step // 2, side - 1) for side in field.shape)
    return field[first::step, left::step]


def averaged(values: Float32[np.ndarray, "y x"]) -> Float32[np.ndarray, "row column"]:
    """Means of n x n cells, so that no side is longer than PIXELS; what is left at the far edges has smaller ones."""
    step = -(-max(values.shape) // PIXELS)
    starts = [np.arange(0, side, step) for side in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), starts[0], axis=0), starts[1], axis=1)
    lengths = [np.diff(np.append(start, side)) for start, side in zip(starts, values.shape, strict=True)]
    return (sums / np.outer(*lengths)).astype(np.float32)
