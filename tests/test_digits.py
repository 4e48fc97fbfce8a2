"""Sets of digits in IDX and HDF5 files: their samples are the tiles, with their labels; what is wrong is named."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from geogan.config import parse, read_yaml
from geogan.datasets import Context, Limits, fetch, hdf5_digits, idx, two_sets
from geogan.datasets.fetch import Remote
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.pipeline import data as bring
from geogan.pipeline.prepare import prepare
from geogan.pipeline.project import Project
from geogan.prepare_scenes import prepare_scenes
from geogan.scene_store import open_scenes
from geogan.tiles import Split
from tests.test_fetch import web  # noqa: F401

TRAIN, TEST, EDGE = 25, 7, 6  # of A
TRAIN_B, TEST_B, EDGE_B = 33, 4, 4
SPLIT = Split(validation=("train/9",), test=("test/*",))
SIZES = (EDGE, EDGE_B)
IDX = {
    "images": "images",
    "labels": "labels.gz",
    "test_images": "test_images.gz",
    "test_labels": "test_labels",
}
A: dict[str, Any] = {"name": "idx", **IDX}
B: dict[str, Any] = {"name": "hdf5_digits", "path": "b.h5"}


def idx_bytes(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def pictures(count: int, edge: int = EDGE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, edge, edge)).astype(np.uint8)


def classes(count: int) -> np.ndarray:
    return (np.arange(count) * 7 % 10).astype(np.uint8)


def write_h5(path: Path, **arrays: np.ndarray) -> Path:
    """``train_data`` becomes train/data, and so on."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("_", "/")] = values
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A: four IDX files, of which two are packed. B: an HDF5 file."""
    root = tmp_path / "sets"
    root.mkdir()
    (root / "images").write_bytes(idx_bytes(pictures(TRAIN)))
    (root / "labels.gz").write_bytes(gzip.compress(idx_bytes(classes(TRAIN))))
    (root / "test_images.gz").write_bytes(gzip.compress(idx_bytes(pictures(TEST, seed=1))))
    (root / "test_labels").write_bytes(idx_bytes(classes(TEST)))
    reals = [pictures(count, EDGE_B, seed).reshape(count, -1) / np.float32(255) for count, seed in ((33, 2), (4, 3))]
    write_h5(
        root / "b.h5",
        train_data=reals[0],
        train_target=classes(TRAIN_B).astype(np.int32),
        test_data=reals[1],
        test_target=classes(TEST_B).astype(np.int32),
    )
    return root


def make(folder: Path, path: Path, a: dict[str, Any] = A, b: dict[str, Any] = B, **changes: Any) -> dict[str, Any]:
    sizes: dict[str, Any] = {"tile": SIZES, "stride": SIZES, "evaluation_tile": SIZES, "split": SPLIT}
    return prepare_scenes(two_sets.read(Context(folder), a=a, b=b), **(sizes | changes), nodata=0.0, path=path, key="k")


def test_a_set_is_ten_parts_and_a_test_part(folder: Path) -> None:
    found = idx.read(Context(folder), **IDX)
    assert found.names == (*(f"train/{part}" for part in range(10)), "test/0")
    counts = [layer.grid.rows // EDGE for layer in found.layers]
    assert (sum(counts[:10]), counts[10]) == (TRAIN, TEST)
    assert set(counts[:10]) == {2, 3}
    assert {(layer.sample, layer.grid.columns, layer.grid.crs, layer.dtype) for layer in found.layers} == {
        (EDGE, EDGE, None, "uint8")
    }
    stacked = np.concatenate([layer.read(0, 0, layer.grid.rows, EDGE).values[0] for layer in found.layers[:10]])
    assert np.array_equal(stacked.reshape(-1, EDGE, EDGE), pictures(TRAIN))
    labels = [layer.labels for layer in found.layers if layer.labels is not None]
    assert np.concatenate(labels).tolist() == [*classes(TRAIN), *classes(TEST)]
    third = pickle.loads(pickle.dumps(found.layers[3]))  # another process may read it
    piece, again = found.layers[3].read(EDGE, 1, EDGE, 3), third.read(EDGE, 1, EDGE, 3)
    assert np.array_equal(piece.values[0], pictures(TRAIN)[sum(counts[:3]) + 1, :, 1:4])
    assert np.array_equal(piece.values, again.values)
    assert piece.valid.all()


def test_packed_or_not_the_samples_are_the_same(folder: Path) -> None:
    (folder / "labels").write_bytes(gzip.decompress((folder / "labels.gz").read_bytes()))
    (folder / "images.gz").write_bytes(gzip.compress((folder / "images").read_bytes()))
    one = idx.read(Context(folder), images="images", labels="labels")
    two = idx.read(Context(folder), images="images.gz", labels="labels.gz")
    assert len(one.layers) == len(two.layers) == 10
    for first, second in zip(one.layers, two.layers, strict=True):
        assert np.array_equal(first.values, second.values)
        assert np.array_equal(first.labels, second.labels)  # type: ignore[arg-type]
    assert one.sha256 != two.sha256


def test_real_numbers_are_rounded(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 10 * 9, dtype=np.float32).reshape(10, 3, 3)
    write_h5(tmp_path / "a.h5", train_data=values)
    found = hdf5_digits.read(Context(tmp_path), path="a.h5")
    assert found.names == tuple(f"train/{part}" for part in range(10))
    assert all(layer.labels is None and layer.sample == 3 for layer in found.layers)
    whole = np.concatenate([layer.values for layer in found.layers])
    assert np.array_equal(whole, np.rint(values.astype(np.float64) * 255).astype(np.uint8))


def test_tiles_are_the_samples_with_their_labels(folder: Path, tmp_path: Path) -> None:
    summary = make(folder, tmp_path / "a.zarr")
    last, last_b = TRAIN - TRAIN * 9 // 10, TRAIN_B - TRAIN_B * 9 // 10
    counts = {"train": TRAIN - last, "validation": last, "test": TEST}
    counts_b = {"train_b": TRAIN_B - last_b, "validation_b": last_b, "test_b": TEST_B}
    aside = {"left_out": 0, "skipped": 0, "left_out_b": 0, "skipped_b": 0}
    wanted = {"tile": EDGE, "tile_b": EDGE_B, **aside, **counts, **counts_b}
    assert summary == {"tiles": wanted, "evaluation": wanted}
    opened = open_scenes(tmp_path / "a.zarr")
    assert not opened.aligned
    assert (opened.a.low, opened.a.high, opened.a.cell_size) == ((0.0,), (255.0,), (1.0, 1.0))
    for group in ("tiles", "evaluation"):
        assert (opened.tile(group), opened.tile(group, "b")) == SIZES
        for domain, train, test, count in (
            ("a", pictures(TRAIN), pictures(TEST, seed=1), TRAIN - last),
            ("b", pictures(TRAIN_B, EDGE_B, 2), pictures(TEST_B, EDGE_B, 3), TRAIN_B - last_b),
        ):
            for split, values, first in (
                ("train", train[:count], 0),
                ("validation", train[count:], count),
                ("test", test, 0),
            ):
                tiles = opened.read(split, domain, group)
                assert np.array_equal(tiles.values[:, 0], values)
                assert tiles.valid.all()
                assert tiles.labels is not None
                assert tiles.labels.dtype == np.int16
                assert tiles.labels.tolist() == classes(TRAIN_B)[first : first + len(values)].tolist()
    few = opened.read("train", "b", limit=5)
    assert few.labels is not None
    assert few.labels.tolist() == [classes(TRAIN_B)[k * (TRAIN_B - last_b) // 5] for k in range(5)]
    with pytest.raises(InputError, match="no domain 'c'"):
        opened.tile("tiles", "c")
    with xarray.open_zarr(tmp_path / "a.zarr", consolidated=False, group="evaluation") as read:
        assert read.label_b.dims == ("tile_b",)
        assert set(read.scene_b.values) == {f"train/{part}" for part in range(10)} | {"test/0"}


def test_without_labels_there_are_none(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "a.zarr", {"name": "idx", "images": "images", "test_images": "test_images.gz"})
    opened = open_scenes(tmp_path / "a.zarr")
    assert opened.read("train", "a").labels is None
    assert opened.read("train", "b").labels is not None


def test_damaged_labels_are_found(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "a.zarr")
    (file,) = (path for path in (tmp_path / "a.zarr/label_a/c").iterdir())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged store"):
        open_scenes(tmp_path / "a.zarr").read("test", "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": EDGE}, r"^tile: 6, but samples of B are 4 x 4; give \[6, 4\]"),
        ({"tile": (4, 6)}, r"^tile: 4, but samples of A are 6 x 6; give \[6, 4\]"),
        ({"stride": (3, 4)}, r"^stride: 3, but samples of A are 6 x 6"),
        ({"evaluation_tile": 12}, r"^evaluation_tile: 12, but samples of A are 6 x 6"),
        ({"tile": (6, 0)}, r"^tile: must be at least 1 pixel, not 0"),
    ],
)
def test_tiles_have_the_size_of_the_samples(
    folder: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make(folder, tmp_path / "a.zarr", **changes)
    assert not (tmp_path / "a.zarr").exists()
    alike = {"tile": 5, "stride": EDGE, "evaluation_tile": EDGE}
    with pytest.raises(InputError, match=r"^tile: 5, but samples of A are 6 x 6; give 6$"):
        make(folder, tmp_path / "a.zarr", b=A, **alike)


def test_shares_take_whole_parts(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "a.zarr", split=Split(validation=0.2, test=0.2))
    opened = open_scenes(tmp_path / "a.zarr")
    for domain in "ab":
        parts = [set(opened.places(split, domain)[0]) for split in ("train", "validation", "test")]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 11


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def head(number: int, content: bytes) -> Callable[[Path], None]:
    """Write other bytes at a place of a plain file."""

    def change(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        whole[number : number + len(content)] = content
        path.write_bytes(whole)

    return change


def become(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(idx_bytes(values)) and None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("images", Path.unlink, r"images: there is no such file \(source\.a\.images is relative to"),
        ("images", cut, r"images: 891 bytes follow its header, which declares 900"),
        ("images", longer, r"images: more bytes follow its header, which declares 900"),
        ("images", lambda path: path.write_bytes(b"\0\0\x08\x03\0\0"), r"images: cut off in its header"),
        ("images", lambda path: path.write_bytes(b""), r"images: is no IDX file of pictures"),
        ("images", head(2, b"\x0d"), r"images: is no IDX file of pictures, .* the bytes 00 00 08 03, not 00 00 0d 03"),
        ("images", become(classes(TRAIN)), r"images: is no IDX file of pictures, .* 08 03, not 00 00 08 01"),
        ("images", become(np.zeros((TRAIN, 6, 5), np.uint8)), r"images: its samples are 6 x 5 pixels; they must be sq"),
        ("images", head(4, b"\xff\xff\xff\xff"), r"images: 25769803770 x 6 pixels, more than limits\.pixels"),
        ("images", become(pictures(9)), r"labels\.gz: has 25 labels, .*images 9 samples; there must be one for each"),
        ("labels.gz", cut, r"labels\.gz: cut off or damaged"),
        ("labels.gz", lambda path: path.write_bytes(b"\x1f\x8bno"), r"labels\.gz: cut off or damaged"),
        ("test_images.gz", cut, r"test_images\.gz: cut off or damaged"),
        ("test_images.gz", head(40, b"\0\0\0"), r"test_images\.gz: "),
        ("test_images.gz", become(pictures(TEST, 5)), r"test_images\.gz: its samples are 5 x 5 .* images 6 x 6|alike"),
        ("test_labels", become(classes(8)), r"test_labels: has 8 labels, .* 7 samples"),
    ],
)
def test_idx_files_that_are_wrong(folder: Path, name: str, change: Callable[[Path], None], message: str) -> None:
    change(folder / name)
    with pytest.raises(InputError, match=message) as caught:
        two_sets.read(Context(folder), a=A, b=B)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "source.a.images: is missing; give the files of a set, or source.a.set, one of mnist, fashion_mnist"),
        ({"set": "mnist", "images": "images"}, "source.a.images: is given, and source.a.set mnist too"),
        ({"set": "mnist", "sha256s": ["0"]}, "source.a.sha256s: is given, and source.a.set mnist too"),
        ({"images": "images", "test_labels": "x"}, "source.a.test_images: is missing, source.a.test_labels is given"),
        (
            {"images": "images", "labels": "labels.gz", "test_images": "test_images.gz"},
            "source.a.test_labels: is missing, source.a.labels is given; give both or neither",
        ),
        ({"images": "images", "sha256s": ["0", "1"]}, "source.a.sha256s: has 2; one for each of images is needed"),
        ({"image": "images"}, "source.a.image: unknown key; known here: images, labels, set, sha256s, test_images"),
        ({"set": "kmnist"}, "source.a.set: input should be 'mnist' or 'fashion_mnist', got 'kmnist'"),
    ],
)
def test_options_that_do_not_go_together(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        two_sets.read(Context(folder), a={"name": "idx", **options}, b=B)
    assert str(caught.value).startswith(message)


def test_content_is_pinned(folder: Path) -> None:
    sums = [sha256_of(folder / name) for name in IDX.values()]
    read = two_sets.read(Context(folder), a=A | {"sha256s": sums}, b=B | {"sha256": sha256_of(folder / "b.h5")})
    assert read.sha256 == two_sets.read(Context(folder), a=A, b=B).sha256
    wrong = [sums[0], "0" * 64, *sums[2:]]
    with pytest.raises(InputError, match=rf"labels\.gz: its sha256 is {sums[1]}, source\.a\.sha256s asks for 0+"):
        two_sets.read(Context(folder), a=A | {"sha256s": wrong}, b=B)
    with pytest.raises(InputError, match=r"b\.h5: its sha256 is \w+, source\.b\.sha256 asks for 0+"):
        two_sets.read(Context(folder), a=A, b=B | {"sha256": "0" * 64})
    (folder / "test_labels").write_bytes(idx_bytes(classes(TEST)[::-1]))
    assert two_sets.read(Context(folder), a=A, b=B).sha256 != read.sha256


GOOD: dict[str, np.ndarray] = {"train_data": np.zeros((12, 16)), "train_target": np.zeros(12, np.int32)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": np.zeros((12, 16))}, r"has no group train; groups train and test with data and target are needed"),
        ({"train_target": np.zeros(12)}, r"a\.h5: train: has no data"),
        (GOOD | {"test_target": np.zeros(3)}, r"a\.h5: test: has no data"),
        (GOOD | {"train_data": np.zeros((12, 15))}, r"train/data: has the shape \(12, 15\); \(sample, y \* x\) or"),
        (GOOD | {"train_data": np.zeros((12, 4, 3))}, r"train/data: has the shape \(12, 4, 3\)"),
        (GOOD | {"train_data": np.zeros(12)}, r"train/data: has the shape \(12,\)"),
        (
            GOOD | {"train_data": np.full((12, 16), 255.0)},
            r"train/data: holds values from 255 to 255; they must lie",
        ),
        (GOOD | {"train_data": np.full((12, 16), -1.0)}, r"train/data: holds values from -1 to -1"),
        (GOOD | {"train_data": np.full((12, 16), np.nan)}, r"train/data: holds values from nan to nan"),
        (GOOD | {"train_data": np.full((12, 16), b"x")}, r"train/data: is of type \|S1; numbers are needed"),
        (GOOD | {"train_data": np.zeros((9, 16))}, r"train/target: has the shape \(12,\), data 9 samples"),
        (GOOD | {"train_target": np.zeros(12)}, r"train/target: is of type float64; classes are whole numbers"),
        (
            GOOD | {"train_target": np.full(12, 40_000)},
            r"train/target: holds labels from 40000 to 40000; they",
        ),
        ({"train_data": np.zeros((9, 16))}, r"a\.h5: train: holds 9 samples; "),
        ({"train_data": np.zeros((12, 0))}, r"a\.h5: train: its samples are 0 x 0 pixels"),
        (
            GOOD | {"test_data": np.zeros((2, 16))},
            r"a\.h5: test: has no labels, .*train has some; give both",
        ),
        ({"train_data": np.zeros((12, 16)), "test_data": np.zeros((0, 16))}, r"a\.h5: test: holds no sample"),
        (
            {"train_data": np.zeros((12, 16)), "test_data": np.zeros((2, 9))},
            r"test: its samples are 3 x 3 pixels",
        ),
    ],
)
def test_hdf5_files_that_are_wrong(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    write_h5(tmp_path / "a.h5", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        hdf5_digits.read(Context(tmp_path), path="a.h5")
    assert "\n" not in str(caught.value)


def test_hdf5_files_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    context = Context(tmp_path)
    (tmp_path / "text.h5").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.h5: damaged, or no HDF5 file \("):
        hdf5_digits.read(context, path="text.h5")
    (tmp_path / "cut.h5").write_bytes((folder / "b.h5").read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"cut\.h5: damaged, or no HDF5 file \(.*truncated"):
        hdf5_digits.read(context, path="cut.h5")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["train"] = h5py.ExternalLink(str(folder / "b.h5"), "/train")
    with pytest.raises(InputError, match=r"link\.h5: train/data refers to another file"):
        hdf5_digits.read(context, path="link.h5")
    with pytest.raises(InputError, match=r"source\.path: is missing; give a file, or source\.set, one of usps"):
        hdf5_digits.read(context)
    with pytest.raises(InputError, match=r"source\.path: is given, and source\.set usps too"):
        hdf5_digits.read(context, set="usps", path="a.h5")
    with pytest.raises(InputError, match=r"none\.h5: there is no such file \(source\.b\.path is relative"):
        hdf5_digits.read(context, "source.b", path="none.h5")
    small = Context(folder, Limits(pixels=100))
    with pytest.raises(InputError, match=r"train/data: 132 x 4 pixels, more than limits\.pixels = 100"):
        hdf5_digits.read(small, path="b.h5")


@pytest.fixture
def published(web: tuple[str, Path, list[str]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:  # noqa: F811
    """The public sets are those of ``folder``, on a server on loopback."""
    address, served, asked = web
    sums = []
    for name, file in zip(IDX.values(), idx.FILES, strict=True):
        (served / file).write_bytes((folder / name).read_bytes())
        sums.append(sha256_of(served / file))
    (served / "usps.h5").write_bytes((folder / "b.h5").read_bytes())
    monkeypatch.setitem(idx.SETS, "mnist", (f"{address}/", *sums))
    monkeypatch.setitem(hdf5_digits.SETS, "usps", Remote(f"{address}/usps.h5", sha256_of(folder / "b.h5")))
    return address, asked


def test_public_sets_are_downloaded_once(
    published: tuple[str, list[str]], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = published
    sets: dict[str, Any] = {"a": {"name": "idx", "set": "mnist"}, "b": {"name": "hdf5_digits", "set": "usps"}}
    for _ in range(2):
        scenes = two_sets.read(Context(tmp_path / "p"), **sets)
    assert asked == [*(f"/{file}" for file in idx.FILES), "/usps.h5"]
    assert scenes.sha256 == two_sets.read(Context(folder), a=A, b=B).sha256
    assert (tmp_path / "p/data/raw/mnist" / idx.FILES[3]).is_file()
    monkeypatch.setitem(hdf5_digits.SETS, "usps", Remote(f"{address}/usps.h5", "0" * 64))
    with pytest.raises(InputError, match=r"usps\.h5: its content does not have the sha256 0+; nothing was kept"):
        two_sets.read(Context(tmp_path / "q"), **sets)
    assert not (tmp_path / "q/data/raw/usps").exists()
    monkeypatch.setitem(hdf5_digits.SETS, "usps", Remote(f"{address}/none.h5", "0" * 64))
    with pytest.raises(InputError, match=r"none\.h5: cannot be downloaded .*; give a file .* as source\.b\.path"):
        two_sets.read(Context(tmp_path / "q"), **sets)


def params(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    sizes = {"tile": [*SIZES], "stride": [*SIZES], "evaluation_tile": [*SIZES]}
    split = {"validation": ["train/9"], "test": ["test/*"]}
    dataset = {"source": source, **sizes, "split": split, "constraints": {"name": "none"}} | more
    return {"datasets": {"digits": dataset}, "experiments": {}}


SETS: dict[str, Any] = {"name": "two_sets", "a": A, "b": B}


@pytest.mark.parametrize(
    ("side", "given", "message"),
    [
        ("a", {"name": "idx", "image": "x"}, "source.a.image: unknown key; known here: images, labels, set, "),
        ("a", {"name": "raster"}, "source.a.name: 'raster' is not one of hdf5_digits, idx"),
        ("b", {"name": "hdf5_digits", "path": 3}, "source.b.path: input should be a valid string, got 3"),
        ("b", {"path": "x"}, "source.b: must be a mapping with a 'name', one of hdf5_digits, idx; got {'path': 'x'}"),
        ("b", "usps", "source.b: input should be an object, got 'usps'"),
    ],
)
def test_the_sets_are_checked_with_the_params(side: str, given: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(params(SETS | {side: given}))
    assert str(caught.value).startswith(f"datasets.digits.{message}")
    source = parse(params(SETS)).datasets["digits"].source
    assert source.options["b"] == {"name": "hdf5_digits", "set": None, "path": "b.h5", "sha256": None}


def test_the_stage_prepares_and_notices_other_files(folder: Path) -> None:
    project = Project(folder, parse(params(SETS)))
    key = project.prepared_key("digits")
    assert prepare(project, "digits")["evaluation"]["test_b"] == TEST_B
    opened = open_scenes(project.prepared("digits"))
    assert (opened.key, opened.tile(), opened.tile(domain="b")) == (key, *SIZES)
    (folder / "test_labels").write_bytes(idx_bytes(classes(TEST)[::-1]))
    assert project.prepared_key("digits") != key
    project = Project(folder, parse(params(SETS, tile=EDGE)))
    with pytest.raises(InputError, match=r"^datasets\.digits: tile: 6, but samples of B are 4 x 4; give \[6, 4\]"):
        prepare(project, "digits")


def test_the_public_digits_become_a_dataset(published: tuple[str, list[str]], folder: Path) -> None:
    city = {"source": {"name": "synthetic_city"}, "tile": 64, "stride": 64, "evaluation_tile": 64}
    text = {"datasets": {"city": city | {"constraints": {"name": "none"}}}, "experiments": {}}
    (folder / "params.yaml").write_text(str(text))
    told = bring.fetch(Project(folder, parse(text)), "digits")
    assert told == "digits: fetched and checked; params.yaml: datasets.digits reads it"
    assert len(published[1]) == 5
    written = parse(read_yaml(folder / "params.yaml"))
    digits = written.datasets["digits"]
    assert (digits.tiling.tile, digits.tiling.of("a").tile, digits.tiling.of("b").stride) == ((28, 16), 28, 16)
    assert (digits.split.validation, digits.split.test) == (("train/9",), ("test/*",))
    rows = bring.listing(Project(folder, written))
    assert {"name": "digits", "kind": "dataset", "about": "two_sets: idx mnist, hdf5_digits usps"} in rows
    assert any(row["name"] == "digits" and "usps.h5" in row["about"] for row in rows if row["kind"] == "to fetch")


def test_real_digits(real_data: Path) -> None:
    name = "digits/mnist/{}-{}-ubyte.gz"
    first = idx.read(
        Context(real_data),
        images=name.format("train", "images-idx3"),
        labels=name.format("train", "labels-idx1"),
        test_images=name.format("t10k", "images-idx3"),
        test_labels=name.format("t10k", "labels-idx1"),
    )
    digest = hdf5_digits.SETS["usps"].sha256  # what is fetched is this file
    second = hdf5_digits.read(Context(real_data), path="digits/usps.h5", sha256=digest)
    for found, edge, counts in ((first, 28, [6000] * 10 + [10_000]), (second, 16, [729] * 10 + [2007])):
        sizes = np.array([layer.grid.rows // edge for layer in found.layers])
        assert (sizes - counts).min() >= 0
        assert (sizes - counts).max() <= 1
        test = found.layers[-1]
        assert test.labels is not None
        assert set(test.labels.tolist()) == set(range(10))
        assert test.values.max() == 255
        assert test.values.min() == 0
    assert sum(len(layer.values) for layer in second.layers[:-1]) == 7291
    assert np.bincount(np.asarray(first.layers[-1].labels)).tolist()[:2] == [980, 1135]
    assert np.bincount(np.asarray(second.layers[-1].labels)).tolist()[:2] == [359, 264]


def test_a_mirror_of_its_own_needs_no_server(tmp_path: Path) -> None:
    """A file that is there with the right content is not asked for."""
    (tmp_path / "x.h5").write_bytes(b"content")
    remote = Remote("http://127.0.0.1:9/x.h5", sha256_of(tmp_path / "x.h5"))
    assert fetch.retrieve(remote, tmp_path, advice="none") == tmp_path / "x.h5"
