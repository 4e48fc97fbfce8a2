"""Scenes and maps in GeoTIFF, COG, PNG and JPEG files, read window by window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from geogan.errors import InputError
from geogan.grids import Grid
from geogan.rasters.files import Target, reading
from geogan.rasters.headers import Header, Limits, read_header
from geogan.rasters.legends import MOST, UNSEEN, Legend, packed, palette_of, unpack
from geogan.scenes import NO_CLASS, Layer, Palette, Piece

PIECE = 2**22  # pixels that are looked at in one go when the values of a file are counted


@dataclass(frozen=True)
class RasterLayer(Layer):
    """Bands of a raster file. With a legend it is a map of classes, read from one band or from three of colours.

    ``reads`` are the bands of the file that are read, ``left`` the column of the file where the grid begins;
    ``target`` is set where the file is warped onto another grid.
    """

    name: str
    grid: Grid
    bands: tuple[int, ...]
    dtype: str
    palette: Palette | None
    header: Header
    reads: tuple[int, ...]
    legend: Legend | None = None
    left: int = 0
    target: Target | None = None

    def read(self, row: int, column: int, rows: int, columns: int) -> Piece:
        """The window whose top left pixel is (row, column); it lies inside the grid.

        Not valid are nodata (of integers: in all bands; of real numbers: in any), what the file's mask or alpha
        leaves out, NaN and infinity, and what lies outside a file that was warped.

        Raises:
            InputError: damaged data, or a value or colour that is neither a class nor ignored.
        """
        values, valid = self.raw(row, column, rows, columns)
        if self.legend is None:
            return Piece(values, valid)
        codes = self.legend.code(values)
        if (unseen := (codes == UNSEEN) & valid).any():
            keys, counts = np.unique(packed(values)[unseen], return_counts=True)
            raise self.stranger(dict(zip(keys.tolist(), counts.tolist(), strict=True)))
        codes[~valid | (codes == UNSEEN)] = NO_CLASS
        return Piece(codes[np.newaxis], codes != NO_CLASS)

    def raw(
        self, row: int, column: int, rows: int, columns: int
    ) -> tuple[Shaped[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
        """The values of a window as they stand in the file, and where they mean something."""
        from rasterio.windows import Window

        window = Window(column + self.left, row, columns, rows)
        with reading(self.header.file, self.header.driver, self.target) as source:
            values = source.read(list(self.reads), window=window, out_dtype=self.header.dtype)
            if self.target is not None and source.count > self.header.count:  # the alpha band of the footprint
                masks = source.read([source.count], window=window)
            else:
                masks = source.read_masks(list(self.reads), window=window)
        if values.dtype.kind == "f":
            return values, (masks > 0).all(axis=0) & np.isfinite(values).all(axis=0)
        return values, (masks > 0).any(axis=0)

    def counts(self) -> dict[int, int]:
        """How many valid pixels hold each value (or packed colour); one pass over the file in pieces."""
        total: dict[int, int] = {}
        step = max(1, PIECE // self.grid.columns)
        step = max(step // 512 * 512, min(step, 512))  # whole blocks
        for row in range(0, self.grid.rows, step):
            values, valid = self.raw(row, 0, min(step, self.grid.rows - row), self.grid.columns)
            found = packed(values)[valid]
            if found.dtype == np.uint8:
                numbers = np.bincount(found, minlength=256)
                keys, numbers = np.flatnonzero(numbers), numbers[numbers > 0]
            else:
                keys, numbers = np.unique(found, return_counts=True)
            for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
                total[key] = total.get(key, 0) + number
        return dict(sorted(total.items()))

    def stranger(self, counts: dict[int, int]) -> InputError:
        """The error of keys that the classes lack, with the number of their pixels."""
        key = max(counts, key=lambda key: counts[key])
        what = f"the colour {unpack(key)}" if len(self.reads) > 1 else f"the value {key:g}"
        if len(self.reads) == 1 and key in self.header.colours:
            what += f" of colour {self.header.colours[key]}"
        more = f" (and {len(counts) - 1} other)" if len(counts) > 1 else ""
        return InputError(
            f"{self.name}: {what} is no class, {counts[key]} pixels hold it{more}; "
            "give another file, or for training add it to source.classes or to source.ignore"
        )


def open_scene(
    file: Path, *, bands: tuple[int, ...] | None = None, limits: Limits | None = None, key: str = ""
) -> RasterLayer:
    """A GeoTIFF, COG, PNG or JPEG as a layer; no pixels are read, but for the classes of a paletted file.

    ``bands`` count from 1, None takes all but alpha; ``key`` names them in messages. One band with a colour map
    becomes a map of the classes that occur, named ``#rrggbb`` and ordered by value. int16 and float64 are read
    as float32.

    Raises:
        InputError: see `read_header`; a band that the file lacks; a rotated or south-up raster; more than 250 classes.
    """
    layer = plain_layer(read_header(file, limits), bands=bands, key=key)
    return with_own_palette(layer) if paletted(layer) else layer


def plain_layer(header: Header, *, bands: tuple[int, ...] | None, key: str, north_up: bool = True) -> RasterLayer:
    """The values of a file as they are, without classes; errors as in `open_scene`."""
    bands = header.bands if bands is None else bands
    wanted = f"{key or 'bands'} asks for {', '.join(map(str, bands)) or 'none'}"
    if not bands or not all(1 <= band <= header.count for band in bands):
        held = f"bands 1 to {header.count}" if header.count > 1 else "one band"
        raise InputError(f"{header.file}: has {held}, {wanted}")
    if len(set(bands)) < len(bands):
        raise InputError(f"{header.file}: {wanted}, a band twice")
    if north_up and not header.north_up:
        raise InputError(
            f"{header.file}: rotated or not north up (transform {header.transform}); "
            "warp it to a north-up grid first (gdalwarp or rio warp)"
        )
    return RasterLayer(str(header.file), header.grid, bands, header.dtype, None, header, bands)


def paletted(layer: RasterLayer) -> bool:
    """Whether the layer is the band of a file that has a colour map."""
    return layer.reads == (1,) and bool(layer.header.colours)


def with_own_palette(layer: RasterLayer) -> RasterLayer:
    """The map of a paletted file, with the classes that occur in it."""
    palette, legend = palette_of(used_colours(layer))
    return with_classes(layer, palette, legend)


def used_colours(layer: RasterLayer) -> dict[int, tuple[int, int, int]]:
    """The colours of the values that occur in a paletted file.

    Raises InputError where a value has no colour, none is valid, or where there are too many for classes.
    """
    counts = layer.counts()
    colours = {value: layer.header.colours[value] for value in counts if value in layer.header.colours}
    if len(colours) < len(counts):
        raise layer.stranger({value: count for value, count in counts.items() if value not in colours})
    if len(set(colours.values())) > MOST:
        raise InputError(f"{layer.name}: has {len(set(colours.values()))} colours, a map has at most {MOST} classes")
    return colours


def with_classes(layer: RasterLayer, palette: Palette, legend: Legend) -> RasterLayer:
    """The layer as a map of these classes."""
    return replace(layer, bands=(1,), dtype="uint8", palette=palette, legend=legend)
