"""The figure of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from geogan.metrics.classes import class_figures, iou

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 12  # classes in a legend, and up to which labels take two lines
_NUMBERED = 20  # classes up to which the cells hold numbers
_LETTERS = 24  # of a class name


def confusion_sheet(matrix: Int64[np.ndarray, "true_class class"], names: Sequence[str], path: Path) -> None:
    """What became of the pixels of every class, in per cent; classes in neither truth nor output are left out."""
    from . import figure_parts as parts

    there = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
    matrix, names = matrix[there][:, there], [name for name, kept in zip(names, there, strict=True) if kept]
    count, many, figures = len(names), len(names) > LISTED, class_figures(matrix, names)
    labels = [class_label(name) for name in names]
    gap, totals = "  " if many else "\n", matrix.sum(axis=1) / matrix.sum()
    shares = [f"{label}{gap}{share:.1%}" for label, share in zip(labels, totals, strict=True)]
    side = max(2.2, count * min(0.68, max(0.3, 9 / count)))
    with parts.style():
        figure, [[axis]] = parts.panels(1, 1, (side + 2.6, side + 2.0))
        _cells(axis, matrix)
        axis.set_yticks(range(count), shares)
        axis.set_xticks(range(count), labels, rotation=90 if many else 40, ha="right", rotation_mode="anchor")
        axis.set(xlabel="class in the output", ylabel="true class, and its share of the pixels")
        accuracy, mean = figures["pixel_accuracy"], figures["miou"]
        title = f"per cent of each true class\npixel accuracy {accuracy:.1%}, mean IoU {mean:.1%}"
        axis.set_title(title, loc="left", pad=20)
        parts.save(figure, path)


def _cells(axis: Axes, matrix: Int64[np.ndarray, "true_class class"]) -> None:
    """The matrix, each row as shares of its sum, with the IoU of every class beside it."""
    from matplotlib.colors import LinearSegmentedColormap

    from . import figure_parts as parts

    count, totals = len(matrix), matrix.sum(axis=1)
    percent = 100 * matrix / np.maximum(totals, 1)[:, None]
    axis.imshow(percent, cmap=LinearSegmentedColormap.from_list("share", ["white", parts.BLUE]), vmin=0, vmax=100)
    axis.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="#d9d9d9", linewidth=0.6)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)
    for row, column in np.ndindex(count, count) if count <= _NUMBERED else ():
        value = percent[row, column]
        text = f"{value:.0f}" if totals[row] else "–"
        axis.text(column, row, text, ha="center", va="center", color="white" if value > 55 else parts.INK)
    for row, value in enumerate(iou(matrix)):
        axis.text(count - 0.35, row, f"{100 * value:.0f}", va="center", weight="bold")
    axis.text(count - 0.35, -0.6, "IoU, %", va="bottom", weight="bold")


def class_label(name: str) -> str:
    """A class that has only its code for a name says that it is one; a long name is cut."""
    return f"class {name}" if name.isdigit() else name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
