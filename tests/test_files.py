"""fastgrad.save and fastgrad.load: what is kept, in PyTorch's files and others, and bad files."""

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn
from fastgrad.io import npz, pt, pt_legacy
from fastgrad.io.numpy_pickles import NAMES, with_arrays
from fastgrad.io.unpickling import Unpickler

DTYPES = [
    fg.float32,
    fg.float64,
    fg.float16,
    fg.bfloat16,
    fg.int64,
    fg.int32,
    fg.int16,
    fg.int8,
    fg.uint8,
    fg.bool,
]


def round_trip(value: Any) -> Any:
    file = io.BytesIO()
    fg.save(value, file)
    return fg.load(io.BytesIO(file.getvalue()))


def size_of(value: Any) -> int:
    file = io.BytesIO()
    fg.save(value, file)
    return len(file.getvalue())


def assert_same(a: Any, b: Any) -> None:
    """Equal types, values, and bits of tensors."""
    assert type(a) is type(b)
    if isinstance(a, fg.Tensor):
        assert (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
        assert pickle.dumps(a.detach().contiguous()) == pickle.dumps(b.detach().contiguous())
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif type(a) in (list, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(allow_nan=False),
    st.sampled_from(DTYPES),
    st.just(fg.device("cpu")),
    st.lists(st.integers(0, 5)).map(fg.Size),
    st.sets(st.text()),
)
tensors = st.builds(
    lambda shape, dtype: (fg.arange(math.prod(shape)) % 2).reshape(shape).to(dtype),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
)
keys = st.one_of(st.text(), st.integers(), st.booleans(), st.tuples(st.text(), st.integers()))
values = st.recursive(
    st.one_of(numbers, tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4).map(OrderedDict),
    ),
    max_leaves=20,
)


# What is kept


@given(values)
def test_any_nested_value_comes_back(value: Any) -> None:
    assert_same(round_trip(value), value)


@given(values)
def test_torch_reads_what_fastgrad_writes_and_back(torch: Any, value: Any) -> None:
    file = io.BytesIO()
    fg.save(value, file)
    theirs = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    again = io.BytesIO()
    torch.save(theirs, again)
    assert_same(fg.load(io.BytesIO(again.getvalue())), value)


@given(values)
def test_files_of_before_torch_1_6(torch: Any, value: Any) -> None:
    file = io.BytesIO()
    fg.save(value, file)
    theirs = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    old = io.BytesIO()
    torch.save(theirs, old, _use_new_zipfile_serialization=False)
    assert old.getvalue().startswith(pt_legacy.START)
    assert_same(fg.load(io.BytesIO(old.getvalue())), value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_that_torch_writes(torch: Any, protocol: int) -> None:
    file = io.BytesIO()
    state = {"w": torch.ones(2, 3), "steps": [1, 2.5, None, (True, b"x")], "s": {1, 2}}
    torch.save(state, file, pickle_protocol=protocol)
    loaded = fg.load(io.BytesIO(file.getvalue()))
    assert loaded["steps"] == [1, 2.5, None, (True, b"x")]
    assert loaded["w"].tolist() == [[1.0] * 3] * 2


def test_parameters_and_leaves() -> None:
    state = round_trip(
        {"p": nn.Parameter(fg.ones(2)), "q": nn.Parameter(fg.ones(1), requires_grad=False)}
    )
    assert type(state["p"]) is nn.Parameter
    assert state["p"].requires_grad
    assert not state["q"].requires_grad
    x = fg.ones(2, requires_grad=True)
    y = round_trip([x, x * 2])
    assert y[0].requires_grad
    assert y[0].is_leaf
    assert y[1].requires_grad
    assert y[1].is_leaf


def test_a_module_and_its_optimizer_go_on_to_the_same_bits(tmp_path: Path) -> None:
    def new() -> tuple[nn.Module, Any]:
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
        return net, fg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def train(net: nn.Module, optimizer: Any, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            net(fg.randn(5, 4)).square().mean().backward()
            optimizer.step()

    fg.manual_seed(1)
    net, optimizer = new()
    train(net, optimizer, 3)
    state = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": fg.get_rng_state(),
        "epoch": 3,
    }
    fg.save(state, tmp_path / "run.pt")
    train(net, optimizer, 4)

    resumed, its_optimizer = new()
    state = fg.load(tmp_path / "run.pt")
    resumed.load_state_dict(state["net"])
    its_optimizer.load_state_dict(state["optimizer"])
    fg.set_rng_state(state["random"])
    train(resumed, its_optimizer, 4)
    assert_same(OrderedDict(resumed.state_dict()), OrderedDict(net.state_dict()))


def test_state_dicts_keep_their_metadata() -> None:
    state = OrderedDict(weight=fg.ones(2))
    state._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]
    assert round_trip(state)._metadata == {"": {"version": 1}}


