"""How good a translation of pictures is, on held-out ground: against its truth, or as a set where none is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Int64

from geogan.domains import Domain
from geogan.errors import InputError
from geogan.evaluate import plain
from geogan.metrics.baselines import baseline_figures, set_baseline_figures
from geogan.metrics.cycles import BASELINES, CYCLES, CycleTally
from geogan.metrics.directions import PICTURE_DIRECTIONS, SET_DIRECTIONS
from geogan.metrics.features import Extractor, extractor
from geogan.metrics.labels import Classifier, LabelTally, label_accuracy, train_classifier
from geogan.metrics.pictures import PictureStatistics
from geogan.metrics.scores import BATCH, Judge, SetJudge, real, resized
from geogan.scenes import Tiles
from geogan.translation import PictureTranslator
from geogan.translation_sheets import Output, Sheet, Tally, sheet, taken, way_back

SHOWN, WORST = 8, 10  # tiles in the figures

# Tiles of what is translated, and of what it should become: tile by tile the same ground, or any where not aligned.
Pairs = tuple[Tiles, Tiles]


@dataclass(frozen=True)
class TranslationEvaluation:
    """``metrics`` are flat, and the same for the same translator, data and seed; the rest is for figures.

    ``samples`` are evenly spaced, ``worst`` those of the largest ``rmse``, worst first; None where no truth is
    known. ``confusion`` counts pixels by true class (row) and class found (column); None where the target has no
    classes or no truth is known.
    """

    metrics: dict[str, float | int | str]
    samples: Sheet
    worst: Sheet | None
    confusion: Int64[np.ndarray, "true_class class"] | None
    source: Domain
    target: Domain
    seconds_per_tile: float


def evaluate_translation(
    translator: PictureTranslator,
    train: Pairs,
    test: Pairs,
    *,
    back: PictureTranslator | None = None,
    aligned: bool = True,
    labelled: Tiles | None = None,
    tiles: int = 500,
    features: str | None = None,
    seed: int = 0,
) -> TranslationEvaluation:
    """All metrics of one direction; names as in the documentation of the metrics.

    ``train`` and ``test`` are tiles of the translator's source with those of its target, of each at most ``tiles``,
    evenly spaced (``n_train``, ``n_test``). Where ``aligned`` they show the same ground, and outputs are compared
    with their truth; else sets are compared (``n_target``: real test tiles). Training tiles serve the baselines and
    the floor alone. ``back``: the translator of the other direction, for the cycles. ``labelled``: training tiles of
    the target with labels, for a classifier that judges the translations of test tiles with labels. ``features``: the
    ONNX graph for ``fid`` and ``kid``, fixed random convolutions where None. Raises InputError where there are no
    tiles, no valid test pixel, or where outputs are not finite.
    """
    known = _spread(train, tiles, "training", aligned=aligned)
    inputs, truths = _spread(test, tiles, "test", aligned=aligned)
    source, target = translator.source, translator.target
    extract = extractor(features, target.channels)
    classifier = train_classifier(target, labelled, seed=seed) if labelled and _tells_apart(labelled, inputs) else None
    output = Output(translator, inputs, _tallies(translator, inputs, back, classifier))
    counts = {"seed": seed, "size": truths.values.shape[-1], "n_test": len(inputs), "n_train": len(known[1])}
    scores = None
    if aligned:
        judge = _judge(target, truths, extract, seed)
        scores = judge.score(output)
        if not scores.pictures.pixels.any():
            raise InputError("test tiles: no pixel is valid in both input and truth")
        _check_finite(output)
        found, beside = judge.figures(scores), baseline_figures(source, target, known, inputs, judge)
    else:
        sets = SetJudge(real(target, truths), len(truths), extract, seed)
        counts["n_target"] = len(truths)
        if not (inputs.valid.any() and truths.valid.any()):
            raise InputError("test tiles: no pixel is valid in the inputs, or in the pictures to compare with")
        found = sets.judged(output, len(inputs))
        _check_finite(output)
        beside = set_baseline_figures(source, target, known[1], inputs, sets)
    for tally in output.tallies:
        found |= tally.figures()
    if classifier is not None:
        beside |= _label_baselines(translator, classifier, inputs, truths)
    pictures = scores.pictures if scores else None
    show = partial(sheet, translator, inputs, back=back, truths=truths, scores=pictures)
    return TranslationEvaluation(
        metrics={**plain({**counts, **found, **beside}), "fid_extractor": extract.name},
        samples=show(_even(len(inputs), SHOWN)),
        worst=show(_worst(pictures, WORST)) if pictures else None,
        confusion=scores.confusion if scores else None,
        source=source,
        target=target,
        seconds_per_tile=output.seconds / len(inputs),
    )


def validate_translation(
    translator: PictureTranslator,
    validation: Pairs,
    *,
    names: Sequence[str],
    back: PictureTranslator | None = None,
    aligned: bool = True,
    classifier: Classifier | None = None,
    tiles: int = 64,
    seed: int = 0,
) -> dict[str, float]:
    """Only the metrics ``names``, from at most ``tiles`` tiles: quick, for choosing a checkpoint.

    ``classifier`` for ``label_accuracy``: that of training tiles of the target. Raises InputError for a name that is
    not a metric of the translator and these tiles, or where there are no tiles.
    """
    inputs, truths = _spread(validation, tiles, "validation", aligned=aligned)
    classifier = classifier if inputs.labels is not None else None
    refuse_metrics(
        names,
        ways=1 if back is None else 2,
        aligned=aligned,
        labelled=classifier is not None,
        classes=translator.target.palette is not None,
    )
    cycles = [name for name in names if name in CYCLES]
    tallies = _tallies(
        translator, inputs, back if cycles else None, classifier if "label_accuracy" in names else None, cycles
    )
    output = Output(translator, inputs, tallies)
    extract = extractor(None, translator.target.channels) if SET_DIRECTIONS.keys() & set(names) else None
    found: dict[str, float] = {}
    if aligned and PICTURE_DIRECTIONS.keys() & set(names):
        found = _judge(translator.target, truths, extract, seed).judged(output)
    elif extract:
        found = SetJudge(real(translator.target, truths), len(truths), extract, seed).judged(output, len(inputs))
    else:
        for first in range(0, len(inputs), BATCH):
            output(slice(first, min(first + BATCH, len(inputs))))
    for tally in tallies:
        found |= tally.figures()
    return {name: found[name] for name in names}


def refuse_metrics(names: Sequence[str], *, ways: int, aligned: bool, labelled: bool, classes: bool) -> None:
    """Raise InputError for a metric that is none of one direction, or needs what the system or the data do not have."""
    for name in names:
        if name not in (*PICTURE_DIRECTIONS, *CYCLES, "label_accuracy"):
            raise InputError(f"select_by: {name!r} names a direction, and the system has one; leave it out")
        if name in PICTURE_DIRECTIONS and name not in SET_DIRECTIONS and not aligned:
            others = ", ".join((*SET_DIRECTIONS, *CYCLES, "label_accuracy"))
            raise InputError(
                f"select_by: {name!r} needs the true picture of each tile, and A and B are not aligned; one of {others}"
            )
        if name in ("miou", "pixel_accuracy") and not classes:
            raise InputError(f"select_by: {name!r} needs a map of classes as the target; l1 or ssim, for example")
        if name in CYCLES and ways < 2:
            raise InputError(f"select_by: {name!r} needs a system that translates both ways, such as cyclegan")
        if name == "label_accuracy" and not labelled:
            raise InputError(f"select_by: {name!r} needs tiles with labels in A and in B, which digits have")


def _tallies(
    translator: PictureTranslator,
    inputs: Tiles,
    back: PictureTranslator | None,
    classifier: Classifier | None,
    cycles: Sequence[str] = CYCLES + BASELINES,
) -> list[Tally]:
    """What is counted while the inputs are translated."""
    tallies: list[Tally] = []
    if back is not None:
        tallies.append(CycleTally(way_back(back), real(translator.source, inputs), cycles))
    if classifier is not None and inputs.labels is not None:
        tallies.append(LabelTally(classifier, inputs.labels))
    return tallies


def _tells_apart(labelled: Tiles, inputs: Tiles) -> bool:
    """Whether a classifier can learn from the labels, and judge the inputs by theirs."""
    return labelled.labels is not None and inputs.labels is not None and len(np.unique(labelled.labels)) > 1


def _label_baselines(
    translator: PictureTranslator, classifier: Classifier, inputs: Tiles, truths: Tiles
) -> dict[str, float]:
    """``untranslated_label_accuracy`` of resized inputs; ``classifier_accuracy`` of the target's own test tiles."""
    rows, columns = truths.valid.shape[1:]
    found = {}
    if inputs.labels is not None:
        plainly = resized(real(translator.source, inputs), (rows, columns), translator.target.channels)
        found["untranslated_label_accuracy"] = label_accuracy(classifier, plainly, inputs.labels)
    if truths.labels is not None:
        found["classifier_accuracy"] = label_accuracy(classifier, real(translator.target, truths), truths.labels)
    return found


