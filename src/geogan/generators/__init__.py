"""Generators: (noise map z, condition) -> logits of the facies image.

A generator takes ``(condition channels, image channels)`` from code and its keyword-only arguments from
``params.yaml``. It is fully convolutional: any field size that is a multiple of its ``stride``.
"""

from geogan.generators.unet_residual import UNetResidual
from geogan.generators.upsampling_dilated import UpsamplingDilated

GENERATORS = {"unet_residual": UNetResidual, "upsampling_dilated": UpsamplingDilated}
