"""Ensembles and their files."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from geogan import fields
from geogan.ensemble import Ensemble, report
from geogan.errors import InputError
from geogan.facies_variable import Facies
from geogan.grids import Grid
from geogan.hard_data import HardData

GRID = Grid.from_bounds((500, 1000, 600, 1080), 20, "EPSG:25832")  # 4 rows, 5 columns
NAMES = ("clay", "sand", "gravel")
SHARES = {"clay": 0.5, "sand": 0.3, "gravel": 0.2}
MAPS = ("probability", "entropy", "e_type", "std")
SUFFIXES = (".npz", ".zarr", ".tif", ".gslib")


def ensemble(grid: Grid = GRID) -> Ensemble:
    """Six fields of three facies; the first three are honoured at two of two wells, the others at one."""
    facies = np.random.default_rng(0).integers(0, 3, (6, grid.rows, grid.columns)).astype(np.uint8)
    facies[:, 0, 0], facies[:, 1, 2] = 2, [0, 0, 0, 1, 1, 2]
    hard = HardData.none(grid)
    hard.mask[0, 0] = hard.mask[1, 2] = True
    hard.values[0, 0], hard.values[1, 2] = 2, 0
    return Ensemble.of(facies, grid=grid, variable=Facies(NAMES, SHARES), seed=7, hard=hard)


def given(made: Ensemble) -> dict[str, np.ndarray]:
    """Fields and maps by the names that they have in files."""
    return {made.variable.key: made.fields, **made.maps}


def kept(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_probability_and_entropy_have_exact_values() -> None:
    made = ensemble()
    assert made.maps["probability"][:, 0, 0].tolist() == [0, 0, 1]
    assert made.maps["probability"][:, 1, 2] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert made.maps["probability"].sum(axis=0) == pytest.approx(1)
    assert made.maps["entropy"][0, 0] == 0
    wanted = (np.log(2) / 2 + np.log(3) / 3 + np.log(6) / 6) / np.log(3)
    assert made.maps["entropy"][1, 2] == pytest.approx(wanted)
    even = np.arange(3, dtype=np.uint8)[:, None, None]
    level = Ensemble.of(even, grid=Grid.in_cells(1, 1), variable=Facies(NAMES, SHARES), seed=0, hard=made.hard)
    assert level.maps["entropy"][0, 0] == pytest.approx(1)
    assert made.maps["probability"].dtype == made.maps["entropy"].dtype == np.float32


def test_e_type_and_standard_deviation_are_of_the_codes() -> None:
    made = ensemble()
    assert (made.maps["e_type"][0, 0], made.maps["std"][0, 0]) == (2, 0)
    assert made.maps["e_type"][1, 2] == pytest.approx(2 / 3)  # of 0, 0, 0, 1, 1, 2
    assert made.maps["std"][1, 2] == pytest.approx((6 / 6 - 4 / 9) ** 0.5)
    assert made.maps["e_type"] == pytest.approx(made.fields.mean(axis=0))
    assert made.maps["std"] == pytest.approx(made.fields.std(axis=0), abs=1e-6)
    assert made.maps["e_type"].dtype == made.maps["std"].dtype == np.float32
    two = Ensemble.of(np.minimum(made.fields, 1), grid=GRID, variable=Facies(NAMES[:2]), seed=0, hard=made.hard)
    assert np.array_equal(two.maps["e_type"], two.maps["probability"][1])


def test_the_report_counts() -> None:
    made = ensemble()
    told = report(made, bundle="abc")
    assert (told["honoured_share"], told["honoured_share_min"]) == (0.75, 0.5)
    assert told["proportions"]["sand"] == pytest.approx(np.mean(made.fields == 1))
    assert sum(told["proportions"].values()) == pytest.approx(1)
    assert told["proportions_training"]["clay"] == 0.5
    assert (told["seed"], told["realizations"], told["bundle"]) == (7, 6, "abc")
    assert told["grid"]["bounds"] == [500, 1000, 600, 1080]
    none = Ensemble.of(made.fields, grid=GRID, variable=Facies(NAMES, SHARES), seed=7, hard=HardData.none(GRID))
    assert (report(none)["honoured_share"], report(none)["honoured_share_min"]) == (None, None)
    json.dumps(report(none), allow_nan=False)


def test_npz(tmp_path: Path) -> None:
    made = ensemble()
    assert fields.write(tmp_path / "f.npz", made, {"a": 1}, "<p>ä</p>") == [
        tmp_path / "f.npz",
        tmp_path / "f.npz.report.html",
        tmp_path / "f.npz.report.json",
    ]
    assert (tmp_path / "f.npz.report.html").read_text(encoding="utf-8") == "<p>ä</p>"
    with np.load(tmp_path / "f.npz", allow_pickle=False) as back:
        for name in ("facies", "probability", "entropy", "e_type", "std"):
            assert np.array_equal(back[name], given(made)[name])
        assert back["transform"].tolist() == list(GRID.transform)
        assert str(back["crs"]) == GRID.crs
        assert back["names"].tolist() == list(NAMES)
    assert json.loads((tmp_path / "f.npz.report.json").read_text()) == {"a": 1}


def test_geotiff_has_its_place(tmp_path: Path) -> None:
    import rasterio

    made = ensemble()
    fields.write(tmp_path / "f.tif", made, {})
    for name, bands in (
        ("f.tif", made.fields),
        ("f.tif.probability.tif", made.maps["probability"]),
        ("f.tif.entropy.tif", made.maps["entropy"][None]),
        ("f.tif.e_type.tif", made.maps["e_type"][None]),
        ("f.tif.std.tif", made.maps["std"][None]),
    ):
        with rasterio.open(tmp_path / name) as back:
            assert np.array_equal(back.read(), bands)
            assert (back.bounds, back.crs.to_epsg()) == ((500, 1000, 600, 1080), 25832)
            assert back.compression.name == "deflate"
    with rasterio.open(tmp_path / "f.tif.probability.tif") as back:
        assert back.descriptions == NAMES


def test_zarr_opens_in_xarray_with_coordinates(tmp_path: Path) -> None:
    import xarray

    made = ensemble()
    fields.write(tmp_path / "f.zarr", made, {})
    with xarray.open_zarr(tmp_path / "f.zarr", consolidated=False, mask_and_scale=False) as back:
        assert back.facies.dims == ("realization", "y", "x")
        assert back.probability.dims == ("code", "y", "x")
        for name in ("facies", "probability", "entropy", "e_type", "std"):
            assert np.array_equal(back[name].values, given(made)[name])
            assert back[name].dtype == given(made)[name].dtype
        assert back.x.values.tolist() == [510, 530, 550, 570, 590]
        assert back.y.values.tolist() == [1070, 1050, 1030, 1010]
        assert back.code.values.tolist() == [0, 1, 2]
        assert back.realization.values.tolist() == list(range(6))
        assert back.spatial_ref.attrs["crs_wkt"] == back.attrs["crs"] == GRID.crs
        assert back.attrs["names"] == list(NAMES)


def test_a_flipped_byte_in_any_zarr_array_is_found(tmp_path: Path) -> None:
    import zarr

    fields.write(tmp_path / "f.zarr", ensemble(), {})
    for name in ("facies", "probability", "entropy", "e_type", "std", "x", "y"):
        chunk = next(path for path in (tmp_path / "f.zarr" / name / "c").rglob("*") if path.is_file())
        data = bytearray(chunk.read_bytes())
        data[3] ^= 1
        chunk.write_bytes(data)
        with pytest.raises(ValueError, match="checksum"):
            zarr.open_group(tmp_path / "f.zarr", mode="r")[name][...]  # type: ignore[index]


def test_gslib_is_text_with_y_upwards(tmp_path: Path) -> None:
    made = ensemble()
    fields.write(tmp_path / "f.gslib", made, {})
    lines = (tmp_path / "f.gslib").read_text().splitlines()
    assert lines[:4] == ["5 4 1", "6", "realization_0", "realization_1"]
    values = np.array([line.split() for line in lines[8:]], int)
    assert np.array_equal(values.T.reshape(6, 4, 5)[:, ::-1], made.fields)
    assert values[0].tolist() == made.fields[:, 3, 0].tolist()  # the lower left cell comes first
    lines = (tmp_path / "f.gslib.probability.gslib").read_text().splitlines()
    maps = ["entropy", "e_type", "std"]
    assert lines[1:8] == ["6", "probability_clay", "probability_sand", "probability_gravel", *maps]
    values = np.array([line.split() for line in lines[8:]], float).T.reshape(6, 4, 5)[:, ::-1]
    assert values[:3] == pytest.approx(made.maps["probability"], abs=1e-5)
    for value, name in zip(values[3:], maps, strict=True):
        assert value == pytest.approx(made.maps[name], abs=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_device_leaves_what_was_there(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / f"f{suffix}"
    fields.write(out, ensemble(), {"run": 1})
    before = kept(tmp_path)
    form = fields.FORMATS[suffix]

    def half(path: Path, made: Ensemble, maps: object = None) -> None:
        ((path / "part") if path.is_dir() else path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    broken = replace(form, maps=half) if form.maps else replace(form, fields=half)
    monkeypatch.setitem(fields.FORMATS, suffix, broken)
    with pytest.raises(InputError, match=r"cannot be written: No space left on device; nothing was changed"):
        fields.write(out, ensemble(Grid.in_cells(9, 9)), {"run": 2})
    assert kept(tmp_path) == before
    with pytest.raises(InputError, match="No space left"):
        fields.write(tmp_path / "new" / f"f{suffix}", ensemble(), {})
    assert kept(tmp_path) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_second_write_replaces_the_first(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"f{suffix}"
    written = fields.write(out, ensemble(Grid.in_cells(9, 9)), {"run": 1})
    assert fields.write(out, ensemble(), {"run": 2}) == written
    assert sorted(tmp_path.iterdir()) == sorted(written) == sorted(fields.paths(out, MAPS))
    alone = tmp_path / "alone" / out.name
    fields.write(alone, ensemble(), {"run": 2})
    assert set(kept(tmp_path / "alone")) == {name for name in kept(tmp_path) if not name.startswith("alone")}


def test_outputs_are_checked_beforehand(tmp_path: Path) -> None:
    for name in ("f.nc", "fields", "f.TIFF"):
        with pytest.raises(InputError, match=r"unknown suffix .*use \.npz, \.zarr, \.tif, \.gslib"):
            fields.check_output(tmp_path / name, MAPS)
    (tmp_path / "f.npz").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        fields.check_output(tmp_path / "f.npz", MAPS)
    (tmp_path / "mine.zarr").mkdir()
    with pytest.raises(InputError, match="is no Zarr store of fields; it is not replaced"):
        fields.check_output(tmp_path / "mine.zarr", MAPS)
    zarr.create_group(tmp_path / "other.zarr", attributes={"kind": "prepared", "crs": None})
    with pytest.raises(InputError, match="is no Zarr store of fields; it is not replaced"):
        fields.check_output(tmp_path / "other.zarr", MAPS)
    (tmp_path / "a.zarr.report.json").mkdir()
    with pytest.raises(InputError, match=r"a\.zarr\.report\.json: is a folder"):
        fields.check_output(tmp_path / "a.zarr", MAPS)
    with pytest.raises(InputError, match="70000 realizations; a TIFF holds 65535 bands"):
        fields.check_output(tmp_path / "b.tif", MAPS, count=70000)
    (tmp_path / "w.gslib").touch()
    (tmp_path / "c.tif.probability.tif").touch()
    fields.write(tmp_path / "d.zarr", ensemble(), {})
    (tmp_path / "d.zarr" / "w.csv").touch()
    for out, given in (("w.gslib", "w.gslib"), ("c.tif", "c.tif.probability.tif"), ("d.zarr", "d.zarr/w.csv")):
        with pytest.raises(InputError, match=rf"{out}: would replace .*{given}, which is read; name another file"):
            fields.check_output(tmp_path / out, MAPS, inputs=(None, tmp_path / given))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not a folder"):
        fields.check_output(tmp_path / "file" / "f.npz", MAPS)
    fields.check_output(tmp_path / "new" / "f.npz", MAPS)
    assert not (tmp_path / "new").exists()
