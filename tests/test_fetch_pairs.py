"""The public set of aerial pictures and maps, from a server on loopback: once, whole, and never changed unnoticed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from geogan.datasets import Context, fetch_pairs
from geogan.datasets.fetch_pairs import download, read
from geogan.errors import InputError
from geogan.files import sha256_of
from tests.test_fetch import web  # noqa: F401
from tests.test_rasters import whole, write

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
Web = tuple[str, Path, list[str]]


def pack(folder: Path, members: dict[str, bytes], name: str = "maps.tar.gz") -> Path:
    with tarfile.open(folder / name, "w:gz") as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return folder / name


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    image = np.zeros((3, 8, 16), dtype=np.uint8)
    image[:, :, 8:] = 200
    content = write(tmp_path / "picture.jpg", image).read_bytes()
    (tmp_path / "picture.jpg").unlink()
    return {"maps/train/2.jpg": content, "maps/train/10.jpg": content, "maps/val/1.jpg": content, "maps/list": b"x"}


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_set_is_downloaded_once_and_read(web: Web, tmp_path: Path, members: dict[str, bytes]) -> None:  # noqa: F811
    address, folder, asked = web
    digest = sha256_of(pack(folder, members))
    for _ in range(2):
        scenes = read(Context(tmp_path / "p"), set="maps", url=f"{address}/maps.tar.gz")
        assert scenes.names == ("train/2", "train/10", "val/1")
        assert whole(scenes.a[0]).values.max() < 20
        assert whole(scenes.b[0]).values.min() > 180
    assert asked == ["/maps.tar.gz"]
    files = ["maps.tar.gz", "maps.tar.gz.sha256", "train/10.jpg", "train/2.jpg", "val/1.jpg"]
    assert left_in(tmp_path / "p") == [f"data/raw/maps/{name}" for name in files]
    assert (tmp_path / "p/data/raw/maps/maps.tar.gz.sha256").read_text().strip() == digest


def test_other_content_than_at_first_is_refused(web: Web, tmp_path: Path, members: dict[str, bytes]) -> None:  # noqa: F811
    address, folder, _ = web
    first = sha256_of(pack(folder, members))
    kept = download(tmp_path / "p", "maps", url=f"{address}/maps.tar.gz")
    (kept / "maps.tar.gz").unlink()
    for file in kept.glob("*/*.jpg"):
        file.unlink()
    pack(folder, {"maps/train/1.jpg": b"another"})
    with pytest.raises(InputError, match=rf"maps\.tar\.gz: its sha256 is \w+, {first} is asked for or was at first"):
        download(tmp_path / "p", "maps", url=f"{address}/maps.tar.gz")
    assert left_in(kept) == ["maps.tar.gz.sha256"]
    pack(folder, members)
    with pytest.raises(InputError, match=rf"has the sha256 {first}, source\.sha256 asks for {'0' * 64}"):
        download(tmp_path / "p", "maps", url=f"{address}/maps.tar.gz", sha256="0" * 64)


def test_a_changed_archive_is_noticed_and_lost_pictures_come_back(
    web: Web,  # noqa: F811
    tmp_path: Path,
    members: dict[str, bytes],
) -> None:
    address, folder, asked = web
    pack(folder, members)
    kept = download(tmp_path, "maps", url=f"{address}/maps.tar.gz")
    for file in kept.glob("*/*.jpg"):
        file.unlink()
    download(tmp_path, "maps", url=f"{address}/maps.tar.gz")
    assert len(list(kept.glob("*/*.jpg"))) == 3
    assert asked == ["/maps.tar.gz"]
    (kept / "maps.tar.gz").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"data/raw/maps/maps\.tar\.gz: its sha256 is"):
        download(tmp_path, "maps")


def test_what_a_user_put_there_stays(tmp_path: Path, members: dict[str, bytes]) -> None:
    folder = tmp_path / "data/raw/maps"
    (folder / "train").mkdir(parents=True)
    (folder / "train/notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"train/notes\.txt: is no part of the set"):
        download(tmp_path, "maps", url="http://127.0.0.1:9/maps.tar.gz")
    (folder / "train/7.jpg").write_bytes(members["maps/val/1.jpg"])
    assert read(Context(tmp_path)).names == ("train/7",)
    with pytest.raises(InputError, match=r"source\.sha256 cannot be checked"):
        read(Context(tmp_path), sha256="0" * 64)
    assert left_in(folder) == ["train/7.jpg", "train/notes.txt"]


@pytest.mark.parametrize("wrong", ["cut", "text", "empty", "outside", "bomb", "checksum", "missing", "scheme"])
def test_nothing_is_left_of_a_wrong_archive(
    web: Web,  # noqa: F811
    tmp_path: Path,
    members: dict[str, bytes],
    wrong: str,
) -> None:
    address, folder, _ = web
    url, sha256 = f"{address}/maps.tar.gz", None
    path = pack(folder, members)
    if wrong == "cut":
        path.write_bytes(path.read_bytes()[:-150])
    elif wrong == "text":
        path.write_text("<html>moved</html>")
    elif wrong == "empty":
        pack(folder, {"maps/list": b"x"})
    elif wrong == "outside":
        pack(folder, members | {"maps/../x.jpg": b"x"})
    elif wrong == "bomb":
        pack(folder, {"maps/train/1.jpg": bytes(10_000_000)})
    elif wrong == "checksum":
        sha256 = "0" * 64
    elif wrong == "missing":
        url = f"{address}/other.tar.gz"
    else:
        url = "file:///etc/passwd"
    messages = {
        "empty": "holds no pictures",
        "bomb": "holds more than 20 times its size",
        "checksum": "its sha256 is",
        "missing": "cannot be downloaded",
        "scheme": r"source\.url: 'file:///etc/passwd' must begin with http",
    }
    with pytest.raises(InputError, match=messages.get(wrong, "a broken archive")) as caught:
        download(tmp_path / "p", "maps", url=url, sha256=sha256)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "p").exists()
    assert not (tmp_path / "x.jpg").exists()


def test_the_size_of_the_published_set_is_known(
    web: Web,  # noqa: F811
    tmp_path: Path,
    members: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder, _ = web
    url = f"{address}/maps.tar.gz"
    size = pack(folder, members).stat().st_size
    monkeypatch.setitem(fetch_pairs.ARCHIVES, "maps", fetch_pairs.Archive(url, size + 1))
    with pytest.raises(InputError, match=rf"{size} bytes came, the set has {size + 1}; nothing was kept"):
        download(tmp_path / "p", "maps")
    monkeypatch.setitem(fetch_pairs.ARCHIVES, "maps", fetch_pairs.Archive(url, size))
    assert download(tmp_path / "p", "maps").is_dir()
