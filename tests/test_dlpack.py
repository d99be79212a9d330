"""DLPack in both directions: with NumPy and PyTorch, and with capsules made by hand."""

import ctypes
import gc
import subprocess
import sys
from ctypes import POINTER, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p

import numpy as np
import pytest

import fastgrad as fg
from parity import name_of
from strategies import ALL

pytestmark = pytest.mark.core
IN_NUMPY = [name for name in ALL if name != "bfloat16"]


# Capsules by hand, from the published ABI


class Array(ctypes.Structure):
    _fields_ = (
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    )


Deleter = ctypes.CFUNCTYPE(None, c_void_p)


class Managed(ctypes.Structure):
    _fields_ = (("array", Array), ("context", c_void_p), ("deleter", Deleter))


class ManagedVersioned(ctypes.Structure):
    _fields_ = (
        ("major", c_uint32),
        ("minor", c_uint32),
        ("context", c_void_p),
        ("deleter", Deleter),
        ("flags", c_uint64),
        ("array", Array),
    )


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype, new_capsule.argtypes = ctypes.py_object, (c_void_p, ctypes.c_char_p, c_void_p)
capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype, capsule_name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
capsule_pointer.restype, capsule_pointer.argtypes = c_void_p, (ctypes.py_object, ctypes.c_char_p)


class Producer:
    """An object with `__dlpack__`: six float32 numbers, unless told otherwise."""

    def __init__(
        self, versioned=True, name=None, major=1, flags=0, shape=(2, 3), strides=None, **of_array
    ):
        self.memory = (ctypes.c_float * 16)(*range(16))
        self.deleted = 0
        self.deleter = Deleter(self.delete)
        self.managed = ManagedVersioned() if versioned else Managed()
        if versioned:
            self.managed.major, self.managed.flags = major, flags
        self.managed.deleter = self.deleter
        array = self.managed.array
        array.data = ctypes.addressof(self.memory)
        array.device_type, array.code, array.bits, array.lanes = 1, 2, 32, 1
        array.ndim = len(shape)
        self.shape = (c_int64 * 9)(*shape)
        array.shape = self.shape
        if strides is not None:
            self.strides = (c_int64 * 9)(*strides)
            array.strides = self.strides
        for field, value in of_array.items():
            setattr(array, field, value)
        self.name = name or (b"dltensor_versioned" if versioned else b"dltensor")

    def delete(self, _):
        self.deleted += 1

    def __dlpack__(self, **_):
        return new_capsule(ctypes.addressof(self.managed), self.name, None)


@pytest.mark.parametrize("versioned", [True, False])
def test_memory_of_a_capsule(versioned):
    producer = Producer(versioned)
    x = fg.from_dlpack(producer)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    x[0, 0] = 9
    assert producer.memory[0] == 9
    view = x[1]
    del x
    assert producer.deleted == 0
    del view
    assert producer.deleted == 1


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"shape": (), "byte_offset": 8}, 2),
        ({"shape": (3, 2), "strides": (1, 3)}, [[0, 3], [1, 4], [2, 5]]),
        ({"shape": (2, 2), "strides": (4, 2), "byte_offset": 4}, [[1, 3], [5, 7]]),
        ({"shape": (2, 3), "strides": (0, 1)}, [[0, 1, 2], [0, 1, 2]]),
        ({"shape": (0, 3)}, []),
        ({"shape": (2, 0), "data": None}, [[], []]),
        ({"shape": (2,), "code": 6, "bits": 8, "byte_offset": 4}, [False, False]),
        ({"shape": (2,), "code": 0, "bits": 8}, [0, 0]),
        ({"shape": (1,), "code": 4, "bits": 16}, [0]),
        ({"shape": (), "flags": 4}, 0),
    ],
    ids=repr,
)
def test_geometry(how, expected):
    assert fg.from_dlpack(Producer(**how)).tolist() == expected


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ({"ndim": -1}, BufferError, "-1 dimensions"),
        ({"ndim": 65}, BufferError, "65 dimensions"),
        ({"ndim": 2**31 - 1}, BufferError, "dimensions"),
        ({"shape": (2, 2**40, 2**40)}, RuntimeError, "more elements"),
        ({"shape": (-2, 3)}, RuntimeError, "negative"),
        ({"data": None}, ValueError, "null"),
        ({"strides": (-3, 1)}, ValueError, "negative"),
        ({"strides": (2**62, 2**62), "shape": (5, 5)}, ValueError, "64-bit"),
        ({"strides": (2**61, 1)}, (ValueError, RuntimeError), "64-bit|elements"),
        ({"byte_offset": 2}, ValueError, "aligned"),
        ({"device_type": 2}, BufferError, "device of type 2"),
        ({"device_type": -7}, BufferError, "device of type -7"),
        ({"code": 5, "bits": 64}, BufferError, "complex with 64 bits"),
        ({"code": 1, "bits": 16}, BufferError, "uint with 16 bits"),
        ({"code": 17}, BufferError, "unknown"),
        ({"bits": 128}, BufferError, "128 bits"),
        ({"bits": 4}, BufferError, "4 bits"),
        ({"lanes": 2}, BufferError, "2 lanes"),
        ({"lanes": 0}, BufferError, "0 lanes"),
        ({"major": 2}, BufferError, "version 2"),
        ({"major": 0}, BufferError, "version 0"),
        ({"code": 6, "bits": 8, "shape": (16,)}, ValueError, "bool"),
        ({"name": b"other"}, RuntimeError, "'other'"),
        ({"name": b"used_dltensor_versioned"}, RuntimeError, "only once"),
    ],
    ids=repr,
)
def test_capsules_that_hold_no_tensor(how, error, says):
    producer = Producer(**how)
    with pytest.raises(error, match=says):
        fg.from_dlpack(producer)
    assert producer.deleted == 0  # the memory is still the capsule's


