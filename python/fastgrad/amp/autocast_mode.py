"""Blocks whose matrix products run in 16 bits. What is cast to what, functions say (`autocast` in
``fastgrad.ops.direct``)."""

from __future__ import annotations

from functools import wraps

from fastgrad import _core
from fastgrad.amp._available import is_on
from fastgrad.device import device as _device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from fastgrad import Tensor
    from fastgrad import dtype as _dtype

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "autocast",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
]

_CAST = (_core.float32, _core.float16, _core.bfloat16)  # float64 is left alone


def is_autocast_available(device_type: str) -> bool:
    """Whether :class:`autocast` can be enabled for a device type. Follows ``torch.amp``.

    >>> import fastgrad as torch
    >>> torch.amp.is_autocast_available("cpu") in (True, False)
    True
    """
    return _device(device_type).type == "cuda" and _core.accelerator.device_count() > 0


class Casting:
    """Calls functions with their arguments cast as autocast has it; weights once in a block."""

    def __init__(self, dtype: _dtype, keeps_weights: bool) -> None:
        self.dtype = dtype
        self.keeps_weights = keeps_weights
        self._weights: dict[tuple[int, bool], tuple[Tensor, int, Tensor]] = {}

    def __call__(
        self, cast: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        before = _core.set_autocast(None)  # what the function calls gets what this one was given
        try:
            return getattr(self, f"_{cast}")(function, args, kwargs)
        finally:
            _core.set_autocast(before)

    def _half(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        return self._call(function, args, kwargs, self.dtype)

    def _float32(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        return self._call(function, args, kwargs, _core.float32)

    def _widest(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        kinds = {x.dtype for x in _tensors((args, kwargs)) if _is_cast(x)}
        if len(kinds) < 2:
            return function(*args, **kwargs)
        return self._call(function, args, kwargs, _core.float32)  # which holds either 16-bit one

    def _through(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        first = next(_tensors((args, kwargs)))
        out = self._call(function, args, kwargs, _core.float32)
        return out.to(first.dtype) if _is_cast(first) else out

    def _refused(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        if not any(_is_cast(x) for x in _tensors((args, kwargs))):
            return function(*args, **kwargs)
        raise RuntimeError(
            f"{getattr(function, '__name__', function)} is unsafe to autocast: its gradient leaves "
            "the range of 16-bit floats. Use binary_cross_entropy_with_logits or "
            "BCEWithLogitsLoss on what comes before the sigmoid; they are safe to autocast"
        )

    def _call(
        self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any], dtype: _dtype
    ) -> Any:
        return function(
            *(self._cast(x, dtype) for x in args),
            **{name: self._cast(x, dtype) for name, x in kwargs.items()},
        )

    def _cast(self, x: Any, dtype: _dtype) -> Any:
        if _is_cast(x):
            return x if x.dtype is dtype else self._cast_tensor(x, dtype)
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return type(x)(*(self._cast(part, dtype) for part in x))
        if type(x) in (list, tuple):
            return type(x)(self._cast(part, dtype) for part in x)
        return x

    def _cast_tensor(self, x: Tensor, dtype: _dtype) -> Tensor:
        is_weight = x.requires_grad and x.is_leaf and x.dtype is _core.float32
        if not (is_weight and self.keeps_weights and dtype is self.dtype):
            return x.to(dtype)
        key = (id(x), _core.is_grad_enabled())
        known = self._weights.get(key)
        if known is None or known[1] != x._version:
            known = self._weights[key] = (x, x._version, x.to(dtype))
        return known[2]

    def without_weights(self) -> Casting:
        """The same, but weights are cast at each call."""
        return Casting(self.dtype, False)

    def forget(self) -> None:
        """Let go of the weights."""
        self._weights.clear()


def _is_cast(x: Any) -> bool:
    return isinstance(x, _core.TensorBase) and x.get_device() >= 0 and x.dtype in _CAST


def _tensors(value: Any) -> Any:
    if isinstance(value, _core.TensorBase):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether :class:`autocast` is on in this thread.

    >>> import fastgrad as torch
    >>> torch.is_autocast_enabled()
    False
    """
    return _device(device_type).type == "cuda" and _core.get_autocast() is not None


def get_autocast_dtype(device_type: str = "cuda") -> _dtype:
    """The dtype in which :class:`autocast` computes: of the block, or what a block would choose.

    >>> import fastgrad as torch
    >>> torch.get_autocast_dtype("cuda")
    torch.float16
    """
    casting: Casting | None = _core.get_autocast()
    if _device(device_type).type != "cuda":
        return _core.bfloat16
    return _core.float16 if casting is None else casting.dtype


def is_autocast_cache_enabled() -> bool:
    """Whether :class:`autocast` keeps cast parameters until the end of the block.

    >>> import fastgrad as torch
    >>> torch.is_autocast_cache_enabled()
    True
    """
    casting: Casting | None = _core.get_autocast()
    return casting is None or casting.keeps_weights


def clear_autocast_cache() -> None:
    """Let go of the parameters that :class:`autocast` cast.

    >>> import fastgrad as torch
    >>> torch.clear_autocast_cache()
    """
    casting: Casting | None = _core.get_autocast()
    if casting is not None:
        casting.forget()


class autocast:
    """A block, or a decorated function, in which CUDA devices compute what is safe in 16 bits.

    Matrix products, convolutions and attention get their arguments in `dtype`; softmax, losses,
    norms, exponentials, logarithms, powers and sums in float32; everything else as they are.
    Parameters stay in float32, and are cast once in a block. Backward belongs outside of it: its
    operations have the dtypes that those of forward had.

    Args:
        device_type: ``'cuda'``. It switches itself off with a warning where there is none.
        dtype: ``torch.float16``, unless told, or ``torch.bfloat16``.
        enabled: False for an ordinary block, also inside of another one.
        cache_enabled: whether cast parameters are kept until the end of the block.

    Raises:
        RuntimeError: it is enabled for another device than CUDA.

    Follows ``torch.amp.autocast``.

    >>> import fastgrad as torch
    >>> with torch.amp.autocast("cpu", enabled=False):
    ...     print((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    torch.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: _dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = device_type
        self.fast_dtype = _core.float16 if dtype is None else dtype
        self._enabled = is_on("autocast", device_type, enabled, "leave the block out")
        if self._enabled and self.fast_dtype not in (_core.float16, _core.bfloat16):
            from warnings import warn

            warn(
                f"In CUDA autocast, but the target dtype {self.fast_dtype} is not supported. "
                "Disabling autocast; use torch.bfloat16 or torch.float16",
                stacklevel=2,
            )
            self._enabled = False
        self._keeps_weights = cache_enabled is None or cache_enabled
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        casting = Casting(self.fast_dtype, self._keeps_weights) if self._enabled else None
        self._before.append(_core.set_autocast(casting))
        return self

    def __exit__(self, *raised: object) -> None:
        casting = _core.set_autocast(self._before.pop())
        if casting is not None:
            casting.forget()

    def __call__(self, function: F) -> F:
        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str = "cuda",
    cast_inputs: _dtype | None = None,
) -> Any:
    """Decorates ``forward`` of an autograd Function for use under :class:`autocast`.

    Args:
        device_type: ``'cuda'``.
        cast_inputs: the dtype in which it gets floating-point tensors of the device where autocast
            is on, and then runs with it off; unless told, it runs under the block's autocast.

    Follows ``torch.amp.custom_fwd``.

    >>> import fastgrad as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cuda")
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cuda")
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> Double.apply(torch.ones(1))
    tensor([2.])
    """
    if fwd is None:
        return lambda function: custom_fwd(
            function, device_type=device_type, cast_inputs=cast_inputs
        )

    @wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        casting: Casting | None = _core.get_autocast()
        ctx._autocast = None if cast_inputs is not None else casting
        if casting is None or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        before = _core.set_autocast(None)
        try:
            return casting._call(lambda *a, **k: fwd(ctx, *a, **k), args, kwargs, cast_inputs)
        finally:
            _core.set_autocast(before)

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cuda") -> Any:
    """Decorates ``backward`` of an autograd Function: it runs under the autocast that ``forward``,
    decorated with :func:`custom_fwd`, ran under.

    Follows ``torch.amp.custom_bwd``.

    >>> import fastgrad as torch
    >>> backward = torch.amp.custom_bwd(device_type="cuda")
    """
    if bwd is None:
        return lambda function: custom_bwd(function, device_type=device_type)

    @wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        before = _core.set_autocast(ctx._autocast)
        try:
            return bwd(ctx, *args, **kwargs)
        finally:
            _core.set_autocast(before)

    return backward
