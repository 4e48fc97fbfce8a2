"""A bundle: a generator that runs without this repository."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geogan.bundles import EVALUATION, WEIGHTS
from geogan.files import replacing_folder
from geogan.manifests import write_manifest

OPSET = 20
TOLERANCE = 1e-4


class OnnxMismatch(RuntimeError):
    """The exported graph does not compute what torch computes."""


@dataclass(frozen=True)
class Graph:
    """A network as ONNX shall hold it: inputs and one output, batch, rows and columns left open.

    ``inputs``: names; ``example(batch, rows, columns)``: values of the inputs, rows and columns in strides;
    ``strides``: per input, how many of its pixels make a stride; ``further``: per input, pixels that it has beyond
    those, along each axis; ``sizes``: three (rows, columns) in strides,
    the first to export with, the others to compare with torch.
    """

    network: nn.Module
    inputs: tuple[str, ...]
    output: str
    example: Callable[[int, int, int], tuple[Tensor, ...]]
    strides: tuple[int, ...]
    further: tuple[int, ...]
    sizes: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] = ((8, 10), (6, 9), (12, 8))


@dataclass(frozen=True)
class Exported:
    """What a bundle holds beside the weights and system.json: graphs by file name, the main one first."""

    graphs: dict[str, Graph]
    card: str  # what a reader must know before using it, as Markdown


def write_bundle(model: Path, out: Path, exported: Exported, evaluation: dict[str, Any] | None = None) -> None:
    """Make the bundle ``out`` from a model folder: weights, system.json, graphs, card.md, manifest.

    ``evaluation``, where there is one, becomes evaluation.json: what the model was judged by.
    Raises OnnxMismatch, and writes nothing, if ONNX and torch differ by more than 1e-4 at one of two sizes.
    """
    with replacing_folder(out) as folder:
        for name in (WEIGHTS, "system.json"):
            shutil.copyfile(model / name, folder / name)
        for name, graph in exported.graphs.items():
            write_onnx(graph, folder / name)
        (folder / "card.md").write_text(exported.card, encoding="utf-8")
        if evaluation is not None:
            (folder / EVALUATION).write_text(json.dumps(evaluation) + "\n", encoding="utf-8")
        write_manifest(folder, "bundle")


def write_onnx(graph: Graph, file: Path) -> float:
    """Export with dynamic batch, rows and columns, compare with torch at two sizes; the largest difference."""
    import onnxruntime

    network = graph.network.eval()
    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
    shapes = tuple(
        {0: batch, 2: _linear(stride, rows, more), 3: _linear(stride, columns, more)}
        for stride, more in zip(graph.strides, graph.further, strict=True)
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of torchvision, which is not needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            graph.example(2, *graph.sizes[0]),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None
    program.save(str(file), external_data=False)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst = 0.0
    for count, size in zip((1, 3), graph.sizes[1:], strict=True):
        values = graph.example(count, *size)
        with torch.no_grad():
            wanted = network(*values).numpy()
        fed = {name: value.numpy() for name, value in zip(graph.inputs, values, strict=True)}
        (got,) = session.run(None, fed)
        worst = max(worst, float(np.abs(got - wanted).max()))
    if worst > TOLERANCE:
        raise OnnxMismatch(f"{file.name}: differs from torch by {worst:.2e}, more than {TOLERANCE:g}")
    return worst


def _linear(stride: int, dimension: Any, further: int) -> Any:
    """stride * dimension + further; torch takes no ``1 * dimension`` and no ``+ 0``."""
    scaled = dimension if stride == 1 else stride * dimension
    return scaled + further if further else scaled


def figures(metrics: dict[str, Any]) -> str:
    """The rows of a card's table of metrics."""
    return "\n".join(f"| {name} | {value} |" for name, value in sorted(metrics.items())) or "| (not evaluated) | |"
