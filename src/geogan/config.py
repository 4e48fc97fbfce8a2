"""params.yaml -> frozen, typed, checked.

Parts are ``{name: ..., key: value}`` mappings checked against the signature of what they name (``choices``);
the other keys against the dataclasses below. Every message names the dotted key, its value and what is right.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, PlainValidator, create_model
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from geogan.choices import Choice, Table, check, choose
from geogan.constraints import CONSTRAINTS
from geogan.critics import CRITICS
from geogan.datasets import DIGIT_SOURCES, IMAGE_SOURCES, SCENE_SOURCES, SOURCES, Limits
from geogan.errors import InputError
from geogan.generators import GENERATORS
from geogan.latents import LATENTS
from geogan.metrics.directions import DIRECTIONS
from geogan.objectives import OBJECTIVES
from geogan.optimisers import OPTIMISERS, SCHEDULES
from geogan.penalties import CONSTRAINT_COSTS, CRITIC_PENALTIES, DIVERSITIES, RECONSTRUCTIONS
from geogan.system import Slots, Task
from geogan.systems import SYSTEMS
from geogan.tiles import Split

Section = TypeVar("Section")
LARGEST_SEED = 2**63 - 1
MOST_THREADS = 1024
FACIES_COSTS = ("masked_cross_entropy", "supported_l2")  # constraint costs that a continuous property has no use for
SLOTS: dict[str, Table] = {
    "generator": GENERATORS,
    "critic": CRITICS,
    "objective": OBJECTIVES,
    "critic_penalty": CRITIC_PENALTIES,
    "constraint": CONSTRAINT_COSTS,
    "diversity": DIVERSITIES,
    "reconstruction": RECONSTRUCTIONS,
    "latent": LATENTS,
}


@dataclass(frozen=True)
class Compute:
    """Where and how to compute; the number of threads changes results and belongs to a run's identity."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32", "bf16"] = "32"
    threads: int = 2
    deterministic: bool = True


@dataclass(frozen=True)
class Evaluation:
    """How much is judged: fields (each with its own hard data), groups of ten for diversity; tiles of pictures.

    ``features``: an ONNX file that takes pictures and gives features for FID and KID (Inception, for example);
    None takes fixed random ones. For a property ``labels`` takes those of a classifier of the labels of its training
    tiles, and None gives no FID.
    """

    fields: int = 100
    groups: int = 10
    tiles: int = 500
    features: str | None = None
    seed: int = 0


def _size(value: Any) -> int | tuple[int, int]:
    numbers = value if isinstance(value, list) else [value]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if isinstance(value, list) and (len(value) != 2 or not whole):
        raise PydanticCustomError("size", "Input should be one whole number or two, [of A, of B]")
    if not whole:
        raise PydanticCustomError("size", "Input should be a valid integer")
    return (numbers[0], numbers[1]) if isinstance(value, list) else numbers[0]


Size = Annotated[int | tuple[int, int], PlainValidator(_size)]  # pixels: of both domains, or of A and of B


@dataclass(frozen=True)
class Edges:
    """The sizes of one domain, in pixels."""

    tile: int
    stride: int
    evaluation_tile: int


@dataclass(frozen=True)
class Tiling:
    """Sizes in pixels: training tiles and their stride, held-out tiles. Two numbers are those of A and of B.

    ``pool``: share of the training ground that serves for hard data alone (0 for scenes and maps); ``nodata``: the
    largest share of a tile that may be without data.
    """

    tile: Size
    stride: Size
    evaluation_tile: Size
    pool: float = 0.0
    nodata: float = 0.0

    def of(self, domain: Literal["a", "b"]) -> Edges:
        """The sizes of one domain; a training image is domain A."""
        sizes = (self.tile, self.stride, self.evaluation_tile)
        return Edges(*(size["ab".index(domain)] if isinstance(size, tuple) else size for size in sizes))


@dataclass(frozen=True)
class Dataset:
    """One dataset: where it comes from, how it is cut, which hard data are drawn from it."""

    source: Choice
    tiling: Tiling
    split: Split
    constraints: Choice

    @property
    def task(self) -> Task:
        """What systems make of it: fields of a training image, pictures of scenes and maps."""
        return "simulation" if self.source.name in IMAGE_SOURCES else "translation"

    @property
    def continuous(self) -> bool:
        """Whether it holds a continuous property instead of facies."""
        return bool(self.source.options.get("continuous", False))


