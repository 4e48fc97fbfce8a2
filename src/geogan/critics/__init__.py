"""Critics: image (with what else they are shown) -> a map of scores, without a last sigmoid.

A critic takes the number of input channels from code and its keyword-only arguments from ``params.yaml``.
"""

from geogan.choices import Table
from geogan.critics.dcgan import DCGAN
from geogan.critics.patch import Patch
from geogan.critics.patch_gan import PatchGAN

CRITICS: Table = {"patch": Patch, "patch_gan": PatchGAN, "dcgan": DCGAN}
