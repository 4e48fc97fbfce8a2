"""``geogan translate`` beside the bare network over the same windows; ``--large``: its memory on a 62 Mpx scene.

The bare network gets windows that are in memory as it wants them, in the same batches and memory format. Ratios
are seconds of the bare network / seconds of the translation, measured in turns: of its engine (reading, encoding,
blending, decoding), and of the whole command, which besides loads the bundle, looks for seams and writes a COG, here of
noise, which does not compress.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rasterio
import torch
from safetensors.torch import save_file

from geogan.bundles import SCHEMA
from geogan.domains import Domain
from geogan.files import sha256_of
from geogan.generators import TRANSLATORS
from geogan.pipeline.translate import translate
from geogan.rasters.layers import open_scene
from geogan.scenes import Palette
from geogan.translation import load_translator
from geogan.whole_scenes.engine import translate_scene
from geogan.whole_scenes.strips import Job
from geogan.whole_scenes.windows import plan_windows

ROUNDS = 3
CLASSES = Palette(tuple("abcdef"), tuple((40 * k, 255 - 40 * k, 90) for k in range(6)), tuple(range(6)))


def make_bundle(folder: Path, source: Domain, target: Domain, *, classes: bool, **generator: Any) -> None:
    """The bundle of an untrained U-Net."""
    folder.mkdir()
    torch.manual_seed(0)
    outputs = len(target.palette) if classes and target.palette else target.channels
    network = TRANSLATORS["unet"](source.channels, outputs, **generator)
    weights = {f"generator.{key}": tensor.contiguous() for key, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    system = {
        "schema": SCHEMA,
        "task": "translation",
        "config": {"generator": {"name": "unet", **generator}},
        "a": source.plain(),
        "b": target.plain(),
        "directions": {"a_to_b": "generator"},
        "tiles": {"a": 256, "b": 256},
        "classes": classes,
        "weights_sha256": sha256_of(folder / "weights.safetensors"),
    }
    (folder / "system.json").write_text(json.dumps(system), encoding="utf-8")


def make_scene(path: Path, edge: int) -> None:
    """Smooth noise: three bands of uint8."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((1, 3, edge // 8, edge // 8), dtype=np.float32) * 255)
    values = torch.nn.functional.interpolate(coarse, size=(edge, edge), mode="bicubic")[0]
    with rasterio.open(
        path, "w", driver="GTiff", width=edge, height=edge, count=3, dtype="uint8", crs="EPSG:32640",
        transform=rasterio.Affine(1, 0, 0, 0, -1, edge), compress="deflate", tiled=True,
    ) as sink:  # fmt: skip
        sink.write(values.clamp(0, 255).byte().numpy())


def domains(scene: Path) -> tuple[Domain, Domain, Domain]:
    """Of the scene, of a map of classes and of a picture."""
    grid = open_scene(scene).grid
    ground = {"crs": grid.crs, "cell_size": grid.cell_size}
    picture = Domain("uint8", (1, 2, 3), (0.0,) * 3, (255.0,) * 3, None, **ground)
    return picture, Domain("uint8", (1,), (), (), CLASSES, **ground), picture


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """On the clock, and of processors: those do not count what others do with the machine."""
    clock, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - used


def throughput(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    scene = folder / "scene.tif"
    make_scene(scene, args.edge)
    source, classes, picture = domains(scene)
    found: dict[str, Any] = {"edge": args.edge, "depth": args.depth, "filters": args.filters, "batch": args.batch}
    found |= {"threads": torch.get_num_threads(), "cuda": torch.cuda.is_available()}
    for name, target in (("classes", classes), ("picture", picture)):
        bundle = folder / name
        make_bundle(bundle, source, target, classes=name == "classes", depth=args.depth, filters=args.filters)
        start = time.perf_counter()
        translator = load_translator(bundle).translator
        found[f"{name}_seconds_to_load"] = round(time.perf_counter() - start, 2)
        layer = open_scene(scene)
        plan = plan_windows(layer.grid.rows, layer.grid.columns, translator.stride)
        job = Job(translator, layer, plan, batch=args.batch)
        network = translator.network.to(memory_format=torch.channels_last)
        windows = torch.rand((args.batch, 3, plan.edge, plan.edge)).to(translator.device) * 2 - 1
        windows = windows.contiguous(memory_format=torch.channels_last)
        row = len(plan.columns)
        sizes = [min(args.batch, row - at) for at in range(0, row, args.batch)] * len(plan.rows)

        def bare(network: torch.nn.Module = network, windows: torch.Tensor = windows, sizes: list[int] = sizes) -> None:
            with torch.inference_mode():
                for size in sizes:
                    network(windows[:size])
            if torch.cuda.is_available():
                torch.cuda.synchronize()

        def engine(job: Job = job) -> None:
            for _ in translate_scene(job):
                pass

        def whole(bundle: Path = bundle) -> None:
            translate(bundle, scene, folder / "out.tif", batch=args.batch, quiet=True)

        bare()
        times = np.array([[seconds(work) for work in (bare, engine, whole)] for _ in range(args.rounds)])
        for kind, measure in enumerate(("", "_cpu")):
            ratios = np.median(times[:, :1, kind] / times[:, 1:, kind], axis=0)
            found |= {
                f"{name}_ratio{measure}": round(ratios[0], 3),
                f"{name}_ratio_with_cog{measure}": round(ratios[1], 3),
            }
        found[f"{name}_seconds"] = np.median(times[..., 0], axis=0).round(2).tolist()
        found["windows"] = len(plan)
    return found


def large(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of a whole command over a paletted scene of 8704 x 7168 pixels."""
    scene = Path(os.environ["GEOGAN_DATA"]) / "rasters/large_cmap/cog_cmap_8704x7168.tif"
    layer = open_scene(scene)
    ground: dict[str, Any] = {"crs": layer.grid.crs, "cell_size": layer.grid.cell_size}
    source = Domain("uint8", (1,), (), (), layer.palette, **ground)
    target = Domain("uint8", (1, 2, 3), (0.0,) * 3, (255.0,) * 3, None, **ground)
    make_bundle(folder / "bundle", source, target, classes=False, depth=args.depth, filters=args.filters)
    code = (
        "import sys, json; from pathlib import Path; from geogan.pipeline.translate import translate\n"
        "if __name__ == '__main__':\n"
        "    told = translate(*map(Path, sys.argv[1:4]), workers=int(sys.argv[4]), quiet=True)\n"
        "    print(json.dumps({key: told[key] for key in ('seconds', 'windows', 'seam_ratio', 'valid_share')}))\n"
    )
    command = [sys.executable, "-c", code, folder / "bundle", scene, folder / "out.tif", args.workers]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as child:
        together = 0
        while child.poll() is None:
            together = max(together, resident(child.pid))
            time.sleep(0.05)
        assert child.stdout is not None
        told = json.loads(child.stdout.read())
    pixels = layer.grid.rows * layer.grid.columns
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    gib = {"largest_process_gib": round(peak / 2**20, 3), "all_processes_gib": round(together / 2**30, 3)}
    return {"pixels": pixels, **gib, "workers": args.workers, **told}


def resident(number: int) -> int:
    """Bytes of a process and its children."""
    try:
        process = psutil.Process(number)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--edge", type=int, default=2432)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps((large if args.large else throughput)(Path(folder), args)))


if __name__ == "__main__":
    main()
