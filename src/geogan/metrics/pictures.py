"""Differences of images and their truth, pixel by pixel and window by window.

Sums are taken once per tile, so that tiles may come in any number of batches; every metric is a function of
the sums. Images are in [-1, 1]; a grey level is 1/127.5 of that, so that they span 0..255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy import ndimage

GREY_LEVEL = 1 / 127.5
LEAST_MSE = 1 / 12  # squared grey levels: what rounding to whole levels costs; no PSNR is above 58.9 dB
ROUNDING = 1e-3  # grey levels that float32 may add to a difference of whole levels

_TAPS = np.exp(-(np.arange(-5, 6, dtype=np.float32) ** 2) / (2 * 1.5**2))
_WINDOW = _TAPS / _TAPS.sum()  # Gaussian of 11 pixels with a standard deviation of 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class PictureStatistics:
    """Sums over the valid pixels of every tile; ``ssim`` is summed over the windows that are wholly valid."""

    channels: int
    pixels: Int64[np.ndarray, " tile"]
    absolute: Float64[np.ndarray, " tile"]  # |difference| over channels, of images in [-1, 1]
    squared: Float64[np.ndarray, " tile"]  # difference^2 over channels, in grey levels
    within5: Int64[np.ndarray, " tile"]  # pixels whose largest channel difference is under 5 grey levels
    within10: Int64[np.ndarray, " tile"]
    ssim: Float64[np.ndarray, " tile"]  # mean over channels
    windows: Int64[np.ndarray, " tile"]

    def take(self, tiles: Sequence[int]) -> PictureStatistics:
        """Those of some of the tiles."""
        own = {name: getattr(self, name)[list(tiles)] for name in _SUMS}
        return PictureStatistics(self.channels, **own)

    @staticmethod
    def pooled(parts: Sequence[PictureStatistics]) -> PictureStatistics:
        """Those of all the tiles of the parts, in their order."""
        sums = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _SUMS}
        return PictureStatistics(parts[0].channels, **sums)

    @property
    def rmse(self) -> Float64[np.ndarray, " tile"]:
        """Root of the squared error in grey levels, summed over channels and averaged over pixels; 0 of none."""
        return cast(np.ndarray, np.sqrt(self.squared / np.maximum(self.pixels, 1)))


_SUMS = tuple(field.name for field in fields(PictureStatistics) if field.name != "channels")


def compare(
    output: Float32[np.ndarray, "tile channel y x"],
    truth: Float32[np.ndarray, "tile channel y x"],
    valid: Bool[np.ndarray, "tile y x"],
) -> PictureStatistics:
    """The sums of some tiles; pixels that are not valid count for nothing."""
    off = np.where(valid[:, None], output - truth, np.float32(0))
    largest = np.abs(off).max(axis=1) / GREY_LEVEL
    alike = [_structure(*tile) for tile in zip(output, truth, valid, strict=True)]
    return PictureStatistics(
        channels=output.shape[1],
        pixels=valid.sum(axis=(1, 2), dtype=np.int64),
        absolute=np.abs(off).sum(axis=(1, 2, 3), dtype=np.float64),
        squared=np.square(off).sum(axis=(1, 2, 3), dtype=np.float64) / GREY_LEVEL**2,
        within5=((largest < 5 - ROUNDING) & valid).sum(axis=(1, 2), dtype=np.int64),
        within10=((largest < 10 - ROUNDING) & valid).sum(axis=(1, 2), dtype=np.int64),
        ssim=np.array([total for total, _ in alike], np.float64),
        windows=np.array([number for _, number in alike], np.int64),
    )


def picture_figures(statistics: PictureStatistics) -> dict[str, float]:
    """``l1``, ``acc5``, ``acc10`` over all pixels; ``rmse``, ``psnr``, ``ssim`` as means over tiles.

    Tiles without a valid pixel count for nothing, those without a wholly valid window for nothing in
    ``ssim``. What no tile has is not in the result.
    """
    some = statistics.pixels > 0
    if not some.any():
        return {}
    pixels, channels = statistics.pixels.sum(), statistics.channels
    mse = statistics.squared[some] / statistics.pixels[some] / channels
    result = {
        "l1": float(statistics.absolute.sum() / pixels / channels),
        "rmse": float(statistics.rmse[some].mean()),
        "acc5": float(statistics.within5.sum() / pixels),
        "acc10": float(statistics.within10.sum() / pixels),
        "psnr": float(10 * np.log10(255**2 / np.maximum(mse, LEAST_MSE)).mean()),
    }
    windows = statistics.windows > 0
    if windows.any():
        result["ssim"] = float((statistics.ssim[windows] / statistics.windows[windows]).mean())
    return result


def _structure(
    output: Float32[np.ndarray, "channel y x"],
    truth: Float32[np.ndarray, "channel y x"],
    valid: Bool[np.ndarray, "y x"],
) -> tuple[float, int]:
    """Sum of the structural similarity over the wholly valid windows, and their number.

    Wang, Bovik, Sheikh, Simoncelli (2004), "Image quality assessment", IEEE Transactions on Image Processing 13:
    Gaussian windows of 11 x 11, data range 255.
    """
    if min(valid.shape) < len(_WINDOW):
        return 0.0, 0
    whole = valid if valid.all() else ndimage.minimum_filter(valid, len(_WINDOW))
    whole = whole[5:-5, 5:-5]
    number = int(whole.sum())
    if number == 0:
        return 0.0, 0
    total = 0.0
    for one, other in zip(output / np.float32(GREY_LEVEL), truth / np.float32(GREY_LEVEL), strict=True):
        a, b, aa, bb, ab = _blur(np.stack([one, other, one * one, other * other, one * other]))
        aa, bb, ab = aa - a * a, bb - b * b, ab - a * b
        a, b = a + 127.5, b + 127.5  # variances are those of any shift: taken about 0 they are more exact
        light = (2 * a * b + _C1) / (a * a + b * b + _C1)
        total += float((light * (2 * ab + _C2) / (aa + bb + _C2))[whole].sum(dtype=np.float64))
    return total / len(output), number


def _blur(images: Float32[np.ndarray, "image y x"]) -> Float32[np.ndarray, "image v u"]:
    """Weighted means of the windows that lie inside; 10 rows and columns fewer."""
    reach = len(_WINDOW) - 1
    rows, columns = images.shape[1] - reach, images.shape[2] - reach
    down = np.zeros((len(images), rows, images.shape[2]), np.float32)
    for tap, weight in enumerate(_WINDOW):
        down += weight * images[:, tap : tap + rows]
    across = np.zeros((len(images), rows, columns), np.float32)
    for tap, weight in enumerate(_WINDOW):
        across += weight * down[:, :, tap : tap + columns]
    return across
