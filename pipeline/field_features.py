"""Features of fields, for FID: of an ONNX file, or of a classifier of the labels of the training tiles."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from geogan.errors import InputError
from geogan.metrics.features import Extractor, extractor
from geogan.metrics.label_features import learn_features
from geogan.store import Prepared, open_prepared

LABELS = "labels"


def features_of(setting: str | None, prepared: Prepared, root: Path) -> tuple[Extractor | None, dict[str, float]]:
    """The features that ``evaluation.features`` names, and ``classifier_accuracy`` on held-out tiles where it has one.

    They are those of a file, sought from ``root``, or of ``labels``. Raises InputError for a file that gives no
    features, and for a store without labels.
    """
    if setting is None:
        return None, {}
    if setting != LABELS:
        return extractor(str(root / setting), 1), {}
    if prepared.labels("train", "image", "evaluation") is None:
        raise InputError(f"evaluation.features: {LABELS} needs labelled tiles, {prepared.path} has none; give null")
    extract, accuracy = _learned(prepared.path, prepared.digest)
    return extract, {"classifier_accuracy": accuracy}


@cache
def _learned(path: Path, digest: str) -> tuple[Extractor, float]:
    """Learned once in a process for the same store: the cells of a study share them."""
    prepared = open_prepared(path)
    train, test = (prepared.tiles(split, "image", "evaluation") for split in ("train", "test"))
    known, truth = (prepared.labels(split, "image", "evaluation") for split in ("train", "test"))
    assert known is not None
    assert truth is not None
    learned = learn_features(train, known)
    return learned.extract, float(f"{learned.accuracy(test, truth):.6g}")
