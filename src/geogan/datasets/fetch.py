"""Public training images, downloaded once and pinned by their sha256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geogan.datasets import gslib, raster
from geogan.datasets.context import Context
from geogan.errors import InputError
from geogan.training_image import TrainingImage

TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class Remote:
    """A file on the web, by the commit that it was published in."""

    url: str
    sha256: str


REMOTES = {
    "laloy_channels": Remote(  # 2500 x 2500, two facies; elaloy/gan_for_gradient_based_inv, MIT
        "https://raw.githubusercontent.com/elaloy/gan_for_gradient_based_inv/"
        "aeb48ea3b45579c186267741ccabc31bd7e1dabd/training/ti/ti.png",
        "a138be025008c65e4bbf236ca4c520c0823e37cd67bbcbb367d4e8c8b1dccf47",
    ),
    "strebelle": Remote(  # 250 x 250, two facies; GAIA-UNIL/trainingimages, GPL-3
        "https://raw.githubusercontent.com/GAIA-UNIL/trainingimages/"
        "b2339532f782363cf4eea13a483cf74aa80f7831/MPS_book_data/Part2/ti_strebelle.sgems",
        "c14e96d9e0a8f25f4c5c812005ee7a8037b684c99497a76521b829f0e497c0f1",
    ),
}


def read(context: Context, /, *, image: str, url: str | None = None, sha256: str | None = None) -> TrainingImage:
    """Download a known training image unless it is there already, and read it by its suffix.

    ``image`` is a name of the table above; ``url`` names another place to take it
    from (a mirror), ``sha256`` other content.

    Raises:
        InputError: unknown image, no answer, or content with another sha256 (nothing is kept then).
    """
    file = download(context.root, image, url=url, sha256=sha256)
    source = raster.read if file.suffix.lower() in (".png", ".tif", ".tiff") else gslib.read
    return source(context, path=str(file))


def download(root: Path, image: str, *, url: str | None = None, sha256: str | None = None) -> Path:
    """Bring a known file to ``root/data/raw/<image>/`` and return its path; errors as in `read`."""
    if image not in REMOTES:
        raise InputError(f"source.image: {image!r} is not one of {', '.join(REMOTES)}")
    url, sha256 = url or REMOTES[image].url, (sha256 or REMOTES[image].sha256).lower()
    if not url.startswith(("https://", "http://")):
        raise InputError(f"source.url: {url!r} must begin with https:// or http://")
    return retrieve(Remote(url, sha256), root / "data" / "raw" / image, advice="bring the file in with data import")


def retrieve(remote: Remote, folder: Path, *, advice: str) -> Path:
    """Bring a file into ``folder`` under its own name, unless it is there, and return its path.

    Raises InputError, and leaves nothing, where there is no answer (with the ``advice``) or another content.
    """
    import pooch
    import requests

    url, sha256 = remote.url, remote.sha256
    fresh = [place for place in (folder, *folder.parents) if not place.exists()]
    pooch.get_logger().setLevel("WARNING")
    try:
        downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
        file = Path(url.split("?")[0].split("#")[0]).name
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=file, path=folder, downloader=downloader))
    except (ValueError, requests.RequestException, OSError) as error:
        for place in fresh:
            if place.exists() and not any(place.iterdir()):
                place.rmdir()
        if isinstance(error, requests.RequestException):
            reason = " ".join(str(error).split())
            raise InputError(f"{url}: cannot be downloaded ({reason}); {advice}") from error
        if isinstance(error, ValueError):
            raise InputError(f"{url}: its content does not have the sha256 {sha256}; nothing was kept") from error
        raise