@dataclass(frozen=True)
class Training:
    """How long an experiment trains and what happens how often (steps); ``clip`` 0 clips nothing."""

    steps: int
    batch: int
    checkpoint_every: int = 200
    log_every: int = 20
    picture_every: int = 200
    ema: float = 0.999
    clip: float = 0.0
    select_by: tuple[str, ...] = ("constraint_accuracy", "mph_js_0")
    validation_samples: int = 32


@dataclass(frozen=True)
class Experiment:
    """One system with its parts on one dataset."""

    dataset: str
    system: Choice
    slots: Slots
    optimisers: Mapping[str, Choice]
    schedule: Choice
    training: Training

    def plain(self) -> dict[str, Any]:
        """The experiment as it would stand in params.yaml, every default written out."""
        parts = {name: getattr(self.slots, name).plain() for name in SLOTS}
        optimisers = {name: choice.plain() for name, choice in self.optimisers.items()}
        training = dataclasses.asdict(self.training)
        return {
            "dataset": self.dataset,
            "system": self.system.plain(),
            **parts,
            "optimisers": optimisers,
            "schedule": self.schedule.plain(),
            **training,
        }


@dataclass(frozen=True)
class Params:
    """All of params.yaml."""

    seed: int
    compute: Compute
    limits: Limits
    evaluation: Evaluation
    datasets: Mapping[str, Dataset]
    experiments: Mapping[str, Experiment]


def read(files: Iterable[Path], sets: Iterable[str] = ()) -> Params:
    """Read params files, later ones over earlier ones key by key, then ``dotted.key=value`` settings.

    Raises InputError for an unreadable file, an unknown key, a wrong type or parts that do not go together.
    """
    return parse(merged(files, sets))


def merged(files: Iterable[Path], sets: Iterable[str] = ()) -> dict[str, Any]:
    """The plain data of params files and settings, unchecked; later ones over earlier ones key by key.

    Raises InputError for an unreadable file or a setting that is none.
    """
    data: dict[str, Any] = {}
    for file in files:
        data = overlay(data, read_yaml(file))
    for item in sets:
        key, value = _setting(item)
        data = overlay(data, nested(key, value))
    return data


def nested(key: str, value: Any) -> dict[str, Any]:
    """``nested("a.b", 1)`` is ``{"a": {"b": 1}}``."""
    return cast(dict[str, Any], functools.reduce(lambda inner, part: {part: inner}, reversed(key.split(".")), value))


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        value = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except YAMLError as error:
        raise InputError(f"{file}: is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise InputError(f"{file}: must be a mapping of keys to values")
    return value


def overlay(below: Any, above: Any) -> Any:
    """``above`` over ``below``, key by key; a part with another ``name`` replaces the whole mapping."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    if other_part(below, above):
        return above
    merged = dict(below)
    for key, value in above.items():
        merged[key] = overlay(below[key], value) if key in below else value
    return merged


def other_part(below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Whether ``above`` names another part than ``below`` does, so that nothing of ``below`` applies to it."""
    return "name" in above and above["name"] != below.get("name", above["name"])


def _setting(item: str) -> tuple[str, Any]:
    key, equals, text = item.partition("=")
    if not equals or not all(key.split(".")):
        raise InputError(f"--set {item}: must be dotted.key=value")
    try:
        return key, YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise InputError(f"--set {item}: the value is not valid YAML") from None


def parse(data: dict[str, Any]) -> Params:
    """Check plain YAML data, but for a section ``study``, which ``study.plan`` reads."""
    _only(
        "",
        {key: data[key] for key in data if key != "study"},
        ("seed", "compute", "limits", "evaluation", "datasets", "experiments"),
    )
    seed = data.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"seed: must be a whole number from 0 to {LARGEST_SEED}, got {seed!r}")
    compute, limits = _compute(data.get("compute", {})), _section("limits", data.get("limits", {}), Limits)
    evaluation = _evaluation(data.get("evaluation", {}))
    datasets = {name: _dataset(f"datasets.{name}", value) for name, value in _named(data, "datasets")}
    experiments = {name: _experiment(f"experiments.{name}", value) for name, value in _named(data, "experiments")}
    for name, experiment in experiments.items():
        if experiment.dataset not in datasets:
            raise InputError(
                f"experiments.{name}.dataset: {experiment.dataset!r} is not one of {', '.join(datasets) or 'none'}"
            )
        _fits(name, experiment, datasets[experiment.dataset])
    return Params(seed, compute, limits, evaluation, datasets, experiments)


