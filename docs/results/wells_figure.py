"""Truth, fields, probability and entropy of a simulation whose truth is known, on one sheet.

    python docs/results/wells_figure.py FIELDS.npz WELLS.csv TRUTH.csv OUT.png

WELLS.csv holds row, column, facies; TRUTH.csv the field that they were read from. Prints the squared error of the
probability map beside that of a constant, and the mean probability on either facies.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def main(fields: Path, wells: Path, truth_file: Path, out: Path) -> None:
    found = np.load(fields)
    truth = np.loadtxt(truth_file, delimiter=",")
    row, column, code = np.loadtxt(wells, delimiter=",", comments="#", dtype=int).T
    channel = found["probability"][1]
    print("squared error of the probability map       ", round(float(((channel - truth) ** 2).mean()), 4))
    print("squared error of the constant proportion   ", round(float(((truth.mean() - truth) ** 2).mean()), 4))
    print("mean probability of channel on channel     ", round(float(channel[truth == 1].mean()), 3))
    print("mean probability of channel on background  ", round(float(channel[truth == 0].mean()), 3))
    panels = {
        "truth and 49 wells": truth,
        "field 1": found["facies"][0],
        "field 2": found["facies"][1],
        "field 3": found["facies"][2],
        "probability of channel": channel,
        "entropy": found["entropy"],
    }
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
    for axis, (title, panel) in zip(axes.flat, panels.items(), strict=True):
        axis.imshow(panel, vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
        axis.scatter(column, row, c=code, s=9, cmap="gray", vmin=0, vmax=1, edgecolors="tab:orange", linewidths=0.6)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(out, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]))
