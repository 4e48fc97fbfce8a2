"""Stage ``train``: one experiment becomes a model, resumed by itself from the last good checkpoint."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from safetensors.torch import save_file

from geogan.bundles import SCHEMA, pick_device
from geogan.config import Compute
from geogan.errors import InputError
from geogan.files import replacing_file, sha256_of, write_text
from geogan.optimisers import OPTIMISERS, SCHEDULES
from geogan.system import System
from geogan.systems import SYSTEMS
from geogan.train import Diverged, Loop, Plan
from geogan.trial import refuse

from .project import Project
from .signals import Stopped, catching
from .tracking import Run, environment_tags, open_run
from .watcher import TrainingWatcher
from .work import Work


class Busy(InputError):
    """Another process trains the same work."""


def check(project: Project, name: str) -> None:
    """Raise InputError, before any store is made, for parts that torch cannot build for the tiles, or no device."""
    experiment = project.experiment(name)
    pick_device(project.params.compute.device)
    tiling, parts = project.dataset(experiment.dataset).tiling, (experiment.slots, experiment.optimisers)
    refuse(f"experiments.{name}", experiment.system, *parts, tiling.tile, tiling.evaluation_tile)


def train(project: Project, name: str, *, force: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Train an experiment to its end and write ``data/models/<name>/``; returns what became of it.

    Finished work of the same key is written out again and not trained, unless ``force``. Raises Stopped after
    saving a checkpoint when a signal came, Diverged when a loss did.
    """
    work = Work.of(project, name)
    folder = project.checkpoints / work.key
    with _alone(folder, name):
        finished = folder / "finished.json"
        if finished.exists() and not force:
            facts = json.loads(finished.read_text(encoding="utf-8"))
            write_model(project, work, folder, facts)
            return {"experiment": name, "key": work.key, "trained": False, "step": facts["step"]}
        return _train(project, work, folder, force=force, quiet=quiet)


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Keep other processes from the same work. Raises Busy where one is at it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"experiments.{name}: the same work is being trained by another process") from None
    try:
        yield
    finally:
        if not folder.exists():  # it was refused: nothing is left of it
            Path(lock.lock_file).unlink()
        lock.release()


def _train(project: Project, work: Work, folder: Path, *, force: bool, quiet: bool) -> dict[str, Any]:
    seed = project.params.seed
    fabric = computing(project.params.compute, work.device)
    torch.manual_seed(seed)
    system = work.task.system()
    loop = make_loop(work, system, folder, fabric, seed)
    if force:
        shutil.rmtree(folder, ignore_errors=True)
    loop.restore()  # before anything is written: where no checkpoint can be read, nothing is
    run = _open_run(project, work)
    status = "FAILED"
    try:
        with catching() as signals, TrainingWatcher(work, folder, run, signals, quiet=quiet) as watcher:
            watcher.replay(folder / "history.jsonl")
            done = loop.run(watcher)
        if not done:
            status = "KILLED"
            raise Stopped(
                signals.number,
                f"experiments.{work.name}: stopped after step {loop.progress.step}, "
                "a checkpoint is saved; the same command goes on from it",
            )
        step, weights = loop.best()
        facts = {"step": step, "run": run.identity()}
        with replacing_file(folder / "best.safetensors") as temporary:
            save_file(weights, temporary)
        write_text(folder / "finished.json", json.dumps(facts, indent=1) + "\n")
        write_model(project, work, folder, facts)
        status = "FINISHED"
    except Diverged as error:
        raise Diverged(f"experiments.{work.name}: {error}") from None
    finally:
        run.close(status)
    return {"experiment": work.name, "key": work.key, "trained": True, "step": step}


def computing(compute: Compute, device: torch.device) -> Fabric:
    """Set threads and determinism for this process and start Fabric on one device.

    On a GPU, deterministic mode picks deterministic kernels where torch has them and warns where not.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(compute.threads)
    torch.use_deterministic_algorithms(compute.deterministic, warn_only=device.type == "cuda")
    torch.backends.cudnn.benchmark = not compute.deterministic
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32, as convolutions have it there by default
    precision: Any = {"32": "32-true", "bf16": "bf16-mixed"}[compute.precision]
    fabric = Fabric(accelerator=device.type, devices=1, precision=precision)
    fabric.launch()
    return fabric


def make_loop(work: Work, system: System, folder: Path, fabric: Fabric, seed: int) -> Loop:
    """Tie system, data, optimisers and plan together."""
    experiment, training = work.experiment, work.experiment.training
    source = work.task.batches(seed, fabric.device)
    plan = Plan(
        steps=training.steps,
        checkpoint_every=training.checkpoint_every,
        log_every=training.log_every,
        picture_every=training.picture_every,
        ema=training.ema,
        clip=training.clip,
        seed=seed,
        select_by=training.select_by,
    )
    return Loop(
        system,
        lambda turn, weights: experiment.optimisers[turn].build(OPTIMISERS, weights),
        experiment.schedule.build(SCHEDULES, training.steps),
        source,
        plan,
        folder,
        fabric,
    )


def _open_run(project: Project, work: Work) -> Run:
    return open_run(
        project.root,
        experiment=work.name,
        key=work.key,
        params=work.identity["experiment"] | {"seed": work.identity["seed"], "compute": work.identity["compute"]},
        tags=environment_tags(project.root) | dict(project.tags),
        datasets=[(store.name, store.digest, store.path) for store in work.task.inputs],
    )


def write_model(project: Project, work: Work, folder: Path, facts: dict[str, Any]) -> None:
    """Write the four files of a model from the folder of finished work."""
    model = project.model(work.name)
    with replacing_file(model / "weights.safetensors") as temporary:
        shutil.copyfile(folder / "best.safetensors", temporary)
    system = {
        "schema": SCHEMA,
        "task": SYSTEMS[work.experiment.system.name].task,
        "experiment": work.name,
        "config": work.experiment.plain(),
        "seed": work.identity["seed"],
        "compute": work.identity["compute"],
        **work.task.facts(),
        "datasets": {store.name: store.digest for store in work.task.inputs},
        "step": facts["step"],
        "key": work.key,
        "weights_sha256": sha256_of(model / "weights.safetensors"),
    }
    write_text(model / "system.json", json.dumps(system, indent=1) + "\n")
    with replacing_file(model / "history.jsonl") as temporary:
        shutil.copyfile(folder / "history.jsonl", temporary)
    write_text(model / "run.json", json.dumps(facts["run"], indent=1) + "\n")
