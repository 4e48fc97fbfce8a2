"""params.yaml: what is refused and in which words, how overlays go, and that dvc.yaml asks for what is there."""

from __future__ import annotations

import copy
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from geogan.config import Edges, Params, overlay, parse, read, read_yaml
from geogan.errors import InputError
from geogan.pipeline.work import code_files
from tests.clone import EXPERIMENT, ROOT

PARAMS = ROOT / "params.yaml"
EXPERIMENT_KEY = f"experiments.{EXPERIMENT}"
MISSING = object()


def changed(key: str, value: Any) -> dict[str, Any]:
    """The params of the repository with one dotted key set, or taken away."""
    data = copy.deepcopy(read_yaml(PARAMS))
    *path, last = key.split(".")
    inner = data
    for part in path:
        inner = inner[part]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return data


def refused(data: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        parse(data)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def params() -> Params:
    return read([PARAMS])


def test_the_params_of_the_repository_are_valid_alone_and_under_every_profile() -> None:
    for profile in sorted((ROOT / "profiles").glob("*.yaml")):
        assert read([PARAMS, profile]) != read([PARAMS]), profile


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("speed", 1, "speed: unknown key; known here: compute, datasets, evaluation, experiments, limits, seed"),
        ("seed", "0", "seed: must be a whole number from 0 to 9223372036854775807, got '0'"),
        ("seed", True, "seed: must be a whole number from 0 to 9223372036854775807, got True"),
        ("compute.theads", 2, "compute.theads: unknown key; known here: deterministic, device, precision, threads"),
        ("compute.threads", 0, "compute.threads: must lie between 1 and 1024, got 0"),
        ("compute.precision", 32, "compute.precision: input should be '32' or 'bf16', got 32"),
        ("limits.pixels", "64", "limits.pixels: input should be a valid integer, got '64'"),
        ("evaluation.fields", 0, "evaluation.fields: must be at least 1, got 0"),
        ("datasets.channels.tile", "64", "datasets.channels.tile: input should be a valid integer, got '64'"),
        ("datasets.channels.tile", 64.0, "datasets.channels.tile: input should be a valid integer, got 64.0"),
        ("datasets.channels.tile", None, "datasets.channels.tile: input should be a valid integer, got None"),
        ("datasets.channels.tile", MISSING, "datasets.channels.tile: is missing"),
        ("datasets.channels.stride", 0, "datasets.channels.stride: must be at least 1, got 0"),
        (
            "datasets.channels.tile",
            [64, 32],
            "datasets.channels.tile: a training image has tiles of one size; give one number, got [64, 32]",
        ),
        (
            "datasets.city.stride",
            [64, 32, 16],
            "datasets.city.stride: input should be one whole number or two, [of A, of B], got [64, 32, 16]",
        ),
        (
            "datasets.city.tile",
            [64, "32"],
            "datasets.city.tile: input should be one whole number or two, [of A, of B], got [64, '32']",
        ),
        ("datasets.city.evaluation_tile", [64, 0], "datasets.city.evaluation_tile: must be at least 1, got 0"),
        ("datasets.city.tile", True, "datasets.city.tile: input should be a valid integer, got True"),
        ("datasets.channels.pool", 1, "datasets.channels.pool: must lie between 0 and 1, got 1.0"),
        (
            "datasets.channels.split.train",
            0.7,
            "datasets.channels.split.train: unknown key; known here: block, gap, seed, test, validation",
        ),
        (
            "datasets.channels.constraints",
            MISSING,
            "datasets.channels.constraints: is missing; one of none, density, number, clusters, well_columns, mixture",
        ),
        (
            "datasets.channels.constraints.density",
            2,
            "datasets.channels.constraints.density: must lie in (0, 1], not 2.0",
        ),
        ("datasets.channels.source.name", "magic", "datasets.channels.source.name: 'magic' is not one of fetch, gslib"),
        (
            f"{EXPERIMENT_KEY}.generator.depth",
            3,
            f"{EXPERIMENT_KEY}.generator.depth: unknown key; known here: dilations, filters, finest_skip, norm, nugget",
        ),
        (
            f"{EXPERIMENT_KEY}.generator.filters",
            [16, "32"],
            f"{EXPERIMENT_KEY}.generator.filters.1: input should be a valid integer, got '32'",
        ),
        (
            f"{EXPERIMENT_KEY}.generator.norm",
            "layer",
            f"{EXPERIMENT_KEY}.generator.norm: input should be 'batch', 'instance' or 'none', got 'layer'",
        ),
        (
            f"{EXPERIMENT_KEY}.generator",
            "unet_residual",
            f"{EXPERIMENT_KEY}.generator: must be a mapping with a 'name', one of unet_residual, ",
        ),
        (
            f"{EXPERIMENT_KEY}.generator.name",
            ["unet_residual"],
            f"{EXPERIMENT_KEY}.generator.name: ['unet_residual'] is not one of unet_residual, ",
        ),
        (
            f"{EXPERIMENT_KEY}.constraint.weight",
            float("nan"),
            f"{EXPERIMENT_KEY}.constraint.weight: input should be a finite number, got nan",
        ),
        (
            f"{EXPERIMENT_KEY}.critic_penalty",
            MISSING,
            f"{EXPERIMENT_KEY}.critic_penalty: is missing; one of none, wgan_gp, dragan, r1",
        ),
        (f"{EXPERIMENT_KEY}.dataset", "town", f"{EXPERIMENT_KEY}.dataset: 'town' is not one of channels, city"),
        (
            f"{EXPERIMENT_KEY}.dataset",
            "city",
            f"{EXPERIMENT_KEY}.dataset: 'city' holds scenes and maps, constrained_sgan needs a training image",
        ),
        (
            "datasets.city.pool",
            0.1,
            "datasets.city.pool: must be 0 for scenes and maps, which have no hard data, got 0.1",
        ),
        ("datasets.city.nodata", 1.0, "datasets.city.nodata: must lie in [0, 1), got 1.0"),
        (
            "datasets.channels.nodata",
            0.5,
            "datasets.channels.nodata: must be 0 for a training image, whose tiles are whole, got 0.5",
        ),
        (
            "datasets.city.constraints",
            {"name": "density"},
            "datasets.city.constraints.name: scenes and maps have no hard data; give none, not 'density'",
        ),
        (
            "experiments.city_pix2pix.select_by",
            ["hamming"],
            "experiments.city_pix2pix.select_by: 'hamming' is not one of l1, rmse, ",
        ),
        (f"{EXPERIMENT_KEY}.batch", 3, f"{EXPERIMENT_KEY}.batch: must be even (fields come in pairs), got 3"),
        (f"{EXPERIMENT_KEY}.ema", 1, f"{EXPERIMENT_KEY}.ema: must lie in [0, 1), got 1.0"),
        (f"{EXPERIMENT_KEY}.clip", -1, f"{EXPERIMENT_KEY}.clip: must be at least 0 (0 clips nothing), got -1.0"),
        (
            f"{EXPERIMENT_KEY}.select_by",
            [],
            f"{EXPERIMENT_KEY}.select_by: must name one metric at least",
        ),
        (
            f"{EXPERIMENT_KEY}.select_by",
            ["beauty"],
            f"{EXPERIMENT_KEY}.select_by: 'beauty' is not one of constraint_accuracy, ",
        ),
        (
            f"{EXPERIMENT_KEY}.optimisers.generator",
            {"name": "none"},
            f"{EXPERIMENT_KEY}.optimisers.generator: the turn 'generator' needs an optimiser, for example adam",
        ),
        (
            f"{EXPERIMENT_KEY}.optimisers.teacher",
            {"name": "adam"},
            f"{EXPERIMENT_KEY}.optimisers.teacher: there is no turn 'teacher'; give {{name: none}}",
        ),
        ("datasets.channels", 5, "datasets: must be a mapping of names to mappings, got {'channels': 5, "),
        ("datasets.a/b", {}, "datasets.a/b: a name of letters, digits, _ and - is needed, it names files"),
        (
            "compute.device",
            {(1, 2): 3},
            "compute: keys must be plain text, and no mapping may hold itself",
        ),
    ],
)
def test_one_line_says_which_key_is_wrong_and_what_is_right(key: str, value: Any, message: str) -> None:
    told = refused(changed(key, value))
    assert told.startswith(message)
    if not message.endswith((" ", "gslib")):  # else a list of names goes on
        assert told == message


