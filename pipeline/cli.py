"""The ``geogan`` command. Heavy imports wait inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geogan.errors import InputError

from .exits import Commands, answering, fail

if TYPE_CHECKING:
    from .project import Project

app = typer.Typer(
    name="geogan",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="GANs for geoscience: prepare data, train, evaluate, export; simulate fields of facies or of a property from "
    "a training image and wells, translate satellite scenes to maps.",
)
data_app = typer.Typer(no_args_is_help=True, help="Bring data in and prove that stores are whole.")
runs_app = typer.Typer(no_args_is_help=True, help="MLflow runs of this repository.")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")


def _version(asked: bool) -> None:
    if asked:
        print(f"geogan {importlib.metadata.version('geogan')}")
        raise typer.Exit


@app.callback()
def geogan(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")] = (
        False
    ),
) -> None: ...


ParamsFiles = Annotated[
    list[Path],
    typer.Option("--params", metavar="FILE", help="Params file; repeatable, later files win key by key."),
]
Sets = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="dotted.key=value for this call; repeatable.")
]
Datasets = Annotated[list[str], typer.Option("-d", "--dataset", metavar="DATASET", help="Default: all.")]
Experiments = Annotated[list[str], typer.Option("-e", "--experiment", metavar="EXPERIMENT", help="Default: all.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only results, no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _project(params: list[Path], sets: list[str]) -> Project:
    from .project import Project

    return Project.load(params, sets)


def _each(names: list[str], everything: Iterable[str], find: Callable[[str], Any]) -> list[str]:
    """The names, each once, or everything; ``find`` raises InputError for an unknown one, before any work."""
    chosen = list(dict.fromkeys(names)) or list(everything)
    for name in chosen:
        find(name)
    return chosen


def _tell(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr))


def _progress(quiet: bool) -> Callable[[str], None]:
    """What is worth saying only to somebody who waits for it."""
    return _tell(quiet or not sys.stderr.isatty())


def _result(value: Any, as_json: bool, line: str) -> None:
    print(json.dumps(value) if as_json else line)


DEFAULT_PARAMS = [Path("params.yaml")]


@app.command()
def prepare(
    dataset: Datasets = [],  # noqa: B006
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    workers: Annotated[int, typer.Option(min=1, help="Processes that cut scenes into tiles.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A dask scheduler that does it, for example tcp://host:8786.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Cut the sources into tiles: data/prepared/DATASET.zarr."""
    with answering():
        project = _project(params, set_)
        from .prepare import prepare_all

        names = _each(dataset, project.params.datasets, project.dataset)
        _progress(quiet)(f"{', '.join(names)}: preparing")
        for name, counts in prepare_all(project, names, workers, scheduler):
            tiles = counts["tiles"]
            aside = {"left_out": "tiles with nodata left out", "skipped": "scenes smaller than a tile skipped"}
            aside |= {f"{key}_b": f"{what} in B" for key, what in aside.items()}
            edges = " and ".join(str(tiles[key]) for key in ("tile", "tile_b") if key in tiles)
            shown = [key for key in tiles if key not in {"tile", "tile_b", *aside}]
            said = {key: key.removesuffix("_b").replace("_", " ") + " of B" * key.endswith("_b") for key in shown}
            line = ", ".join(f"{word} {tiles[key]}" for key, word in said.items())
            left = "".join(f"; {tiles[key]} {what}" for key, what in aside.items() if tiles.get(key))
            _result({"dataset": name, **counts}, as_json, f"{name}: tiles of {edges}: {line}{left}")


