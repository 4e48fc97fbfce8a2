"""Systems: one file per GAN."""

from geogan.system import System
from geogan.systems.constrained_sgan import ConstrainedSGAN
from geogan.systems.cyclegan import CycleGAN
from geogan.systems.pix2pix import Pix2Pix

SYSTEMS: dict[str, type[System]] = {
    "constrained_sgan": ConstrainedSGAN,
    "pix2pix": Pix2Pix,
    "cyclegan": CycleGAN,
}
