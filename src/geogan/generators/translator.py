"""What every generator of pictures from pictures answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Translator(nn.Module, ABC):
    """Image -> raw output of the same size (no activation), for sides that are multiples of ``stride``.

    In evaluation mode nothing depends on the size of the image but at its borders: norms use statistics kept
    from training.
    """

    stride: int

    @abstractmethod
    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        """Raw output: tanh makes an image of it, softmax probabilities of classes."""
