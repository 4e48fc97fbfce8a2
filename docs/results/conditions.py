"""A trained model with other hard data than those it was trained with: one JSON line for each kind.

    python docs/results/conditions.py BUNDLE data/prepared/channels.zarr --seed 0 --fields 100 --groups 10 \
        '{name: density, density: 0.001}' '{name: clusters, clusters: 4}' '{name: well_columns, wells: 3}'

A kind is written as `constraints` in params.yaml. Fields are judged on the test ground of the prepared store; with
`--seed` the noise changes, with the `seed` of a kind the places of its wells. `--refine STEPS` first moves the noise of
fields that miss or paste a datum, as `geogan simulate --refine` does. `--all` prints every metric. `--picture` draws
fields of one set of hard data of each kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from geogan.choices import Choice, choose
from geogan.conditions import judge
from geogan.constraints import CONSTRAINTS
from geogan.errors import InputError
from geogan.evaluate import Evaluation
from geogan.inference import load_bundle
from geogan.pipeline.figures import sample_sheet
from geogan.refinement import real_share, refining
from geogan.store import open_prepared

SHOWN = (
    *("constraint_accuracy", "isolated_share", "hamming", "brier", "hamming_ratio", "reliability"),
    *("kriging_brier", "nearest_well_brier", "constant_brier"),
    *("mph_js_0", "connectivity_y", "components", "components_real"),
    *("well_halo", "floor_well_halo", "border_drift", "floor_border_drift"),
    *("size", "n_fields", "n_groups", "seed"),
)


def kind(text: str) -> Choice:
    """The kind of hard data that ``text`` names, checked. Raises InputError."""
    try:
        value = YAML(typ="safe").load(text)
    except YAMLError:
        raise InputError(f"constraints: {text!r} is not YAML; write {{name: density, density: 0.01}}") from None
    choice = choose("constraints", value, CONSTRAINTS)
    choice.build(CONSTRAINTS)
    return choice


def draw(evaluations: Sequence[Evaluation], path: Path) -> None:
    """One sheet of all kinds: the first set of hard data of each, and fields of different noise."""
    first = {name: np.stack([getattr(one, name)[0] for one in evaluations]) for name in ("mask", "facies", "groups")}
    sample_sheet(replace(evaluations[0], **first), path, sets=len(evaluations))


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder that 'geogan export' made, or a model folder")
    parser.add_argument("prepared", type=Path, help="prepared store, data/prepared/DATASET.zarr")
    parser.add_argument("kinds", nargs="+", metavar="KIND", help="{name: density, density: 0.001}, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fields", type=int, default=100)
    parser.add_argument("--groups", type=int, default=10, help="sets of hard data with ten fields each")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--refine", type=int, default=0, metavar="STEPS", help="at most so many steps of descent")
    parser.add_argument("--all", action="store_true", help="every metric")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a sheet of fields of all kinds, PNG")
    given = parser.parse_args()
    if min(given.fields, given.groups) < 1 or min(given.seed, given.refine) < 0:
        parser.error("--fields and --groups must be at least 1, --seed and --refine at least 0")
    kinds = [kind(text) for text in given.kinds]
    bundle, prepared = load_bundle(given.bundle, given.device), open_prepared(given.prepared)
    if bundle.names != prepared.names:
        raise InputError(
            f"{given.prepared}: facies {', '.join(prepared.names)}, the bundle knows {', '.join(bundle.names)}; "
            "give the store of the bundle's own training image"
        )
    if bundle.soft:
        raise InputError(f"{given.bundle}: was trained with soft data; it is judged with them by geogan evaluate alone")
    for option, asked in (("--refine", given.refine), ("--picture", given.picture)):
        if asked and not bundle.names:
            parser.error(f"{option}: is for facies, {given.bundle} draws a property")
    real = real_share(bundle.evaluation)
    sample = refining(bundle.sampler, given.refine, real) if given.refine else bundle.sampler
    numbers = {"fields": given.fields, "groups": given.groups, "seed": given.seed}
    evaluations = []
    for choice in kinds:
        evaluations.append(judge(sample, prepared, choice.build(CONSTRAINTS), **numbers))
        metrics = evaluations[-1].metrics
        shown = sorted(metrics) if given.all else SHOWN
        print(json.dumps({"constraints": choice.plain()} | {name: metrics[name] for name in shown}), flush=True)
    if given.picture:
        draw(evaluations, given.picture)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"conditions.py: {error}", file=sys.stderr)
        sys.exit(2)