# Memory


def test_a_view_is_written_at_its_own_size() -> None:
    big = fg.zeros(1000, 1000)
    assert size_of(big[:, 3]) < 8000
    assert size_of(big[5:7]) < 12000
    assert size_of(big.expand(50, 1000, 1000)[:, 0, 0]) < 3000
    assert_same(round_trip(big.t()[:2]), big.t()[:2])


def test_what_shares_memory_shares_it_again() -> None:
    base = fg.arange(10.0)
    first, second, apart, same = round_trip([base[0:6], base[4:8], base[8:], base[0:6]])
    first[5] = -1.0
    assert second.tolist() == [4.0, -1.0, 6.0, 7.0]
    assert apart.tolist() == [8.0, 9.0]
    assert same.tolist() == first.tolist()
    assert size_of([base[0:6], base[4:8]]) <= size_of(base)


def test_views_of_other_memory_objects_that_overlap() -> None:
    array = np.arange(8.0)
    a, b = fg.from_numpy(array[:5]), fg.from_numpy(array[3:])
    first, second = round_trip([a, b])
    assert first.tolist() == a.tolist()
    assert second.tolist() == b.tolist()
    second[0] = 9.0
    assert first[3] == 9.0


def test_containers_that_hold_themselves_or_occur_twice() -> None:
    inner = [1]
    value: list[Any] = [inner, inner]
    value.append((value,))
    loaded = round_trip(value)
    assert loaded[0] is loaded[1]
    assert loaded[2][0] is loaded


def test_memory_maps(tmp_path: Path) -> None:
    state = {"a": fg.randn(100), "b": fg.ones(3, dtype=fg.bool), "c": fg.zeros(0)}
    for name in ("x.pt", "x.safetensors"):
        fg.save(state, tmp_path / name)
        before = (tmp_path / name).read_bytes()
        loaded = fg.load(tmp_path / name, mmap=True)
        assert {k: v.tolist() for k, v in loaded.items()} == {
            k: v.tolist() for k, v in state.items()
        }
        loaded["a"][0] = 7.0  # in memory, not in the file
        assert (tmp_path / name).read_bytes() == before


def test_members_are_aligned() -> None:
    file = io.BytesIO()
    fg.save([fg.ones(n, dtype=d) for n, d in zip(range(1, 11), DTYPES, strict=True)], file)
    archive = pt.Archive(file, "it", None)
    begins = [archive._begin_of(i) for n, i in archive.members.items() if n.startswith("data/")]
    assert len(begins) == 10
    assert {begin % pt.ALIGNMENT for begin in begins} == {0}


def test_tensors_on_the_same_memory_of_two_dtypes_are_refused() -> None:
    x = fg.zeros(4)
    with pytest.raises(RuntimeError, match=r"as different types.*clone"):
        round_trip([x, x.view(fg.int32)])


# Formats


