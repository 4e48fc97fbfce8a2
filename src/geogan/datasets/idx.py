"""One set of samples in IDX files, the format of MNIST: gzipped or plain."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int16, UInt8

from geogan.datasets.context import Context
from geogan.datasets.digits import DigitSet, Samples, digit_set
from geogan.datasets.fetch import Remote, retrieve
from geogan.datasets.pairing import identity
from geogan.errors import InputError

KEYS = ("images", "labels", "test_images", "test_labels")
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SETS = {
    "mnist": (  # 60000 + 10000 digits of 28 x 28; the mirror of the Common Visual Data Foundation
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion_mnist": (  # 60000 + 10000 articles of clothing of 28 x 28; zalandoresearch/fashion-mnist, MIT
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
BYTES = 8  # the code of unsigned bytes in the magic number
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


def read(
    context: Context,
    key: str = "source",
    /,
    *,
    set: Literal["mnist", "fashion_mnist"] | None = None,
    images: str | None = None,
    labels: str | None = None,
    test_images: str | None = None,
    test_labels: str | None = None,
    sha256s: tuple[str, ...] = (),
) -> DigitSet:
    """A public ``set``, downloaded once, or that of files: training pictures, and if there are any their labels and
    an official test part.

    Paths are relative to the project. ``sha256s`` are those of the files that are given, in the order of the keys
    above. ``key`` is what messages call the source.

    Raises:
        InputError: a missing or a superfluous file, other content than the sha256s, no answer, a file that is no IDX
            of bytes, is cut off or too long, pictures that are not square, or another number of labels.
    """
    paths = {name: path for name, path in zip(KEYS, (images, labels, test_images, test_labels), strict=True) if path}
    _check(key, set, paths, sha256s)
    if set is not None:
        files = _fetched(context.root, key, set)
    else:
        pins = sha256s or (None,) * len(paths)
        files = {
            name: context.file(path, pin, key=f"{key}.{name}", pin=f"{key}.sha256s")
            for (name, path), pin in zip(paths.items(), pins, strict=True)
        }
    train = _samples(context, files["images"][0], files.get("labels", (None,))[0])
    test = None
    if "test_images" in files:
        test = _samples(context, files["test_images"][0], files.get("test_labels", (None,))[0])
    return digit_set(train, test, identity(**{name: digest for name, (_, digest) in files.items()}))


def _check(key: str, name: str | None, paths: dict[str, str], sha256s: tuple[str, ...]) -> None:
    """Raise InputError for options that do not go together."""
    if name is not None:
        for other in [*paths, *(("sha256s",) if sha256s else ())]:
            raise InputError(f"{key}.{other}: is given, and {key}.set {name} too, which has its own; give one of them")
        return
    if "images" not in paths:
        raise InputError(f"{key}.images: is missing; give the files of a set, or {key}.set, one of {', '.join(SETS)}")
    if "test_labels" in paths and "test_images" not in paths:
        raise InputError(f"{key}.test_images: is missing, {key}.test_labels is given; give both or neither")
    if "test_images" in paths and ("labels" in paths) != ("test_labels" in paths):
        there, missing = ("labels", "test_labels") if "labels" in paths else ("test_labels", "labels")
        raise InputError(f"{key}.{missing}: is missing, {key}.{there} is given; give both or neither")
    if sha256s and len(sha256s) != len(paths):
        raise InputError(f"{key}.sha256s: has {len(sha256s)}; one for each of {', '.join(paths)} is needed")


def _fetched(root: Path, key: str, name: str) -> dict[str, tuple[Path, str]]:
    """The files of a public set in ``root/data/raw/<name>/``, and their sha256."""
    address, *digests = SETS[name]
    folder, advice = root / "data" / "raw" / name, f"give files of your own as {key}.images and so on"
    return {
        option: (retrieve(Remote(address + file, digest), folder, advice=advice), digest)
        for option, file, digest in zip(KEYS, FILES, digests, strict=True)
    }


def _samples(context: Context, images: Path, labels: Path | None) -> Samples:
    with _opened(images) as stream:
        count, rows, columns = _sizes(stream, images, 3, "pictures")
        if rows != columns:
            raise InputError(f"{images}: its samples are {rows} x {columns} pixels; they must be square")
        context.limits.check(str(images), count * rows, columns, images.stat().st_size)
        values = _content(stream, images, (count, rows, columns))
    return Samples(str(images), values, None if labels is None else _labels(labels, images, count))


def _labels(file: Path, images: Path, count: int) -> Int16[np.ndarray, " sample"]:
    with _opened(file) as stream:
        (found,) = _sizes(stream, file, 1, "labels")
        if found != count:
            raise InputError(f"{file}: has {found} labels, {images} {count} samples; there must be one for each")
        return _content(stream, file, (found,)).astype(np.int16)


def _opened(file: Path) -> BufferedIOBase:
    with file.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(file, "rb") if packed else file.open("rb")


def _sizes(stream: BufferedIOBase, file: Path, dimensions: int, what: str) -> tuple[int, ...]:
    """The sizes that the header declares: a magic number, then one number of 32 bits per dimension."""
    head = _taken(stream, file, 4 + 4 * dimensions)
    wanted = bytes((0, 0, BYTES, dimensions))
    if head[:4] != wanted:
        raise InputError(
            f"{file}: is no IDX file of {what}, which begins with the bytes {wanted.hex(' ')}, not {head[:4].hex(' ')}"
        )
    if len(head) < 4 + 4 * dimensions:
        raise InputError(f"{file}: cut off in its header")
    return struct.unpack(f">{dimensions}I", head[4:])


def _content(stream: BufferedIOBase, file: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, ...]:
    """The bytes after the header. Raises InputError where they are fewer or more than declared."""
    declared = math.prod(shape)
    content = _taken(stream, file, declared + 1)
    if len(content) != declared:
        held = len(content) if len(content) < declared else "more"
        raise InputError(f"{file}: {held} bytes follow its header, which declares {declared}; the file is damaged")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _taken(stream: BufferedIOBase, file: Path, count: int) -> bytes:
    try:
        return stream.read(count)
    except BROKEN as error:
        raise InputError(f"{file}: cut off or damaged ({' '.join(str(error).split())})") from error
