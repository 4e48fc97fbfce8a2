"""Where training images come from: one file per source.

A source is ``read(context, /, *, ...) -> TrainingImage``; its keyword-only arguments are the keys of
``datasets.<name>.source`` in params.yaml. To add one: a file here and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable

from geogan.datasets import fetch, gslib, raster, synthetic_channels
from geogan.datasets.context import Context, Limits
from geogan.training_image import TrainingImage

__all__ = ["SOURCES", "Context", "Limits"]

SOURCES: dict[str, Callable[..., TrainingImage]] = {
    "fetch": fetch.read,
    "gslib": gslib.read,
    "raster": raster.read,
    "synthetic_channels": synthetic_channels.read,
}
