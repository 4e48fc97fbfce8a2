"""Rows of a translation that are finished, kept beside the output so that an interrupted translation goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from geogan.errors import InputError
from geogan.files import write_text
from geogan.whole_scenes.engine import Rows
from geogan.whole_scenes.strips import Ramp, Valid, Values

STATE, VALUES, VALID = "state.json", "values.raw", "valid.raw"


class Partial:
    """The folder ``.<name of the output>.partial``.

    ``values.raw`` (row, band, column) and ``valid.raw`` (row, column) grow by the rows of a strip; then
    ``ramp-<strip>.npy`` is written, and last ``state.json``, which says how much of them counts. So a translation
    that ends at any moment, by SIGKILL or a full device, goes on after the last whole strip.
    """

    def __init__(self, out: Path, work: Mapping[str, Any], *, bands: int, columns: int, dtype: str):
        """Open the folder of ``out``, or make it; what it holds of other ``work`` (plain JSON) is dropped.

        Raises InputError where another process translates to ``out``.
        """
        self.folder = out.with_name(f".{out.name}.partial")
        self.work = json.loads(json.dumps(work))
        self.bands, self.columns, self.dtype = bands, columns, np.dtype(dtype)
        self.strips = self.rows = 0  # finished
        self._fresh = [folder for folder in self.folder.parents if not folder.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"{out}: another process is translating to it; wait for it or name another file") from None
        self._resume()

    def _resume(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            strips, rows = int(state["strips"]), int(state["rows"])
            sizes = [rows * width for width in self._widths]
            held = [(self.folder / name).stat().st_size for name in (VALUES, VALID)]
            if state["work"] == self.work and all(one >= size for one, size in zip(held, sizes, strict=True)):
                self.strips, self.rows = strips, rows
                return
        for file in self.folder.iterdir():
            if file.name != "lock":
                file.unlink()

    @property
    def _widths(self) -> tuple[int, int]:
        """Bytes of a row of values, and of a row of the mask."""
        return self.bands * self.columns * self.dtype.itemsize, self.columns

    @property
    def ramp(self) -> Ramp | None:
        """The ramp of the last finished strip; None before the first."""
        if self.strips == 0:
            return None
        ramp: Ramp = np.load(self.folder / f"ramp-{self.strips - 1}.npy", allow_pickle=False)
        return ramp

    def add(self, rows: Rows) -> None:
        """Keep the rows of the next strip. Raises OSError where there is no room; what was kept still counts."""
        arrays = (np.moveaxis(rows.values, 0, 1), rows.valid.view(np.uint8))
        for name, width, array in zip((VALUES, VALID), self._widths, arrays, strict=True):
            with (self.folder / name).open("ab") as stream:
                stream.truncate(self.rows * width)
                stream.write(np.ascontiguousarray(array).data)
                stream.flush()
                os.fsync(stream.fileno())
        with (self.folder / f"ramp-{rows.strip}.npy").open("wb") as stream:
            np.save(stream, rows.ramp, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
        count = self.rows + len(rows.valid)
        write_text(self.folder / STATE, json.dumps({"work": self.work, "strips": rows.strip + 1, "rows": count}))
        (self.folder / f"ramp-{rows.strip - 1}.npy").unlink(missing_ok=True)
        self.strips, self.rows = rows.strip + 1, count

    def blocks(self, height: int = 512) -> Iterator[tuple[Values, Valid]]:
        """The finished rows, ``height`` at a time."""
        with (self.folder / VALUES).open("rb") as values, (self.folder / VALID).open("rb") as valid:
            for first in range(0, self.rows, height):
                count = min(height, self.rows - first)
                shape = (count, self.bands, self.columns)
                read = np.fromfile(values, self.dtype, count * self.bands * self.columns).reshape(shape)
                known = np.fromfile(valid, np.uint8, count * self.columns).reshape(count, self.columns)
                yield np.moveaxis(read, 1, 0), known.view(np.bool_)

    def close(self) -> None:
        """Let go of the folder; a folder without a finished strip is removed."""
        if self.strips == 0:
            self.remove()
        self._lock.release()

    def remove(self) -> None:
        """Remove the folder: the translation is done, or cannot be; with what was made for it and is empty."""
        self.strips = self.rows = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            for folder in self._fresh:
                folder.rmdir()
