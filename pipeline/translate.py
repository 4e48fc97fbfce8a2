"""``geogan translate``: a bundle and a whole scene in, a map or picture on the same grid out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geogan import __version__
from geogan.errors import InputError
from geogan.files import sha256_of, write_text
from geogan.rasters.cog import check_output, write_cog
from geogan.whole_scenes.windows import WindowPlan, plan_windows

from .signals import Signals, Stopped, catching

if TYPE_CHECKING:
    from geogan.scenes import Layer
    from geogan.translation import PictureTranslator
    from geogan.whole_scenes.state import Partial
    from geogan.whole_scenes.strips import Job


def translate(
    bundle: Path,
    scene: Path,
    out: Path,
    *,
    reverse: bool = False,
    workers: int = 1,
    tta: bool = False,
    force: bool = False,
    stochastic: bool = False,
    seed: int = 0,
    batch: int | None = None,
    window: int | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Write the translated ``scene`` to ``out``, a COG on the scene's grid, and ``OUT.report.json``; the report.

    ``reverse`` takes the bundle's other direction. The report that is returned has ``seconds`` besides. An interrupted
    translation goes on when it is asked for again with the same bundle, scene and options. Raises InputError for
    whatever the user can mend, nothing is left then; Stopped after a signal, with the finished rows kept.
    """
    check_output(out, scene)
    for name, value, least in (("--workers", workers, 1), ("--seed", seed, 0), ("--batch", batch or 1, 1)):
        if value < least:
            raise InputError(f"{name} {value}: must be at least {least}")

    from geogan.translation import load_translator
    from geogan.whole_scenes.strips import Job

    from .translate_checks import check_ratio, fitting_scene

    start = time.perf_counter()
    model = load_translator(bundle, stochastic=stochastic)
    direction, translator = model.facing(reverse)
    check_ratio(model, direction)
    layer = fitting_scene(scene, translator.source, force=force)
    plan = plan_windows(layer.grid.rows, layer.grid.columns, translator.stride, window)
    batch = batch or (1 if translator.device.type == "cpu" else 16)
    job = Job(translator, layer, plan, tta=tta, seed=seed if stochastic else None, batch=batch)
    report = _facts(model.digest, direction, scene, job) | {"workers": workers}
    with _partial(out, job, report) as partial, catching() as signals:
        _translate(job, partial, workers, _stopping(out, layer, partial, signals), quiet=quiet)
        report |= _finish(out, model.digest, job, partial)
        write_text(out.with_name(out.name + ".report.json"), json.dumps(report, indent=2, allow_nan=False) + "\n")
        partial.remove()
    return report | {"seconds": round(time.perf_counter() - start, 3)}


def _facts(digest: str, direction: str, scene: Path, job: Job) -> dict[str, Any]:
    """What the result depends on, as the report tells it."""
    plan, grid = job.plan, job.layer.grid
    return {
        "geogan": __version__,
        "bundle": {"sha256": digest, "direction": direction},
        "scene": {"file": str(scene), "sha256": sha256_of(scene)},
        "grid": {"rows": grid.rows, "columns": grid.columns, "transform": list(grid.transform), "crs": grid.crs},
        "bands": list(job.layer.bands),
        "window": plan.edge,
        "step": plan.step,
        "margin": plan.margin,
        "ramp": plan.rows.ramp,
        "windows": len(plan),
        "batch": job.batch,
        "tta": job.tta,
        "stochastic": job.seed is not None,
        "seed": job.seed,
        "device": job.translator.device.type,
    }


@contextmanager
def _partial(out: Path, job: Job, facts: dict[str, Any]) -> Iterator[Partial]:
    """The finished rows of this very work; bad input leaves nothing behind, any other end what is finished."""
    from geogan.whole_scenes.state import Partial

    target = job.translator.target
    bands, dtype = (1, "uint8") if target.palette else (target.channels, target.dtype)
    work = {key: value for key, value in facts.items() if key != "workers"}
    partial = Partial(out, work, bands=bands, columns=job.layer.grid.columns, dtype=dtype)
    try:
        yield partial
    except InputError:
        partial.remove()
        raise
    finally:
        partial.close()


def _stopping(out: Path, layer: Layer, partial: Partial, signals: Signals) -> Callable[[], None]:
    """Raises Stopped if a signal came."""

    def check() -> None:
        if signals.number:
            kept = f"{partial.rows} of {layer.grid.rows} rows are kept, the same command goes on"
            raise Stopped(signals.number, f"{out}: stopped; {kept if partial.rows else 'nothing was finished yet'}")

    return check


def _translate(job: Job, partial: Partial, workers: int, check: Callable[[], None], *, quiet: bool) -> None:
    """Bring the partial translation to its end."""
    from geogan.whole_scenes.engine import translate_scene

    if partial.strips and not quiet:
        print(f"going on after row {partial.rows} of {job.layer.grid.rows}", file=sys.stderr)
    with _progress(len(job.plan), partial.strips * len(job.plan.columns), quiet=quiet) as advance:

        def tick(done: int) -> None:
            advance(done)
            check()

        strips = translate_scene(job, first=partial.strips, ramp=partial.ramp, workers=workers, tick=tick)
        with closing(strips):
            for rows in strips:
                partial.add(rows)


def _finish(out: Path, digest: str, job: Job, partial: Partial) -> dict[str, Any]:
    """Write the COG of the finished rows; what they hold. Raises InputError where none is valid."""
    told = summary(partial, job.translator, job.plan)
    if told["valid_share"] == 0:
        raise InputError(f"{job.layer.name}: holds no valid pixel, all are nodata; there is nothing to translate")
    tags = {"GEOGAN_BUNDLE": digest, "GEOGAN_VERSION": __version__}
    masked = told["valid_share"] < 1
    write_cog(out, partial.blocks, job.layer.grid, job.translator.target, masked=masked, tags=tags)
    return told


def summary(partial: Partial, translator: PictureTranslator, plan: WindowPlan) -> dict[str, Any]:
    """Share of valid pixels, shares of the classes in them, and whether the windows show."""
    import numpy as np

    from geogan.whole_scenes.seams import Seams

    target = translator.target
    seams = Seams(target, plan.rows.lines, plan.columns.lines)
    valid, counts = 0, np.zeros(256, dtype=np.int64)
    for values, known in partial.blocks():
        seams.add(values, known)
        valid += int(known.sum())
        if target.palette is not None:
            counts += np.bincount(values[0][known], minlength=256)
    told: dict[str, Any] = {"valid_share": valid / (plan.rows.length * plan.columns.length)}
    if target.palette is not None:
        shares = (counts[: len(target.palette)] / max(1, valid)).tolist()
        told["class_shares"] = dict(zip(target.palette.names, shares, strict=True))
    return told | seams.report()


@contextmanager
def _progress(total: int, done: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A callable that takes the number of windows done since the last call."""
    if quiet:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("windows"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("windows", total=total, completed=done)
        yield lambda done: bar.advance(task, done)
