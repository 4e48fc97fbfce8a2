"""Translations that need no network: what a trained one has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from geogan.domains import Domain
from geogan.metrics.directions import TRANSLATION_DIRECTIONS
from geogan.metrics.scores import BATCH, Batch, Judge, SetJudge, Source, real, resized, set_figures
from geogan.scenes import Tiles

Colour = Float32[np.ndarray, " channel"]
Judges = Judge | SetJudge

_THUMBNAIL = 8


def baseline_figures(
    source: Domain, target: Domain, train: tuple[Tiles, Tiles], inputs: Tiles, judge: Judge
) -> dict[str, float]:
    """Metrics of the baselines against the truth of ``judge``, by prefix: ``constant_``, ``nearest_``, ...

    ``train``: inputs and maps that the baselines know; ``inputs``: those of the tiles that are judged. ``identity_``
    is there where an input may stand for its own translation: as many bands of one type, and no classes. The
    ``floor_`` is that of the training maps as a set.
    """
    known = replace(judge, truth=real(target, train[1]), tiles=len(train[1]))
    found = {
        "constant": constant_figures(target, train[1], known, judge),
        "nearest": judge.judged(copies(target, train[1], nearest(source, inputs, train[0]))),
    }
    if (source.channels, source.dtype) == (target.channels, target.dtype) and not (source.palette or target.palette):
        found["identity"] = judge.judged(real(source, inputs))
    own, held_out = known.true_features(), judge.true_features()
    if own is not None and held_out is not None:
        found["floor"] = set_figures(own, held_out, judge.seed)
    return _prefixed(found)


def set_baseline_figures(
    source: Domain, target: Domain, train: Tiles, inputs: Tiles, judge: SetJudge
) -> dict[str, float]:
    """As ``baseline_figures`` where no true picture is known: ``constant_``, ``identity_`` and ``floor_``.

    ``train``: pictures of the target alone. For ``identity_`` the inputs are brought to the grid and the number of
    bands of the target; it is there where neither has classes.
    """
    known = replace(judge, truth=real(target, train), tiles=len(train))
    found = {"constant": constant_figures(target, train, known, judge)}
    if not (source.palette or target.palette):
        rows, columns = train.valid.shape[1:]
        plainly = resized(real(source, inputs), (rows, columns), target.channels)
        found["identity"] = judge.judged(plainly, len(inputs))
    found["floor"] = judge.judged(known.truth, len(train))
    return _prefixed(found)


def _prefixed(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for prefix, values in found.items() for name, value in values.items()}


def constant_figures(domain: Domain, maps: Tiles, known: Judges, judge: Judges) -> dict[str, float]:
    """For every metric that of the constant colour which is best in it on the training maps, ``known``.

    Classes are those of the most frequent class of the training maps.
    """
    candidates, code = colours(domain, maps), most_frequent_class(domain, maps)
    trained, tested = (
        {name: on.judged(constant(on.truth, colour, code)) for name, colour in candidates.items()}
        for on in (known, judge)
    )
    chosen = best(trained)
    return {
        metric: tested[chosen.get(metric, "mean")][metric]  # the share of a class is the same for all
        for metric in tested["mean"]
    }


def colours(domain: Domain, maps: Tiles) -> dict[str, Colour]:
    """The ``mean``, ``median`` (per channel) and ``most_frequent`` colour of the valid pixels, in [-1, 1].

    Median and most frequent are of 256 levels per channel. Without a valid pixel all are 0.
    """
    total, pixels = np.zeros(domain.channels), 0
    histogram = np.zeros((domain.channels, 256), np.int64)
    seen, counts = np.zeros((0, domain.channels), np.int64), np.zeros(0, np.int64)
    source = real(domain, maps)
    for first in range(0, len(maps), BATCH):
        batch = source(slice(first, first + BATCH))
        colour = batch.image.transpose(0, 2, 3, 1)[batch.valid]
        level = np.rint((colour + 1) * 127.5).astype(np.int64)
        total, pixels = total + colour.sum(axis=0, dtype=np.float64), pixels + len(colour)
        histogram += np.stack([np.bincount(row, minlength=256) for row in level.T])
        seen, counts = _tally(np.concatenate([seen, level]), np.concatenate([counts, np.ones(len(level), np.int64)]))
    if pixels == 0:
        return dict.fromkeys(("mean", "median", "most_frequent"), np.zeros(domain.channels, np.float32))
    middle = (histogram.cumsum(axis=1) * 2 >= pixels).argmax(axis=1)
    most = seen[counts.argmax()]
    found = {"mean": total / pixels, "median": middle / 127.5 - 1, "most_frequent": most / 127.5 - 1}
    return {name: colour.astype(np.float32) for name, colour in found.items()}


def most_frequent_class(domain: Domain, maps: Tiles) -> int | None:
    """The code of most valid pixels; None where the domain has no classes."""
    if domain.palette is None:
        return None
    return int(np.bincount(maps.values[:, 0][maps.valid], minlength=len(domain.palette)).argmax())


def constant(truth: Source, colour: Colour, code: int | None) -> Source:
    """One colour (and one class) wherever the truth is valid."""

    def batch(where: slice) -> Batch:
        real = truth(where)
        image = colour[:, None, None] * real.valid[:, None]
        return Batch(image, None if code is None else np.full(real.valid.shape, code, np.uint8), real.valid)

    return batch


def best(figures: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """For every metric the name of the candidate that is best in it; of equal ones the first."""
    first = next(iter(figures.values()))
    return {
        metric: min(figures, key=lambda name: TRANSLATION_DIRECTIONS.get(metric, 1) * figures[name][metric])
        for metric in first
    }


def nearest(source: Domain, inputs: Tiles, known: Tiles) -> Int64[np.ndarray, " tile"]:
    """For every tile of ``inputs`` the index of that of ``known`` whose thumbnail is nearest (Euclid).

    Thumbnails are means over 8 x 8 parts of the tile, per channel, in [-1, 1].
    """
    own, others = _thumbnails(source, inputs), _thumbnails(source, known)
    distance = (own**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * own @ others.T
    return np.asarray(distance.argmin(axis=1))


def copies(target: Domain, maps: Tiles, index: Int64[np.ndarray, " tile"]) -> Source:
    """The maps at ``index``, one for every tile."""

    def batch(where: slice) -> Batch:
        return real(target, Tiles(maps.values[index[where]], maps.valid[index[where]]))(slice(None))

    return batch


def _thumbnails(domain: Domain, tiles: Tiles) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One row per tile."""
    source, rows = real(domain, tiles), []
    for first in range(0, len(tiles), BATCH):
        image = source(slice(first, first + BATCH)).image.astype(np.float64)
        for axis in (2, 3):
            size = image.shape[axis]
            edges = np.arange(min(_THUMBNAIL, size) + 1) * size // min(_THUMBNAIL, size)
            widths = np.diff(edges).reshape(-1, *(1,) * (3 - axis))
            image = np.add.reduceat(image, edges[:-1], axis=axis) / widths
        rows.append(image.reshape(len(image), -1))
    return np.concatenate(rows)


def _tally(
    colours: Int64[np.ndarray, "pixel channel"], counts: Int64[np.ndarray, " pixel"]
) -> tuple[Int64[np.ndarray, "colour channel"], Int64[np.ndarray, " colour"]]:
    """Every colour once, with the sum of its counts; told apart by a hash, exact up to seven channels."""
    code = np.zeros(len(colours), np.int64)
    for level in colours.T:
        code = code * 257 + level
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return colours[first], np.bincount(place, counts).astype(np.int64)