def test_parts_that_do_not_go_together_are_refused_with_the_reason() -> None:
    data = changed(f"{EXPERIMENT_KEY}.critic_penalty", {"name": "wgan_gp"})
    data["experiments"][EXPERIMENT]["critic"]["norm"] = "batch"
    assert refused(data).startswith(f"{EXPERIMENT_KEY}.critic.norm: 'batch' mixes the samples of a batch")
    data = changed(f"{EXPERIMENT_KEY}.system.pairs", True)
    data["experiments"][EXPERIMENT]["system"]["condition_critic"] = True
    assert refused(data).startswith(f"{EXPERIMENT_KEY}.system.pairs: needs condition_critic: false")
    assert "'none' or neither" in refused(changed(f"{EXPERIMENT_KEY}.constraint", {"name": "none"}))
    assert "has no constraints" in refused(changed("datasets.channels.constraints", {"name": "none"}))


def test_later_values_win_key_by_key_and_another_part_replaces_the_whole() -> None:
    below = {"a": {"name": "x", "one": 1, "two": [1, 2]}, "b": {"c": {"d": 1, "e": 2}}, "n": {"one": 1}}
    assert overlay(below, {"a": {"one": 5}, "b": {"c": {"e": 3}}}) == {
        "a": {"name": "x", "one": 5, "two": [1, 2]},
        "b": {"c": {"d": 1, "e": 3}},
        "n": {"one": 1},
    }
    assert overlay(below, {"a": {"name": "x", "two": [3]}})["a"] == {"name": "x", "one": 1, "two": [3]}
    assert overlay(below, {"a": {"name": "y", "three": 3}})["a"] == {"name": "y", "three": 3}
    assert overlay(below, {"b": {"c": None}})["b"] == {"c": None}
    assert overlay(below, {"n": {"name": "z"}})["n"] == {"one": 1, "name": "z"}
    assert below["a"] == {"name": "x", "one": 1, "two": [1, 2]}


