"""Facies codes <-> what the networks see.

Two facies are one channel in [-1, 1] (code 0 -> -1, code 1 -> +1, tanh of the generator's output);
K > 2 facies are K channels of probabilities (one-hot, softmax of the generator's output).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F


def channels(count: int) -> int:
    """Channels of an image of ``count`` facies."""
    return 1 if count == 2 else count


def encode(codes: UInt8[Tensor, "batch y x"], count: int) -> Float[Tensor, "batch channel y x"]:
    """Codes as an image: values -1/+1 for two facies, else one-hot. Codes must be below ``count``."""
    if count == 2:
        return codes.unsqueeze(1).float() * 2 - 1
    return F.one_hot(codes.long(), count).permute(0, 3, 1, 2).float()


def activate(logits: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
    """The generator's raw output as an image in the range of ``encode``."""
    return torch.tanh(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def decode(image: Float[Tensor, "batch channel y x"]) -> UInt8[Tensor, "batch y x"]:
    """Codes of an image: threshold 0 for two facies, else the most probable."""
    if image.shape[1] == 1:
        return (image[:, 0] > 0).to(torch.uint8)
    return image.argmax(dim=1).to(torch.uint8)


def condition(
    mask: Bool[Tensor, "batch y x"], codes: UInt8[Tensor, "batch y x"], count: int
) -> Float[Tensor, "batch channel y x"]:
    """What a network is told of the hard data: the mask, then mask * value for each image channel.

    The mask is always explicit: a facies coded 0 is data. Codes outside the mask are ignored.
    """
    known = torch.where(mask, codes, torch.zeros_like(codes))
    shown = mask.unsqueeze(1).float()
    return torch.cat([shown, shown * encode(known, count)], dim=1)
