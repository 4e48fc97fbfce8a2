"""How good a sampler of conditional fields is, against held-out ground."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from geogan.errors import InputError
from geogan.metrics import Statistics, borders, by_facies, controls, halo, statistics, summary
from geogan.metrics.calibration import Reliability, reliability
from geogan.metrics.curves import Curve, compared
from geogan.metrics.diversity import hamming
from geogan.metrics.memory import copy_rate
from geogan.metrics.neighbourhoods import neighbourhoods
from geogan.metrics.profiles import Profile
from geogan.metrics.trust import baseline_figures, ensemble_figures
from geogan.metrics.wells import accuracy, isolated_share

Fields = UInt8[np.ndarray, "field y x"]
Mask = Bool[np.ndarray, "field y x"]

# (mask, known, seed) -> one field per row of hard data; the noise depends on the seed. Codes, or values of a property.
Sampler = Callable[[Mask, Any, int], Any]
Coder = Callable[[Any], Fields]  # fields, tiles or hard data -> facies codes

# Mask and facies codes or values (255 or NaN outside the mask), as a constraint store reads them.
HardData = tuple[
    Bool[np.ndarray, "source draw y x"],
    UInt8[np.ndarray, "source draw y x"] | Float32[np.ndarray, "source draw y x"],
]

NOISES = 10  # fields with the same hard data


@dataclass(frozen=True)
class Evaluation:
    """``metrics`` are flat, and the same for the same sampler, data and seed; the rest is for figures.

    The fields ``groups[i]`` were simulated with the hard data ``mask[i]``, ``facies[i]``. ``profiles`` are shares by
    distance to the nearest hard datum and to the border.
    """

    metrics: dict[str, float | int]
    curves: tuple[Curve, ...]
    real: UInt8[np.ndarray, "tile y x"]
    mask: Bool[np.ndarray, "group y x"]
    facies: UInt8[np.ndarray, "group y x"]
    groups: UInt8[np.ndarray, "group noise y x"]
    facies_names: tuple[str, ...]
    seconds_per_field: float
    reliability: tuple[Reliability, ...] = ()
    profiles: tuple[Profile, ...] = ()


def same(codes: Any) -> Fields:
    """Facies codes are codes already."""
    return np.asarray(codes)


def evaluate(
    sample: Sampler,
    real: UInt8[np.ndarray, "tile y x"],
    train: UInt8[np.ndarray, "train_tile y x"],
    hard: HardData,
    *,
    facies_names: Sequence[str],
    code: Coder = same,
    fields: int = 100,
    groups: int = 10,
    seed: int = 0,
) -> Evaluation:
    """All facies metrics of a sampler; names as in the documentation of the metrics.

    ``code`` makes facies codes of what the sampler takes and gives; ``real`` and ``train`` are codes.

    ``fields`` fields, each with hard data of its own, give accuracy and distribution metrics against
    ``real``, the held-out tiles, which the hard data come from tile by tile; ``groups`` sets of hard data with ten
    noises each give ``hamming`` and what the ensembles say of their own tiles, the truth.
    ``train``, training tiles of the same size, give the held-out floor (``floor_*``) and ``copy_rate``;
    ``noise_*`` are independent pixels in the real proportions, ``rotated_*`` the real tiles turned by
    90 degrees. Where there are more tiles than ``fields``, evenly spaced ones are taken; ``n_*`` tell.
    Raises InputError where there are no tiles or no hard data, or the hard data are not those of ``real``.
    """
    count = len(facies_names)
    references = spread_tiles(train, 2 * fields, "training")
    held_out, real = real, spread_tiles(real, fields, "held-out")
    floor = spread_tiles(train, fields, "training")
    (mask, known), own = hard_data_rows(hard, fields), _sources(held_out, hard, code, fields)
    start = time.perf_counter()
    simulated = sample(mask, known, seed)
    seconds = time.perf_counter() - start
    simulated, facies = code(simulated), code(known)
    (group_mask, group_known), group_truth = hard_data_rows(hard, groups), _sources(held_out, hard, code, groups)
    grouped, group_facies = code(_noises(sample, group_mask, group_known, NOISES, seed + 1)), code(group_known)

    samples = {"floor": floor, "noise": controls.noise(real, count, seed), "rotated": controls.rotated(real)}
    wanted, found = statistics(real, count), statistics(simulated, count)
    beside = {name: statistics(fields_of, count) for name, fields_of in samples.items()}
    near, group_near = neighbourhoods(mask), neighbourhoods(group_mask)
    around = halo.compared(halo.halo(own, own, near), halo.halo(simulated, facies, near))
    error = halo.error(grouped, group_truth, group_near)
    reliable = reliability(grouped, group_truth, facies_names)

    metrics: dict[str, float | int] = {
        "seed": seed,
        "size": real.shape[-1],
        "lags": wanted.lags,
        "n_fields": fields,
        "n_real": len(real),
        "n_floor": len(floor),
        "n_references": len(references),
        "n_groups": groups,
        "n_noises": NOISES,
    }
    metrics |= accuracy(simulated, mask, facies, facies_names)
    metrics["isolated_share"] = isolated_share(simulated, mask, facies)
    metrics |= summary(wanted, found, facies_names) | by_facies(wanted, found, facies_names)
    metrics |= halo.figures(around) | {"well_halo_error": error.gap}
    metrics |= ensemble_figures(grouped, group_truth, reliable, count)
    metrics |= baseline_figures(beside["floor"], group_near, group_mask, group_facies, group_truth)
    metrics["copy_rate"] = copy_rate(simulated, references, count)
    metrics |= _real(real, wanted, mask, own, facies_names)
    metrics["floor_copy_rate"] = copy_rate(real, references, count)
    for name, of_control in beside.items():
        figures = summary(wanted, of_control, facies_names) | halo.control_figures(samples[name], own, near)
        metrics |= {f"{name}_{key}": value for key, value in figures.items()}
    return Evaluation(
        metrics=plain(metrics),
        curves=tuple(compared(wanted, found, facies_names)),
        real=real,
        mask=group_mask,
        facies=group_facies,
        groups=grouped,
        facies_names=tuple(facies_names),
        seconds_per_field=seconds / fields,
        reliability=reliable,
        profiles=(*around, error, *borders.compared(wanted.border, found.border, facies_names)),
    )


def validate(
    sample: Sampler,
    real: UInt8[np.ndarray, "tile y x"],
    hard: HardData,
    *,
    names: Sequence[str],
    facies_names: Sequence[str],
    code: Coder = same,
    fields: int = 32,
    seed: int = 0,
) -> dict[str, float]:
    """Only the metrics ``names``, from ``fields`` fields: quick, for choosing a checkpoint.

    ``hamming`` costs a second sample of as many fields, eight noises to a set of hard data. Raises
    InputError for a name that is not a metric of the sample, or where there are no tiles or no hard data.
    """
    mask, known = hard_data_rows(hard, fields)
    simulated, facies = code(sample(mask, known, seed)), code(known)
    found = accuracy(simulated, mask, facies, facies_names)
    found["isolated_share"] = isolated_share(simulated, mask, facies)
    if "hamming" in names:
        noises = min(8, fields)
        found["hamming"] = _mean_hamming(
            code(_noises(sample, *hard_data_rows(hard, fields // noises), noises, seed + 1))
        )
    if not found.keys() >= set(names):
        truth = statistics(spread_tiles(real, fields, "validation"), len(facies_names))
        found |= summary(truth, statistics(simulated, len(facies_names)), facies_names)
    for name in names:
        if name not in found:
            raise InputError(f"select_by: {name!r} is not one of hamming, {', '.join(found)}")
    return {name: found[name] for name in names}


def plain(metrics: Mapping[str, float | int]) -> dict[str, float | int]:
    """Numbers that JSON writes alike everywhere: integers as they are, others to 6 significant digits."""
    return {key: value if isinstance(value, int) else float(f"{value:.6g}") for key, value in metrics.items()}


def spread_tiles(tiles: Any, number: int, split: str) -> Any:
    """At most ``number`` tiles, evenly spaced. Raises InputError where there is none."""
    if len(tiles) == 0:
        raise InputError(f"{split} tiles: none at the evaluation size; a smaller evaluation_tile gives some")
    return tiles if len(tiles) <= number else tiles[_spread(len(tiles), number)]


def hard_data_rows(hard: HardData, number: int) -> tuple[Mask, Any]:
    """``number`` sets of hard data: the first draw of every tile, then the second, ...; then again.

    Where there are more tiles than that, those of ``spread_tiles``.
    """
    places = _places(hard, number)
    return hard[0][places], hard[1][places]


def _places(hard: HardData, number: int) -> tuple[Int64[np.ndarray, " row"], Int64[np.ndarray, " row"]]:
    """Tile and draw of each of ``number`` sets of hard data."""
    tiles, draws = hard[0].shape[:2]
    if tiles * draws == 0:
        raise InputError("hard data: none at the evaluation size; a smaller evaluation_tile gives some")
    if tiles > number:
        return _spread(tiles, number), np.zeros(number, np.int64)
    index = np.arange(number)
    return index % tiles, index // tiles % draws


def _spread(tiles: int, number: int) -> Int64[np.ndarray, " row"]:
    """``number`` of more tiles, evenly spaced."""
    return np.arange(number) * tiles // number


def _sources(real: UInt8[np.ndarray, "tile y x"], hard: HardData, code: Coder, number: int) -> Fields:
    """The tiles that the sets of ``hard_data_rows`` come from. Raises InputError where these say something else."""
    mask, known = hard_data_rows(hard, number)
    alike = len(real) == len(hard[0])
    tiles = np.asarray(real[_places(hard, number)[0]] if alike else real)
    if not alike or (tiles != code(known))[mask].any():
        raise InputError("hard data: are not those of the prepared tiles; 'geogan constrain' samples them again")
    return tiles


def _noises(
    sample: Sampler,
    mask: Bool[np.ndarray, "group y x"],
    known: Any,
    noises: int,
    seed: int,
) -> Any:
    """``noises`` fields for every set of hard data."""
    fields = sample(np.repeat(mask, noises, axis=0), np.repeat(known, noises, axis=0), seed)
    return fields.reshape(len(mask), noises, *mask.shape[1:])


def _mean_hamming(groups: UInt8[np.ndarray, "group noise y x"]) -> float:
    return float(np.mean([hamming(group) for group in groups])) if groups.shape[1] > 1 else 0.0


def _real(
    real: UInt8[np.ndarray, "tile y x"], truth: Statistics, mask: Mask, own: Fields, facies_names: Sequence[str]
) -> dict[str, float]:
    """Figures of the real tiles to read those of the sample against; ``own``: the tiles that the hard data are from."""
    means = truth.proportions.mean(axis=0)
    return {
        **{f"proportion_{name}_real": float(means[code]) for code, name in enumerate(facies_names)},
        "components_real": float(truth.components.mean()),
        "isolated_share_real": isolated_share(own, mask, own),
        "hamming_real": hamming(real) if len(real) > 1 else 0.0,  # of fields that share no hard data
    }
