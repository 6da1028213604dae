from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.tasks.data import download
from harness.tasks.data.torchvision_import import datasets


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_the_address_is_torchvisions() -> None:
    reader = datasets().CIFAR10
    assert (reader.url, reader.filename, reader.base_folder) == (download.ADDRESS, download.ARCHIVE, download.FOLDER)


def test_torchvision_is_imported_with_its_data_sets_and_checks() -> None:
    assert callable(datasets().utils.check_integrity)


def test_a_refused_connection_is_told(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ADDRESS", address(listener))
    listener.close()
    assert "refused" in download.obstacle()


def test_a_server_that_says_nothing_is_given_up(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ADDRESS", address(listener))
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 0.2)
    assert download.obstacle()


def test_a_server_that_answers_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setattr(download, "ADDRESS", f"http://127.0.0.1:{server.server_port}/")
        assert download.obstacle() == ""


def test_a_download_that_breaks_off_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(download, "obstacle", lambda: "")
    monkeypatch.setattr(datasets(), "CIFAR10", broken)
    with pytest.raises(DataError, match=r"corrupted.*yourself"):
        download.fetch(tmp_path / "data")
