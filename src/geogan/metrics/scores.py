"""What a set of translated pictures gets against the true ones, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from geogan.domains import Domain
from geogan.metrics.classes import class_figures, confusion
from geogan.metrics.distances import fid, kid
from geogan.metrics.features import Extractor
from geogan.metrics.pictures import PictureStatistics, compare, picture_figures
from geogan.scenes import Tiles

BATCH = 16


@dataclass(frozen=True)
class Batch:
    """Some tiles as images in [-1, 1], their classes where they have any, and where they mean something."""

    image: Float32[np.ndarray, "tile channel y x"]
    codes: UInt8[np.ndarray, "tile y x"] | None
    valid: Bool[np.ndarray, "tile y x"]


# The tiles of a slice; what is compared comes in batches, so that no set of images is held whole.
Source = Callable[[slice], Batch]


@dataclass(frozen=True)
class Scores:
    """Statistics of outputs against their truth, from which every metric follows.

    ``confusion`` is None without classes, the features (``found`` and ``true``) without an extractor.
    """

    pictures: PictureStatistics
    confusion: Int64[np.ndarray, "true_class class"] | None
    found: Float64[np.ndarray, "tile feature"] | None
    true: Float64[np.ndarray, "tile feature"] | None


def real(domain: Domain, tiles: Tiles) -> Source:
    """The tiles of a domain themselves."""

    def batch(where: slice) -> Batch:
        values, valid = tiles.values[where], tiles.valid[where]
        return Batch(domain.encode(values, valid).numpy(), values[:, 0] if domain.palette else None, valid)

    return batch


@dataclass(frozen=True)
class Judge:
    """Scores outputs against the true pictures ``truth`` of ``tiles`` tiles.

    ``names``: of the classes, none where the pictures have none. Without ``extract`` there is no ``fid`` or ``kid``.
    """

    truth: Source
    tiles: int
    names: tuple[str, ...] = ()
    extract: Extractor | None = None
    seed: int = 0

    def score(self, found: Source) -> Scores:
        """The statistics of outputs, over the pixels that are valid in output and truth."""
        pictures, features = [], []
        matrix = np.zeros((len(self.names), len(self.names)), np.int64)
        for first in range(0, self.tiles, BATCH):
            where = slice(first, min(first + BATCH, self.tiles))
            one, other = found(where), self.truth(where)
            valid = one.valid & other.valid
            pictures.append(compare(one.image, other.image, valid))
            if one.codes is not None and other.codes is not None:
                matrix += confusion(other.codes, one.codes, valid, len(matrix))
            if self.extract:
                features.append([self.extract(batch.image * valid[:, None]) for batch in (one, other)])
        own, true = (np.concatenate(rows) for rows in zip(*features, strict=True)) if features else (None, None)
        return Scores(PictureStatistics.pooled(pictures), matrix if self.names else None, own, true)

    def true_features(self) -> Float64[np.ndarray, "tile feature"] | None:
        """The features of the truth; None without an extractor."""
        return features_of(self.truth, self.tiles, self.extract) if self.extract else None

    def judged(self, found: Source) -> dict[str, float]:
        """Every metric of outputs."""
        return self.figures(self.score(found))

    def figures(self, scores: Scores) -> dict[str, float]:
        """Every metric of the scores; ``fid`` and ``kid`` where there are two tiles at least."""
        result = picture_figures(scores.pictures)
        if scores.confusion is not None:
            result |= class_figures(scores.confusion, self.names)
        if scores.found is not None and scores.true is not None:
            result |= set_figures(scores.found, scores.true, self.seed)
        return result


@dataclass(frozen=True)
class SetJudge:
    """Compares outputs as a set with real pictures: ``truth`` of ``tiles`` tiles, which shows other ground."""

    truth: Source
    tiles: int
    extract: Extractor
    seed: int = 0

    def judged(self, found: Source, tiles: int | None = None) -> dict[str, float]:
        """``fid`` and ``kid`` of so many tiles of ``found``, by default as many as there are real ones."""
        own = features_of(found, self.tiles if tiles is None else tiles, self.extract)
        return set_figures(own, self.features(), self.seed)

    def features(self) -> Float64[np.ndarray, "tile feature"]:
        """The features of the real pictures."""
        return features_of(self.truth, self.tiles, self.extract)


def features_of(source: Source, tiles: int, extract: Extractor) -> Float64[np.ndarray, "tile feature"]:
    """A row for each tile, of its image with 0 where it is not valid."""
    rows = []
    for first in range(0, tiles, BATCH):
        batch = source(slice(first, min(first + BATCH, tiles)))
        rows.append(extract(batch.image * batch.valid[:, None]))
    return np.concatenate(rows)


def set_figures(
    a: Float64[np.ndarray, "tile_a feature"], b: Float64[np.ndarray, "tile_b feature"], seed: int
) -> dict[str, float]:
    """``fid`` and ``kid`` of two sets of features; empty where one has fewer than two."""
    return {"fid": fid(a, b), "kid": kid(a, b, seed=seed)} if min(len(a), len(b)) > 1 else {}


def resized(source: Source, edges: tuple[int, int], channels: int) -> Source:
    """The tiles of a source on a grid of ``edges`` (rows, columns): what translation does without any learning.

    Where the number of bands is another one, each of ``channels`` is their mean. Classes are left out.
    """

    def batch(where: slice) -> Batch:
        own = source(where)
        image = torch.from_numpy(own.image)
        if image.shape[1] != channels:
            image = image.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
        return Batch(resize(image, edges).numpy(), None, fitted(own.valid, edges))

    return batch


def resize(image: Float[Tensor, "tile channel y x"], edges: tuple[int, int]) -> Float[Tensor, "tile channel v u"]:
    """Bilinearly resized to ``edges`` (rows, columns), over the area of a new pixel where it shrinks."""
    if image.shape[2:] == edges:
        return image
    return F.interpolate(image, size=edges, mode="bilinear", antialias=True)


def fitted(valid: Bool[np.ndarray, "tile y x"], edges: tuple[int, int]) -> Bool[np.ndarray, "tile v u"]:
    """Which pixels of another grid cover valid ones alone."""
    if valid.shape[1:] == edges:
        return valid
    share = F.interpolate(torch.from_numpy(valid).float().unsqueeze(1), size=edges, mode="area")
    return np.asarray(share[:, 0].numpy() > 1 - 1e-5)
