"""How good a translation of pictures is, against the true pictures of held-out ground."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.evaluate import plain
from geogan.metrics.baselines import baseline_figures
from geogan.metrics.features import Extractor, extractor
from geogan.metrics.pictures import GREY_LEVEL, picture_figures
from geogan.metrics.scores import Batch, Judge, Scores, real
from geogan.scenes import Tiles
from geogan.translation import PictureTranslator

SHOWN, WORST = 8, 10  # tiles in the figures

# Inputs and their true translations, tile by tile.
Pairs = tuple[Tiles, Tiles]


@dataclass(frozen=True)
class Sheet:
    """Some test tiles to look at, as colours; what is not valid is white.

    ``numbers``: which of the test tiles they are. ``errors``: root of the squared difference summed over
    channels, in grey levels, 0 where not valid. ``wrong``: where the class is another one; None without classes.
    ``figures``: the picture metrics of every tile alone.
    """

    numbers: tuple[int, ...]
    inputs: UInt8[np.ndarray, "tile y x 3"]
    outputs: UInt8[np.ndarray, "tile y x 3"]
    truths: UInt8[np.ndarray, "tile y x 3"]
    errors: Float32[np.ndarray, "tile y x"]
    wrong: Bool[np.ndarray, "tile y x"] | None
    figures: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class TranslationEvaluation:
    """``metrics`` are flat, and the same for the same translator, data and seed; the rest is for figures.

    ``samples`` are evenly spaced, ``worst`` those of the largest ``rmse``, worst first. ``confusion`` counts
    pixels by true class (row) and class found (column); None where the target has no classes.
    """

    metrics: dict[str, float | int | str]
    samples: Sheet
    worst: Sheet
    confusion: Int64[np.ndarray, "true_class class"] | None
    source: Domain
    target: Domain
    seconds_per_tile: float


def evaluate_translation(
    translator: PictureTranslator,
    train: Pairs,
    test: Pairs,
    *,
    tiles: int = 500,
    features: str | None = None,
    seed: int = 0,
) -> TranslationEvaluation:
    """All translation metrics; names as in the documentation of the metrics.

    ``train`` and ``test`` are tiles of the translator's source with those of its target; of both at most
    ``tiles``, evenly spaced (``n_train``, ``n_test``). Training tiles serve the baselines (``constant_*``,
    ``nearest_*``) and the floor alone. ``features``: the ONNX graph for ``fid`` and ``kid``, fixed random
    convolutions where None. Raises InputError where there are no tiles, no valid test pixel, or where outputs
    are not finite.
    """
    known, (inputs, truths) = _spread(train, tiles, "training"), _spread(test, tiles, "test")
    extract = extractor(features, translator.target.channels)
    judge = _judge(translator.target, truths, extract, seed)
    output = _Output(translator, inputs)
    scores = judge.score(output)
    if not scores.pictures.pixels.any():
        raise InputError("test tiles: no pixel is valid in both input and truth")
    broken = int((~np.isfinite(scores.pictures.squared)).sum())
    if broken:
        raise InputError(f"translator: {broken} of {len(inputs)} outputs are not finite; train again at a lower rate")
    counts = {"seed": seed, "size": truths.values.shape[-1], "n_test": len(truths), "n_train": len(known[1])}
    beside = baseline_figures(translator.source, translator.target, known, inputs, judge)
    sheets = [
        _sheet(translator, inputs, truths, scores, numbers)
        for numbers in (_even(len(inputs), SHOWN), _worst(scores, WORST))
    ]
    return TranslationEvaluation(
        metrics={**plain({**counts, **judge.figures(scores), **beside}), "fid_extractor": extract.name},
        samples=sheets[0],
        worst=sheets[1],
        confusion=scores.confusion,
        source=translator.source,
        target=translator.target,
        seconds_per_tile=output.seconds / len(inputs),
    )


def validate_translation(
    translator: PictureTranslator, validation: Pairs, *, names: Sequence[str], tiles: int = 64, seed: int = 0
) -> dict[str, float]:
    """Only the metrics ``names``, from at most ``tiles`` tiles: quick, for choosing a checkpoint.

    Raises InputError for a name that is not a metric of the translator, or where there are no tiles.
    """
    inputs, truths = _spread(validation, tiles, "validation")
    extract = extractor(None, translator.target.channels) if {"fid", "kid"} & set(names) else None
    judge = _judge(translator.target, truths, extract, seed)
    found = judge.figures(judge.score(_Output(translator, inputs)))
    for name in names:
        if name not in found:
            raise InputError(f"select_by: {name!r} is not one of the metrics of these tiles: {', '.join(found)}")
    return {name: found[name] for name in names}


@dataclass
class _Output:
    """What the translator makes of the inputs, and the seconds that it took."""

    translator: PictureTranslator
    inputs: Tiles
    seconds: float = 0.0

    def __call__(self, where: slice) -> Batch:
        values, valid = self.inputs.values[where], self.inputs.valid[where]
        start = time.perf_counter()
        image = self.translator.translate(values, valid)
        self.seconds += time.perf_counter() - start
        codes = self.translator.values(image)[:, 0] if self.translator.target.palette else None
        return Batch(self.translator.colours(image).numpy(), codes, valid)


def _judge(target: Domain, truths: Tiles, extract: Extractor | None, seed: int) -> Judge:
    return Judge(real(target, truths), len(truths), target.palette.names if target.palette else (), extract, seed)


def _even(count: int, number: int) -> list[int]:
    """At most ``number`` of ``count`` places, evenly spaced."""
    return list(range(count)) if count <= number else [place * count // number for place in range(number)]


def _spread(pairs: Pairs, number: int, split: str) -> Pairs:
    """At most ``number`` pairs of tiles, evenly spaced. Raises InputError where there is none."""
    inputs, truths = pairs
    if len(inputs) != len(truths):
        raise ValueError(f"{split} tiles: {len(inputs)} inputs, but {len(truths)} true pictures")
    if len(inputs) == 0:
        raise InputError(f"{split} tiles: none; a smaller tile or a larger share of the split gives some")
    if len(inputs) <= number:
        return pairs
    places = _even(len(inputs), number)
    return Tiles(inputs.values[places], inputs.valid[places]), Tiles(truths.values[places], truths.valid[places])


def _worst(scores: Scores, number: int) -> list[int]:
    """The tiles of the largest error, worst first; those without a valid pixel left out."""
    order = np.argsort(-scores.pictures.rmse, kind="stable")
    return [int(tile) for tile in order if scores.pictures.pixels[tile]][:number]


def _sheet(translator: PictureTranslator, inputs: Tiles, truths: Tiles, scores: Scores, numbers: list[int]) -> Sheet:
    """The tiles ``numbers``, translated again."""
    own, other = (Tiles(tiles.values[numbers], tiles.valid[numbers]) for tiles in (inputs, truths))
    shown, true = real(translator.source, own)(slice(None)), real(translator.target, other)(slice(None))
    found = _Output(translator, own)(slice(None))
    valid = own.valid & other.valid
    errors = np.sqrt(np.square(found.image - true.image).sum(axis=1)) / np.float32(GREY_LEVEL)
    wrong = None if found.codes is None or true.codes is None else (found.codes != true.codes) & valid
    return Sheet(
        numbers=tuple(numbers),
        inputs=as_rgb(shown.image, own.valid),
        outputs=as_rgb(found.image, own.valid),
        truths=as_rgb(true.image, other.valid),
        errors=np.where(valid, errors, np.float32(0)),
        wrong=wrong,
        figures=tuple(picture_figures(scores.pictures.take([number])) for number in numbers),
    )


def as_rgb(
    image: Float32[np.ndarray, "tile channel y x"], valid: Bool[np.ndarray, "tile y x"]
) -> UInt8[np.ndarray, "tile y x 3"]:
    """An image in [-1, 1] to look at: the first three bands, of fewer the first in grey; white where not valid."""
    bands = image[:, :3] if image.shape[1] >= 3 else np.repeat(image[:, :1], 3, axis=1)
    levels = np.rint((bands + 1) / GREY_LEVEL).clip(0, 255).astype(np.uint8)
    return np.where(valid[..., None], levels.transpose(0, 2, 3, 1), np.uint8(255))
