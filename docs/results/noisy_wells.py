"""Fields of noisy wells against the field that the wells were read from, and what the wrong wells did to them.

    python docs/results/noisy_wells.py FIELDS.npz WELLS REFERENCE.sgems data/prepared/walkerlake.zarr

FIELDS are what `geogan simulate` drew on the grid of the reference, in cells. Prints JSON: how many wells are wrong,
how often right and wrong ones are honoured and stand alone (their facies differs from all eight neighbours), and the
Brier score of the fields beside those of baselines that know the training tiles and the same wells.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from geogan.facies_variable import Facies
from geogan.grids import Grid
from geogan.hard_data import snap
from geogan.metrics import statistics
from geogan.metrics.calibration import fair_brier
from geogan.metrics.diversity import hamming, hamming_ratio
from geogan.metrics.neighbourhoods import neighbourhoods
from geogan.metrics.trust import baseline_figures
from geogan.metrics.wells import isolated
from geogan.store import open_prepared
from geogan.wells import read

fields = np.load(sys.argv[1])["facies"]
with Path(sys.argv[3]).open() as stream:
    columns, rows, _ = (int(word) for word in stream.readline().split())
    truth = np.loadtxt(stream, skiprows=2).reshape(rows, columns)[::-1].astype(np.uint8)
prepared = open_prepared(Path(sys.argv[4]))
count = len(prepared.names)
hard = snap(read(Path(sys.argv[2])), Grid.in_cells(rows, columns), Facies(prepared.names), on_conflict="error")
mask, codes = hard.mask[None], hard.values[None]
right, wrong = mask & (codes == truth), mask & (codes != truth)


def share(hits: np.ndarray) -> dict[str, float]:
    """Of the right and of the wrong wells, over all fields."""
    return {name: round(float(hits[:, which[0]].mean()), 3) for name, which in (("right", right), ("wrong", wrong))}


score, apart = fair_brier(fields, truth, count), hamming(fields)
train = statistics(prepared.tiles("train", "image", "evaluation"), count)
told = {
    "wells": int(mask.sum()),
    "wrong": int(wrong.sum()),
    "honoured": share(fields == codes),
    "alone": share(isolated(fields)),
    "brier": score,
    "hamming": apart,
    "hamming_ratio": hamming_ratio(apart, score),
} | baseline_figures(train, neighbourhoods(mask), mask, codes, truth[None])
print(json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}))