def test_files_and_settings_are_laid_over_each_other_in_their_order(tmp_path: Path, params: Params) -> None:
    (tmp_path / "a.yaml").write_text(f"experiments: {{{EXPERIMENT}: {{steps: 7, batch: 6}}}}")
    (tmp_path / "b.yaml").write_text(f"experiments: {{{EXPERIMENT}: {{batch: 8, latent: {{name: normal}}}}}}")
    sets = [f"{EXPERIMENT_KEY}.steps=9", f"{EXPERIMENT_KEY}.objective={{name: js}}", "seed=4"]
    found = read([PARAMS, tmp_path / "a.yaml", tmp_path / "b.yaml"], sets)
    experiment = found.experiments[EXPERIMENT]
    assert (experiment.training.steps, experiment.training.batch, found.seed) == (9, 8, 4)
    assert experiment.slots.latent.plain() == {"name": "normal", "channels": 16}
    assert experiment.slots.objective.name == "js"
    assert experiment.training.ema == params.experiments[EXPERIMENT].training.ema


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("seed", "--set seed: must be dotted.key=value"),
        ("a..b=1", "--set a..b=1: must be dotted.key=value"),
        ("seed={", "--set seed={: the value is not valid YAML"),
        ("seed='4'", "seed: must be a whole number"),
        ("seed=!!python/object/apply:os.getcwd []", "--set seed=!!python"),
    ],
)
def test_settings_are_checked_as_files_are(item: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read([PARAMS], [item])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: 0\nseed: 1\n", "is not valid YAML"),
        (b"seed: [\n", "is not valid YAML"),
        (b"- 1\n", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read([PARAMS, file])
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)


def test_a_resolved_experiment_reads_back_as_itself(params: Params) -> None:
    data = read_yaml(PARAMS)
    data["experiments"] = {name: experiment.plain() for name, experiment in params.experiments.items()}
    again = parse(data)
    assert again.experiments == params.experiments
    assert again == dataclasses.replace(params)


# What dvc.yaml asks for

DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def entry(data: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        data = data[part]
    return data


def filled(text: str, key: str, item: dict[str, Any]) -> str:
    """The text with ${key} and ${item. ...} as DVC fills them in; KeyError where the item lacks one."""
    return re.sub(r"\$\{(key|item\.[\w.]+)\}", lambda m: key if m[1] == "key" else entry(item, m[1][5:]), text)


def stages() -> list[tuple[str, dict[str, Any], str, dict[str, Any]]]:
    data = read_yaml(PARAMS)
    return [
        (name, stage["do"], key, item)
        for name, stage in DVC.items()
        for key, item in data[stage["foreach"].removeprefix("${").removesuffix("}")].items()
    ]


def test_every_key_and_every_file_of_the_graph_exists() -> None:
    data = read_yaml(PARAMS)
    outs = {
        filled(out, key, item) if isinstance(out, str) else filled(next(iter(out)), key, item)
        for _, stage, key, item in stages()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, ())
    }
    for name, stage, key, item in stages():
        for param in stage.get("params", ()):
            entry(data, filled(param, key, item))
        for dep in stage["deps"]:
            path = filled(dep, key, item)
            made = path in outs or any(path.startswith(f"{out}/") for out in outs)
            assert made or (ROOT / path).exists(), f"{name}: {path}"


def test_a_training_depends_in_dvc_on_the_code_that_its_key_holds(params: Params) -> None:
    """And on that of the other tasks: DVC knows none of them, and finished work is not trained again."""
    for name, stage, key, item in stages():
        if name != "train":
            continue
        deps = [filled(dep, key, item) for dep in stage["deps"]]
        code = [dep.removeprefix("src/geogan/") for dep in deps if dep.startswith("src/geogan/")]
        assert set(code) >= set(code_files(params.experiments[key]))
        assert set(stage["params"]) == {"seed", "compute", "experiments.${key}"}


def test_every_source_file_of_the_datasets_is_a_dependency_of_its_preparation() -> None:
    """What a source imports from its own package, it computes with."""
    for name, stage, key, item in stages():
        if name != "prepare":
            continue
        deps = {filled(dep, key, item) for dep in stage["deps"]}
        source = ROOT / f"src/geogan/datasets/{item['source']['name']}.py"
        for module in re.findall(r"^from geogan\.datasets\.(\w+) import", source.read_text(), re.MULTILINE):
            assert f"src/geogan/datasets/{module}.py" in deps


def test_sizes_of_both_domains(params: Params) -> None:
    """One number is that of both."""
    data = changed("datasets.city.tile", [64, 32])
    data["experiments"] = {}
    tiling = parse(data).datasets["city"].tiling
    assert tiling.tile == (64, 32)
    assert (tiling.of("a"), tiling.of("b")) == (Edges(64, 64, 128), Edges(32, 64, 128))
    assert params.datasets["city"].tiling.of("b") == Edges(64, 64, 128)
