"""Figures of trust: the reliability of probabilities, and shares by distance to wells and borders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from geogan.files import write_text
from geogan.metrics.calibration import Reliability
from geogan.metrics.profiles import Profile

_TITLES = {
    "well_differs": "not the facies of the nearest datum",
    "well_isolated": "facies of no neighbour",
    "well_error": "not the facies of the truth",
    "border_contact": "contacts, less those of whole fields",
}


def draw_trust(reliability: Sequence[Reliability], profiles: Sequence[Profile], folder: Path) -> list[Path]:
    """Write ``reliability`` and ``distances``, a PNG and a table for ``dvc plots`` each; their paths."""
    paths = [folder / name for name in ("reliability.png", "reliability.csv", "distances.png", "distances.csv")]
    reliability_sheet(reliability, paths[0])
    write_reliability(reliability, paths[1])
    profile_sheet(profiles, paths[2])
    write_profiles(profiles, paths[3])
    return paths


def reliability_sheet(curves: Sequence[Reliability], path: Path) -> None:
    """How often a facies is true at each probability, beside what the same number of fields gives when calibrated.

    A panel for each facies; the area of a disc is the share of the pixels.
    """
    from . import figure_parts as parts

    with parts.style():
        figure, axes = parts.panels(1, len(curves), (4.6, 4.4) if len(curves) == 1 else (3.4, 3.4))
        for axis, curve in zip(axes[0], curves, strict=True):
            axis.plot([0, 1], [0, 1], color=parts.GREY, linewidth=0.8, dashes=(1, 2), label="probability itself")
            axis.plot(
                curve.level, curve.calibrated, color=parts.INK, linewidth=1.2, dashes=(4, 2), label="if calibrated"
            )
            axis.plot(curve.level, curve.observed, color=parts.BLUE, linewidth=1.6, label="observed")
            axis.scatter(curve.level, curve.observed, s=300 * curve.share, color=parts.BLUE, alpha=0.35, linewidths=0)
            axis.set_xlim(-0.03, 1.03)
            axis.set_ylim(-0.03, 1.03)
            axis.set_title(f"{parts.label(curve.facies)}, off by {curve.gap:.3f}", loc="left")
            axis.set_xlabel("share of the other fields with the facies")
        axes[0][0].set_ylabel("share of the truth with the facies")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        parts.save(figure, path)


def profile_sheet(profiles: Sequence[Profile], path: Path) -> None:
    """Every profile in a panel of its own: simulated, and what it ought to be."""
    from . import figure_parts as parts

    columns = min(3, len(profiles))
    with parts.style():
        figure, axes = parts.panels(-(-len(profiles) // columns), columns, (2.9, 2.3))
        flat = [axis for row in axes for axis in row]
        for axis in flat[len(profiles) :]:
            axis.set_axis_off()
        for profile, axis in zip(profiles, flat, strict=False):
            place, _, _ = profile.name.partition("_")
            axis.plot(profile.distance, profile.reference, color=parts.INK, linewidth=1.2, dashes=(4, 2))
            axis.plot(profile.distance, profile.simulated, color=parts.BLUE, linewidth=1.6, marker="o", markersize=3)
            if place == "border":
                axis.set_xscale("symlog", base=2, linthresh=1)
                axis.set_xticks(profile.distance, [str(distance) for distance in profile.distance])
                axis.axhline(0, color=parts.GREY, linewidth=0.6)
            else:
                axis.set_ylim(0, None)
            axis.set_xlabel(f"distance to the {place} (pixels)")
            axis.set_title(_title(profile.name), loc="left")
        lines = flat[0].get_lines()[:2]
        figure.legend(lines[::-1], ["simulated", "real; of errors: of two fields"], loc="outside lower center", ncols=2)
        parts.save(figure, path)


def _title(name: str) -> str:
    from . import figure_parts as parts

    facies = name.removeprefix("border_proportion_")
    return _TITLES[name] if name in _TITLES else f"{parts.label(facies)}, less that of whole fields"


def write_reliability(curves: Sequence[Reliability], path: Path) -> None:
    """A row per facies and probability: level, facies, share, observed, calibrated; empty where there is no pixel."""
    columns = ("level", "facies", "share", "observed", "calibrated")
    _write(
        path,
        columns,
        (
            [value[0], curve.facies, *value[1:]]
            for curve in curves
            for value in zip(curve.level, curve.share, curve.observed, curve.calibrated, strict=True)
        ),
    )


def write_profiles(profiles: Sequence[Profile], path: Path) -> None:
    """A row per profile and distance: distance, statistic, simulated, reference; empty where there is no pixel."""
    columns = ("distance", "statistic", "simulated", "reference")
    _write(
        path,
        columns,
        (
            [distance, profile.name, simulated, reference]
            for profile in profiles
            for distance, simulated, reference in zip(
                profile.distance, profile.simulated, profile.reference, strict=True
            )
        ),
    )


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        table.writerow([_text(value) if isinstance(value, float) else value for value in row])
    write_text(path, text.getvalue())


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"
