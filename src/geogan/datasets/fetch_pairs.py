"""Public sets of scenes and maps, downloaded once."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import Literal

from geogan.datasets import image_pairs
from geogan.datasets.context import Context
from geogan.datasets.fetch import TIMEOUT
from geogan.errors import InputError
from geogan.files import replacing_folder, sha256_of
from geogan.scenes import Scenes

EXPANSION = 20  # times the size of the archive that its pictures may have


@dataclass(frozen=True)
class Archive:
    """A tar.gz on the web with pictures side by side in folders; its size in bytes."""

    url: str
    size: int


ARCHIVES = {
    # 1096 + 1098 pictures of 1200 x 600, the satellite on the left; phillipi/pix2pix. No checksum of it is
    # published, so that of the first download is kept beside it; the size is the one that downloads report.
    "maps": Archive("http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz", 250_242_400),
}


def read(
    context: Context, /, *, set: Literal["maps"] = "maps", url: str | None = None, sha256: str | None = None
) -> Scenes:
    """Download a public set unless it is there already: aerial pictures and street maps, names "train/1" and so on.

    ``url`` names another place to take it from, ``sha256`` its content. Without ``sha256`` that of the first
    download is written to ``data/raw/<set>/<set>.tar.gz.sha256``, and other content is refused from then on.

    Pictures that are there already are taken as they are.

    Raises:
        InputError: no answer, other content than asked for or than at first, or a broken archive; nothing is kept.
    """
    download(context.root, set, url=url, sha256=sha256)
    return image_pairs.read(context, a=f"data/raw/{set}/*/*.jpg", b=None, side="left")


def download(root: Path, name: str, *, url: str | None = None, sha256: str | None = None) -> Path:
    """Bring a set to ``root/data/raw/<name>/``, whole or not at all, and return this folder; errors as in `read`."""
    folder = root / "data" / "raw" / name
    archive, record = folder / f"{name}.tar.gz", folder / f"{name}.tar.gz.sha256"
    known = record.read_text(encoding="utf-8").strip() if record.is_file() else None
    if known and sha256 and sha256.lower() != known:
        raise InputError(f"{record}: the set that is there has the sha256 {known}, source.sha256 asks for {sha256}")
    known = known or (sha256.lower() if sha256 else None)
    if archive.is_file():
        _check(archive, known, str(archive))
    if any(folder.glob("*/*.jpg")):
        if sha256 and not record.is_file() and not archive.is_file():
            raise InputError(f"{folder}: holds pictures without their archive, source.sha256 cannot be checked")
        return folder
    if others := [path for path in folder.rglob("*") if path.is_file() and path not in (archive, record)]:
        raise InputError(f"{others[0]}: is no part of the set; {folder} would be replaced, move it away")
    fresh = [place for place in (folder.parent, *folder.parents) if not place.exists()]
    try:
        with replacing_folder(folder) as temporary:
            if archive.is_file():
                shutil.copyfile(archive, temporary / archive.name)
            else:
                _download(url, ARCHIVES[name], temporary / archive.name, known)
            _extract(temporary / archive.name, temporary, where=url or ARCHIVES[name].url)
            (temporary / record.name).write_text(sha256_of(temporary / archive.name) + "\n", encoding="utf-8")
    except BaseException:
        for place in fresh:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        raise
    return folder


def _check(archive: Path, known: str | None, where: str) -> None:
    actual = sha256_of(archive)
    if known is not None and actual != known:
        raise InputError(f"{where}: its sha256 is {actual}, {known} is asked for or was at first; nothing is changed")


def _download(url: str | None, known: Archive, target: Path, sha256: str | None) -> None:
    import pooch
    import requests

    address = url or known.url
    if not address.startswith(("https://", "http://")):
        raise InputError(f"source.url: {address!r} must begin with https:// or http://")
    try:
        pooch.HTTPDownloader(timeout=TIMEOUT)(address, str(target), None)
    except requests.RequestException as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{address}: cannot be downloaded ({reason}); give a mirror as source.url") from error
    size = target.stat().st_size
    if sha256 is None and address == known.url and size != known.size:
        raise InputError(f"{address}: {size} bytes came, the set has {known.size}; nothing was kept")
    _check(target, sha256, address)


def _extract(archive: Path, folder: Path, *, where: str) -> None:
    """The pictures of an archive ``<set>/<part>/<name>.jpg`` as ``folder/<part>/<name>.jpg``."""
    room = EXPANSION * archive.stat().st_size
    try:
        with tarfile.open(archive, "r|gz") as stream:
            for member in stream:
                parts = Path(member.name).parts
                if not member.isfile() or len(parts) < 2 or not member.name.lower().endswith(".jpg"):
                    continue
                room -= member.size
                if room < 0:
                    raise InputError(f"{where}: holds more than {EXPANSION} times its size; nothing was kept")
                if parts[-2] in ("..", "/"):
                    raise tarfile.TarError(f"{member.name} lies outside")
                picture = folder / parts[-2] / parts[-1]
                picture.parent.mkdir(exist_ok=True)
                content = stream.extractfile(member)
                assert content is not None  # of a regular file
                with content, picture.open("wb") as sink:
                    shutil.copyfileobj(content, sink)
    except (tarfile.TarError, EOFError, zlib.error, BadGzipFile) as error:
        raise InputError(f"{where}: a broken archive ({' '.join(str(error).split())}); nothing was kept") from error
    if not any(folder.glob("*/*.jpg")):
        raise InputError(f"{where}: holds no pictures <folder>/<name>.jpg; nothing was kept")
