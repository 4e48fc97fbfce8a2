"""Bad input from outside: exit status 2, one line that names what is wrong, and nothing new or changed on disk."""

from __future__ import annotations

import resource
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from geogan.pipeline.cli import app
from tests.clone import EXPERIMENT, answer, environment, run, state

BUNDLE = f"data/exports/{EXPERIMENT}"
MODEL = f"data/models/{EXPERIMENT}"
KEY = f"experiments.{EXPERIMENT}"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Dataset has no geotransform")]


@pytest.fixture(scope="module")
def at(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished project; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("bad") / "copy"
    return shutil.copytree(project, folder, symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp"))


@pytest.fixture
def refused(at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Call the command line in the project (or ``folder``); the one line that it refuses with."""
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)

    def call(*command: str | Path, folder: Path = at, child: bool = False) -> str:
        monkeypatch.chdir(folder)
        words = [str(word) for word in command]
        before = state(at, tmp_path)
        if child:
            done = answer(folder, "geogan", *words)
            status, out, err = done.returncode, done.stdout, done.stderr
        else:
            result = CliRunner().invoke(app, words)
            status, out, err = result.exit_code, result.stdout, result.stderr
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert (status, out) == (2, ""), f"{status} {out} {err}"
        assert state(at, tmp_path) == before
        (line,) = err.splitlines()
        assert line.startswith("geogan: ")
        return line.removeprefix("geogan: ")

    return call


Refused = Callable[..., str]


@contextmanager
def altered(path: Path) -> Iterator[None]:
    """Let the body damage a file or folder, then put it back."""
    kept = path.with_name(path.name + ".kept")
    if path.is_dir():
        shutil.copytree(path, kept)
    else:
        shutil.copyfile(path, kept)
    try:
        yield
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        kept.rename(path)


# params


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("datasets.channels.tiel=64", "datasets.channels.tiel: unknown key; known here: "),
        (
            f"{KEY}.generator.depth=3",
            f"{KEY}.generator.depth: unknown key; known here: dilations, filters, finest_skip, norm, nugget",
        ),
        ("datasets.channels.tile='64'", "datasets.channels.tile: input should be a valid integer, got '64'"),
        ("datasets.channels.stride=0", "datasets.channels.stride: must be at least 1, got 0"),
        ("datasets.channels.tile=1024", "datasets.channels: tile, evaluation_tile: 1024 is larger than the image of"),
        ("datasets.channels.evaluation_tile=601", "datasets.channels: tile, evaluation_tile: 601 is larger than the"),
        ("datasets.channels.split.gap=300", "datasets.channels: "),
        ("datasets.channels.source.rows=0", "datasets.channels: source.rows: must be at least 1 pixel, not 0"),
        ("limits.pixels=1000", "datasets.channels: source: 600 x 600 pixels, more than limits.pixels = 1000"),
    ],
)
def test_params_that_cannot_be(refused: Refused, setting: str, said: str) -> None:
    assert refused("prepare", "--set", setting).startswith(said)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (f"{KEY}.generator.filters=[]", f"{KEY}.generator: cannot be built for tiles of 32 ("),
        (f"{KEY}.generator.dilations=[0]", f"{KEY}.generator: cannot be built for tiles of 32 (non-positive dilation"),
        (f"{KEY}.diversity.reach=0", f"{KEY}.diversity.reach: must be at least 1 pixel, got 0"),
        (f"{KEY}.system.margin=-8", f"{KEY}.system.margin: must be at least 0 cells, got -8"),
        (f"{KEY}.system.margin=12", f"{KEY}.system.margin: 12 is no multiple of the generator's stride, 8"),
        (f"{KEY}.latent.channels=-1", f"{KEY}.latent.channels: must be at least 1, got -1"),
        (f"{KEY}.critic.filters=[4, -4]", f"{KEY}.critic: cannot be built for tiles of 32 ("),
        (f"{KEY}.critic.filters=[2, 2, 2, 2, 2, 2]", f"{KEY}.critic: cannot be built for tiles of 32 ("),
        (f"{KEY}.optimisers.generator.lr=-1", f"{KEY}.optimisers.generator: cannot be built for these numbers (Invali"),
        ("datasets.channels.tile=36", f"{KEY}.generator: its stride is 8, and tiles of 36 are no multiple of it"),
    ],
)
def test_parts_that_torch_cannot_build_are_found_before_any_store_is_made(
    refused: Refused, setting: str, said: str
) -> None:
    assert refused("train", "--set", "datasets.channels.source.seed=5", "--set", setting).startswith(said)


def test_a_params_file_that_is_none(refused: Refused, tmp_path: Path) -> None:
    assert refused("train", "--params", tmp_path / "no.yaml").startswith(f"{tmp_path}/no.yaml: cannot be read")
    (tmp_path / "bad.yaml").write_text("seed: [1\n")
    assert refused("train", "--params", tmp_path / "bad.yaml").startswith(f"{tmp_path}/bad.yaml: is not valid YAML")
    (tmp_path / "typo.yaml").write_text(f"experiments: {{{EXPERIMENT}: {{stpes: 3}}}}")
    said = refused("train", "--params", "params.yaml", "--params", tmp_path / "typo.yaml", child=True)
    assert said.startswith(f"{KEY}.stpes: unknown key; known here: ")


def test_names_that_are_not_in_the_params(refused: Refused) -> None:
    for command in ("train", "evaluate", "export"):
        assert refused(command, "-e", "city").startswith("experiment 'city': is not in the params; there are channels_")
    for command in ("prepare", "constrain"):
        assert refused(command, "-d", "channels", "-d", "city").startswith("dataset 'city': is not in the params")
    assert refused("profile", "no").startswith("profile 'no': there is no ")
    assert refused("data", "fetch", "no").startswith("data fetch no: is not one of laloy_channels, strebelle")


# pictures


def png(path: Path, rows: int, columns: int) -> None:
    """A black picture with one bit per pixel, as small as PNG allows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = zlib.compress(bytes((1 + (columns + 7) // 8) * rows), 9)
    header = struct.pack(">IIBBBBB", columns, rows, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b""))


def tiff(path: Path, values: np.ndarray) -> None:
    import rasterio

    bands, rows, columns = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=bands, dtype=values.dtype, crs="EPSG:25832"
    ) as file:
        file.write(values)


def one_facies(path: Path) -> None:
    tiff(path, np.full((1, 400, 400), 7, np.uint8))


def not_a_number(path: Path) -> None:
    values = np.indices((400, 400))[:1].astype(np.float32) // 200
    values[0, 3, 5] = np.nan
    tiff(path, values)


def three_bands(path: Path) -> None:
    tiff(path, np.stack([np.indices((400, 400))[0] // 200] * 3).astype(np.uint8))


def bomb(path: Path) -> None:
    png(path, 12_000, 12_000)
    assert path.stat().st_size < 20_000


def half(path: Path) -> None:
    tiff(path, np.random.default_rng(0).integers(0, 2, (1, 400, 400)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def elsewhere(path: Path) -> None:
    path.write_text(
        '<VRTDataset rasterXSize="400" rasterYSize="400"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        "<SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def text(path: Path) -> None:
    path.write_text("x,y,facies\n1,2,1\n")


def nothing(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (one_facies, "holds one facies only; a training image has two or more"),
        (not_a_number, "nan at row 3, column 5; every value must be finite"),
        (three_bands, "has 3 bands where one is needed; choose one with source.band (1 to 3)"),
        (bomb, "declares 12000 x 12000 pixels in "),
        (half, "cut off or damaged ("),
        (elsewhere, "a VRT, which refers to other files; give the PNG or TIFF itself"),
        (text, "not a PNG or TIFF"),
        (nothing, "not a PNG or TIFF"),
    ],
)
def test_pictures_that_cannot_be_training_images(
    refused: Refused, tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    picture = tmp_path / "picture.tif"
    make(picture)
    source = f"datasets.channels.source={{name: raster, path: {picture}}}"
    assert refused("prepare", "--set", source).startswith(f"datasets.channels: {picture}: {said}")
    assert refused("data", "import", picture, "--as", "mine").startswith(f"{picture}: {said}")


def test_the_limits_of_a_picture_can_be_raised(refused: Refused, tmp_path: Path) -> None:
    bomb(tmp_path / "bomb.png")
    said = refused(
        *("prepare", "--set", f"datasets.channels.source={{name: raster, path: {tmp_path}/bomb.png}}"),
        *("--set", "limits.expansion=10000"),
        child=True,
    )
    assert said.endswith("bomb.png: holds one facies only; a training image has two or more")


def test_a_raw_file_that_is_not_the_pinned_one(refused: Refused, tmp_path: Path) -> None:
    three_bands(tmp_path / "a.tif")
    source = f"datasets.channels.source={{name: raster, path: {tmp_path}/a.tif, sha256: {'f' * 64}}}"
    assert "source.sha256 asks for ffffff" in refused("prepare", "--set", source)
    source = f"datasets.channels.source={{name: raster, path: {tmp_path}/b.tif}}"
    assert f"{tmp_path}/b.tif: there is no such file" in refused("prepare", "--set", source)


# stores


def emptied(store: Path) -> None:
    shutil.rmtree(store)
    store.mkdir()


def without_manifest(store: Path) -> None:
    (store / "manifest.json").unlink()


def without_shard(store: Path) -> None:
    shutil.rmtree(store / "facies" / "c")


def cut_shard(store: Path) -> None:
    shard = max((store / "facies" / "c").rglob("*"), key=lambda file: file.is_file())
    shard.write_bytes(shard.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [emptied, without_manifest, without_shard, cut_shard])
@pytest.mark.parametrize("kind", ["prepared", "constraints"])
def test_empty_and_half_written_stores(refused: Refused, at: Path, kind: str, damage: Callable[[Path], None]) -> None:
    store = at / "data" / kind / "channels.zarr"
    with altered(store):
        damage(store)
        for command in ("train", "evaluate") if kind == "constraints" else ("constrain", "train", "evaluate"):
            said = refused(command, "-q")
            assert said.startswith(str(store)), command
            assert " made again" in said or "make the store again" in said
        assert refused("data", "verify", store).startswith(str(store))


def test_a_store_with_a_changed_byte(refused: Refused, at: Path) -> None:
    store = at / "data" / "prepared" / "channels.zarr"
    shard = next(file for file in (store / "facies" / "c").rglob("*") if file.is_file())
    with altered(shard):
        content = bytearray(shard.read_bytes())
        content[100] ^= 1
        shard.write_bytes(content)
        assert refused("data", "verify").startswith(f"{shard}: altered")
        said = refused("train", "-q", "--force", child=True)
        assert said.startswith(f"{store}: damaged store (")


# checkpoints


class Code:
    """What would run if a checkpoint were unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, (f"open({str(self.marker)!r}, 'w')",))


def test_a_checkpoint_with_code_is_never_run_and_skipped_where_another_one_is_left(
    at: Path, refused: Refused, tmp_path: Path
) -> None:
    (folder,) = (path.parent for path in (at / ".geogan/checkpoints").glob("*/finished.json"))
    marker = at / "code-ran"
    with altered(at / ".geogan"), altered(at / "mlflow.db"):
        (folder / "finished.json").unlink()
        older, newest = sorted(folder.glob("step-*.pt"))
        good = older.read_bytes()
        for file in (older, newest):
            torch.save({"step": int(file.stem[5:]), "system": Code(marker)}, file)
        said = refused("train", "-q", child=True)
        assert said.startswith(f"{folder}: none of its 2 checkpoints can be read ({newest.name}: ")

        weights = (at / MODEL / "weights.safetensors").read_bytes()
        (at / MODEL / "weights.safetensors").unlink()
        older.write_bytes(good)
        done = answer(at, "geogan", "train", "-q")
        assert done.returncode == 0
        assert done.stderr.startswith(f"warning: {newest}: ")
        assert "skipped for the one before it" in done.stderr
        assert (at / MODEL / "weights.safetensors").read_bytes() == weights
    assert not marker.exists()


# bundles


@pytest.mark.parametrize("name", ["weights.safetensors", "system.json", "model.onnx", "card.md", "manifest.json"])
def test_a_bundle_with_a_changed_byte(refused: Refused, at: Path, tmp_path: Path, name: str) -> None:
    file = at / BUNDLE / name
    with altered(file):
        content = bytearray(file.read_bytes())
        content[1 if name == "manifest.json" else len(content) // 2] ^= 1  # of a manifest no sum of another file
        file.write_bytes(content)
        command = ("simulate", BUNDLE, "--unconditional", "--size", "16", "16", "-o", tmp_path / "o.npz")
        assert refused(*command, child=name == "weights.safetensors").startswith(f"{BUNDLE}/{name}: ")
        file.unlink()
        assert name == "manifest.json" or refused(*command).startswith(f"{BUNDLE}/{name}: missing")


def test_no_byte_of_a_manifest_can_change_unseen(at: Path, tmp_path: Path) -> None:
    from geogan.errors import InputError
    from geogan.manifests import read_manifest, verify

    bundle = shutil.copytree(at / BUNDLE, tmp_path / "bundle")
    manifest = bundle / "manifest.json"
    content = manifest.read_bytes()
    for place in range(len(content)):
        for bit in (1, 32, 128):
            manifest.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with pytest.raises(InputError):
                read_manifest(bundle, "bundle")
                verify(bundle)


def test_what_is_no_bundle(refused: Refused, at: Path, tmp_path: Path) -> None:
    rest = ("--unconditional", "--size", "16", "16", "-o", tmp_path / "o.npz")
    assert refused("simulate", "nothing", *rest).startswith("nothing: there is no such bundle; a bundle is a folder ")
    assert refused("simulate", "params.yaml", *rest).startswith("params.yaml: there is no such bundle")
    assert refused("simulate", "docs" if (at / "docs").exists() else "src", *rest).endswith("'geogan export' makes one")
    assert "of kind 'prepared' where 'bundle' is needed" in refused("simulate", "data/prepared/channels.zarr", *rest)
    said = refused("translate", "nothing", "scene.tif", "-o", tmp_path / "o.tif", child=True)
    assert said.startswith("nothing: there is no such bundle")
    said = refused("translate", BUNDLE, "scene.tif", "-o", tmp_path / "o.tif")
    assert said == f"{BUNDLE}: is a bundle for simulation, not for translation; use geogan simulate"


def test_evaluate_and_export_without_a_model(refused: Refused, at: Path) -> None:
    kept = at / "data" / "kept"
    (at / MODEL).rename(kept)
    try:
        for command in ("evaluate", "export"):
            assert str(at / MODEL) in refused(command, "-q")
    finally:
        kept.rename(at / MODEL)


# wells and grids


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("x,y\n1,2\n", "no facies column among x, y; "),
        ("x,y,facies\n1,abc,1\n", "line 2, column y: 'abc' is not a number"),
        ("x,y,facies\n1,nan,1\n", "line 2, column y: 'nan' is not a number"),
        ("x,y,facies\n", "no rows; one well at least is needed"),
        ("", "no rows; one well at least is needed"),
        ("x,y,facies\n1,2\n", "line 2: 2 cells where the table has 3 columns"),
        ("x,y,facies\n1,2,sand\n", "line 2: unknown facies 'sand'; known are 0 (background), 1 (channel)"),
        ("x,y,facies\n1,2,\n", "line 2, column facies: empty; a facies is needed"),
        ("x,y,facies\n99,2,1\n", "line 2: x 99, y 2 lies outside the grid"),
        ("x,y,facies\n1.2,2.2,1\n1.7,2.7,0\n", "wells disagree in cell row 13, column 1: line 2 (channel), line 3"),
        ("row,column,facies\n1.5,2,1\n", "line 2, column row: 1.5 is not a whole number of cells"),
    ],
)
def test_wells_that_cannot_be(refused: Refused, tmp_path: Path, table: str, said: str) -> None:
    wells = tmp_path / "wells.csv"
    wells.write_text(table)
    command = ("simulate", BUNDLE, "--wells", wells, "--size", "16", "16", "-o", tmp_path / "o.npz")
    assert refused(*command).startswith(f"{wells}: {said}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--size 0 0", "--size 0 0: a grid has at least 1 row and 1 column"),
        ("--size -3 5", "--size -3 5: a grid has at least 1 row and 1 column"),
        ("--size a b", "Invalid value for '--size': "),
        ("--size 5", "Option '--size' requires 2 arguments ("),
        ("", "grid: give one of --size, --like, --bounds; given: none"),
        ("--size 5 5 --bounds 0 0 1 1", "grid: give one of --size, --like, --bounds; given: --size, --bounds"),
        ("--bounds 0 0 9 9", "--bounds: needs --resolution too"),
        ("--bounds 9 0 0 9 --resolution 1 --crs EPSG:25832", "--bounds 9 0 0 9: must be W S E N"),
        ("--bounds 0 0 9 9 --resolution 0 --crs EPSG:25832", "--resolution 0: must be a positive cell size"),
        ("--bounds 0 0 9 9 --resolution 1 --crs EPSG:0", "--crs EPSG:0: unknown"),
        ("--size 99999999 99999999", "grid of 99999999 x 99999999: "),
        ("--size 5 5 -n 0", "-n 0 --seed 0: at least 1 realization"),
        ("--size 5 5 --seed -1", "-n 100 --seed -1: at least 1 realization and a seed from 0"),
        ("--size 5 5 --wells w.csv", "--wells and --unconditional: both given"),
        ("--size 5 5 --on-conflict maybe", "--on-conflict maybe: must be error, drop or majority"),
        ("--size 5 5 --columns x", "--columns x: must be like "),
        ("--like params.yaml", "params.yaml: not a readable GeoTIFF, PNG or JPEG"),
    ],
)
def test_grids_and_options_that_cannot_be(refused: Refused, tmp_path: Path, options: str, said: str) -> None:
    command = ("simulate", BUNDLE, "--unconditional", "-o", tmp_path / "o.npz", *options.split())
    assert refused(*command, child=options == "--size 0 0").startswith(said)


def test_outputs_that_cannot_be(refused: Refused, at: Path, tmp_path: Path) -> None:
    command = ("simulate", BUNDLE, "--unconditional", "--size", "8", "8", "-o")
    assert "unknown suffix .jpg; use .npz" in refused(*command, tmp_path / "o.jpg")
    (tmp_path / "folder.npz").mkdir()
    assert refused(*command, tmp_path / "folder.npz").endswith("is a folder; name a file")
    assert "not a folder that can be written to" in refused(*command, at / "params.yaml" / "o.npz")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'? ('geogan --help'"),
        ("data trian", "No such command 'trian' ('geogan data --help'"),
        ("train --nope", "No such option: --nope"),
        ("simulate", "Missing argument 'bundle'"),
        ("simulate b", "Missing option '-o' / '--output'"),
        ("data import f.png", "Missing option '--as'"),
        ("prepare --workers 0", "Invalid value for '--workers': "),
        ("train extra", "Got unexpected extra argument"),
    ],
)
def test_bad_usage_is_answered_as_bad_input_is(refused: Refused, command: str, said: str) -> None:
    line = refused(*command.split())
    assert line.startswith(said)
    assert line.endswith("--help' tells what is right)")


@pytest.mark.parametrize(
    "command", ["prepare", "constrain", "train", "evaluate", "export", "data list", "data verify", "runs list",
                "runs import", "profile gpu", "ui", "data fetch strebelle"]
)  # fmt: skip
def test_outside_a_project_every_command_says_so(refused: Refused, tmp_path: Path, command: str) -> None:
    said = refused(*command.split(), folder=tmp_path)
    assert said == f"{tmp_path}: no dvc.yaml here or above; run geogan inside a project that has one"


# no room


def limited(at: Path, size: int, *command: str | Path) -> str:
    """Run a command that may write no file above ``size`` bytes; the one line that it ends with."""
    done = subprocess.run(
        ["geogan", *map(str, command)],
        cwd=at,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("size", "command"),
    [
        (20_000, "prepare -q --set datasets.channels.source.seed=5"),
        (10_000, f"export -q -e {EXPERIMENT}"),
        (100_000, f"simulate {BUNDLE} --unconditional --size 300 300 -n 5 -q -o old.npz"),
        (100_000, f"simulate {BUNDLE} --unconditional --size 300 300 -n 5 -q -o new.zarr"),
    ],
)
def test_where_there_is_no_room_everything_stays_as_it_was(at: Path, size: int, command: str) -> None:
    (at / "old.npz").write_bytes(b"what was there")
    before = state(at)
    line = limited(at, size, *command.split())
    assert line.startswith("geogan: ")
    said = ("no space left on the device", "cannot be written: File too large; nothing was changed")
    said += ("5 fields of 300 x 300 need 0.000419 GiB there until they are written: File too large",)
    assert any(words in line for words in said), line
    assert state(at) == before
    (at / "old.npz").unlink()


def test_a_full_device(at: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        (full / "o.tif").write_bytes(b"what was there")
        command = ["simulate", BUNDLE, "--unconditional", "--size", "300", "300", "-n", "5", "-q", "-o"]
        done = answer(at, "geogan", *command, str(full / "o.tif"))
        assert done.returncode == 2, done.stderr
        assert "No space left on device" in done.stderr.splitlines()[-1]
        assert [file.name for file in full.iterdir()] == ["o.tif"]
        assert (full / "o.tif").read_bytes() == b"what was there"
    finally:
        run(tmp_path, "umount", str(full))
