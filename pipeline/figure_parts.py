"""Parts that the figures share: panels, fields, wells, legends, and a PNG without date or version.

Two facies differ in lightness first, so that they hold in grey and for every colour vision; marks and
lines follow the palette of Okabe and Ito (2008). Matplotlib is slow to load: import this module late.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from geogan.files import replacing_file

INK, GREY, BLUE, MISSED = "#262626", "#8c8c8c", "#0072b2", "#d55e00"
_TWO = ("#ede7d9", "#1f5a85")
_MORE = ("#ede7d9", "#7fb8d6", "#a65a1e", "#17415f", "#e3b23c", "#5f8a5a", "#8a4f7d", "#3b3b3b")

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


def style() -> AbstractContextManager[None]:
    """The look of all figures, whatever the user's own settings; as a context."""
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE})


def colours(count: int) -> ListedColormap:
    """One colour per facies code; beyond eight facies an even scale from dark to light."""
    if count > len(_MORE):
        return ListedColormap(matplotlib.colormaps["cividis"](np.linspace(0, 1, count)))
    return ListedColormap((_TWO if count == 2 else _MORE)[:count])


def panels(
    rows: int, columns: int, size: tuple[float, float], *, share: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes of ``size`` (width, height) inches each."""
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share)
    return figure, axes.tolist()


def field(axis: Axes, codes: UInt8[np.ndarray, "y x"], count: int) -> None:
    """Facies codes, one pixel a cell, row 0 at the top."""
    axis.imshow(codes, cmap=colours(count), vmin=-0.5, vmax=count - 0.5, interpolation="nearest")
    bare(axis)


def bare(axis: Axes) -> None:
    """No ticks, a thin frame."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set(visible=True, linewidth=0.5)


def wells(
    axis: Axes,
    mask: Bool[np.ndarray, "y x"],
    facies: UInt8[np.ndarray, "y x"],
    simulated: UInt8[np.ndarray, "y x"],
    count: int,
    *,
    size: float,
) -> None:
    """Hard data as discs in the colour of their facies; vermilion rings where ``simulated`` misses them."""
    palette = colours(count)
    discs(axis, mask, mask & (facies != simulated), lambda where: palette(facies[where].astype(int)), size=size)


def discs(
    axis: Axes,
    mask: Bool[np.ndarray, "y x"],
    missed: Bool[np.ndarray, "y x"],
    paint: Callable[[Bool[np.ndarray, "y x"]], Any],
    *,
    size: float,
) -> None:
    """Hard data as discs, with vermilion rings where they are ``missed``; ``paint`` gives the colours of some cells."""
    for where, edge, width, scale in ((mask & ~missed, INK, 0.35, 1.0), (missed, MISSED, 1.2, 2.2)):
        rows, columns = np.nonzero(where)
        axis.scatter(
            columns,
            rows,
            s=size * scale,
            c=paint(where),
            edgecolors=edge,
            linewidths=width * np.sqrt(size / 6),
        )
    axis.set_xlim(-0.5, mask.shape[1] - 0.5)
    axis.set_ylim(mask.shape[0] - 0.5, -0.5)
    axis.set_aspect("equal")
    bare(axis)


def legend(figure: Figure, names: Sequence[str], *, missed: bool) -> None:
    """Facies colours and the marks of hard data, in one line below."""
    palette = colours(len(names))
    entries: list[Patch | Line2D] = [
        Patch(facecolor=palette(code), edgecolor=INK, linewidth=0.5, label=label(name))
        for code, name in enumerate(names)
    ]
    entries.append(_ring(INK, 0.6, "hard datum"))
    if missed:
        entries.append(_ring(MISSED, 1.4, "missed"))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), 6), handlelength=1.2)


def _ring(colour: str, width: float, label: str) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="none",
        marker="o",
        markersize=5,
        markerfacecolor="white",
        markeredgecolor=colour,
        markeredgewidth=width,
        label=label,
    )


def label(name: str) -> str:
    """A facies that has only its code for a name says that it is one."""
    return f"facies {name}" if name.isdigit() else name


def png(figure: Figure, dpi: int = 160) -> bytes:
    """A PNG that holds neither date nor version."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a PNG that holds neither date nor version, atomically."""
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=160, metadata={"Software": None})
