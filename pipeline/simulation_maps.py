"""Maps and curves of an ensemble as pictures for its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8

from geogan.ensemble import Ensemble
from geogan.field_curves import FieldCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 6  # realizations
PIXELS = 600  # of the longer side of a map: larger grids are thinned
WELLS = 2000  # cells with a datum that are drawn one by one
WIDTH = 3.6  # inches


@dataclass(frozen=True)
class Picture:
    """A PNG with a title, the text for who cannot see it, and what to know of it."""

    title: str
    png: bytes
    note: str = ""


def realizations(ensemble: Ensemble) -> list[Picture]:
    """The first realizations, with the hard data where these are not too many."""
    from . import figure_parts as parts

    return [
        Picture(
            f"realization {k}",
            _map(parts, ensemble, lambda axis, field=field: _facies(parts, axis, ensemble, field)),
        )
        for k, field in enumerate(ensemble.facies[:SHOWN])
    ]


def statistics(ensemble: Ensemble) -> Iterator[Picture]:
    """Probability of each facies (of two, of the second), entropy, E-type and standard deviation."""
    from . import figure_parts as parts

    top = len(ensemble.names) - 1
    for code, name in enumerate(ensemble.names):
        if len(ensemble.names) > 2 or code == 1:
            title = f"probability of {parts.label(name)}"
            yield Picture(title, _scalar(parts, ensemble, ensemble.probability[code], 1, "Blues"))
    yield Picture(
        "entropy",
        _scalar(parts, ensemble, ensemble.entropy, 1, "magma"),
        "0: all agree; 1: all facies equally frequent",
    )
    codes = ", ".join(f"{code} for {name}" for code, name in enumerate(ensemble.names))
    note = f"mean of the codes as numbers: {codes}"
    yield Picture("E-type", _scalar(parts, ensemble, ensemble.e_type, top, "cividis"), note)
    yield Picture(
        "standard deviation", _scalar(parts, ensemble, ensemble.std, top / 2, "magma"), "of the codes as numbers"
    )


def legend(ensemble: Ensemble) -> dict[str, str]:
    """The colour of each facies, as #rrggbb, by what it is called."""
    from matplotlib.colors import to_hex

    from . import figure_parts as parts

    palette = parts.colours(len(ensemble.names))
    return {parts.label(name): to_hex(palette(code)) for code, name in enumerate(ensemble.names)}


def curves(found: Sequence[FieldCurve]) -> bytes:
    """Connectivity and variogram along x and y, a row per facies; the training image beside them where it is known."""
    from . import figure_parts as parts

    facies = list(dict.fromkeys(_name(curve)[2] for curve in found))
    columns = 2 if len(facies) == 1 else 4
    axis_of = {"connectivity": "connectivity τ(h)", "variogram": "indicator variogram γ(h)"}
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


def _facies(parts: Any, axis: Axes, ensemble: Ensemble, field: UInt8[np.ndarray, "y x"]) -> None:
    count, hard = len(ensemble.names), ensemble.hard
    colours = parts.colours(count)
    _image(axis, thinned(field), field.shape, cmap=colours, vmin=-0.5, vmax=count - 0.5)
    number = int(hard.mask.sum())
    if 0 < number <= WELLS:
        size = float(np.clip(1200 / number, 3, 28))
        parts.wells(axis, hard.mask, hard.values, field, count, size=size)
    parts.bare(axis)


def _scalar(parts: Any, ensemble: Ensemble, values: Float32[np.ndarray, "y x"], top: float, colours: str) -> bytes:
    def draw(axis: Axes) -> None:
        image = _image(axis, averaged(values), values.shape, cmap=colours, vmin=0, vmax=top)
        parts.bare(axis)
        bar = axis.figure.colorbar(image, ax=axis, shrink=0.9, aspect=24, pad=0.03)
        bar.outline.set_linewidth(0.5)

    return _map(parts, ensemble, draw, extra=0.55)


def _map(parts: Any, ensemble: Ensemble, draw: Any, extra: float = 0.0) -> bytes:
    """A picture as wide as all others, as high as the grid needs."""
    ratio = float(np.clip(ensemble.grid.rows / ensemble.grid.columns, 0.12, 2.5))
    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (WIDTH + extra, WIDTH * ratio))
        draw(axis)
        return bytes(parts.png(figure, dpi=170))


def _image(axis: Axes, values: np.ndarray, shape: tuple[int, ...], **options: Any) -> Any:
    """The values over the extent of ``shape`` cells, cell centres at whole numbers, row 0 at the top."""
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    image = axis.imshow(values, extent=extent, interpolation="nearest", aspect="equal", **options)
    return image


def thinned(field: UInt8[np.ndarray, "y x"]) -> UInt8[np.ndarray, "row column"]:
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
