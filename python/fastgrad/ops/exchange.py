"""Tensors on the memory of other libraries' arrays, and those on the memory of tensors."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import check_device, index_of, made_on
from fastgrad.ops.conversion import to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy import ndarray

    from fastgrad._types import DType, Place
    from fastgrad.tensor import Tensor

__all__ = [
    "as_tensor",
    "asarray",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
]

_CPU = (1, 0)  # DLPack's name of it
_CUDA, _CUDA_PINNED = 2, 3  # DLPack's types of CUDA's memory
_TYPE_STRINGS = {  # of the array interfaces
    _core.float64: "<f8",
    _core.float32: "<f4",
    _core.float16: "<f2",
    _core.int64: "<i8",
    _core.int32: "<i4",
    _core.int16: "<i2",
    _core.int8: "|i1",
    _core.uint8: "|u1",
    _core.bool: "|b1",
}
_REQUIRES_GRAD = (
    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of a NumPy array: a change of one is a change of the other.

    A tensor on a read-only array is read-only too: writing to it raises a RuntimeError, where
    ``torch.from_numpy`` warns and lets the array be changed.

    Raises:
        TypeError: not an array, or an element type without a tensor type.
        ValueError: negative strides, foreign byte order, or memory that is not aligned.

    Follows ``torch.from_numpy``.

    >>> import fastgrad as torch, numpy as np
    >>> torch.from_numpy(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    # NumPy's numbers have all of an array but these.
    if not hasattr(ndarray, "__array_interface__") or not hasattr(ndarray, "__setitem__"):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return _core.from_buffer(ndarray)


def _on_its_memory(data: Any) -> Tensor | None:
    """A tensor on the memory of an array of any library; None if the data is no array."""
    if isinstance(data, (list, tuple, int, float, str, bytes)):
        return None
    if hasattr(data, "__array_interface__") and hasattr(data, "__setitem__"):
        return _core.from_buffer(data)
    if is_cuda_array(data):
        return from_cuda_array(data)
    if hasattr(data, "__dlpack__") and not hasattr(data, "__array_interface__"):
        return from_dlpack(data)
    if hasattr(data, "__array__") and not hasattr(data, "__array_interface__"):
        return _core.from_buffer(data.__array__())
    return None


def as_tensor(data: Any, dtype: DType | None = None, device: Place | None = None) -> Tensor:
    """The data as a tensor: itself if it is one, on the same memory if it is an array, else a copy.

    Raises:
        TypeError: the data has elements that are no numbers.

    Follows ``torch.as_tensor``.

    >>> import fastgrad as torch
    >>> torch.as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    if isinstance(data, _core.TensorBase):
        return to(data, dtype, device=device)  # type: ignore[arg-type]
    shared = _on_its_memory(data)
    if shared is None:
        return made_on(device, _core.tensor, data, dtype)
    return to(shared, dtype, device=device)


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """A tensor, array, buffer, number or sequence as a tensor, on the same memory if that can be.

    Args:
        obj: the data; what has the buffer protocol but is no array (say a bytearray) is read as
            elements of `dtype`.
        dtype: the element type; unless told, that of the data.
        copy: True always, False never copies; None copies when it must.
        requires_grad: whether operations on it are recorded; unless told, as for `obj`.

    Raises:
        ValueError: `copy=False`, and the data cannot be shared.

    Follows ``torch.asarray``.

    >>> import fastgrad as torch
    >>> torch.asarray([1, 2], dtype=torch.float32)
    tensor([1., 2.])
    """
    shared = obj if isinstance(obj, _core.TensorBase) else _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError(
                f"can't alias {type(obj).__name__} into a tensor; leave out copy=False"
            )
        out = made_on(device, _core.tensor, obj, dtype)
    else:
        if copy is False and device is not None and index_of(device) != shared.get_device():
            raise ValueError(f"can't alias memory of another device on {device}; copy it")
        if copy is False and dtype is not None and shared.dtype is not dtype:
            raise ValueError(
                f"can't alias elements of {shared.dtype} as {dtype}; leave out copy=False"
            )
        out = to(shared, dtype, device=device, copy=bool(copy))  # type: ignore[arg-type]
    if requires_grad is None or requires_grad is out.requires_grad:
        return out
    return _core.detach(out).requires_grad_(requires_grad)


def _shared(obj: Any, dtype: DType | None) -> Tensor | None:
    found = _on_its_memory(obj)
    if found is None and isinstance(obj, (bytes, bytearray, memoryview)):
        return frombuffer(obj, dtype=dtype or _core.get_default_dtype())
    return found


