"""The training loop: takes a system's turns in order. Knows no model, no DVC and no MLflow."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from geogan import checkpoint
from geogan.files import replacing_file, write_text
from geogan.selection import best, front
from geogan.system import System, Terms

EXPLODED = 1e6


class Diverged(RuntimeError):
    """A loss became NaN, infinite or absurdly large; the last good checkpoint is kept."""


class Source(Protocol):
    """Where batches come from: a pure function of its arguments, but for the noise drawn from ``rng``."""

    def draw(self, step: int, turn: int, repeat: int, rng: torch.Generator) -> Any: ...


class Watcher(Protocol):
    """Who looks on: logs records, judges on the validation split, takes pictures, asks for a stop."""

    def logged(self, record: dict[str, float]) -> None: ...
    def validate(self, system: System) -> dict[str, float]: ...
    def picture(self, step: int, system: System) -> None: ...
    def stop(self) -> bool: ...


@dataclass(frozen=True)
class Plan:
    """How long, and what happens how often; all in steps. ``ema`` 0 keeps no average of the weights."""

    steps: int
    checkpoint_every: int
    log_every: int
    picture_every: int
    ema: float
    clip: float
    seed: int
    select_by: tuple[str, ...]


@dataclass
class Progress:
    """What a checkpoint holds beside weights, optimisers and random states."""

    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)  # terms since the last logged step
    counts: dict[str, int] = field(default_factory=dict)
    scores: list[dict[str, float]] = field(default_factory=list)  # validation, with its step


class Loop:
    """One piece of work: ``run`` goes from the last good checkpoint in ``folder`` to the end.

    ``make_optimiser(turn name, parameters)`` and ``factor(step)`` (learning-rate factor) come from the
    configuration. The folder holds checkpoints, ``history.jsonl`` and the candidates for the best weights.
    """

    def __init__(
        self,
        system: System,
        make_optimiser: Callable[[str, list[torch.nn.Parameter]], Optimizer],
        factor: Callable[[int], float],
        source: Source,
        plan: Plan,
        folder: Path,
        fabric: Fabric,
    ):
        self.plan, self.folder, self.fabric, self.source, self.factor = plan, folder, fabric, source, factor
        self.system = system.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.3 times faster convolutions on CPUs
        fabric.to_device(self.system)
        self.averaged = copy.deepcopy(system).requires_grad_(False).eval()
        self.optimisers = {turn.name: make_optimiser(turn.name, self._weights(turn.moves)) for turn in system.turns}
        self.rates = {name: [g["lr"] for g in o.param_groups] for name, o in self.optimisers.items()}
        self.rng = torch.Generator(fabric.device)
        self.progress = Progress()
        self.restored = False

    def run(self, watcher: Watcher) -> bool:
        """Train to the end; True when done, False when the watcher stopped it (a checkpoint is saved)."""
        if not self.restored:
            self.restore()
        self.folder.mkdir(parents=True, exist_ok=True)
        while self.progress.step < self.plan.steps:
            self._step()
            step = self.progress.step
            last = step == self.plan.steps
            if step % self.plan.log_every == 0 or last:
                self._log(watcher)
            if step % self.plan.picture_every == 0 or last:
                watcher.picture(step, self.averaged)
            if step % self.plan.checkpoint_every == 0 or last:
                self._judge(watcher)
                self._save()
                self._prune()
            elif watcher.stop():
                self._save()
            if not last and watcher.stop():
                return False
        return True

    def best(self) -> tuple[int, dict[str, Tensor]]:
        """The step and the weights (names ``network.*``) that ``select_by`` prefers."""
        chosen = self.progress.scores[best(self.progress.scores, self.plan.select_by)]
        step = int(chosen["step"])
        return step, load_file(self._candidate(step))

    def _weights(self, moves: tuple[str, ...]) -> list[torch.nn.Parameter]:
        return [weight for name in moves for weight in self.system.get_submodule(name).parameters()]

    def _step(self) -> None:
        self.system.train()
        for name, optimiser in self.optimisers.items():
            for group, rate in zip(optimiser.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * self.factor(self.progress.step)
        for number, turn in enumerate(self.system.turns):
            self.system.requires_grad_(False)
            for name in turn.moves:
                self.system.get_submodule(name).requires_grad_(True)
            for repeat in range(turn.repeats):
                batch = self.source.draw(self.progress.step, number, repeat, self.rng)
                with self.fabric.autocast():
                    terms: Terms = self.system.losses(turn.name, batch)
                optimiser = self.optimisers[turn.name]
                optimiser.zero_grad(set_to_none=True)
                self.fabric.backward(torch.stack(list(terms.values())).sum())
                if self.plan.clip:
                    torch.nn.utils.clip_grad_norm_(self._weights(turn.moves), self.plan.clip)
                optimiser.step()
                self._collect(turn.name, terms)
        self.progress.step += 1
        self._average()

    def _collect(self, turn: str, terms: Terms) -> None:
        """Sum the terms on the device; nothing waits for it before the next logged step."""
        sums, counts = self.progress.sums, self.progress.counts
        for name, value in terms.items():
            key = f"{turn}/{name}"
            number = value.detach().double()
            sums[key] = sums[key] + number if key in sums else number
            counts[key] = counts.get(key, 0) + 1

    def _means(self) -> dict[str, float]:
        """Mean of each term since the last logged step; raises Diverged unless all are sane."""
        sums, counts = self.progress.sums, self.progress.counts
        means = {key: float(sums[key]) / counts[key] for key in sums}
        for key, mean in means.items():
            if not abs(mean) < EXPLODED:
                raise Diverged(
                    f"by step {self.progress.step} {key} is {mean:g}: training stopped, the last good checkpoint "
                    "is kept; a lower learning rate, a critic penalty or 'clip' may help"
                )
        return means

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average with a warm-up; running statistics of norms move with the weights."""
        step = self.progress.step
        decay = min(self.plan.ema, (1 + step) / (10 + step)) if self.plan.ema else 0.0
        for name in self.system.sampled:
            live = self.system.get_submodule(name).state_dict()
            for key, mean in self.averaged.get_submodule(name).state_dict().items():
                if mean.is_floating_point():
                    mean.lerp_(live[key], 1 - decay)
                else:
                    mean.copy_(live[key])

    def _log(self, watcher: Watcher) -> None:
        means = self._means()
        self.progress.sums, self.progress.counts = {}, {}
        self._record({"step": float(self.progress.step)} | means, watcher)

    def _judge(self, watcher: Watcher) -> None:
        """Score the averaged weights on the validation split and keep them as a candidate."""
        progress = self.progress
        score = watcher.validate(self.averaged)
        progress.scores.append({"step": float(progress.step)} | score)
        self._record(
            {"step": float(progress.step)} | {f"validation/{name}": value for name, value in score.items()},
            watcher,
        )
        weights = {
            f"{name}.{key}": value.contiguous().cpu()
            for name in self.system.sampled
            for key, value in self.averaged.get_submodule(name).state_dict().items()
        }
        with replacing_file(self._candidate(progress.step)) as temporary:
            save_file(weights, temporary)

    def _prune(self) -> None:
        """Drop candidates that cannot become the best any more; only after a checkpoint that knows it."""
        progress = self.progress
        hopeful = {int(progress.scores[i]["step"]) for i in front(progress.scores, self.plan.select_by)}
        for file in self.folder.glob("candidate-*.safetensors"):
            if int(file.stem.removeprefix("candidate-")) not in hopeful:
                file.unlink()

    def _candidate(self, step: int) -> Path:
        return self.folder / f"candidate-{step:08d}.safetensors"

    def _record(self, record: dict[str, float], watcher: Watcher) -> None:
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        watcher.logged(record)

    def _save(self) -> None:
        self._means()  # nothing that has diverged is saved
        progress = self.progress
        state = {
            "step": progress.step,
            "sums": progress.sums,
            "counts": progress.counts,
            "scores": progress.scores,
            "system": self.system.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "noise": self.rng.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if self.fabric.device.type == "cuda" else [],
        }
        checkpoint.save(self.folder, progress.step, state)

    def restore(self) -> None:
        """Take up the last good checkpoint, or begin; drop history records that came after it.

        ``run`` does it unless it was done. Raises InputError, and changes nothing, where no checkpoint can be read.
        """
        self.restored = True
        state = checkpoint.load_latest(self.folder)
        if state is None:
            self.rng.manual_seed(self.plan.seed)
        else:
            sums = {name: value.to(self.fabric.device) for name, value in state["sums"].items()}
            self.progress = Progress(state["step"], sums, state["counts"], state["scores"])
            self.system.load_state_dict(state["system"])
            self.averaged.load_state_dict(state["averaged"])
            for name, optimiser in self.optimisers.items():
                optimiser.load_state_dict(state["optimisers"][name])
            self.rng.set_state(state["noise"])
            torch.set_rng_state(state["torch"])
            if state["cuda"]:
                torch.cuda.set_rng_state_all(state["cuda"])
        history = self.folder / "history.jsonl"
        if history.exists():
            lines = history.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= self.progress.step]
            write_text(history, "".join(kept))
