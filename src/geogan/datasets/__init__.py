"""Where data come from: one file per source, of two kinds.

Training images: ``read(context, /, *, ...) -> TrainingImage``. Scenes and maps: ``read(...) -> Scenes``. The
keyword-only arguments are the keys of ``datasets.<name>.source`` in params.yaml. To add one: a file here and a line
in a table. DIGIT_SOURCES give one set of samples each, of which ``two_sets`` takes two.
"""

from __future__ import annotations

from collections.abc import Callable

from geogan.datasets import (
    fetch,
    fetch_pairs,
    gslib,
    image_pairs,
    raster,
    raster_pairs,
    sample_sheet,
    synthetic_channels,
    synthetic_city,
    two_sets,
)
from geogan.datasets.context import Context, Limits
from geogan.datasets.two_sets import DIGIT_SOURCES
from geogan.scenes import Scenes
from geogan.training_image import TrainingImage

__all__ = ["DIGIT_SOURCES", "IMAGE_SOURCES", "SCENE_SOURCES", "SOURCES", "Context", "Limits"]

IMAGE_SOURCES: dict[str, Callable[..., TrainingImage]] = {
    "fetch": fetch.read,
    "gslib": gslib.read,
    "raster": raster.read,
    "sample_sheet": sample_sheet.read,
    "synthetic_channels": synthetic_channels.read,
}
SCENE_SOURCES: dict[str, Callable[..., Scenes]] = {
    "fetch_pairs": fetch_pairs.read,
    "image_pairs": image_pairs.read,
    "raster_pairs": raster_pairs.read,
    "synthetic_city": synthetic_city.read,
    "two_sets": two_sets.read,
}
SOURCES: dict[str, Callable[..., TrainingImage | Scenes]] = {**IMAGE_SOURCES, **SCENE_SOURCES}