def test_the_suffix_decides(tmp_path: Path, torch: Any) -> None:
    state = {"w": fg.randn(2, 3), "half": fg.ones(3, dtype=fg.float16)}
    for name in ("m.pt", "m.pth", "mlp.params", "m.safetensors", "m.npz"):
        fg.save(state, tmp_path / name)
        loaded = fg.load(tmp_path / name)
        assert loaded.keys() == state.keys()
        for key in state:
            assert_same(loaded[key], state[key])
    assert torch.load(tmp_path / "mlp.params")["w"].tolist() == state["w"].tolist()
    from safetensors.torch import load_file

    assert load_file(tmp_path / "m.safetensors")["half"].dtype is torch.float16
    assert np.load(tmp_path / "m.npz")["w"].tolist() == state["w"].tolist()
    fg.save(state, tmp_path / "odd.name", format="safetensors")
    assert load_file(tmp_path / "odd.name")["w"].tolist() == state["w"].tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_safetensors_of_every_dtype(tmp_path: Path, dtype: fg.dtype, torch: Any) -> None:
    from safetensors.torch import load_file, save_file

    value = {"x": fg.tensor([0, 1, 1]).to(dtype), "y": fg.ones(2, dtype=fg.float64)}
    fg.save(value, tmp_path / "a.safetensors")
    theirs = load_file(tmp_path / "a.safetensors")
    assert str(theirs["x"].dtype) == str(dtype)
    save_file(theirs, tmp_path / "b.safetensors")
    assert_same(fg.load(tmp_path / "b.safetensors")["x"], value["x"])


# NumPy's arrays

ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    np.array([True, False]),
    np.array(1.5, dtype=">f4"),
    np.zeros((0, 3), dtype=np.uint8),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.str)
def test_arrays_come_back(array: Any) -> None:
    found = round_trip(array)
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, array)
    found.fill(1)  # it is nobody else's memory


def test_arrays_inside_others_are_shared_as_they_were() -> None:
    array = np.arange(3)
    value: dict[str, Any] = {"a": [array, (1, array)], "t": fg.ones(1)}
    value["itself"] = value
    found = round_trip(value)
    assert found["itself"] is found
    first, (number, second) = found["a"]
    assert first is second
    assert number == 1
    assert first.tolist() == [0, 1, 2]
    assert found["t"].tolist() == [1.0]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.str)
def test_arrays_in_pytorchs_files_and_ours(torch, array: Any) -> None:
    for writer, reader in ((fg, torch), (torch, fg)):
        file = io.BytesIO()
        writer.save({"x": array}, file)
        found = reader.load(io.BytesIO(file.getvalue()), weights_only=False)["x"]
        np.testing.assert_array_equal(found, array)
        assert found.shape == array.shape


def test_containers_too_deep_for_python_are_refused() -> None:
    value: list[Any] = [np.arange(3)]
    for _ in range(100_000):
        value = [value]
    with pytest.raises(pickle.UnpicklingError, match="containers inside each other"):
        with_arrays(value)


def test_an_array_without_its_state_is_refused() -> None:
    named = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    cut = named + b"K\x00\x85X\x01\x00\x00\x00b\x87R."
    with pytest.raises(pickle.UnpicklingError, match="an array without values"):
        with_arrays(Unpickler(cut, NAMES).load())


# Bad input


