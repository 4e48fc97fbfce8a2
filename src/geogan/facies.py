"""Facies codes, or a continuous property, <-> what the networks see.

Two facies are one channel in [-1, 1] (code 0 -> -1, code 1 -> +1, tanh of the generator's output);
K > 2 facies are K channels of probabilities (one-hot, softmax of the generator's output). A continuous property is
"one facies": its values, scaled to [-1, 1], are the one channel themselves (tanh of the generator's output).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

CONTINUOUS = 1  # the count that stands for a continuous property

Codes = UInt8[Tensor, "batch y x"] | Float[Tensor, "batch y x"]  # facies codes, or scaled values of a property


def channels(count: int) -> int:
    """Channels of an image of ``count`` facies."""
    return 1 if count <= 2 else count


def encode(codes: Codes, count: int) -> Float[Tensor, "batch channel y x"]:
    """Codes as an image: values -1/+1 for two facies, else one-hot; a property as it is. Codes are below ``count``."""
    if count == CONTINUOUS:
        return codes.unsqueeze(1).float()
    if count == 2:
        return codes.unsqueeze(1).float() * 2 - 1
    return F.one_hot(codes.long(), count).permute(0, 3, 1, 2).float()


def activate(logits: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
    """The generator's raw output as an image in the range of ``encode``."""
    return torch.tanh(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def decided(image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
    """What a critic is shown of a generated image: of K > 2 facies the one-hot of the most probable, as real ones are.

    Probabilities, however near to 0 and 1, would tell it at once what is generated. The gradient is that of the
    probabilities (straight-through; Bengio, Leonard, Courville 2013). An image of one channel stays as it is.
    """
    if image.shape[1] == 1:
        return image
    hard = F.one_hot(image.argmax(dim=1), image.shape[1]).movedim(-1, 1).to(image)
    return hard + (image - image.detach())


def decode(image: Float[Tensor, "batch channel y x"], count: int) -> Codes:
    """Codes of an image: threshold 0 for two facies, else the most probable; of a property its values."""
    if count == CONTINUOUS:
        return image[:, 0]
    if count == 2:
        return (image[:, 0] > 0).to(torch.uint8)
    return image.argmax(dim=1).to(torch.uint8)


def condition(mask: Bool[Tensor, "batch y x"], codes: Codes, count: int) -> Float[Tensor, "batch channel y x"]:
    """What a network is told of the hard data: the mask, then mask * value for each image channel.

    The mask is always explicit: a facies coded 0 is data. Codes outside the mask are ignored.
    """
    known = torch.where(mask, codes, torch.zeros_like(codes))
    shown = mask.unsqueeze(1).float()
    return torch.cat([shown, shown * encode(known, count)], dim=1)
