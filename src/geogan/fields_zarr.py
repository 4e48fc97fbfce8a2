"""An ensemble as a Zarr v3 store that xarray opens with coordinates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from geogan.ensemble import Ensemble

if TYPE_CHECKING:
    import zarr

CHUNK = 256  # cells a side
SHARD = 64 * 2**20  # bytes before compression; the writer holds one shard


def is_ensemble(path: Path) -> bool:
    """Whether there is a store that ``write`` made."""
    try:
        attributes = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        return {"names", "seed", "crs", "transform"} == set(attributes)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(path: Path, ensemble: Ensemble) -> None:
    """``facies`` or ``value`` (realization, y, x); the maps by name, ``probability`` (code, y, x), others (y, x).

    Coordinates ``realization``, ``code`` (of facies), ``y``, ``x`` (cell centres in map units) and ``spatial_ref``
    (CF grid mapping with ``crs_wkt`` and ``GeoTransform``); the facies dimension is called ``code``
    because xarray would take an array called like a dimension for its coordinate. Sharded; every chunk
    is compressed and has a checksum. Fill value of codes: 255, of values NaN.
    """
    import zarr

    root = zarr.create_group(store=path, zarr_format=3)
    grid, variable = ensemble.grid, ensemble.variable
    root.attrs.update(
        {
            "names": list(variable.names),
            "seed": ensemble.seed,
            "crs": grid.crs,
            "transform": list(grid.transform),
        }
    )
    _array(root, variable.key, ensemble.fields, ("realization", "y", "x"), fill=variable.blank.item())
    for name, values in ensemble.maps.items():
        _array(root, name, values, ("code", "y", "x")[-values.ndim :], fill=float("nan"))
    a, _, c, _, e, f = grid.transform
    for name, centres in (
        ("realization", np.arange(len(ensemble.fields))),
        *([("code", np.arange(len(variable.names)))] if variable.names else []),
        ("y", f + e * (np.arange(grid.rows) + 0.5)),
        ("x", c + a * (np.arange(grid.columns) + 0.5)),
    ):
        _coordinate(root, name, centres, {})
    reference = {"GeoTransform": " ".join(str(v) for v in (c, a, 0.0, f, 0.0, e))}
    if grid.crs is not None:
        reference |= {"crs_wkt": grid.crs, "spatial_ref": grid.crs}
    _coordinate(root, "spatial_ref", np.array(0), reference)


def _array(
    root: zarr.Group,
    name: str,
    values: Shaped[np.ndarray, "*shape"],
    dimensions: tuple[str, ...],
    *,
    fill: float,
) -> None:
    """A sharded array with checksums of at least two dimensions, y and x the last."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    chunk = tuple(min(CHUNK, side) for side in values.shape[-2:])
    shard = [min(16, -(-side // step)) * step for side, step in zip(values.shape[-2:], chunk, strict=True)]
    if values.ndim == 3:
        chunk = (1, *chunk)
        shard.insert(0, max(1, min(len(values), SHARD // (shard[0] * shard[1] * values.itemsize))))
    target = root.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunk,
        shards=tuple(shard),
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        fill_value=fill,
        dimension_names=dimensions,
        attributes={"grid_mapping": "spatial_ref", "coordinates": "spatial_ref"},
    )
    target[...] = values


def _coordinate(root: zarr.Group, name: str, values: Shaped[np.ndarray, "*shape"], attributes: dict[str, str]) -> None:
    """A coordinate along the dimension of its own name, or a scalar; in one chunk with a checksum.

    The fill value occurs in none of them: a chunk of fill values would not be stored at all.
    """
    from zarr.codecs import Crc32cCodec

    target = root.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=values.shape,
        compressors=[Crc32cCodec()],
        fill_value=float("nan") if values.dtype.kind == "f" else -1,
        dimension_names=(name,) if values.ndim else (),
        attributes=dict(attributes),
    )
    target[...] = values
