"""Generators: (noise map z, condition) -> logits of the facies image.

A generator takes ``(condition channels, image channels)`` from code and its keyword-only arguments from
``params.yaml``. It is fully convolutional: any field size that is a multiple of its ``stride``.
"""

from geogan.choices import Table
from geogan.generators.generator import Generator
from geogan.generators.unet_residual import UNetResidual
from geogan.generators.upsampling_dilated import UpsamplingDilated

GENERATORS: Table = {"unet_residual": UNetResidual, "upsampling_dilated": UpsamplingDilated}

__all__ = ["GENERATORS", "Generator"]
