"""Figures of an evaluated translation; the same PNG for the same input, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from geogan.evaluate_translation import TranslationEvaluation
from geogan.scenes import Palette
from geogan.translation_sheets import Sheet

from .confusion_figure import LISTED, class_label, confusion_sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

Pictures = UInt8[np.ndarray, "tile y x 3"]

_RIGHT = "#eeeeea"


def draw_translation(evaluation: TranslationEvaluation, folder: Path) -> list[Path]:
    """Write ``samples.png``, where the truth is known ``worst.png``, and of classes ``confusion.png``; their paths."""
    paths = [folder / "samples.png"]
    palettes = evaluation.source.palette, evaluation.target.palette
    translation_sheet(evaluation.samples, palettes, paths[0], rated=False)
    if evaluation.worst is not None:
        paths.append(folder / "worst.png")
        translation_sheet(evaluation.worst, palettes, paths[-1], rated=True)
    if evaluation.confusion is not None and evaluation.target.palette and evaluation.confusion.any():
        paths.append(folder / "confusion.png")
        confusion_sheet(evaluation.confusion, evaluation.target.palette.names, paths[-1])
    return paths


def translation_sheet(
    sheet: Sheet, palettes: tuple[Palette | None, Palette | None], path: Path, *, rated: bool
) -> None:
    """A column per tile: input, output, the truth if it is known, what comes back if there is a way back, the error.

    ``palettes``: those of the inputs and of the outputs; ``rated`` writes the RMSE above each tile.
    """
    from . import figure_parts as parts

    rows = _rows(sheet.inputs, sheet.outputs, sheet.truths, sheet.reconstructions)
    ours = [shown for shown in (sheet.outputs, sheet.truths) if shown is not None]
    with parts.style():
        entries = _classes(palettes[0], sheet.inputs) + _classes(palettes[1], *ours)
        if sheet.wrong is not None:
            entries.append(_patch(parts.INK, "wrong class"))
        columns = _columns(entries, _width(len(sheet.inputs)))
        below = 0.22 * -(-len(entries) // max(columns, 1)) + 0.15
        scaled = sheet.errors is not None and sheet.wrong is None
        figure, axes = _grid(rows, int(sheet.errors is not None), 0.22 * rated + below + 0.6 * scaled)
        _differences(figure, axes, sheet)
        if rated:
            for axis, figures in zip(axes[0], sheet.figures, strict=True):
                axis.set_title(f"RMSE {figures['rmse']:.1f}", fontsize=8)
        if entries:
            figure.legend(handles=entries, loc="outside lower center", ncols=columns, handlelength=1.2)
        parts.save(figure, path)


def _differences(figure: Figure, axes: list[list[Axes]], sheet: Sheet) -> None:
    """The last row, if the truth is known: where the class is another one, or how far the colours are off."""
    from . import figure_parts as parts

    if sheet.errors is None:
        return
    for axis in axes[-1]:
        parts.bare(axis)
    if sheet.wrong is not None:
        axes[-1][0].set_ylabel("wrong class")
        for axis, wrong in zip(axes[-1], sheet.wrong, strict=True):
            axis.imshow(_two(wrong, _RIGHT, parts.INK), interpolation="nearest")
        return
    axes[-1][0].set_ylabel("error")
    top = max(1.0, float(np.percentile(sheet.errors, 99.5)))
    for axis, error in zip(axes[-1], sheet.errors, strict=True):
        shown = axis.imshow(error, cmap="inferno", vmin=0, vmax=top, interpolation="nearest")
    every = [axis for line in axes for axis in line]
    bar = figure.colorbar(shown, ax=every, location="bottom", shrink=0.4, aspect=45, pad=0.02, extend="max")
    bar.set_label("error (grey levels)")
    bar.outline.set_linewidth(0.5)


def picture_sheet(
    inputs: Pictures, outputs: Pictures, truths: Pictures | None, path: Path, reconstructions: Pictures | None = None
) -> None:
    """A column per tile: input, output, the truth if it is known, and what comes back if there is a way back."""
    from . import figure_parts as parts

    with parts.style():
        figure, _ = _grid(_rows(inputs, outputs, truths, reconstructions))
        parts.save(figure, path)


def _rows(*shown: Pictures | None) -> dict[str, Pictures]:
    """The pictures that there are, by what they are."""
    names = ("input", "output", "truth", "reconstruction")
    return {name: pictures for name, pictures in zip(names, shown, strict=True) if pictures is not None}


def _grid(rows: Mapping[str, Pictures], extra: int = 0, inches: float = 0.0) -> tuple[Figure, list[list[Axes]]]:
    """Axes with the pictures: a row for each set, a column for each tile; ``extra`` empty rows below.

    All are shown as large as those of the first row, whatever their pixels. ``inches`` are left for what else the
    figure holds.
    """
    from . import figure_parts as parts

    tiles, height, width = next(iter(rows.values())).shape[:3]
    figure, axes = parts.panels(len(rows) + extra, tiles, (1.3, 1.3 * height / width))
    tall = (len(rows) + extra) * (1.3 * height / width + 0.04)
    figure.set_size_inches(_width(tiles), tall + inches)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.04, wspace=0.0, hspace=0.0)
    for line, (name, pictures) in zip(axes, rows.items(), strict=False):
        line[0].set_ylabel(name)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, interpolation="nearest")
            parts.bare(axis)
    return figure, axes


def _width(tiles: int) -> float:
    """Inches of a sheet of so many columns."""
    return 1.34 * max(tiles, 4) + 0.25


def _classes(palette: Palette | None, *shown: Pictures) -> list[Patch]:
    """The classes that occur in the pictures, for a legend; of many the most frequent."""
    if palette is None:
        return []
    pixels = np.concatenate([_packed(pictures).ravel() for pictures in shown])
    counts = [int((pixels == code).sum()) for code in _packed(palette.table)]
    most = sorted(np.flatnonzero(counts), key=lambda code: -counts[code])[:LISTED]
    return [_patch(tuple(palette.table[code] / 255), class_label(palette.names[code])) for code in sorted(most)]


def _columns(entries: Sequence[Patch], width: float) -> int:
    """Columns of a legend that fits into ``width`` inches."""
    widths = [0.6 + 0.075 * len(str(entry.get_label())) for entry in entries]
    return len(entries) if sum(widths) <= width else max(1, int(width / max(widths)))


def _patch(colour: Any, label: str) -> Patch:
    from matplotlib.patches import Patch

    from . import figure_parts as parts

    return Patch(facecolor=colour, edgecolor=parts.INK, linewidth=0.5, label=label)


def _packed(colours: UInt8[np.ndarray, "*pixels 3"]) -> Int64[np.ndarray, "*pixels"]:
    """Colours as one number each."""
    return np.asarray(colours.astype(np.int64) @ np.array([65536, 256, 1]))


def _two(where: Bool[np.ndarray, "y x"], without: str, within: str) -> Float64[np.ndarray, "y x 3"]:
    """Two colours, by where."""
    from matplotlib.colors import to_rgb

    return np.asarray(np.array([to_rgb(without), to_rgb(within)])[where.astype(int)])