def test_a_null_shape():
    producer = Producer()
    producer.managed.array.shape = None
    with pytest.raises(BufferError, match="no shape"):
        fg.from_dlpack(producer)
    producer.managed.array.ndim = 0
    assert fg.from_dlpack(producer).item() == 0


def test_a_capsule_without_a_deleter():
    producer = Producer()
    producer.managed.deleter = Deleter()
    assert fg.from_dlpack(producer).sum().item() == 15


@pytest.mark.parametrize(
    "garbage",
    [None, 5, "dltensor", b"", object(), [], fg, fg.ones(1)],
    ids=lambda garbage: type(garbage).__name__,
)
def test_objects_whose_dlpack_gives_garbage(garbage):
    class Odd:
        def __dlpack__(self, **_):
            return garbage

    with pytest.raises(TypeError, match="capsule"):
        fg.from_dlpack(Odd())
    with pytest.raises(TypeError):
        fg.tensor(Odd())


def test_objects_whose_dlpack_raises():
    class Odd:
        def __dlpack__(self, **options):
            raise KeyError("mine")

        def __dlpack_device__(self):
            return (1, 0)

    with pytest.raises(KeyError, match="mine"):
        fg.from_dlpack(Odd())
    Odd.__dlpack_device__ = lambda self: (2, 0)
    with pytest.raises(BufferError, match="type 2"):
        fg.from_dlpack(Odd())
    for wrong in (5, None, [1.0], "x"):
        with pytest.raises(TypeError, match="__dlpack__"):
            fg.from_dlpack(wrong)


def test_producers_from_before_version_1():
    class Old(Producer):
        def __dlpack__(self, stream=None):
            return super().__dlpack__()

    producer = Old(versioned=False)
    fg.from_dlpack(producer, copy=False)[0, 0] = 7
    fg.from_dlpack(producer, copy=True)[0, 1] = 7
    assert producer.memory[:2] == [7, 1]
    assert producer.deleted == 2


def test_read_only_memory_is_not_written():
    x = fg.from_dlpack(Producer(flags=1))
    with pytest.raises(RuntimeError, match=r"read-only.*clone"):
        x.zero_()
    values = np.zeros(3)
    values.flags.writeable = False
    x = fg.from_dlpack(values)
    with pytest.raises(RuntimeError, match="read-only"):
        x[0] = 1
    assert values[0] == 0
    # And what is read-only is given on as such.
    assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(BufferError, match="read-only"):
        x.__dlpack__()
    fg.from_dlpack(values, copy=True).fill_(1)
    assert np.from_dlpack(x, copy=True).flags.writeable


# Export


def content(capsule, kind, name):
    return kind.from_address(capsule_pointer(capsule, name))


def test_what_a_capsule_says():
    x = fg.arange(12.0).view(3, 4)[1:, ::2]
    old = x.__dlpack__()
    assert capsule_name(old) == b"dltensor"
    new = x.__dlpack__(max_version=(1, 1))
    managed = content(new, ManagedVersioned, b"dltensor_versioned")
    assert (managed.major, managed.flags) == (1, 0)
    for array in (managed.array, content(old, Managed, b"dltensor").array):
        assert array.data + array.byte_offset == x.data_ptr()
        assert (array.device_type, array.device_id, array.ndim) == (1, 0, 2)
        assert (array.code, array.bits, array.lanes) == (2, 32, 1)
        assert (array.shape[:2], array.strides[:2]) == ([2, 2], [4, 2])
    assert capsule_name(x.__dlpack__(max_version=(0, 9))) == b"dltensor"
    copied = x.__dlpack__(max_version=(1, 0), copy=True)
    assert content(copied, ManagedVersioned, b"dltensor_versioned").flags == 2
    assert x.__dlpack_device__() == (1, 0)