class Unknown:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"net": nn.Linear(1, 1)}, r"obj\['net'\] is a .*Linear: save its state_dict\(\)"),
        ([1, Unknown()], r"obj\[1\] is a .*Unknown"),
        ([np.float64(1.0)], r"obj\[0\] is a numpy.*as_tensor"),
        ([np.array(["a"])], r"obj\[0\] is a numpy.ndarray: save torch.as_tensor"),
        ({"a": [(Unknown,)]}, r"obj\['a'\]\[0\]\[0\]"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, value: Any, message: str) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        fg.save(value, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_arguments_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format must be one of pt, safetensors, npz"):
        fg.save(1, tmp_path / "x", format="zip")
    with pytest.raises(TypeError, match="dictionary of named tensors, got list"):
        fg.save([fg.ones(1)], tmp_path / "x.safetensors")
    with pytest.raises(TypeError, match="expected a path or an open file"):
        fg.save(1, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a path or an open file"):
        fg.load(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        fg.load(tmp_path / "nowhere.pt")
    with pytest.raises(RuntimeError, match="folder"):
        fg.load(tmp_path)
    with pytest.raises(ValueError, match="pickle_module"):
        fg.load(tmp_path, pickle_module=pickle)  # type: ignore[arg-type]
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(RuntimeError, match="no known format"):
        fg.load(tmp_path / "empty.pt")
    fg.save(fg.ones(1), tmp_path / "x.pt")
    with pytest.raises(RuntimeError, match="CUDA"):
        fg.load(tmp_path / "x.pt", map_location="cuda")
    assert fg.load(tmp_path / "x.pt", map_location=lambda storage, place: storage) == 1


class Command:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("echo hacked",)


def archive_with(pickled: bytes, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in members.items():
            archive.writestr(f"archive/{name.replace('_', '/')}", content)
    return file.getvalue()


def load_bytes(data: bytes) -> Any:
    return fg.load(io.BytesIO(data))


def test_code_is_refused_with_its_name(torch: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"posix\.system"):
        load_bytes(archive_with(pickle.dumps(Command(), protocol=2)))
    file = io.BytesIO()
    torch.save(torch.nn.Linear(1, 1), file)
    with pytest.raises(
        pickle.UnpicklingError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"
    ):
        load_bytes(file.getvalue())
    with pytest.raises(pickle.UnpicklingError, match="only named in files"):
        load_bytes(archive_with(b"\x80\x02ctorch\nTensor\nK\x05\x85R."))


def tensor_pickle(
    numel: int = 4, offset: int = 0, size: tuple[int, ...] = (4,), stride: tuple[int, ...] = (1,)
) -> bytes:
    """A pickle of a float32 tensor on storage 0."""
    from fastgrad.io.pickling import Pickler
    from fastgrad.io.storages import Storages

    writer = Pickler(Storages([]))
    writer.name("torch._utils", "_rebuild_tensor_v2")
    writer.out += b"(("
    writer.text("storage")
    writer.name("torch", "FloatStorage")
    for text in ("0", "cpu"):
        writer.text(text)
    writer.integer(numel)
    writer.out += b"tQ"
    for item in (offset, size, stride, False, OrderedDict()):
        writer.value(item, "")
    writer.out += b"tR."
    return bytes(writer.out)


FLOATS = struct.pack("<4f", 1, 2, 3, 4)


def test_the_handmade_file_is_read() -> None:
    assert load_bytes(archive_with(tensor_pickle(), data_0=FLOATS)).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": (5,)},
        {"offset": 1},
        {"stride": (2,)},
        {"offset": -1},
        {"size": (-4,)},
        {"stride": (-1,)},
        {"size": (2, 2)},
        {"size": (1 << 62, 1 << 62), "stride": (0, 0)},
        {"size": (3,), "stride": (1 << 62,)},
        {"size": (1 << 80,), "stride": (0,)},
        {"size": (2,), "stride": ((1 << 64) + 1,)},
        {"offset": 1 << 64},
        {"numel": 1 << 62},
        {"numel": 5},
        {"numel": 3},
    ],
    ids=str,
)
def test_tensors_that_reach_beyond_their_storage(arguments: dict[str, Any]) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load_bytes(archive_with(tensor_pickle(**arguments), data_0=FLOATS))


def test_archives_that_are_no_archives_of_torch(torch: Any, tmp_path: Path) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a", b"")
    with pytest.raises(RuntimeError, match="no such file"):
        load_bytes(other.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", tensor_pickle(1 << 24))
        archive.writestr("archive/data/0", bytes(1 << 26))
    with pytest.raises(RuntimeError, match="compressed"):
        load_bytes(bomb.getvalue())
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("archive/data.pkl", b"N.")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("archive/data.pkl", b"N.")
    with pytest.raises(RuntimeError, match="two members"):
        load_bytes(twice.getvalue())
    big = archive_with(b"\x80\x02N.", byteorder=b"big")
    with pytest.raises(RuntimeError, match="big-endian"):
        load_bytes(big)


def test_members_that_overlap() -> None:
    good = archive_with(tensor_pickle(), data_0=FLOATS)
    at = good.rindex(b"PK\1\2")  # the directory's entry of the last member
    first = good.index(b"PK\1\2")
    offset = good[first + 42 : first + 46]
    overlapping = good[: at + 42] + offset + good[at + 46 :]
    with pytest.raises(RuntimeError, match="damaged archive"):
        load_bytes(overlapping)


def test_bombs_of_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "ALLOWED_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1 << 20), b=np.zeros(1 << 20))
    with pytest.raises(ValueError, match=r"unpacks to 16777\d+ bytes"):
        fg.load(tmp_path / "x.npz")
    np.savez_compressed(tmp_path / "small.npz", a=np.zeros(1 << 16))
    assert fg.load(tmp_path / "small.npz")["a"].shape == (1 << 16,)
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        fg.load(tmp_path / "objects.npz")


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b".",
        b"(.",
        b"N",
        b"NN.",
        b"\x80",
        b"h\x00.",
        b"}Na.",
        b"]NNs.",
        b"}(Nu.",
        b"}]Ns.",  # a list as a key
        b"})" + b"\x85" * 20 + b"Ns.",  # a deep tuple as a key
        b"NQ.",
        b"N)R.",
        b"ctorch\nfloat32\n)R.",
        b"ctorch\nSize\n.",
        b"ctorch\nSize\nNR.",
        b"ctorch\nSize\nN\x85R.",
        b"c__builtin__\nset\n]]a\x85R.",
        b"ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00xNsb.",
        b"c" + b"x" * 1000,
        b"X\xff\xff\xff\xffabc.",
        b"X\x01\x00\x00\x00\xff.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x8b\xff\xff\xff\x7fabc.",
        b"\x8b\xff\xff\xff\xff.",
        b"S'text'\n.",
        b"(idict\nx\n.",
    ],
    ids=str,
)
def test_damaged_pickles(pickled: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load_bytes(archive_with(pickled))


def test_deep_nesting_is_no_trouble() -> None:
    deep = Unpickler(b"]" * 100_000 + b"a" * 99_999 + b".", {}).load()
    assert len(deep) == 1


def readable(data: bytes) -> Any:
    """What a damaged file gives: a value, or one of the errors that load() promises."""
    try:
        return load_bytes(data)
    except (pickle.UnpicklingError, RuntimeError, ValueError):
        return None


def sample() -> bytes:
    file = io.BytesIO()
    state = {"w": fg.randn(3, 2), "b": fg.ones(2, dtype=fg.bool), "p": nn.Parameter(fg.ones(1))}
    fg.save({"state": OrderedDict(state), "lr": [0.1, 2, "x", b"y", None]}, file)
    return file.getvalue()


SAMPLE = sample()


@given(st.data())
def test_files_with_changed_bytes(data: st.DataObject) -> None:
    content = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    readable(bytes(content))


@given(st.integers(0, len(SAMPLE) - 1))
def test_files_that_are_cut_off(length: int) -> None:
    assert readable(SAMPLE[:length]) is None


@given(st.data())
def test_pickles_with_changed_bytes(data: st.DataObject) -> None:
    """The archive is sound here, so that the checksums do not stop the fuzzer."""
    with zipfile.ZipFile(io.BytesIO(SAMPLE)) as archive:
        members = {i.filename: archive.read(i) for i in archive.infolist()}
    content = bytearray(members["archive/data.pkl"])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    members["archive/data.pkl"] = bytes(content)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, piece in members.items():
            archive.writestr(name, piece)
    readable(file.getvalue())


@given(st.binary(max_size=200))
def test_old_files_with_anything_after_their_start(rest: bytes) -> None:
    readable(pt_legacy.START + rest)
