"""Soft data: what is believed everywhere, such as a map of facies probabilities, beside what is known at wells.

In training they are the smoothed truth of the ground that the hard data were read from, so that a generator learns
what a blurred map says of the field below it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

REACH = 3  # standard deviations that the window of the smoothing covers, each way


def smooth(image: Float[Tensor, "batch channel y x"], sigma: float) -> Float[Tensor, "batch channel y x"]:
    """Mean of every channel under a Gaussian window of standard deviation ``sigma`` pixels, mirrored at borders.

    Of a one-hot image these are facies probabilities, of two facies in [-1, 1] twice a probability less 1. The
    window ends at 3 ``sigma``, and at the last pixel that the image can be mirrored by.
    """
    for axis in (-2, -1):
        reach = min(int(REACH * sigma + 0.5), image.shape[axis] - 1)
        at = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
        window = torch.exp(-((at / sigma) ** 2) / 2)
        shape = (1, 1, -1, 1) if axis == -2 else (1, 1, 1, -1)
        weight = (window / window.sum()).reshape(shape).repeat(image.shape[1], 1, 1, 1)
        padded = _mirrored(image, axis, reach)
        image = F.conv2d(padded, weight, groups=image.shape[1])
    return image


def _mirrored(image: Float[Tensor, "batch channel y x"], axis: int, reach: int) -> Float[Tensor, "batch channel y2 x2"]:
    if reach == 0:
        return image
    length = image.shape[axis]
    before, after = image.narrow(axis, 1, reach).flip(axis), image.narrow(axis, length - reach - 1, reach).flip(axis)
    return torch.cat([before, image, after], dim=axis)
