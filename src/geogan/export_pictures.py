"""The bundle of a translator of pictures."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.domains import Domain
from geogan.export import Exported, Graph, figures
from geogan.generators import Translator
from geogan.translation import TranslatorBundle


class _Image(nn.Module):
    """The network with its activation, so that the graph's output is the image or the probabilities."""

    def __init__(self, network: Translator, classes: bool):
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output y x"]:
        raw: Tensor = self.network(image)
        return torch.softmax(raw, dim=1) if self.classes else torch.tanh(raw)


def exported(bundle: TranslatorBundle, metrics: dict[str, Any]) -> Exported:
    """Graph and card of a bundle.

    Input ``scene (batch, channel, y, x)`` in [-1, 1], output ``image`` of the same size: in [-1, 1], or one
    probability per class; y and x are multiples of the stride.
    """
    translator = bundle.translator
    channels, stride = translator.source.channels, translator.stride

    def example(batch: int, rows: int, columns: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(rows * columns)
        return (torch.rand((batch, channels, stride * rows, stride * columns), generator=rng) * 2 - 1,)

    sizes = ((2, 3), (1, 2), (3, 2)) if stride > 64 else ((3, 4), (2, 3), (5, 2))
    graph = Graph(_Image(translator.network, translator.classes), ("scene",), "image", example, (stride,), sizes)
    return Exported(graph, card(bundle, metrics))


def card(bundle: TranslatorBundle, metrics: dict[str, Any]) -> str:
    """What a reader must know before using the bundle, as Markdown."""
    system, translator = bundle.system, bundle.translator
    parameters = sum(weight.numel() for weight in translator.network.parameters())
    made = "one probability per class" if translator.classes else "an image in [-1, 1]"
    return f"""# {system["experiment"]}

Pictures from pictures ({system["direction"].replace("_", " ")}): a scene in, its translation out.

- Input: {_described(translator.source)}
- Output: {_described(translator.target)}
- Data: sha256 `{system["source_sha256"]}`
- Trained on tiles of {system["tile"]} x {system["tile"]} pixels, weights after step {system["step"]},
  chosen on validation ground; generator `{system["config"]["generator"]["name"]}`, {parameters:,} parameters
- Work key `{system["key"]}`

## Use

`geogan translate {system["experiment"]} scene.tif -o map.tif`, or `model.onnx` with any ONNX runtime: input
`scene` scaled to [-1, 1], output `image` ({made}); rows and columns multiples of {translator.stride}.

## Limits

- Scenes must have the bands, the type and the pixel size above: another sensor, season or light was never seen.
- A figure below without its `constant_` companion beside it says little: maps are mostly one colour.

## Figures on held-out ground

| metric | value |
|---|---|
{figures(metrics)}
"""


def _described(domain: Domain) -> str:
    """Bands, type, scaling or classes, and pixel size of a domain."""
    height, width = domain.cell_size
    cell = f"pixels of {width:g} x {height:g} map units" if domain.crs else "not georeferenced"
    if domain.palette is not None:
        return f"a map of classes ({', '.join(domain.palette.names)}), {cell}"
    scaling = ", ".join(f"{low:g} to {high:g}" for low, high in zip(domain.low, domain.high, strict=True))
    bands = ", ".join(str(band) for band in domain.bands)
    return f"{domain.dtype}, bands {bands}, scaled from {scaling}; {cell}"
