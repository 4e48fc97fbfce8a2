"""Downloads from a server on loopback: pinned by sha256, nothing is left of a wrong one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial, wraps
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from geogan.config import read as read_params
from geogan.datasets import Context
from geogan.datasets.fetch import REMOTES, download, read
from geogan.errors import InputError
from geogan.files import sha256_of
from geogan.ground import cut
from geogan.pipeline import data
from geogan.pipeline.project import Project

GRID = "2 2 1\n1\nfacies\n0\n1\n1\n1\n"


class Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    folder = tmp_path / "web"
    folder.mkdir()
    handler = type("Recording", (Handler,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder, handler.asked  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_grid_is_downloaded_once_and_read(web: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, folder, asked = web
    (folder / "ti.sgems").write_text(GRID)
    digest = sha256_of(folder / "ti.sgems")
    for _ in range(2):
        image = read(Context(tmp_path), image="strebelle", url=f"{address}/ti.sgems", sha256=digest)
        assert image.values.tolist() == [[1, 1], [0, 1]]
        assert image.sha256 == digest
    assert asked == ["/ti.sgems"]
    assert (tmp_path / "data/raw/strebelle/ti.sgems").read_text() == GRID


def test_a_wrong_checksum_is_refused_and_nothing_is_left(web: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, folder, asked = web
    (folder / "ti.png").write_text("something else")
    with pytest.raises(InputError, match=rf"{address}/ti\.png: its content does not have the sha256 {'0' * 64}"):
        read(Context(tmp_path), image="laloy_channels", url=f"{address}/ti.png", sha256="0" * 64)
    assert asked == ["/ti.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


def test_a_good_file_survives_a_bad_download(web: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, folder, _ = web
    (folder / "ti.sgems").write_text(GRID)
    kept = download(tmp_path, "strebelle", url=f"{address}/ti.sgems", sha256=sha256_of(folder / "ti.sgems"))
    with pytest.raises(InputError, match="does not have the sha256"):
        download(tmp_path, "strebelle", url=f"{address}/ti.sgems", sha256="1" * 64)
    assert kept.read_text() == GRID
    assert list(kept.parent.iterdir()) == [kept]


def test_no_answer_is_one_line(web: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, _, _ = web
    for url in (f"{address}/missing.png", "http://127.0.0.1:9/x.png"):
        with pytest.raises(InputError, match="cannot be downloaded") as caught:
            download(tmp_path, "laloy_channels", url=url)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_names_and_addresses_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source\.image: 'lena' is not one of laloy_channels, strebelle"):
        download(tmp_path, "lena")
    with pytest.raises(InputError, match=r"source\.url"):
        download(tmp_path, "strebelle", url="file:///etc/passwd")


def test_the_pinned_checksums_are_those_of_the_real_files(real_data: Path) -> None:
    files = {"laloy_channels": "laloy_channels_2500.png", "strebelle": "ti_strebelle_250.sgems"}
    assert {name: remote.sha256 for name, remote in REMOTES.items()} == {
        name: sha256_of(real_data / "channels" / file) for name, file in files.items()
    }


def test_the_keys_that_a_small_public_image_gets_cut_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Path(__file__).parents[1] / "params.yaml"
    (tmp_path / "params.yaml").write_text(ours.read_text(encoding="utf-8"), encoding="utf-8")
    project = Project(tmp_path, read_params([ours]))
    with monkeypatch.context() as offline:
        offline.setitem(data.SOURCES, "fetch", wraps(read)(lambda *_, **__: None))
        data.fetch(project, "strebelle")
    dataset = read_params([tmp_path / "params.yaml"]).datasets["strebelle"]
    largest = max(dataset.tiling.tile, dataset.tiling.evaluation_tile)
    cut(250, 250, largest_tile=largest, split=dataset.split, pool=dataset.tiling.pool)