@app.command()
def constrain(
    dataset: Datasets = [],  # noqa: B006
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Sample hard data, for training and for judging: data/constraints/DATASET.zarr."""
    with answering():
        project = _project(params, set_)
        from .prepare import constrain as stage

        for name in _each(dataset, project.params.datasets, project.dataset):
            _progress(quiet)(f"{name}: sampling hard data")
            counts = stage(project, name)
            line = (
                f"{name}: {counts['tiles']} sets of hard data for training tiles, {counts['evaluation']} for evaluation"
            )
            _result({"dataset": name, **counts}, as_json, line)


@app.command()
def train(
    experiment: Experiments = [],  # noqa: B006
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="Train again what is finished.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train: data/models/EXPERIMENT/. Goes on by itself from the last good checkpoint of the same work."""
    with answering():
        project = _project(params, set_)
        names = _each(experiment, project.params.experiments, project.experiment)
        from geogan.train import Diverged

        from .prepare import refresh
        from .signals import Stopped
        from .train import check
        from .train import train as stage

        for name in names:
            check(project, name)
        for name in names:
            try:
                for line in refresh(project, project.experiment(name).dataset):
                    _tell(quiet)(line)
                done = stage(project, name, force=force, quiet=quiet)
            except Stopped as stopped:
                fail(str(stopped), stopped.status)
            except Diverged as error:
                fail(str(error), 1)
            how = "trained" if done["trained"] else "was trained already, its files are written again"
            _result(done, as_json, f"{name}: {how}; weights of step {done['step']}, key {done['key'][:12]}")


@app.command()
def evaluate(
    experiment: Experiments = [],  # noqa: B006
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Judge models on held-out ground: data/metrics/EXPERIMENT.json and data/figures/EXPERIMENT/."""
    with answering():
        project = _project(params, set_)
        from .evaluate import evaluate as stage

        for name in _each(experiment, project.params.experiments, project.experiment):
            _progress(quiet)(f"{name}: evaluating")
            metrics, shown = stage(project, name)
            _result(
                metrics,
                as_json,
                f"{name}: " + ", ".join(f"{key} {metrics[key]:.4g}" for key in shown if key in metrics),
            )


@app.command()
def export(
    experiment: Experiments = [],  # noqa: B006
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make bundles that run without this repository: data/exports/EXPERIMENT/."""
    with answering():
        project = _project(params, set_)
        from .export import export as stage

        for name in _each(experiment, project.params.experiments, project.experiment):
            _progress(quiet)(f"{name}: exporting")
            out = stage(project, name).relative_to(project.root)
            _result({"experiment": name, "bundle": str(out)}, as_json, f"{name}: {out}")


@app.command()
def simulate(
    bundle: Annotated[Path, typer.Argument(help="Folder that 'geogan export' made.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Result: .npz, .zarr, .tif or .gslib.")],
    wells: Annotated[Path | None, typer.Option(help="Hard data: CSV, GSLIB points, GeoPackage or GeoJSON.")] = None,
    size: Annotated[tuple[int, int] | None, typer.Option(metavar="ROWS COLS", help="Grid in cells.")] = None,
    like: Annotated[Path | None, typer.Option(metavar="RASTER", help="Grid and CRS of this raster.")] = None,
    bounds: Annotated[
        tuple[float, float, float, float] | None, typer.Option(metavar="W S E N", help="Grid in map units.")
    ] = None,
    resolution: Annotated[float | None, typer.Option(help="Cell size for --bounds, in map units.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS for --bounds, for example EPSG:25832.")] = None,
    n: Annotated[int, typer.Option("-n", help="Number of fields.")] = 100,
    seed: Annotated[int, typer.Option(help="Field k depends on the seed and k alone.")] = 0,
    unconditional: Annotated[bool, typer.Option("--unconditional", help="Without hard data.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="x=..,y=..,facies=..", help="Columns of the table, by name or number; of a property value=.."
        ),
    ] = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            metavar="error|drop|majority|mean", help="Wells that contradict or lie outside; mean is for a property."
        ),
    ] = "error",
    refine: Annotated[
        int, typer.Option(metavar="STEPS", help="Steps of descent on the noise of fields that miss or paste wells.")
    ] = 0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Refine until wells are honoured and none is pasted, or fail and name them.")
    ] = False,
    hide_wells: Annotated[
        bool, typer.Option("--hide-wells", help="Not to show the wells to the generator: --refine alone honours them.")
    ] = False,
    proportions: Annotated[
        str | None,
        typer.Option(metavar="NAME=SHARE,..", help="Mean proportions to reach by a shift of the facies' borders."),
    ] = None,
    rescale: Annotated[
        bool, typer.Option("--rescale", help="Draw in cells of the training image, bring fields to other cells.")
    ] = False,
    window: Annotated[int | None, typer.Option(help="Edge of the windows of large fields, in cells.")] = None,
    soft: Annotated[
        Path | None, typer.Option(metavar="RASTER", help="Facies probabilities, for a bundle trained with soft data.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Allow another cell size than the trained one.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw fields that honour wells, with maps of what they say together and a report."""
    with answering():
        if on_conflict not in ("error", "drop", "majority", "mean"):
            raise InputError(f"--on-conflict {on_conflict}: must be error, drop or majority, of a property mean")
        from .refine import Refinement
        from .simulate import simulate as command

        report = command(
            bundle,
            out,
            wells=wells,
            size=size,
            like=like,
            bounds=bounds,
            resolution=resolution,
            crs=crs,
            count=n,
            seed=seed,
            unconditional=unconditional,
            columns=_pairs("--columns", columns),
            on_conflict=on_conflict,  # type: ignore[arg-type]
            refinement=Refinement(refine, exact, hide_wells),
            proportions=proportions,
            rescale=rescale,
            window=window,
            soft=soft,
            force=force,
            quiet=quiet,
        )
        _result(report, as_json, f"{out}: {n} fields, report in {out}.report.html")


def _pairs(option: str, text: str | None) -> dict[str, str] | None:
    """``a=b,c=d`` as a dict."""
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(key and equals and value for key, equals, value in pairs):
        raise InputError(f"{option} {text}: must be like x=east,y=north,facies=code")
    return {key.strip(): value.strip() for key, _, value in pairs}


@app.command()
def translate(
    bundle: Annotated[Path, typer.Argument(help="Folder that 'geogan export' made.")],
    scene: Annotated[Path, typer.Argument(help="GeoTIFF, PNG or JPEG of any size.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Result, a COG on the grid of the scene.")],
    reverse: Annotated[bool, typer.Option("--reverse", help="The other direction of the bundle.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    tta: Annotated[bool, typer.Option("--tta", help="Mean over the eight flips and quarter turns.")] = False,
    stochastic: Annotated[bool, typer.Option("--stochastic", help="Leave dropout on.")] = False,
    seed: Annotated[int, typer.Option(help="Of the dropout.")] = 0,
    window: Annotated[int | None, typer.Option(help="Edge of the windows in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Windows computed at once.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Allow another pixel size than the trained one.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Translate a whole scene. Goes on by itself after an interruption."""
    with answering():
        from .signals import Stopped
        from .translate import translate as command

        try:
            report = command(
                bundle,
                scene,
                out,
                reverse=reverse,
                workers=workers,
                tta=tta,
                stochastic=stochastic,
                seed=seed,
                window=window,
                batch=batch,
                force=force,
                quiet=quiet,
            )
        except Stopped as stopped:
            fail(str(stopped), stopped.status)
        ratios = {"seam ratio": report["seam_ratio"], "in phase": report["seam_ratio_in_phase"]}
        seams = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items() if ratio) or "no seams to judge"
        _result(report, as_json, f"{out}: {seams}, report in {out}.report.json")


@app.command()
def profile(name: Annotated[str, typer.Argument(help="Name of profiles/NAME.yaml.")]) -> None:
    """Merge an overlay into params.yaml, comments kept, so that dvc repro uses it."""
    with answering():
        from .profile import merge

        print(merge(name))


@app.command()
def study(
    profile: Annotated[str, typer.Argument(help="A file, or NAME of profiles/NAME.yaml.")],
    params: ParamsFiles = DEFAULT_PARAMS,
    set_: Sets = [],  # noqa: B006
    workers: Annotated[int, typer.Option(min=1, help="Cells at once, each in a process of its own.")] = 1,
    table: Annotated[bool, typer.Option("--table", help="Only table and plot, of what is finished.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Put the cells into DVC's queue, run none.")] = False,
    cell: Annotated[list[str], typer.Option("--cell", metavar="CELL", help="Only this cell; repeatable.")] = [],  # noqa: B006
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """A grid of variations of one experiment: a table and a plot. Trains nothing twice, goes on by itself."""
    with answering():
        from .signals import Stopped
        from .study import collect, find, queue_cells, run, run_cells

        if table + queue + bool(cell) > 1:
            raise InputError("--table, --queue, --cell: give one of them")
        root, planned = find(profile, params, set_)
        words = ["study", profile, *(word for file in params for word in ("--params", str(file)))]
        words += [word for item in set_ for word in ("--set", item)]
        try:
            tell, still = _tell(quiet), quiet or not sys.stderr.isatty()
            if cell:
                failed = run_cells(root, planned, cell, quiet=still, tell=tell)
                if failed:
                    fail(f"study {planned.name}: failed: {', '.join(failed)}", 1)
                return
            if queue:
                count = queue_cells(root, planned, tell)
                line = f"{planned.name}: {count} cells queued; 'dvc queue start -j N' runs them, then --table"
                _result({"study": planned.name, "queued": count}, as_json, line)
                return
            ended = collect(root, planned) if table else run(root, planned, workers, words, quiet=still, tell=tell)
        except Stopped as stopped:
            fail(str(stopped), stopped.status)
        counts = ", ".join(f"{number} {status}" for status, number in sorted(ended.counts.items()))
        result = {"study": planned.name, "table": str(ended.file.relative_to(root)), **ended.counts}
        _result(result, as_json, f"{ended.table}\n{planned.name}: {counts}; {result['table']}")
        if not ended.counts.get("finished") or ended.counts.get("failed"):
            fail(f"study {planned.name}: {counts}; the table tells why", 1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """MLflow's pages of this repository, opened where runs are compared."""
    with answering():
        from .root import project_root
        from .ui import serve

        raise typer.Exit(serve(project_root(), port, browser))


@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """What can be fetched, and the datasets of params.yaml."""
    with answering():
        from .data import listing

        rows = listing(_project(DEFAULT_PARAMS, []))
        _result(rows, as_json, "\n".join(f"{row['name']:<24} {row['kind']:<10} {row['about']}" for row in rows))


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A name from 'geogan data list'.")]) -> None:
    """Download public data, checked against their sha256, and make them a dataset."""
    with answering():
        from .data import fetch

        print(fetch(_project(DEFAULT_PARAMS, []), name))


@data_app.command("import")
def data_import(
    file: Annotated[Path, typer.Argument(help="Training image (PNG, TIFF, GeoTIFF, GSLIB grid), or a scene.")],
    dataset: Annotated[str, typer.Option("--as", metavar="DATASET", help="The dataset it becomes.")],
    pair: Annotated[Path | None, typer.Option(help="The map of the scene: GeoTIFF, GeoPackage or GeoJSON.")] = None,
) -> None:
    """Copy a file to data/raw/DATASET/, track it with DVC and point params.yaml at it."""
    with answering():
        from .data import import_file

        print(import_file(_project(DEFAULT_PARAMS, []), file, dataset, pair))


@data_app.command("verify")
def data_verify(
    path: Annotated[Path | None, typer.Argument(help="A store; default: all under data/.")] = None,
) -> None:
    """Prove that stores are whole: every file against its sha256."""
    with answering():
        from .data import verify_stores

        for line in verify_stores(path):
            print(line)


@runs_app.command("list")
def runs_list(as_json: AsJson = False) -> None:
    """The runs, newest first."""
    with answering():
        import dataclasses

        from .root import project_root
        from .runs import list_runs, runs_table

        rows = list_runs(project_root())
        if as_json:
            print(json.dumps([dataclasses.asdict(row) for row in rows]))
        else:
            from rich.console import Console

            Console(width=None if sys.stdout.isatty() else 160).print(runs_table(rows))


@runs_app.command("import")
def runs_import(
    all_commits: Annotated[bool, typer.Option("--all-commits", help="Walk the git history too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild missing runs from the files that DVC pulled."""
    with answering():
        import dataclasses

        from .root import project_root
        from .runs import import_runs

        done = import_runs(project_root(), all_commits)
        _result(dataclasses.asdict(done), as_json, done.summary())


def main() -> None:
    """Entry point for ``python -m``."""
    app()


if __name__ == "__main__":
    main()