def _compute(value: Any) -> Compute:
    compute = _section("compute", value, Compute)
    if not 1 <= compute.threads <= MOST_THREADS:
        raise InputError(f"compute.threads: must lie between 1 and {MOST_THREADS}, got {compute.threads}")
    return compute


def _evaluation(value: Any) -> Evaluation:
    evaluation = _section("evaluation", value, Evaluation)
    _at_least("evaluation.fields", evaluation.fields, 1)
    _at_least("evaluation.groups", evaluation.groups, 1)
    _at_least("evaluation.tiles", evaluation.tiles, 1)
    if not 0 <= evaluation.seed < LARGEST_SEED:
        raise InputError(f"evaluation.seed: must lie between 0 and {LARGEST_SEED - 1}, got {evaluation.seed}")
    return evaluation


@functools.cache
def _model(kind: type) -> type[BaseModel]:
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.default is dataclasses.MISSING else field.default)
        for field in dataclasses.fields(kind)
    }
    return create_model(kind.__name__, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)


def _section(where: str, value: Any, kind: Callable[..., Section]) -> Section:
    if not isinstance(value, dict):
        raise InputError(f"{where}: must be a mapping, got {value!r}")
    return kind(**check(where, value, _model(cast(type, kind))).model_dump())


def _only(where: str, value: dict[str, Any], known: Iterable[str]) -> None:
    for key in value:
        if key not in known:
            raise InputError(f"{where}{key}: unknown key; known here: {', '.join(sorted(known))}")


