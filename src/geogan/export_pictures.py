"""The bundle of a translator of pictures."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geogan.domains import Domain
from geogan.export import Exported, Graph, figures
from geogan.generators import Translator
from geogan.translation import PictureTranslator, TranslatorBundle, spelled


class _Image(nn.Module):
    """The network with its activation, so that the graph's output is the image or the probabilities."""

    def __init__(self, network: Translator, classes: bool):
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch output v u"]:
        raw: Tensor = self.network(image)
        return torch.softmax(raw, dim=1) if self.classes else torch.tanh(raw)


def exported(bundle: TranslatorBundle, metrics: dict[str, Any]) -> Exported:
    """Graphs and card of a bundle: ``model.onnx``, and ``reverse.onnx`` of the other direction if there is one.

    Input ``scene (batch, channel, y, x)`` in [-1, 1], output ``image`` on the same grid, or on one of so many pixels
    as the ratio says: in [-1, 1], or one probability per class; y and x are multiples of the stride.
    """
    names = ("model.onnx", "reverse.onnx")
    graphs = {name: graph(part) for name, part in zip(names, bundle.translators.values(), strict=False)}
    return Exported(graphs, card(bundle, metrics))


def graph(translator: PictureTranslator) -> Graph:
    """The graph of one direction."""
    channels, stride = translator.source.channels, translator.stride
    unit = stride * max(1, -(-8 // stride))  # networks look some pixels beyond each: too small a picture has none

    def example(batch: int, rows: int, columns: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(rows * columns)
        return (torch.rand((batch, channels, unit * rows, unit * columns), generator=rng) * 2 - 1,)

    sizes = ((2, 3), (1, 2), (3, 2)) if stride > 64 else ((3, 4), (2, 3), (5, 2))
    return Graph(_Image(translator.network, translator.classes), ("scene",), "image", example, (stride,), (0,), sizes)


def card(bundle: TranslatorBundle, metrics: dict[str, Any]) -> str:
    """What a reader must know before using the bundle, as Markdown."""
    system, translator = bundle.system, bundle.translator
    parameters = sum(weight.numel() for weight in translator.network.parameters())
    ways = " and ".join(map(spelled, bundle.translators))
    return f"""# {system["experiment"]}

Pictures from pictures ({ways}): a scene in, its translation out.

- Input: {_described(translator.source)}
- Output: {_described(translator.target)}
{_reverse(bundle)}- Data: sha256 `{system["source_sha256"]}`
- Trained on tiles of {_tiles(system["tiles"])}, weights after step {system["step"]},
  chosen on validation ground; generator `{system["config"]["generator"]["name"]}`, {parameters:,} parameters
- Work key `{system["key"]}`

## Use

{_use(bundle)}

## Limits

- Scenes must have the bands, the type and the pixel size above: another sensor, season or light was never seen.
{_limits(bundle)}- A figure below without its `constant_` companion beside it says little: maps are mostly one colour.

## Figures on held-out ground

| metric | value |
|---|---|
{figures(metrics)}
"""


def _reverse(bundle: TranslatorBundle) -> str:
    """The line of the other direction; empty where there is none."""
    _, *others = bundle.translators
    return "".join(f"- Other direction: {spelled(way)}, from such an output to such an input\n" for way in others)


def _use(bundle: TranslatorBundle) -> str:
    """How scenes go through the command, and pictures through the graphs."""
    lines = []
    for number, (way, translator) in enumerate(bundle.translators.items()):
        file, option = (("model.onnx", ""), ("reverse.onnx", " --reverse"))[number]
        made = "one probability per class" if translator.classes else "an image in [-1, 1]"
        shape = f"rows and columns multiples of {translator.stride}"
        if translator.ratio == 1:
            command = f"`geogan translate {bundle.system['experiment']} scene.tif -o map.tif{option}`, or `{file}`"
        else:
            command, shape = f"`{file}`", f"{shape}, {translator.ratio} times as many in the output"
        graph = f"{command} with any ONNX runtime: input\n`scene` scaled to [-1, 1], output `image` ({made}); {shape}."
        lines.append(f"{spelled(way)}: {graph}" if len(bundle.translators) > 1 else graph)
    return "\n\n".join(lines)


def _limits(bundle: TranslatorBundle) -> str:
    """What translations that change the grid, or that were learned without pairs, cannot do."""
    lines = ""
    if bundle.translator.ratio != 1:
        lines += "- The grid of the output is another one: single pictures of the training's size, no whole scenes.\n"
    if len(bundle.translators) > 1:
        lines += (
            "- It may look right and still be wrong: nothing in the training of both directions by cycles says which\n"
            "  shape becomes which. A small `cycle_l1` proves nothing, see `cycle_l1_quantised`.\n"
        )
    return lines


def _tiles(edges: dict[str, int]) -> str:
    a, b = edges["a"], edges["b"]
    return f"{a} x {a} pixels" if a == b else f"{a} x {a} pixels (A) and {b} x {b} pixels (B)"


def _described(domain: Domain) -> str:
    """Bands, type, scaling or classes, and pixel size of a domain."""
    height, width = domain.cell_size
    cell = f"pixels of {width:g} x {height:g} map units" if domain.crs else "not georeferenced"
    if domain.palette is not None:
        return f"a map of classes ({', '.join(domain.palette.names)}), {cell}"
    scaling = ", ".join(f"{low:g} to {high:g}" for low, high in zip(domain.low, domain.high, strict=True))
    bands = ", ".join(str(band) for band in domain.bands)
    return f"{domain.dtype}, bands {bands}, scaled from {scaling}; {cell}"
