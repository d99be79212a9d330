"""Downloads against a server on this machine that misbehaves in every way we could think of."""

import hashlib
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import fastgrad as fg
from fastgrad.vision import datasets
from fastgrad.vision.datasets.download import fetch
from fastgrad.vision.datasets.idx import write_idx

NAMES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]
CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT in the way that the first part of the address names."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        getattr(self, f"get_{self.path.split('/')[1]}")()

    def reply(self, status, body, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def start(self):
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(wanted[1]) if wanted else 0

    def get_good(self):
        start = self.start()
        if start >= len(CONTENT):
            return self.reply(416, b"")
        where = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return self.reply(206 if start else 200, CONTENT[start:], Content_Range=where)

    def get_norange(self):
        self.reply(200, CONTENT)

    def get_wrong(self):
        self.reply(200, b"<html>Please sign in</html>")

    def get_missing(self):
        self.reply(404, b"not here")

    def get_breaks(self):
        """Half of the content, and the connection ends."""
        self.reply(200, CONTENT[: len(CONTENT) // 2], length=len(CONTENT))

    def get_shifted(self):
        """Not the range that was asked for."""
        self.reply(206, CONTENT, Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")

    def get_chunked(self):
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (CONTENT[:1000], CONTENT[1000:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def get_huge(self):
        self.reply(200, b"", length=1 << 40)

    def get_silent(self):
        self.server.silence.wait(20)
        self.reply(200, b"")

    def get_nonsense(self):
        self.wfile.write(b"220 this is a mail server\r\n")

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.silence = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.silence.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def get(server, tmp_path):
    """Fetches file.gz from the mirrors named, and returns its content."""

    def get(*ways, sha256=SHA256, timeout=20.0):
        mirrors = [f"{server.url}/{way}/" for way in ways]
        path = fetch("file.gz", mirrors, tmp_path / "new" / "raw", sha256, timeout=timeout)
        assert os.listdir(path.parent) == ["file.gz"]
        return path.read_bytes()

    return get


def test_download(get, server):
    assert get("good") == CONTENT
    assert server.requests == [("/good/file.gz", None)]


@pytest.mark.parametrize("way", ["norange", "chunked", "shifted"])
def test_download_from_simple_servers(get, way):
    assert get(way) == CONTENT


@pytest.mark.parametrize("bad", ["missing", "wrong", "breaks", "huge", "nonsense"])
def test_the_next_mirror_helps(get, bad):
    assert get(bad, "good") == CONTENT


def test_dead_and_silent_mirrors(get, server, tmp_path):
    assert get("silent", "good", timeout=0.2) == CONTENT
    folder = tmp_path / "other"
    mirrors = ["http://127.0.0.1:9", "no address", f"{server.url}/good"]
    assert fetch("file.gz", mirrors, folder, SHA256).read_bytes() == CONTENT


def put_partial(folder, content):
    folder.mkdir(parents=True)
    (folder / "file.gz.part").write_bytes(content)


def test_resume(get, server, tmp_path):
    put_partial(tmp_path / "new" / "raw", CONTENT[:1000])
    assert get("good") == CONTENT
    assert server.requests == [("/good/file.gz", "bytes=1000-")]


@pytest.mark.parametrize("way", ["norange", "shifted"])
def test_resume_without_ranges_starts_again(get, tmp_path, way):
    put_partial(tmp_path / "new" / "raw", b"x" * 1000)
    assert get(way) == CONTENT


@pytest.mark.parametrize("size", [1000, len(CONTENT), len(CONTENT) + 5])
def test_a_bad_part_is_thrown_away(get, server, tmp_path, size):
    put_partial(tmp_path / "new" / "raw", b"x" * size)
    assert get("good") == CONTENT
    assert [ranges for _, ranges in server.requests] == [f"bytes={size}-", None]


def test_a_whole_part_needs_no_network(get, server, tmp_path):
    put_partial(tmp_path / "new" / "raw", CONTENT)
    assert get() == CONTENT
    assert server.requests == []


def test_a_broken_download_is_kept_and_continued(get, server, tmp_path):
    with pytest.raises(RuntimeError, match=r"256000 bytes before the end.*first 256000 bytes are"):
        get("breaks")
    assert get("good") == CONTENT
    assert server.requests[-1] == ("/good/file.gz", "bytes=256000-")


def test_failure_tells_what_was_tried(get, server, tmp_path):
    with pytest.raises(RuntimeError) as info:
        get("missing", "wrong", "huge")
    text = str(info.value)
    assert text.startswith(f"could not download file.gz: {server.url}/missing/file.gz: Not Found; ")
    assert f"expected SHA-256 {SHA256}, got" in text
    assert "1099511627776 bytes are announced, more than the limit" in text
    assert text.endswith(f"copy file.gz from elsewhere into {tmp_path / 'new' / 'raw'}")
    assert os.listdir(tmp_path / "new" / "raw") == []


def test_processes_wait_for_each_other(server, tmp_path):
    """All get the file, and only one of them downloads it."""
    folder, results = tmp_path / "new", []

    def run():
        results.append(fetch("file.gz", [f"{server.url}/good"], folder, SHA256).read_bytes())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4
    assert len(server.requests) == 1
    assert os.listdir(folder) == ["file.gz"]


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        fetch("file.gz", [], tmp_path / "file", SHA256)


def test_mnist_downloads_what_is_missing(server, tmp_path, monkeypatch):
    write_idx(tmp_path / "train-images-idx3-ubyte", fg.zeros(3, 28, 28, dtype=fg.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", fg.zeros(3, dtype=fg.uint8))
    mirrors = [f"{server.url}/missing", f"{server.url}/good"]
    monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
    monkeypatch.setattr(datasets.MNIST, "checksums", dict.fromkeys(NAMES, SHA256))
    assert len(datasets.MNIST(tmp_path, download=True)) == 3
    assert sorted(os.listdir(tmp_path / "MNIST" / "raw")) == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]
    assert len(server.requests) == 4


@pytest.mark.parametrize("dataset", [datasets.MNIST, datasets.FashionMNIST])
def test_addresses_and_checksums(dataset):
    assert list(dataset.checksums) == NAMES
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in dataset.checksums.values())
    assert len(set(dataset.checksums.values())) == 4
    assert dataset.mirrors[0].startswith("https://")
    assert len(dataset.mirrors) >= 2
