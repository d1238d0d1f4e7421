"""Downloads: on request alone, checked, and clear about what went wrong."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from cnnlite.datasets import fashion_mnist, mnist
from cnnlite.errors import DataNotFoundError, FileFormatError

pooch = pytest.importorskip(
    "pooch", reason='downloads need pooch: pip install "cnnlite-engine[datasets]"'
)

SHAPES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}


def packed(shape: tuple[int, ...], value: int) -> bytes:
    """Return a compressed IDX file: zeros, but for the first byte."""
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    content = header + bytes([value]) + bytes(int(np.prod(shape)) - 1)
    return gzip.compress(content, 1, mtime=0)


FILES = {f"{name}.gz": packed(shape, i) for i, (name, shape) in enumerate(SHAPES.items())}
MD5 = tuple(hashlib.md5(content).hexdigest() for content in FILES.values())


class Server(HTTPServer):
    """Serves ``files``; notes what was asked for."""

    files: dict[str, bytes]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/mnist/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(503, "Out of order")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A web server on this machine that stands for the one MNIST is published on."""
    monkeypatch.delenv("CNNLITE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    server.files, server.asked = dict(FILES), []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/mnist/"
    monkeypatch.setattr(mnist, "_DATASET", dataclasses.replace(mnist._DATASET, url=url, md5=MD5))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_good_files(server: Server, tmp_path: Path):
    (x_train, y_train), (x_test, y_test) = mnist.load_data(tmp_path / "data", download=True)
    assert [a.flat[0] for a in (x_train, y_train, x_test, y_test)] == [0, 1, 2, 3]
    assert x_train.shape == (60000, 28, 28)
    folder = tmp_path / "data" / "mnist"
    assert names(folder) == sorted(FILES)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert mnist.find(tmp_path / "data") == folder


def test_second_time_asks_for_nothing(server: Server, tmp_path: Path):
    mnist.load_data(tmp_path, download=True)
    assert server.asked == list(FILES)
    mnist.load_data(tmp_path, download=True)
    mnist.load_data(tmp_path)
    assert server.asked == list(FILES)


def test_never_unasked(server: Server, tmp_path: Path):
    with pytest.raises(DataNotFoundError, match=r"mnist.load_data\(download=True\)"):
        mnist.load_data(tmp_path)
    with pytest.raises(DataNotFoundError):
        mnist.load_data()
    assert mnist.find(tmp_path) is None
    assert server.asked == []


@pytest.mark.parametrize("where", ["data_dir", "data_dir/mnist", "CNNLITE_DATA", "home"])
def test_where_the_files_go(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    data_dir = None
    folder = tmp_path / "home" / ".cnnlite" / "datasets" / "mnist"
    if where == "CNNLITE_DATA":
        monkeypatch.setenv("CNNLITE_DATA", str(tmp_path / "sets"))
        folder = tmp_path / "sets" / "mnist"
    elif where != "home":
        data_dir = tmp_path / where
        folder = tmp_path / "data_dir" / "mnist"
    mnist.load_data(data_dir, download=True)
    assert names(folder) == sorted(FILES)
    assert mnist.find(data_dir) == folder


def test_only_what_is_missing_is_downloaded(server: Server, tmp_path: Path):
    own = tmp_path / "mnist"
    own.mkdir()
    (own / "t10k-labels-idx1-ubyte").write_bytes(
        gzip.decompress(packed((10000,), 9))  # the user's own, plain: it stays, and is read
    )
    (_, _), (_, y_test) = mnist.load_data(tmp_path, download=True)
    assert y_test[0] == 9
    assert server.asked == list(FILES)[:3]


def test_wrong_checksum(server: Server, tmp_path: Path):
    bad = "t10k-images-idx3-ubyte.gz"
    server.files[bad] = FILES[bad][:-1] + b"\x01"
    with pytest.raises(FileFormatError, match="not the file that was published") as caught:
        mnist.load_data(tmp_path, download=True)
    assert bad in str(caught.value)
    assert MD5[2] in str(caught.value)
    assert names(tmp_path / "mnist") == sorted(FILES)[2:]  # nothing of the bad file remains
    server.files[bad] = FILES[bad]
    mnist.load_data(tmp_path, download=True)  # and it can be tried again
    assert server.asked == [*list(FILES)[:3], *list(FILES)[2:]]


def test_cut_short(server: Server, tmp_path: Path):
    first = next(iter(FILES))
    server.files[first] = FILES[first][: len(FILES[first]) // 2]
    with pytest.raises(FileFormatError, match="not the file that was published"):
        mnist.load_data(tmp_path, download=True)
    assert names(tmp_path / "mnist") == []


def test_server_error(server: Server, tmp_path: Path):
    server.files = {}
    with pytest.raises(DataNotFoundError, match="503") as caught:
        mnist.load_data(tmp_path, download=True)
    assert "mnist.load_data: cannot download http://127.0.0.1" in str(caught.value)
    assert names(tmp_path / "mnist") == []


def test_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    closed = HTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{closed.server_port}/"
    closed.server_close()  # nobody listens at that port now
    monkeypatch.setattr(mnist, "_DATASET", dataclasses.replace(mnist._DATASET, url=url))
    with pytest.raises(DataNotFoundError, match="Check the connection"):
        mnist.load_data(tmp_path, download=True)


def test_without_pooch(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pooch", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r'pip install "cnnlite-engine\[datasets\]"'):
        mnist.load_data(tmp_path, download=True)
    assert server.asked == []
    assert not (tmp_path / "mnist").exists()


def test_published_addresses_and_checksums():
    """As the publishers give them; both sets have one file name for four checksums."""
    assert mnist._DATASET.url == "https://ossci-datasets.s3.amazonaws.com/mnist/"
    assert fashion_mnist._DATASET.url == (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    )
    assert dict(zip(mnist._DATASET.files, mnist._DATASET.md5, strict=True)) == {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    assert dict(zip(fashion_mnist._DATASET.files, fashion_mnist._DATASET.md5, strict=True)) == {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    }
