"""What translators make of tiles, batch by batch, and some of it to look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8

from geogan.metrics.cycles import Back
from geogan.metrics.pictures import GREY_LEVEL, PictureStatistics, picture_figures
from geogan.metrics.scores import Batch, fitted, real
from geogan.scenes import Tiles
from geogan.translation import PictureTranslator


@runtime_checkable
class Tally(Protocol):
    """Figures of outputs that need no true pictures."""

    def add(self, where: slice, made: Float32[np.ndarray, "tile output v u"]) -> None: ...

    def figures(self) -> dict[str, float]: ...


@dataclass
class Output:
    """What the translator makes of the inputs; each batch is shown to the ``tallies`` too.

    ``seconds``: what the translation has taken so far; ``broken``: outputs so far that are not finite.
    """

    translator: PictureTranslator
    inputs: Tiles
    tallies: Sequence[Tally] = ()
    seconds: float = field(default=0.0, init=False)
    broken: int = field(default=0, init=False)

    def __call__(self, where: slice) -> Batch:
        values, valid = self.inputs.values[where], self.inputs.valid[where]
        start = time.perf_counter()
        image = self.translator.translate(values, valid)
        self.seconds += time.perf_counter() - start
        codes = self.translator.values(image)[:, 0] if self.translator.target.palette else None
        valid = fitted(valid, (image.shape[2], image.shape[3]))
        finite = np.isfinite(image.numpy()).all(axis=1) | ~valid
        self.broken += int((~finite.all(axis=(1, 2))).sum())
        colours = self.translator.colours(image).numpy()
        for tally in self.tallies:
            tally.add(where, colours * valid[:, None])
        return Batch(colours, codes, valid)


@dataclass(frozen=True)
class Sheet:
    """Some test tiles to look at, as colours; what is not valid is white.

    ``numbers``: which of the test tiles they are. Where their truth is known, ``errors``: root of the squared
    difference summed over channels, in grey levels, 0 where not valid; ``wrong``: where the class is another one,
    None without classes; ``figures``: the picture metrics of every tile alone, else none. ``reconstructions``: what
    comes back when the outputs are translated back; None where there is no way back.
    """

    numbers: tuple[int, ...]
    inputs: UInt8[np.ndarray, "tile y x 3"]
    outputs: UInt8[np.ndarray, "tile v u 3"]
    truths: UInt8[np.ndarray, "tile v u 3"] | None = None
    errors: Float32[np.ndarray, "tile v u"] | None = None
    wrong: Bool[np.ndarray, "tile v u"] | None = None
    figures: tuple[dict[str, float], ...] = ()
    reconstructions: UInt8[np.ndarray, "tile y x 3"] | None = None


def sheet(
    translator: PictureTranslator,
    inputs: Tiles,
    numbers: Sequence[int],
    *,
    back: PictureTranslator | None = None,
    truths: Tiles | None = None,
    scores: PictureStatistics | None = None,
) -> Sheet:
    """The tiles ``numbers``, translated again; ``scores``: those of all tiles against their ``truths``."""
    own = taken(inputs, numbers)
    shown, found = real(translator.source, own)(slice(None)), Output(translator, own)(slice(None))
    plain = Sheet(tuple(numbers), as_rgb(shown.image, own.valid), as_rgb(found.image, found.valid))
    if back is not None:
        came = way_back(back)(torch.from_numpy(found.image * found.valid[:, None])).numpy()
        plain = replace(plain, reconstructions=as_rgb(came, own.valid))
    if truths is None or scores is None:
        return plain
    other = taken(truths, numbers)
    true, valid = real(translator.target, other)(slice(None)), found.valid & other.valid
    errors = np.sqrt(np.square(found.image - true.image).sum(axis=1)) / np.float32(GREY_LEVEL)
    return replace(
        plain,
        truths=as_rgb(true.image, other.valid),
        errors=np.where(valid, errors, np.float32(0)),
        wrong=None if found.codes is None or true.codes is None else (found.codes != true.codes) & valid,
        figures=tuple(picture_figures(scores.take([number])) for number in numbers),
    )


def way_back(back: PictureTranslator) -> Back:
    """Images in [-1, 1] to those that a translator makes of them; on the CPU."""
    return lambda image: back.colours(back.image(image))


def taken(tiles: Tiles, places: Sequence[int]) -> Tiles:
    """The tiles at these places."""
    index = list(places)
    labels = None if tiles.labels is None else tiles.labels[index]
    return Tiles(tiles.values[index], tiles.valid[index], labels)


def as_rgb(
    image: Float32[np.ndarray, "tile channel y x"], valid: Bool[np.ndarray, "tile y x"] | None = None
) -> UInt8[np.ndarray, "tile y x 3"]:
    """An image in [-1, 1] to look at: the first three bands, of fewer the first in grey; white where not valid.

    Without ``valid`` all of it is.
    """
    bands = image[:, :3] if image.shape[1] >= 3 else np.repeat(image[:, :1], 3, axis=1)
    levels = np.rint((bands + 1) / GREY_LEVEL).clip(0, 255).astype(np.uint8)
    shown = levels.transpose(0, 2, 3, 1)
    return shown if valid is None else np.where(valid[..., None], shown, np.uint8(255))