def _check_finite(output: Output) -> None:
    if output.broken:
        raise InputError(
            f"translator: {output.broken} of {len(output.inputs)} outputs are not finite; train again at a lower rate"
        )


def _judge(target: Domain, truths: Tiles, extract: Extractor | None, seed: int) -> Judge:
    return Judge(real(target, truths), len(truths), target.palette.names if target.palette else (), extract, seed)


def _even(count: int, number: int) -> list[int]:
    """At most ``number`` of ``count`` places, evenly spaced."""
    return list(range(count)) if count <= number else [place * count // number for place in range(number)]


def _spread(pairs: Pairs, number: int, split: str, *, aligned: bool) -> Pairs:
    """At most ``number`` tiles of each side, evenly spaced. Raises InputError where one has none."""
    if aligned and len(pairs[0]) != len(pairs[1]):
        raise ValueError(f"{split} tiles: {len(pairs[0])} inputs, but {len(pairs[1])} true pictures")
    if min(map(len, pairs)) == 0:
        raise InputError(f"{split} tiles: none; a smaller tile or a larger share of the split gives some")
    one, other = (tiles if len(tiles) <= number else taken(tiles, _even(len(tiles), number)) for tiles in pairs)
    return one, other


def _worst(pictures: PictureStatistics, number: int) -> list[int]:
    """The tiles of the largest error, worst first; those without a valid pixel left out."""
    order = np.argsort(-pictures.rmse, kind="stable")
    return [int(tile) for tile in order if pictures.pixels[tile]][:number]
