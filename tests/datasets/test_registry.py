"""Files are fetched by checksum, once."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scgsr import datasets
from scgsr.datasets import _registry


def test_reading_a_cached_file_writes_nothing(shared_data, monkeypatch):
    monkeypatch.setattr("pooch.core.stream_download", None)  # a download would fail
    before = {path.name: path.stat().st_mtime_ns for path in shared_data.iterdir()}
    assert _registry.fetch("thymus_masscyt", "sample_masscyt.fcs") == shared_data.resolve() / "sample_masscyt.fcs"
    assert {path.name: path.stat().st_mtime_ns for path in shared_data.iterdir()} == before


@pytest.mark.parametrize("dataset", list(_registry.registry()))
def test_the_registry_pins_every_file(dataset):
    entry = _registry.registry()[dataset]
    assert callable(getattr(datasets, dataset))
    for file in entry["files"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/\S+", file["url"])


@pytest.mark.internet
@pytest.mark.parametrize(("dataset", "file"), [(d, f) for d, e in _registry.registry().items() for f in e["files"]])
def test_registered_files_can_be_downloaded(dataset, file, tmp_path, monkeypatch):
    monkeypatch.setenv("SCGSR_DATA", str(tmp_path))
    assert _registry.fetch(dataset, file).is_file()


CONTENT = b"what the registry promises"


@pytest.fixture
def remote(monkeypatch, tmp_path):
    """Register a file on a server of this process; yield a dict with its content, and the requests it got."""
    state = {"content": CONTENT, "requests": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state["requests"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(state["content"])))
            self.end_headers()
            self.wfile.write(state["content"])

        def log_message(self, *args):
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = {"url": f"http://127.0.0.1:{server.server_port}/a", "sha256": hashlib.sha256(CONTENT).hexdigest()}
        monkeypatch.setattr(_registry, "registry", lambda: {"set": {"files": {"a.bin": file}}})
        monkeypatch.setenv("SCGSR_DATA", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield state
        server.shutdown()


def test_a_file_is_downloaded_once(remote, tmp_path):
    path = _registry.fetch("set", "a.bin")
    assert path == (tmp_path / "cache" / "a.bin").resolve()
    assert path.read_bytes() == CONTENT
    assert _registry.fetch("set", "a.bin") == path
    assert remote["requests"] == 1


def test_a_present_file_with_another_content_is_replaced(remote, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.bin").write_bytes(b"half of what")
    assert _registry.fetch("set", "a.bin").read_bytes() == CONTENT


def test_a_download_with_another_content_is_refused(remote, tmp_path):
    remote["content"] = b"something else"
    with pytest.raises(ValueError, match="SHA256"):
        _registry.fetch("set", "a.bin")
    assert not (tmp_path / "cache" / "a.bin").exists()


def test_without_a_network_the_message_says_what_to_do(remote, tmp_path, monkeypatch):
    closed = {"url": "http://127.0.0.1:9/a", "sha256": "0" * 64}
    monkeypatch.setattr(_registry, "registry", lambda: {"set": {"files": {"a.bin": closed}}})
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.bin").write_bytes(b"mine")
    with pytest.raises(OSError, match=r"a\.bin .*127\.0\.0\.1:9.*SCGSR_DATA"):
        _registry.fetch("set", "a.bin")
    assert (tmp_path / "cache" / "a.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("value", [None, ""])
def test_the_default_cache_is_the_users(monkeypatch, value):
    monkeypatch.delenv("SCGSR_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SCGSR_DATA", value)
    assert _registry._cache_folder().name == "scgsr"
    assert _registry._cache_folder().is_absolute()


def test_a_home_folder_may_be_abbreviated(monkeypatch):
    monkeypatch.setenv("SCGSR_DATA", os.path.join("~", "cells"))
    assert _registry._cache_folder() == Path.home() / "cells"