def frombuffer(
    buffer: Any,
    *,
    dtype: DType,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor in one dimension on the bytes of an object with the buffer protocol.

    A tensor on a read-only buffer is read-only too, where ``torch.frombuffer`` warns.

    Args:
        buffer: bytes, a bytearray, a memoryview, an array, a memory map.
        dtype: what the bytes are read as.
        count: how many elements; negative: all that there are.
        offset: how many bytes to skip at the beginning.

    Raises:
        ValueError: no buffer, one without elements, or one that is too short or not aligned.

    Follows ``torch.frombuffer``.

    >>> import fastgrad as torch
    >>> torch.frombuffer(bytearray(b"ABC"), dtype=torch.uint8, offset=1)
    tensor([66, 67], dtype=torch.uint8)
    """
    data = _core.buffer_bytes(buffer)
    size = data.numel()
    width = _core.empty((0,), dtype).element_size()
    if size == 0 or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % width:
        raise ValueError(
            f"buffer length ({size} bytes) after offset ({offset} bytes) must be a multiple of "
            f"element size ({width}); pass count"
        )
    wanted = width * count if count > 0 else size - offset
    if offset + wanted > size:
        raise ValueError(
            f"requested buffer length ({count} * {width} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({size} bytes)"
        )
    out = _core.reinterpreted(_core.narrow(data, 0, offset, wanted), dtype)
    return out.requires_grad_() if requires_grad else out


def from_dlpack(
    ext_tensor: Any, *, device: Place | None = None, copy: bool | None = None
) -> Tensor:
    """A tensor on the memory of an array of another library, through DLPack.

    A tensor on memory that its library calls read-only is read-only too: writing to it raises a
    RuntimeError, where ``torch.from_dlpack`` lets it be changed.

    Args:
        ext_tensor: an object with a ``__dlpack__`` method, or the capsule that it gives.
        device: where the tensor shall be; unless told, where the memory is.
        copy: True asks for a copy, False for an error rather than a copy.

    Raises:
        TypeError: neither such an object nor a capsule.
        BufferError: elements without a tensor type, or memory that is neither the CPU's nor CUDA's.
        RuntimeError: the capsule was used before.
        ValueError: negative strides, or memory that is not aligned.

    Follows ``torch.from_dlpack``.

    >>> import fastgrad as torch, numpy as np
    >>> torch.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=torch.float64)
    """
    check_device(device)
    taken = _taken(ext_tensor, copy)
    if device is None or index_of(device) == taken.get_device():
        return taken
    if copy is False:
        raise ValueError(f"from_dlpack: the memory is not on {device}; leave out copy=False")
    return to(taken, device=device)


def _taken(ext_tensor: Any, copy: bool | None) -> Tensor:
    if not hasattr(ext_tensor, "__dlpack__"):
        taken = _core.from_dlpack(ext_tensor)
        return _core.clone(taken) if copy else taken
    stream = _stream_for(getattr(ext_tensor, "__dlpack_device__", lambda: _CPU)())
    options: dict[str, Any] = {"max_version": (1, 0)}
    if copy is not None:
        options["copy"] = copy
    try:
        capsule = ext_tensor.__dlpack__(**stream, **options)
    except TypeError:  # a library from before DLPack 1
        taken = _core.from_dlpack(ext_tensor.__dlpack__(**stream))
        return _core.clone(taken) if copy else taken
    return _core.from_dlpack(capsule)


def _stream_for(place: tuple[Any, int]) -> dict[str, int]:
    """The argument that says on which stream the memory will be read."""
    kind, index = int(place[0]), int(place[1])
    if kind in (_CPU[0], _CUDA_PINNED):
        return {}
    if kind != _CUDA or not _core.build_info()["cuda"]:
        raise BufferError(
            f"from_dlpack: the memory is on a device of type {kind}; only the CPU's (type 1), and "
            f"CUDA's (type {_CUDA}) in a build with CUDA, can be shared; move it to the CPU first"
        )
    check_device(f"cuda:{index}")
    return {"stream": _core.accelerator.current_stream(index) or 1}  # 1: the default stream


def dlpack(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule of the tensor's memory, for another library's ``from_dlpack``.

    Raises:
        BufferError: the tensor requires grad, another device is asked for, or a stream on the CPU.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    place = dlpack_device(self)
    if place == _CPU and stream not in (None, -1):
        raise BufferError(f"__dlpack__: stream should be None on cpu, got {stream!r}")
    if dl_device is not None and tuple(map(int, dl_device)) != place:
        raise BufferError(f"__dlpack__: the tensor is on {place}, got {dl_device}")
    versioned = max_version is not None and max_version[0] >= 1
    shared = _core.clone(self) if copy else self
    if place != _CPU and stream != -1:  # -1: the other library takes care of it
        _let_wait(place[1], stream)
    return _core.to_dlpack(shared, versioned, bool(copy))


def _let_wait(index: int, stream: int | None) -> None:
    """Make a stream (None, 1: the default one) wait from now on for the current one."""
    if stream == 0:
        raise BufferError(
            "__dlpack__: stream 0 could be either default stream of CUDA; pass 1 or 2"
        )
    _put_after(index, 0 if stream in (None, 1) else int(stream), None)


def _put_after(index: int, waiting: int | None, first: int | None) -> None:
    """Make what a stream is given from now on wait for another one; None: the current one."""
    ours = _core.accelerator.current_stream(index)
    waiting, first = (ours if stream is None else stream for stream in (waiting, first))
    if waiting != first:
        _core.accelerator.put_after(index, waiting, first)


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """DLPack's name of the tensor's device."""
    index = self.get_device()
    return _CPU if index < 0 else (_CUDA, index)


def cuda_array_interface(self: Tensor) -> dict[str, Any]:
    """See ``Tensor.__cuda_array_interface__``."""
    index = self.get_device()
    if index < 0:
        raise AttributeError(
            "Can't get __cuda_array_interface__ on non-CUDA tensor type: "
            f"{self.type()}. If CUDA data is required use tensor.cuda() to copy it to a device."
        )
    if self.requires_grad:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients "
            "aren't required, use var.detach() to get Variable that doesn't require grad."
        )
    if self.dtype not in _TYPE_STRINGS:
        raise AttributeError(f"__cuda_array_interface__ has no name for {self.dtype}")
    width = self.element_size()
    return {
        "shape": tuple(self.shape),
        "typestr": _TYPE_STRINGS[self.dtype],
        "data": (self.data_ptr() if self.numel() else 0, False),
        "strides": None if self.is_contiguous() else tuple(n * width for n in self.stride()),
        "version": 3,
        "stream": _core.accelerator.current_stream(index) or 1,
    }


def is_cuda_array(data: Any) -> bool:
    """Whether another library's array on a CUDA device can be shared."""
    return hasattr(data, "__cuda_array_interface__")


