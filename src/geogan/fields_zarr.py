"""An ensemble as a Zarr v3 store that xarray opens with coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from geogan.ensemble import Ensemble
from geogan.grids import Grid

CHUNK = 256


def write(path: Path, ensemble: Ensemble) -> None:
    """``facies`` (realization, y, x), ``probability`` (code, y, x), ``entropy`` (y, x).

    Coordinates ``realization``, ``code``, ``y``, ``x`` (cell centres in map units) and ``spatial_ref``
    (CF grid mapping with ``crs_wkt`` and ``GeoTransform``); the facies dimension is called ``code``
    because xarray would take an array called like a dimension for its coordinate. One shard per
    realization and array; every chunk is compressed and has a checksum. Fill value of codes: 255.
    """
    import zarr

    root = zarr.create_group(store=path, zarr_format=3)
    grid = ensemble.grid
    root.attrs.update(
        {"names": list(ensemble.names), "seed": ensemble.seed, "crs": grid.crs, "transform": list(grid.transform)}
    )
    _array(root, "facies", ensemble.facies, ("realization", "y", "x"), fill=255)
    _array(root, "probability", ensemble.probability, ("code", "y", "x"), fill=float("nan"))
    _array(root, "entropy", ensemble.entropy, ("y", "x"), fill=float("nan"))
    a, _, c, _, e, f = grid.transform
    for name, values in (
        ("realization", np.arange(len(ensemble.facies))),
        ("code", np.arange(len(ensemble.names))),
        ("y", f + e * (np.arange(grid.rows) + 0.5)),
        ("x", c + a * (np.arange(grid.columns) + 0.5)),
    ):
        _coordinate(root, name, values, (name,), {})
    reference = {"GeoTransform": " ".join(str(v) for v in (c, a, 0.0, f, 0.0, e))}
    if grid.crs is not None:
        reference |= {"crs_wkt": grid.crs, "spatial_ref": grid.crs}
    _coordinate(root, "spatial_ref", np.array(0), (), reference)


def _array(root, name, values, dimensions, *, fill):
    from zarr.codecs import Crc32cCodec, ZstdCodec

    chunk = tuple(min(CHUNK, side) for side in values.shape[-2:])
    shard = tuple(-(-side // step) * step for side, step in zip(values.shape[-2:], chunk, strict=True))
    ones = (1,) * (values.ndim - 2)
    target = root.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=ones + chunk,
        shards=ones + shard,
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        fill_value=fill,
        dimension_names=dimensions,
        attributes={"grid_mapping": "spatial_ref", "coordinates": "spatial_ref"},
    )
    target[...] = values


def _coordinate(root, name, values, dimensions, attributes):
    ...
