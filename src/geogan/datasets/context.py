"""What a source is told by the program: where the project lies and how large a picture may be."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geogan.errors import InputError
from geogan.files import sha256_of

FILES = ("path", "images", "labels", "test_images", "test_labels")  # options of sets of samples that name a file
EXPANSION_FROM = 25_000_000  # pixels; a smaller picture is harmless however well it is compressed


@dataclass(frozen=True)
class Limits:
    """Largest picture that is read: in pixels, and in pixels per byte of its file.

    The second is asked above 25 million pixels only. An honest channel field takes some 50 pixels per byte,
    a picture made to fill the memory many thousands.
    """

    pixels: int = 1_000_000_000
    expansion: float = 1000.0

    def check(self, where: str, rows: int, columns: int, size: int | None = None) -> None:
        """Raise InputError if ``rows`` x ``columns`` pixels out of ``size`` bytes are more than allowed."""
        pixels = rows * columns
        if pixels > self.pixels:
            raise InputError(
                f"{where}: {rows} x {columns} pixels, more than limits.pixels = {self.pixels}; "
                "crop it or raise the limit"
            )
        if size is not None and pixels > EXPANSION_FROM and pixels > self.expansion * size:
            raise InputError(
                f"{where}: declares {rows} x {columns} pixels in {size} bytes, more than limits.expansion = "
                f"{self.expansion:g} pixels per byte; raise the limit if the file is to be trusted"
            )


@dataclass(frozen=True)
class Context:
    """``root``: the project's folder, which relative paths are resolved against."""

    root: Path
    limits: Limits = Limits()

    def file(
        self, path: str, sha256: str | None, *, key: str = "source.path", pin: str = "source.sha256"
    ) -> tuple[Path, str]:
        """The file that the ``key`` of a source names, and its sha256, which its key ``pin`` asks for.

        Raises:
            InputError: there is no such file, or its sha256 is not the one asked for.
        """
        found = self.root / path
        if not found.is_file():
            raise InputError(f"{found}: there is no such file ({key} is relative to {self.root})")
        actual = sha256_of(found)
        if sha256 is not None and sha256.lower() != actual:
            raise InputError(f"{found}: its sha256 is {actual}, {pin} asks for {sha256}")
        return found, actual

    def files(self, pattern: str | Mapping[str, Any]) -> list[Path]:
        """The files, sorted, that a path, a folder or a glob pattern names; none where there are none.

        Of a source inside another one (a mapping), those that its FILES name.
        """
        if not isinstance(pattern, str):
            return sorted(file for key in FILES if pattern.get(key) for file in self.files(pattern[key]))
        path = self.root / pattern
        if path.is_dir():
            return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        found = glob.glob(str(path), recursive=True) if glob.has_magic(pattern) else [str(path)]
        return sorted(Path(name) for name in found if Path(name).is_file())