def from_cuda_array(obj: Any) -> Tensor:
    """A tensor on the memory of an object with ``__cuda_array_interface__``.

    Raises:
        TypeError: elements without a tensor type.
        ValueError: a mask, negative strides, or memory that is not aligned.
    """
    facts = obj.__cuda_array_interface__
    kinds = {text: dtype for dtype, text in _TYPE_STRINGS.items()}
    if facts["typestr"] not in kinds:
        raise TypeError(f"no dtype for elements of type {facts['typestr']!r}; convert them first")
    if facts.get("mask") is not None:
        raise ValueError("arrays with a mask cannot be shared")
    dtype = kinds[facts["typestr"]]
    width = _core.empty_at(-1, (0,), dtype).element_size()
    strides = facts.get("strides")
    if strides is not None and any(step % width for step in strides):
        raise ValueError(f"a stride is not a multiple of the {width}-byte elements; pass a copy")
    address, read_only = facts["data"]
    here = _core.accelerator.current_device()
    index = _core.accelerator.device_of_memory(address) if address else here
    if (stream := facts.get("stream")) is not None:
        _put_after(index, None, 0 if stream == 1 else stream)
    steps = None if strides is None else tuple(step // width for step in strides)
    shape = tuple(facts["shape"])
    return _core.accelerator.from_memory(index, address, shape, steps, dtype, read_only, obj)


def numpy(self: Tensor, *, force: bool = False) -> ndarray[Any, Any]:
    """The tensor as a NumPy array on the same memory.

    Raises:
        RuntimeError: the tensor requires grad and `force` is not set.
        TypeError: NumPy has no such element type (bfloat16), or the tensor lives on a CUDA device
            and `force` is not set.
    """
    if self.requires_grad and not force:
        raise RuntimeError(_REQUIRES_GRAD)
    if force:
        self = to(self, device="cpu")
    from numpy import asarray

    return asarray(memoryview(_core.detach(self)))


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> ndarray[Any, Any]:
    """The tensor as a NumPy array, on the same memory unless `dtype` or `copy` ask for a copy.

    Raises:
        RuntimeError: the tensor requires grad.
        ValueError: `copy=False`, and the dtype is another.
    """
    shared = numpy(self)
    if dtype is None or shared.dtype == dtype:
        return shared.copy() if copy else shared
    if copy is False:
        raise ValueError(
            f"Unable to avoid copy: the tensor holds {shared.dtype}, not {dtype}; leave out "
            "copy=False"
        )
    return shared.astype(dtype)
