"""A domain of pictures: what its pixels mean, and how the networks see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped, UInt8
from torch import Tensor
from torch.nn import functional as F

from geogan.scenes import NO_CLASS, Palette


@dataclass(frozen=True)
class Domain:
    """Scenes or maps of one kind.

    ``bands``: those of the files, counted from 1; ``low`` and ``high``: one value per band that become -1 and +1
    (empty for a map of classes); ``palette``: its classes; ``crs`` (WKT) and ``cell_size`` (height, width, in the
    units of the CRS) of the scenes it was made of.
    """

    dtype: str
    bands: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    palette: Palette | None
    crs: str | None
    cell_size: tuple[float, float]

    @property
    def channels(self) -> int:
        """Channels of the image: one per band, three colours for a map of classes."""
        return len(self.bands) if self.palette is None else 3

    def encode(
        self, values: Shaped[np.ndarray, "tile band y x"], valid: Bool[np.ndarray, "tile y x"]
    ) -> Float[Tensor, "tile channel y x"]:
        """Values as an image in [-1, 1], clipped; classes as their colours; 0 where not valid."""
        if self.palette is not None:
            codes = np.where(values[:, 0] < len(self.palette), values[:, 0], 0)
            image = torch.from_numpy(self.palette.table)[torch.from_numpy(codes.astype(np.int64))]
            image = image.permute(0, 3, 1, 2).float() / 127.5 - 1
        else:
            low, high = _per_band(self.low), _per_band(self.high)
            image = (torch.from_numpy(values.astype(np.float32)) - low) / (high - low) * 2 - 1
            image = image.nan_to_num(nan=0.0).clamp(-1, 1)
        return image * torch.from_numpy(valid).unsqueeze(1)

    def decode(self, image: Float[Tensor, "tile channel y x"]) -> Shaped[np.ndarray, "tile band y x"]:
        """An image in [-1, 1] as values of the domain's type; colours as the class of the nearest colour."""
        if self.palette is not None:
            codes = nearest_class(image, self.palette)
            return np.asarray(codes.numpy())[:, None]
        low, high = _per_band(self.low), _per_band(self.high)
        values = np.asarray(((image.cpu() + 1) / 2 * (high - low) + low).numpy())
        kind = np.dtype(self.dtype)
        if kind.kind == "f":
            return values.astype(kind)
        limits = np.iinfo(kind)
        rounded: Shaped[np.ndarray, "tile band y x"] = np.rint(values).clip(limits.min, limits.max).astype(kind)
        return rounded

    def plain(self) -> dict[str, Any]:
        """The domain as JSON keeps it."""
        palette = self.palette and {
            "names": list(self.palette.names),
            "colours": [list(colour) for colour in self.palette.colours],
            "values": list(self.palette.values),
        }
        return {
            "dtype": self.dtype,
            "bands": list(self.bands),
            "low": list(self.low),
            "high": list(self.high),
            "palette": palette,
            "crs": self.crs,
            "cell_size": list(self.cell_size),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Domain:
        """The domain of what ``plain`` gave. Raises KeyError, TypeError or ValueError for anything else."""
        palette = plain["palette"] and Palette(
            tuple(plain["palette"]["names"]),
            tuple((int(r), int(g), int(b)) for r, g, b in plain["palette"]["colours"]),
            tuple(plain["palette"]["values"]),
        )
        height, width = plain["cell_size"]
        numbers = {key: tuple(plain[key]) for key in ("bands", "low", "high")}
        return cls(plain["dtype"], **numbers, palette=palette, crs=plain["crs"], cell_size=(height, width))


def one_hot(codes: UInt8[Tensor, "tile y x"], count: int) -> Float[Tensor, "tile class y x"]:
    """Codes as an image with a channel per class; all 0 where there is no class."""
    known = codes != NO_CLASS
    image = F.one_hot(torch.where(known, codes, 0).long(), count).permute(0, 3, 1, 2).float()
    return image * known.unsqueeze(1)


def nearest_class(image: Float[Tensor, "tile 3 y x"], palette: Palette) -> UInt8[Tensor, "tile y x"]:
    """The class whose colour is nearest to that of each pixel."""
    colours = torch.from_numpy(palette.table).float().to(image.device) / 127.5 - 1
    best = torch.zeros_like(image[:, 0], dtype=torch.uint8)
    least = torch.full_like(image[:, 0], torch.inf)
    for code, colour in enumerate(colours):
        distance = (image - colour.view(1, 3, 1, 1)).square().sum(dim=1)
        nearer = distance < least
        best, least = torch.where(nearer, code, best), torch.where(nearer, distance, least)
    return best.to(torch.uint8).cpu()


def _per_band(numbers: tuple[float, ...]) -> Float[Tensor, "1 band 1 1"]:
    return torch.tensor(numbers, dtype=torch.float32).view(1, -1, 1, 1)
