"""The classes that all maps of a dataset share."""

from __future__ import annotations

from collections.abc import Sequence

from geogan.errors import InputError
from geogan.rasters.headers import Colour
from geogan.rasters.layers import RasterLayer, paletted, used_colours, with_classes
from geogan.rasters.legends import MOST, Legend, distinct_colours, hex_of, pack
from geogan.scenes import NO_CLASS, Palette

Key = int | Colour  # a pixel value, or a colour
Classes = dict[str, Key]


def are_maps(layers: Sequence[RasterLayer], classes: Classes | None) -> bool:
    """Whether layers become maps of classes: these are named, or every file is paletted."""
    return classes is not None or all(map(paletted, layers))


def alike(
    layers: Sequence[RasterLayer], classes: Classes | None, ignore: Sequence[Key], *, key: str
) -> tuple[RasterLayer, ...]:
    """Layers of one domain: with the same bands and type, and maps of classes with one palette.

    ``classes`` names colours (of RGB or paletted files) or values (of files of one band); what is in ``ignore`` is
    not valid. Without ``classes`` paletted files get those of their colours that occur, named ``#rrggbb``.

    Raises:
        InputError: layers differ in bands or type, only some are paletted, or a file does not go with the classes;
            a paletted file holds a colour that is neither a class nor ignored.
    """
    if classes is None and are_maps(layers, None):
        return _own_classes(layers, ignore)
    if classes is not None:
        return _named_classes(layers, classes, ignore)
    if ignore:
        raise InputError("source.ignore: is for maps of classes; give source.classes too")
    if mixed := next((layer for layer in layers if paletted(layer)), None):
        other = next(layer for layer in layers if not paletted(layer))
        raise InputError(
            f"source.{key}: {mixed.name} is paletted, {other.name} is not; "
            + ("name the colours in source.classes" if key == "b" else "make them alike")
        )
    first = layers[0]
    for layer in layers:
        if (layer.bands, layer.dtype) != (first.bands, first.dtype):
            raise InputError(
                f"{layer.name}: has {len(layer.bands)} bands of {layer.dtype}, {first.name} has {len(first.bands)} of "
                f"{first.dtype}; they must be alike"
            )
    return tuple(layers)


def _own_classes(layers: Sequence[RasterLayer], ignore: Sequence[Key]) -> tuple[RasterLayer, ...]:
    left_out = {colour: NO_CLASS for colour in ignore if isinstance(colour, tuple)}
    if len(left_out) < len(set(ignore)):
        raise InputError("source.ignore: holds pixel values; the maps are paletted, give colours")
    used = [used_colours(layer) for layer in layers]
    values: dict[Colour, int] = {}
    for colours in used:
        for value, colour in colours.items():
            values[colour] = min(value, values.get(colour, value))
    chosen = [
        colour for colour in sorted(values, key=lambda colour: (values[colour], colour)) if colour not in left_out
    ]
    if not 0 < len(chosen) <= MOST:
        raise InputError(f"{layers[0].name}: the maps have {len(chosen)} colours; 1 to {MOST} can be classes")
    palette = Palette(tuple(map(hex_of, chosen)), tuple(chosen), _values(used, chosen))
    codes = {colour: code for code, colour in enumerate(chosen)} | left_out
    return tuple(
        with_classes(layer, palette, Legend.of({value: codes[colour] for value, colour in colours.items()}))
        for layer, colours in zip(layers, used, strict=True)
    )


def _named_classes(layers: Sequence[RasterLayer], classes: Classes, ignore: Sequence[Key]) -> tuple[RasterLayer, ...]:
    keys = list(classes.values())
    _check(keys, ignore)
    colours = [key for key in keys if isinstance(key, tuple)]
    numbers = [key for key in keys if isinstance(key, int)]
    if colours:
        palette = Palette(tuple(classes), tuple(colours), _values([layer.header.colours for layer in layers], colours))
    else:
        plain = tuple(numbers) if max(numbers) <= 255 else tuple(range(len(numbers)))
        palette = Palette(tuple(classes), _colours(layers[0], numbers), plain)
    codes: dict[Key, int] = {key: code for code, key in enumerate(keys)} | dict.fromkeys(ignore, NO_CLASS)
    return tuple(_with_named(layer, palette, codes, of_colours=bool(colours)) for layer in layers)


def _with_named(layer: RasterLayer, palette: Palette, codes: dict[Key, int], *, of_colours: bool) -> RasterLayer:
    """One map with the classes of all; a palette with other colours is looked at for those that occur."""
    if of_colours and not paletted(layer):
        if len(layer.reads) != 3 or layer.dtype != "uint8":
            raise InputError(
                f"{layer.name}: has {len(layer.reads)} bands of {layer.dtype} and no colour map; "
                "source.classes names colours, which need three bands of uint8 or a colour map"
            )
        known = {pack(colour): code for colour, code in codes.items() if isinstance(colour, tuple)}
        return with_classes(layer, palette, Legend.of(known))
    if len(layer.reads) != 1:
        raise InputError(
            f"{layer.name}: has {len(layer.reads)} bands; source.classes names pixel values, which need one band: "
            "choose it with source.b_bands, or name colours"
        )
    if of_colours:
        known = {value: codes[colour] for value, colour in layer.header.colours.items() if colour in codes}
    else:
        known = {value: code for value, code in codes.items() if isinstance(value, int)}
    if paletted(layer) and set(layer.header.colours) - set(known):
        strangers = {value: count for value, count in layer.counts().items() if value not in known}
        if strangers:
            raise layer.stranger(strangers)
    return with_classes(layer, palette, Legend.of(known))


def _check(keys: Sequence[Key], ignore: Sequence[Key]) -> None:
    everything = [*keys, *ignore]
    if not 0 < len(keys) <= MOST:
        raise InputError(f"source.classes: names {len(keys)} classes; a map has 1 to {MOST}")
    if len({isinstance(key, tuple) for key in everything}) > 1:
        raise InputError("source.classes, source.ignore: mix pixel values and colours; give one kind")
    if double := [key for number, key in enumerate(everything) if key in everything[:number]]:
        raise InputError(f"source.classes, source.ignore: {double[0]} occurs twice")
    for key in everything:
        parts = key if isinstance(key, tuple) else (key,)
        if min(parts) < 0 or max(parts) > (255 if isinstance(key, tuple) else 65535):
            raise InputError(f"source.classes, source.ignore: {key}; colours lie within 0..255, values in 0..65535")


def _values(files: Sequence[dict[int, Colour]], colours: Sequence[Colour]) -> tuple[int, ...]:
    """The values that files have for these colours where all agree, else the codes."""
    lowest = [{colour: value for value, colour in sorted(held.items(), reverse=True)} for held in files]
    agreed = [{held[colour] for held in lowest if colour in held} for colour in colours]
    values = tuple(min(found) for found in agreed if len(found) == 1)
    return values if len(values) == len(colours) == len(set(values)) else tuple(range(len(colours)))


def _colours(layer: RasterLayer, values: Sequence[int]) -> tuple[Colour, ...]:
    """The colours that a paletted file has for values, or made up ones."""
    held = [layer.header.colours[value] for value in values if paletted(layer) and value in layer.header.colours]
    return tuple(held) if len(set(held)) == len(values) else distinct_colours(len(values))
