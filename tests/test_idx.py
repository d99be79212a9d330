"""The IDX reader and writer: what comes back, and what is refused before it does harm."""

import gzip
import os
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.vision.datasets.idx import read_idx, write_idx

DTYPES = [fg.uint8, fg.int32, fg.float32, fg.float64]


def header(*shape, code=8):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)


@pytest.fixture
def refused(tmp_path):
    """Writes bytes to a file and gives the one-line message with which reading them fails."""

    def message_of(content, **options):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"\S") as info:
            read_idx(path, **options)
        text = str(info.value)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")

    return message_of


@pytest.mark.parametrize("name", ["file", "file.gz"])
@given(
    shape=st.lists(st.integers(0, 4), max_size=5),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 99),
)
def test_round_trip(tmp_path_factory, name, shape, dtype, seed):
    path = tmp_path_factory.mktemp("idx") / name
    tensor = fg.from_numpy(np.random.default_rng(seed).uniform(0, 200, shape)).to(dtype)
    write_idx(path, tensor)
    back = read_idx(path)
    assert back.dtype == dtype
    assert list(back.shape) == shape
    assert back.tolist() == tensor.tolist()


@pytest.mark.parametrize("unpack", [False, True])
def test_bytes_are_those_of_the_format(tmp_path, unpack):
    content = header(2, 2, code=0x0C) + struct.pack(">4i", 1, -2, 3, 1 << 30)
    path = tmp_path / "misleading.gz" if unpack else tmp_path / "misleading"
    path.write_bytes(content if unpack else gzip.compress(content))  # the name does not decide
    tensor = read_idx(path)
    assert tensor.dtype == fg.int32
    assert tensor.tolist() == [[1, -2], [3, 1 << 30]]
    write_idx(tmp_path / "plain", tensor)
    assert (tmp_path / "plain").read_bytes() == content
    write_idx(tmp_path / "packed.gz", tensor)
    assert gzip.decompress((tmp_path / "packed.gz").read_bytes()) == content


def test_what_was_read_can_be_changed(tmp_path):
    path = tmp_path / "file"
    write_idx(path, fg.zeros(3, dtype=fg.uint8))
    tensor = read_idx(path)
    tensor[1] = 5
    assert tensor.tolist() == [0, 5, 0]


def test_views_are_written_as_they_look(tmp_path):
    tensor = fg.arange(6).int().reshape(2, 3).t()[1:]
    write_idx(tmp_path / "file", tensor)
    assert read_idx(tmp_path / "file").tolist() == tensor.tolist()


def test_packed_bytes_never_change(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, fg.arange(10).int())
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[4:8] == b"\0" * 4  # no time of writing


def test_write_refuses_other_dtypes_and_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match=r"expected a uint8, int32.*got torch.int64"):
        write_idx(tmp_path / "file", fg.arange(3))
    with pytest.raises(FileNotFoundError):
        write_idx(tmp_path / "no" / "folder", fg.zeros(3))
    assert list(tmp_path.iterdir()) == []


def test_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing: no such file"):
        read_idx(tmp_path / "missing")
    with pytest.raises(ValueError, match="expected an IDX file, got a folder"):
        read_idx(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    with pytest.raises(ValueError, match="got something that is not a file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "starts with two zero bytes, got an empty file"),
        (b"\0\0\x08", "got 0x000008"),
        (b"<htm", "got 0x3c68746d"),
        (b"PK\x03\x04", "got 0x504b0304"),
        (header(3, code=0x07) + b"abc", "a dtype code among 0x8, 0xc, 0xd, 0xe, got 0x7"),
        (header(3, code=0x09) + b"abc", "got int8; convert them"),
        (header(3, code=0x0B) + b"abcdef", "got int16; convert them"),
        (b"\0\0\x08\x03" + b"\0" * 11, "the sizes of 3 dimensions, got the end of the file"),
        (b"\0\0\x08\xff" + b"\0" * 2000, "at most 64 dimensions, got 255"),
        (header(2, 3) + b"12345", "6 bytes of values after the header, got only 5"),
        (header(2, 3) + b"1234567", "6 bytes of values after the header, got more"),
        (header(0) + b"1", "0 bytes of values after the header, got more"),
        (header(1 << 30, 2), "announces shape [1073741824, 2], 2147483648 bytes, more than the"),
        (header(*[(1 << 32) - 1] * 3), "more than the limit of 1073741824; pass max_bytes="),
        (header(*[1 << 31] * 64), "more than the limit"),  # 2^1984: zero modulo 2^64
        (header(*[(1 << 32) - 1] * 3, 0), "more than the limit"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_content(refused, content, text, packed):
    assert text in refused(gzip.compress(content) if packed else content)


def test_the_limit_is_a_parameter(tmp_path, refused):
    content = header(4) + b"abcd"
    assert "4 bytes, more than the limit of 3" in refused(content, max_bytes=3)
    (tmp_path / "file").write_bytes(content)
    assert read_idx(tmp_path / "file", max_bytes=4).tolist() == list(b"abcd")


PACKED = gzip.compress(header(100) + bytes(range(100)))


@pytest.mark.parametrize(
    "content",
    [
        PACKED[:-1],  # the trailer is cut
        PACKED[:40],  # the data are cut
        PACKED[:5],  # the header is cut
        PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:],  # wrong checksum
        PACKED[:10] + b"\x07" + PACKED[11:],  # a deflate block of the kind that does not exist
        PACKED + b"rubbish",
    ],
    ids=["trailer", "data", "header", "checksum", "deflate", "appended"],
)
def test_damaged_gzip(refused, content):
    assert "expected a sound gzip file, got a damaged one" in refused(content)


@pytest.mark.parametrize("shape", [(10,), (1 << 29,)], ids=["small", "large"])
def test_memory_follows_what_is_there(refused, shape):
    """Neither a bomb behind a small header nor a large claim with nothing behind takes memory."""
    bomb = gzip.compress(header(*shape) + b"\0" * (47 << 20 if shape == (10,) else 100))
    tracemalloc.start()
    text = refused(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("got more" if shape == (10,) else "got only 100") in text
    assert peak < 8 << 20


@given(st.binary(max_size=60))
def test_any_bytes_read_or_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(b"\0\0" + content)
    with suppress(ValueError):
        tensor = read_idx(path)
        assert len(path.read_bytes()) >= 4 + tensor.numel()