def _named(data: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    value = data.get(key)
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise InputError(f"{key}: must be a mapping of names to mappings, got {value!r}")
    for name in value:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
            raise InputError(f"{key}.{name}: a name of letters, digits, _ and - is needed, it names files")
    return list(value.items())


def _part(where: str, value: dict[str, Any], key: str, table: Table) -> Choice:
    if key not in value:
        raise InputError(f"{where}.{key}: is missing; one of {', '.join(table)}")
    return choose(f"{where}.{key}", value[key], table)


def _rest(where: str, value: dict[str, Any], taken: Iterable[str], kind: type) -> dict[str, Any]:
    """The keys that are not ``taken``; all must be fields of ``kind``."""
    fields = [field.name for field in dataclasses.fields(kind)]
    _only(f"{where}.", value, [*taken, *fields])
    return {key: item for key, item in value.items() if key in fields}


def _dataset(where: str, value: dict[str, Any]) -> Dataset:
    rest = _rest(where, value, ("source", "split", "constraints"), Tiling)
    tiling = _section(where, rest, Tiling)
    source = _source(where, value)
    _check_sizes(where, source.name in SCENE_SOURCES, tiling)
    _check_shares(where, source.name in SCENE_SOURCES, tiling)
    constraints = _part(where, value, "constraints", CONSTRAINTS)
    try:
        constraints.build(CONSTRAINTS)  # checks its numbers
    except InputError as error:
        raise InputError(f"{where}.{error}") from None
    split = _section(f"{where}.split", value.get("split", {}), Split)
    _at_least(f"{where}.split.seed", split.seed, 0)
    if source.name in SCENE_SOURCES and constraints.name != "none":
        raise InputError(
            f"{where}.constraints.name: scenes and maps have no hard data; give none, not {constraints.name!r}"
        )
    return Dataset(source, tiling, split, constraints)


def _source(where: str, value: dict[str, Any]) -> Choice:
    """The source; of one that takes sets of samples these are checked too, and their defaults filled in."""
    source = _part(where, value, "source", SOURCES)
    keys = {"two_sets": ("a", "b"), "sample_sheet": ("samples",)}.get(source.name, ())
    sets = {key: choose(f"{where}.source.{key}", source.options[key], DIGIT_SOURCES).plain() for key in keys}
    return Choice(source.name, source.options | sets)


def _check_sizes(where: str, scenes: bool, tiling: Tiling) -> None:
    for key in ("tile", "stride", "evaluation_tile"):
        size = getattr(tiling, key)
        if isinstance(size, tuple) and not scenes:
            raise InputError(f"{where}.{key}: a training image has tiles of one size; give one number, got {[*size]}")
        for number in size if isinstance(size, tuple) else (size,):
            _at_least(f"{where}.{key}", number, 1)


def _check_shares(where: str, scenes: bool, tiling: Tiling) -> None:
    """``pool`` belongs to training images, ``nodata`` to scenes."""
    if scenes and tiling.pool != 0:
        raise InputError(f"{where}.pool: must be 0 for scenes and maps, which have no hard data, got {tiling.pool}")
    if not scenes and not 0 < tiling.pool < 1:
        raise InputError(f"{where}.pool: must lie between 0 and 1, got {tiling.pool}")
    if tiling.nodata > 0 and tiling.of("a").tile != tiling.of("b").tile:
        raise InputError(f"{where}.nodata: must be 0 where tiles of A and B differ in size, got {tiling.nodata}")
    if not scenes and tiling.nodata != 0:
        raise InputError(f"{where}.nodata: must be 0 for a training image, whose tiles are whole, got {tiling.nodata}")
    if not 0 <= tiling.nodata < 1:
        raise InputError(f"{where}.nodata: must lie in [0, 1), got {tiling.nodata}")


def _experiment(where: str, value: dict[str, Any]) -> Experiment:
    taken = ("dataset", "system", "optimisers", "schedule", *SLOTS)
    training = _section(where, _rest(where, value, taken, Training), Training)
    for key in ("steps", "batch", "checkpoint_every", "log_every", "picture_every", "validation_samples"):
        _at_least(f"{where}.{key}", getattr(training, key), 1)
    if not 0 <= training.ema < 1:
        raise InputError(f"{where}.ema: must lie in [0, 1), got {training.ema}")
    if training.clip < 0:
        raise InputError(f"{where}.clip: must be at least 0 (0 clips nothing), got {training.clip}")
    if not training.select_by:
        raise InputError(f"{where}.select_by: must name one metric at least")
    optimisers = value.get("optimisers")
    if not isinstance(optimisers, dict):
        raise InputError(f"{where}.optimisers: must map each turn to an optimiser, got {optimisers!r}")
    experiment = Experiment(
        str(value.get("dataset")),
        _part(where, value, "system", SYSTEMS),
        Slots(**{slot: _part(where, value, slot, table) for slot, table in SLOTS.items()}),
        {turn: _part(f"{where}.optimisers", optimisers, turn, OPTIMISERS) for turn in optimisers},
        choose(f"{where}.schedule", value.get("schedule", {"name": "constant"}), SCHEDULES),
        training,
    )
    SYSTEMS[experiment.system.name].refuse(where, experiment.slots, **experiment.system.options)
    _optimised(where, experiment)
    return experiment


def _optimised(where: str, experiment: Experiment) -> None:
    """Every turn of the system has its optimiser, and no optimiser is without a turn."""
    turns = SYSTEMS[experiment.system.name].turn_names(**experiment.system.options)
    for turn in turns:
        if turn not in experiment.optimisers or experiment.optimisers[turn].name == "none":
            raise InputError(f"{where}.optimisers.{turn}: the turn {turn!r} needs an optimiser, for example adam")
    for turn, choice in experiment.optimisers.items():
        if turn not in turns and choice.name != "none":
            raise InputError(f"{where}.optimisers.{turn}: there is no turn {turn!r}; give {{name: none}}")


def _fits(name: str, experiment: Experiment, dataset: Dataset) -> None:
    task = SYSTEMS[experiment.system.name].task
    where = f"experiments.{name}"
    if dataset.task != task:
        kinds = {"simulation": "a training image", "translation": "scenes and maps"}
        raise InputError(
            f"{where}.dataset: {experiment.dataset!r} holds {kinds[dataset.task]}, "
            f"{experiment.system.name} needs {kinds[task]}"
        )
    for metric in experiment.training.select_by:
        if metric not in DIRECTIONS[task]:
            raise InputError(f"{where}.select_by: {metric!r} is not one of {', '.join(DIRECTIONS[task])}")
    if task == "translation":
        return
    if dataset.constraints.name == "none":
        raise InputError(
            f"{where}.dataset: {experiment.dataset!r} has no constraints (name: none), the system needs some"
        )
    if dataset.continuous and experiment.slots.constraint.name in FACIES_COSTS:
        raise InputError(
            f"{where}.constraint.name: {experiment.slots.constraint.name!r} needs facies, {experiment.dataset!r} holds "
            "a continuous property; give masked_l2"
        )
    if experiment.training.batch % 2:
        raise InputError(f"{where}.batch: must be even (fields come in pairs), got {experiment.training.batch}")


def _at_least(where: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{where}: must be at least {least}, got {value}")
