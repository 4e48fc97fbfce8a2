"""Generators of two kinds; a file each.

Fields: (noise map z, condition) -> logits of the facies image. They take ``(condition channels, image channels,
noise channels)`` from code. Pictures: image -> raw output; they take ``(input channels, output channels, ratio)``,
the ratio being side of the output / side of the input.
Keyword-only arguments come from ``params.yaml``. All are fully convolutional: any size that is a multiple of
their ``stride``.
"""

from geogan.choices import Table
from geogan.generators.dilated import Dilated
from geogan.generators.direct import Direct
from geogan.generators.encoder_decoder import EncoderDecoder
from geogan.generators.generator import Generator
from geogan.generators.noise_encoder_decoder import NoiseEncoderDecoder
from geogan.generators.resnet import ResNet
from geogan.generators.surrounded import Surrounded, surrounded
from geogan.generators.translator import Translator
from geogan.generators.unet import UNet
from geogan.generators.unet_residual import UNetResidual
from geogan.generators.upsampling_dilated import UpsamplingDilated
from geogan.generators.upsampling_encoder_decoder import UpsamplingEncoderDecoder

FIELD_GENERATORS: Table = {
    "unet_residual": UNetResidual,
    "encoder_decoder": EncoderDecoder,
    "noise_encoder_decoder": NoiseEncoderDecoder,
    "upsampling_encoder_decoder": UpsamplingEncoderDecoder,
    "upsampling_dilated": UpsamplingDilated,
    "dilated": Dilated,
}
TRANSLATORS: Table = {"unet": UNet, "resnet": ResNet, "direct": Direct}
GENERATORS: Table = {**FIELD_GENERATORS, **TRANSLATORS}

__all__ = ["FIELD_GENERATORS", "GENERATORS", "TRANSLATORS", "Generator", "Surrounded", "Translator", "surrounded"]
