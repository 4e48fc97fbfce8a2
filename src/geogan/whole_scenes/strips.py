"""A row of windows through a translator, blended from left to right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Shaped
from torch import Tensor

from geogan.scenes import Layer
from geogan.translation import PictureTranslator
from geogan.whole_scenes.windows import WindowPlan

Tick = Callable[[int], None]  # told how many windows were done since; may raise to stop
Values = Shaped[np.ndarray, "band y x"]
Valid = Bool[np.ndarray, "y x"]
Ramp = Float32[np.ndarray, "output y x"]  # weighted images in [-1, 1] or probabilities


@dataclass(frozen=True)
class Strip:
    """What a row of windows gives: ``head`` and ``tail`` are its weighted share of the rows that it has in common
    with the strips before and after, ``values`` the rows between in the target's dtype. ``valid`` is of all three."""

    head: Ramp
    values: Values
    tail: Ramp
    valid: Valid


@dataclass(frozen=True)
class Job:
    """A scene to be translated: ``layer``, of the translator's source domain, in the windows of ``plan``.

    ``tta``: every window is the mean over its 8 flips and rotations. ``seed``: of the noise of dropout, which
    then depends on the seed and the window's number alone; None where dropout is off. ``batch``: windows at a
    time; one at a time with a seed. A window without a valid pixel does not go through the network.
    """

    translator: PictureTranslator
    layer: Layer
    plan: WindowPlan
    tta: bool = False
    seed: int | None = None
    batch: int = 1

    def strip(self, number: int, tick: Tick = lambda done: None) -> Strip:
        """The strip of a row of windows. Raises InputError where the scene cannot be read."""
        rows, columns = self.plan.rows, self.plan.columns
        start, (first, end) = rows.starts[number], rows.span(number)
        piece = self.layer.read(start, 0, min(self.plan.edge, rows.length - start), columns.length)
        below = self.plan.edge - piece.valid.shape[0]
        right = columns.starts[-1] + self.plan.edge - columns.length
        values, valid = _continued(piece.values, below, right), _continued(piece.valid, below, right)
        blend = _Blend(self.translator, self.plan, number)
        with torch.inference_mode():
            for column, image in self._images(number, values, valid, tick):
                blend.add(column, image)
        return Strip(blend.head, blend.values, blend.tail, piece.valid[first - start : end - start])

    def _images(
        self, number: int, values: Values, valid: Valid, tick: Tick
    ) -> Iterator[tuple[int, Float[Tensor, "output y x"] | None]]:
        """The translated windows of the row in order; None where no pixel is valid."""
        edge, starts = self.plan.edge, self.plan.columns.starts
        size = self.batch if self.seed is None else 1
        for at in range(0, len(starts), size):
            chunk = range(at, min(at + size, len(starts)))
            known = {column: valid[:, starts[column] : starts[column] + edge] for column in chunk}
            todo = [column for column in chunk if known[column].any()]
            if todo:
                tiles = np.stack([values[:, :, starts[column] : starts[column] + edge] for column in todo])
                source = self.translator.source.encode(tiles, np.stack([known[column] for column in todo]))
                images = dict(zip(todo, self._translate(source, number * len(starts) + at), strict=True))
            for column in chunk:
                yield column, images[column] if column in todo else None
            tick(len(chunk))

    def _translate(self, image: Float[Tensor, "tile channel y x"], window: int) -> Float[Tensor, "tile output y x"]:
        """The translated image, with the noise of the window where there is noise."""
        image = image.to(self.translator.device)
        if self.seed is None:
            return self._mean(image)
        devices = [image.device] if image.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            state = np.random.SeedSequence([self.seed, window]).generate_state(1, np.uint64)
            torch.manual_seed(int(state[0]) >> 1)
            return self._mean(image)

    def _mean(self, image: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile output y x"]:
        def look(turns: int, flip: bool) -> Tensor:
            seen = torch.rot90(image, turns, (2, 3))
            out = self._forward(seen.flip(3) if flip else seen)
            return torch.rot90(out.flip(3) if flip else out, -turns, (2, 3))

        if not self.tta:
            return self._forward(image)
        total = look(0, False)
        for turned in range(1, 8):
            total = total + look(turned % 4, turned >= 4)
        return total / 8

    def _forward(self, image: Float[Tensor, "tile channel y x"]) -> Float[Tensor, "tile output y x"]:
        return self.translator.image(image.contiguous(memory_format=torch.channels_last))


class _Blend:
    """The windows of a row, weighted and added, from left to right."""

    def __init__(self, translator: PictureTranslator, plan: WindowPlan, number: int):
        self.translator, self.columns = translator, plan.columns
        target = translator.target
        self.outputs = len(target.palette) if translator.classes and target.palette else target.channels
        first, end = plan.rows.span(number)
        before, after = plan.rows.overlap(number)
        self.rows = slice(first - plan.rows.starts[number], end - plan.rows.starts[number])
        self.weights = torch.from_numpy(plan.rows.weights(number))[:, None].to(translator.device)
        self.middle = slice(before, end - first - after)
        width = plan.columns.length
        bands, dtype = (1, "uint8") if target.palette else (target.channels, target.dtype)
        self.head = np.empty((self.outputs, before, width), dtype=np.float32)
        self.values = np.empty((bands, end - first - before - after, width), dtype=dtype)
        self.tail = np.empty((self.outputs, after, width), dtype=np.float32)
        self.open: Tensor | None = None  # the right ramp of the window before

    def add(self, number: int, image: Float[Tensor, "output y x"] | None) -> None:
        """The next window; None stands for one without a valid pixel, whose values do not matter."""
        first, end = self.columns.span(number)
        before, after = self.columns.overlap(number)
        if image is None:
            shape = (self.outputs, len(self.weights), end - first)
            part = torch.zeros(shape, device=self.weights.device)
        else:
            start = self.columns.starts[number]
            across = torch.from_numpy(self.columns.weights(number)).to(image.device)
            part = image[:, self.rows, first - start : end - start] * (self.weights * across)
        if self.open is not None:
            part[:, :, :before] += self.open
        whole = end - first - after
        self.open = part[:, :, whole:]
        done, at = part[:, :, :whole], slice(first, first + whole)
        self.head[:, :, at] = done[:, : self.middle.start].cpu()
        middle = done[None, :, self.middle].contiguous(memory_format=torch.channels_last)  # argmax is fast so
        self.values[:, :, at] = self.translator.values(middle)[0]
        self.tail[:, :, at] = done[:, self.middle.stop :].cpu()


def _continued(array: Shaped[np.ndarray, "*band y x"], below: int, right: int) -> Shaped[np.ndarray, "*band y2 x2"]:
    """The array with rows and columns added by reflection."""
    if not below and not right:
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, below), (0, right)], mode="reflect")
