"""Systems: one file per GAN."""

from geogan.systems.constrained_sgan import ConstrainedSGAN

SYSTEMS = {"constrained_sgan": ConstrainedSGAN}
