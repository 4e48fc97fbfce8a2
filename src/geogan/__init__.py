"""geogan: constrained GANs for geoscience datasets. Arrays in, arrays out."""

__version__ = "0.1.0"
