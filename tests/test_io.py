"""fastgrad.io: atomic writing and safetensors files."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.io.atomic import atomic_write, write_text
from fastgrad.io.safetensors import load_file, load_metadata, save_file

DTYPES = [fg.float32, fg.float64, fg.int64, fg.int32, fg.uint8, fg.bool]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Atomic writing


def test_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a long old content")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"a long old content"
    assert content(tmp_path) == {"file": b"new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_atomic_write_keeps_the_old_file_when_the_block_fails(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> bytes:
        raise error

    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half" + fail())
    assert content(tmp_path) == {"file": b"old"}


def test_atomic_write_keeps_the_old_file_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), atomic_write(path) as file:
        file.write(b"new")
    assert content(tmp_path) == {"file": b"old"}


def test_atomic_write_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "naïve")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "naïve"


def test_atomic_write_gives_the_usual_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "theirs").write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


@pytest.mark.parametrize("place", ["folder", os.devnull])
def test_atomic_write_replaces_nothing_but_files(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="not a file"):
        write_text(tmp_path / place, "text")
    assert os.path.exists(os.devnull)
    assert content(tmp_path / "folder") == {}


def test_atomic_write_needs_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "missing" / "file", "text")


# safetensors


@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 4), max_size=4),
    flip=st.booleans(),
)
def test_safetensors_round_trip(
    tmp_path_factory: pytest.TempPathFactory, dtype: fg.dtype, shape: list[int], flip: bool
) -> None:
    path = tmp_path_factory.mktemp("safetensors") / "file"
    tensor = fg.randint(0, 2, shape).to(dtype)
    if flip:
        tensor = tensor.permute(*reversed(range(len(shape)))) if shape else tensor
    save_file({"a tensor": tensor}, path)
    loaded = load_file(path)["a tensor"]
    assert loaded.dtype == dtype
    assert loaded.shape == tensor.shape
    assert fg.equal(loaded, tensor)


def test_safetensors_saves_what_a_view_shows_and_parameters(tmp_path: Path) -> None:
    path = tmp_path / "file"
    grid = fg.arange(6.0).reshape(2, 3)
    weight = fg.nn.Parameter(fg.ones(2))
    save_file({"column": grid[:, 1], "turned": grid.t(), "weight": weight}, path)
    loaded = load_file(path)
    assert loaded["column"].tolist() == [1.0, 4.0]
    assert loaded["turned"].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert not loaded["weight"].requires_grad
    loaded["weight"][0] = 5.0
    assert load_file(path)["weight"].tolist() == [1.0, 1.0]


def test_safetensors_is_read_by_the_package_and_reads_its_files(tmp_path: Path) -> None:
    from safetensors import numpy as reference

    save_file({"x": fg.arange(3)}, tmp_path / "ours")
    assert reference.load_file(tmp_path / "ours")["x"].tolist() == [0, 1, 2]
    reference.save_file({"x": np.float32([1.5])}, tmp_path / "theirs")
    assert load_file(tmp_path / "theirs")["x"].tolist() == [1.5]


def test_safetensors_metadata(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_file({}, path, {"key": "Wert ü"})
    assert load_metadata(path) == {"key": "Wert ü"}
    save_file({}, path)
    assert load_metadata(path) == {}


@pytest.mark.parametrize("load", [load_file, load_metadata])
def test_safetensors_refuses_every_truncation(tmp_path: Path, load) -> None:
    path = tmp_path / "file"
    save_file({"x": fg.arange(3), "y": fg.ones(2)}, path, {"a": "b"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="file is not a whole safetensors file"):
            load(path)


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + b"\0" * 60, b"\xff" * 64, b"{}", b"\x10" + b"\0" * 7 + b"not json, is it?"],
)
def test_safetensors_refuses_other_formats(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_file(path)


def test_safetensors_refuses_a_longer_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_file({"x": fg.arange(3)}, path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_file(path)


def test_safetensors_refuses_a_dtype_that_fastgrad_lacks(tmp_path: Path) -> None:
    from safetensors import numpy as reference

    path = tmp_path / "file"
    reference.save_file({"count": np.uint32([1])}, path)
    with pytest.raises(ValueError, match="'count' has dtype U32"):
        load_file(path)


def test_safetensors_names_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent: no such file"):
        load_file(tmp_path / "absent")
    with pytest.raises(ValueError, match="a folder or a device"):
        load_file(tmp_path)


def test_safetensors_refuses_what_is_not_a_tensor(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"tensors\['x'\] must be a Tensor, got list"):
        save_file({"x": [1.0]}, tmp_path / "file")  # type: ignore[dict-item]
    assert content(tmp_path) == {}
