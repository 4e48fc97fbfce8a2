"""Probabilities at points, kriged onto a grid as the map that `geogan simulate --soft` reads.

    python docs/results/kasted_soft.py POINTS OUT.tif [--without WELLS] [--all] [--constant]

POINTS and WELLS are files of Kasted: x and y in EPSG:25832. OUT.tif has one band, the probability of a buried valley,
which is the column P CLAY. --without leaves out the points where WELLS stand, --all keeps the points that say 0.5,
--constant writes the mean everywhere. Prints the points used, their mean and the covariance.

Simple kriging of the probability, by scikit-learn: a Gaussian process whose covariance (sill, range of an exponential
model, nugget) has the largest likelihood is just that. The kriging in `geogan.metrics` takes facies and no
probabilities. A point that says 0.5 knows nothing; kriged as a datum it would pull its surroundings to 0.5. Far
from data the map is the mean of the points used.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import xy
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from geogan.grids import Grid
from geogan.wells import read

GRID = Grid.from_bounds((562000, 6225400, 576400, 6235400), 250, "EPSG:25832")  # as in channels.md


def kriged(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Simple kriging onto the centres of the cells, in [0, 1]: a row per row of the grid."""
    mean = values.mean()
    covariance = ConstantKernel(0.05) * Matern(1000, (100, 20000), nu=0.5) + WhiteKernel(0.01, (1e-6, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a nugget of next to nothing is welcome
        model = GaussianProcessRegressor(covariance).fit(places, values - mean)
    print(f"{len(values)} points, mean {mean:.3f}, covariance {model.kernel_}")
    rows, columns = np.indices((GRID.rows, GRID.columns))
    centres = np.transpose(xy(rasterio.Affine(*GRID.transform), rows.ravel(), columns.ravel()))
    return np.clip(mean + model.predict(centres), 0, 1).reshape(rows.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--constant", action="store_true")
    given = parser.parse_args()
    points = read(given.points, columns={"facies": "P CLAY"})
    places, values = np.stack([points.first, points.second], axis=1), np.array(points.labels, float)
    used = np.full(len(values), True) if given.all else values != 0.5
    if given.without:
        wells = read(given.without)
        left_out = set(zip(wells.first, wells.second, strict=True))
        used &= [place not in left_out for place in map(tuple, places)]
    places, values = places[used], values[used]
    shape = GRID.rows, GRID.columns
    field = np.full(shape, values.mean()) if given.constant else kriged(places, values)
    place = {"crs": GRID.crs, "transform": rasterio.Affine(*GRID.transform)}
    size = {"height": GRID.rows, "width": GRID.columns, "count": 1, "dtype": "float32"}
    with rasterio.open(given.out, "w", driver="GTiff", **size, **place) as file:
        file.write(field.astype(np.float32), 1)
        file.set_band_description(1, "probability of a buried valley")


if __name__ == "__main__":
    main()
