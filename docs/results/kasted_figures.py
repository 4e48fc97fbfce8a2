"""What a soft map made of fields of Kasted, in figures and on one sheet.

    python docs/results/kasted_figures.py FOLDER WELLS OUT.png

FOLDER holds the files that the commands of soft_data.md write. Of all wells: the maps `soft.tif` and
`constant.tif`, the fields `fields_soft.tif` and `fields_constant.tif` drawn with these, `fields_none.tif` of a model
that takes no map; with a map and no wells `fields_soft_alone.tif` and `fields_constant_alone.tif`. Of every fold k the
first with _k at the end of the name, from the wells `kept_k.dat`; the map `soft_k.tif` knows no well of `held_k.dat`,
and `fields_leak_k.tif` are drawn with the map of all wells.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np
import rasterio

from geogan.grids import Grid
from geogan.wells import read

matplotlib.use("Agg")
from matplotlib import pyplot as plt

FOLDS = range(4)


def band(file: Path, number: int = 1) -> np.ndarray:
    with rasterio.open(file) as source:
        return np.asarray(source.read(number))


def valley(fields: Path) -> np.ndarray:
    """The share of the fields that have a valley in a cell."""
    return band(Path(f"{fields}.probability.tif"), 2)


def cells(wells: Path, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and facies of every well."""
    found = read(wells)
    row, column = np.transpose([grid.cell_of(x, y) for x, y in zip(found.first, found.second, strict=True)])
    return row, column, np.array(found.labels, float)


def agreement(folder: Path, wells: Path, grid: Grid) -> None:
    """Of the map with the ensembles, in cells without a well."""
    soft = band(folder / "soft.tif")
    free = np.full(soft.shape, True)
    row, column, _ = cells(wells, grid)
    free[row, column] = False
    print(f"{int(free.sum())} cells without a well")
    for name in ("soft", "constant", "none", "soft_alone", "constant_alone"):
        file = folder / f"fields_{name}.tif"
        told = json.loads(Path(f"{file}.report.json").read_text())
        found = valley(file)[free]
        wells_told = (
            "no wells"
            if told["honoured_share"] is None
            else (f"honoured {told['honoured_share']:.4f}, least {told['honoured_share_min']:.4f}")
        )
        print(
            f"{name:14} {wells_told}; share of valley {found.mean():.3f};",
            f"correlation with the map {np.corrcoef(found, soft[free])[0, 1]:.3f},",
            f"mean squared difference {((found - soft[free]) ** 2).mean():.4f}",
        )


def held_out(folder: Path, grid: Grid) -> None:
    """Mean squared error at wells that were left out and share no cell with one that was not."""
    errors: dict[str, list[np.ndarray]] = {}
    for fold in FOLDS:
        row, column, facies = cells(folder / f"held_{fold}.dat", grid)
        kept = set(zip(*cells(folder / f"kept_{fold}.dat", grid)[:2], strict=True))
        alone = np.array([cell not in kept for cell in zip(row, column, strict=True)])
        said = {name: valley(folder / f"fields_{name}_{fold}.tif") for name in ("soft", "constant", "none", "leak")}
        said |= {"the map alone": band(folder / f"soft_{fold}.tif"), "always 0.5": np.full(said["soft"].shape, 0.5)}
        for name, values in said.items():
            errors.setdefault(name, []).append((values[row, column] - facies)[alone] ** 2)
    joined = {name: np.concatenate(parts) for name, parts in errors.items()}
    print(f"{len(joined['soft'])} wells left out, a quarter at a time")
    for name, error in joined.items():
        print(f"{name:13} Brier {error.mean():.4f}")
    for name in ("constant", "none", "the map alone"):
        gain = joined[name] - joined["soft"]
        print(f"{name} less soft {gain.mean():.4f}, standard error {gain.std(ddof=1) / len(gain) ** 0.5:.4f}")


def sheet(folder: Path, wells: Path, grid: Grid, out: Path) -> None:
    panels = {"soft map": band(folder / "soft.tif")}
    for name, title in {"soft": "with the map", "constant": "constant map", "none": "model without soft data"}.items():
        panels[f"{title}: probability"] = valley(folder / f"fields_{name}.tif")
        panels[f"{title}: a field"] = band(folder / f"fields_{name}.tif")
    row, column, facies = cells(wells, grid)
    titles = list(panels)
    rows = [[titles[0], *titles[1::2]], [".", *titles[2::2]]]
    figure, axes = plt.subplot_mosaic(rows, figsize=(14, 5), layout="constrained")
    for title, panel in panels.items():
        axis = axes[title]
        image = axis.imshow(panel, vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
        axis.scatter(column, row, c=facies, s=8, cmap="gray", vmin=0, vmax=1, edgecolors="tab:orange", linewidths=0.6)
        axis.set_title(title, loc="left", fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(image, ax=list(axes.values()), shrink=0.6)
    figure.savefig(out, dpi=90, metadata={"Software": None})


if __name__ == "__main__":
    folder, wells, out = map(Path, sys.argv[1:4])
    grid = Grid.like(folder / "soft.tif")
    agreement(folder, wells, grid)
    held_out(folder, grid)
    sheet(folder, wells, grid, out)
