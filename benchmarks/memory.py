"""Peak memory of ``geogan prepare`` on a binary 20 000 x 20 000 GeoTIFF, made from a generated channel field."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from geogan.datasets import Context, Limits
from geogan.datasets.synthetic_channels import read

EDGE, PART = 20_000, 2_000


def main() -> None:
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("dvc.yaml", "params.yaml"):
            (folder / file).write_bytes((root / file).read_bytes())
        make(folder / "huge.tif")
        geogan = str(Path(sys.executable).with_name("geogan"))
        command = [geogan, "prepare", "--set", "datasets.channels.source={name: raster, path: huge.tif}"]
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        size = (folder / "huge.tif").stat().st_size
        facts = {"file_mb": round(size / 1e6, 1), "seconds": round(seconds, 1), "peak_gib": round(peak, 2)}
        print(json.dumps({"edge": EDGE, **facts}))


def make(file: Path) -> None:
    """A field of 2000 x 2000, flipped at random into every part."""
    part = read(Context(file.parent, Limits()), rows=PART, columns=PART).facies * np.uint8(255)
    rng = np.random.default_rng(0)
    with rasterio.open(
        file, "w", driver="GTiff", width=EDGE, height=EDGE, count=1, dtype="uint8", tiled=True, compress="deflate"
    ) as out:
        for row in range(0, EDGE, PART):
            for column in range(0, EDGE, PART):
                turned = part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
                out.write(turned, 1, window=Window(column, row, PART, PART))


if __name__ == "__main__":
    main()