def test_capsules_that_tensors_refuse():
    x = fg.ones(2)
    for wrong in (
        lambda: fg.ones(2, requires_grad=True).__dlpack__(),
        lambda: fg.nn.Parameter(x).__dlpack__(),
        lambda: x.__dlpack__(stream=1),
        lambda: x.__dlpack__(dl_device=(2, 0)),
    ):
        with pytest.raises(BufferError):
            wrong()
    with pytest.raises(TypeError):
        x.__dlpack__(max_version=5)
    x.__dlpack__(stream=-1, dl_device=(1, 0), copy=False)


def test_a_capsule_is_used_once():
    x = fg.ones(2)
    for capsule in (fg.utils.dlpack.to_dlpack(x), x.__dlpack__(max_version=(1, 0))):
        fg.utils.dlpack.from_dlpack(capsule)[0] = 3
        assert x[0].item() == 3
        with pytest.raises(RuntimeError, match="only once"):
            fg.from_dlpack(capsule)


def test_lifetimes():
    """Memory goes with the last of its users: the array behind it tells."""
    import weakref

    class Watched(np.ndarray):
        pass

    def watched():
        values = np.zeros(1000).view(Watched)
        return fg.from_numpy(values), weakref.ref(values)

    for release in (
        lambda x: x.__dlpack__(),  # never taken
        lambda x: fg.from_dlpack(x.__dlpack__()),
        lambda x: fg.from_dlpack(x)[1:],
        lambda x: np.from_dlpack(x)[1:],
        lambda x: memoryview(x),
    ):
        x, alive = watched()
        user = release(x)
        del x
        gc.collect()
        assert alive() is not None
        del user
        gc.collect()
        assert alive() is None


SHUTDOWN_PROGRAM = """
import numpy as np, fastgrad as fg
kept = fg.ones(3)
never_taken = [kept.__dlpack__(), kept.__dlpack__(max_version=(1, 0))]
taken = fg.from_dlpack(np.ones(3)), np.from_dlpack(fg.ones(3)), fg.from_numpy(np.ones(3))
class Late:
    def __del__(self):
        fg.from_dlpack(never_taken[0]) if never_taken else None
late = Late()
cycle = [taken]; cycle.append(cycle)
"""


def test_interpreter_shutdown():
    run = subprocess.run([sys.executable, "-c", SHUTDOWN_PROGRAM], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


# With other libraries


@pytest.mark.parametrize("name", IN_NUMPY)
def test_with_numpy(name):
    values = np.array([[1, 0, 1], [0, 1, 1]], name)
    for source in (values, values.T, values[:, ::2], values[:0], values[0, 1:2].reshape(())):
        x = fg.from_dlpack(source)
        assert name_of(x.dtype) == name
        assert x.shape == source.shape
        again = np.from_dlpack(x)
        assert again.dtype == name
        assert again.tolist() == source.tolist()
        assert np.shares_memory(again, values) or source.size == 0
    with pytest.raises(ValueError, match="negative"):
        fg.from_dlpack(values[::-1])


@pytest.mark.parametrize(
    "source",
    [np.zeros(2, np.uint16), np.zeros(2, complex), np.zeros(2, "U1"), np.zeros(2, ">f4")],
    ids=str,
)
def test_arrays_of_numpy_without_a_tensor(source):
    with pytest.raises(BufferError):
        fg.from_dlpack(source)


@pytest.mark.parametrize("name", ALL)
def test_with_torch(torch, name):
    theirs = torch.tensor([[1, 0, 1], [0, 1, 1]]).to(getattr(torch, name))
    for source in (
        theirs,
        theirs.t(),
        theirs[:, ::2],
        theirs[:0],
        theirs[0, 1],
        theirs.expand(2, 2, 3),
    ):
        for x in (fg.from_dlpack(source), fg.from_dlpack(torch.utils.dlpack.to_dlpack(source))):
            assert name_of(x.dtype) == name
            assert x.tolist() == source.tolist()
            assert x.data_ptr() == source.data_ptr() or x.numel() == 0
            assert torch.from_dlpack(x).tolist() == source.tolist()
            assert (
                torch.utils.dlpack.from_dlpack(fg.utils.dlpack.to_dlpack(x)).tolist() == x.tolist()
            )
    with pytest.raises(BufferError, match="detach"):
        fg.from_dlpack(torch.ones(1, requires_grad=True))
    with pytest.raises(BufferError, match="detach"):
        torch.from_dlpack(fg.ones(1, requires_grad=True))


def test_with_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    theirs = jax.numpy.arange(6.0).reshape(2, 3)
    x = fg.from_dlpack(theirs)
    assert x.tolist() == theirs.tolist()
    assert jax.dlpack.from_dlpack(fg.ones(2)).tolist() == [1, 1]
