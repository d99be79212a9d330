"""Work that is captured once and replayed as a whole: the host does not start each kernel."""

from __future__ import annotations

from functools import cache

from fastgrad._core import accelerator
from fastgrad.cuda._devices import is_available, synchronize
from fastgrad.cuda._memory import empty_cache
from fastgrad.cuda._streams import Stream, StreamContext, current_stream

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing"]

_MODES = ("global", "thread_local", "relaxed")


def is_current_stream_capturing() -> bool:
    """Whether the work of the current stream is captured into a graph.

    >>> import fastgrad as torch
    >>> torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
    False
    """
    if not is_available():
        return False
    stream = current_stream()
    return accelerator.is_capturing(stream.device_index, stream.cuda_stream)


def graph_pool_handle() -> int:
    """A name for memory that several graphs share, which are never replayed at the same time.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     pool = torch.cuda.graph_pool_handle()
    """
    return accelerator.new_pool()


class CUDAGraph:
    """Work of a stream that was captured, to be replayed: the same kernels on the same memory.

    New input is copied into the tensors that were used while it was captured, and the results are
    in those that were made then. What the host did meanwhile (Python's own decisions, prints) is
    not repeated, and the host must not wait for the stream (``item()``, ``cpu()``).

    Raises:
        AssertionError: this build has no CUDA.

    Follows ``torch.cuda.CUDAGraph``.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     x, captured = torch.ones(2, device="cuda"), torch.cuda.CUDAGraph()
    ...     with torch.cuda.graph(captured):
    ...         y = x * 2
    ...     _ = x.fill_(3)
    ...     captured.replay()
    ...     assert y.tolist() == [6, 6]
    """

    def __init__(self, keep_graph: bool = False) -> None:
        accelerator.current_device()  # is there one?
        self._graph = self._pool = 0
        self._stream: Stream | None = None

    def capture_begin(self, pool: int | None = None, capture_error_mode: str = "global") -> None:
        """Capture what the current stream is given, instead of doing it.

        Args:
            pool: what :func:`graph_pool_handle` or another graph's `pool` gave, whose memory this
                graph shares; unless told, it has its own.
            capture_error_mode: which of CUDA's calls that could spoil a capture are refused
                meanwhile: 'global', those of any thread; 'thread_local', of this one; 'relaxed'.

        Raises:
            RuntimeError: the current stream is the default one, or the graph was captured before.
            ValueError: another mode.
        """
        if capture_error_mode not in _MODES:
            raise ValueError(
                f"capture_error_mode: expected one of {', '.join(_MODES)}, got "
                f"{capture_error_mode!r}"
            )
        stream = current_stream()
        if not stream.cuda_stream:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream. (However, after capture, "
                "it's ok to replay them on the default stream.)"
            )
        if self._pool:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, "
                "create a new instance or call reset()."
            )
        mode = _MODES.index(capture_error_mode)
        self._pool = accelerator.begin_capture(
            stream.device_index, stream.cuda_stream, pool or 0, mode
        )
        self._stream = stream

    def capture_end(self) -> None:
        """End the capture.

        Raises:
            RuntimeError: no capture was begun, or something that cannot be captured was done.
        """
        if self._stream is None or self._graph:
            raise RuntimeError("capture_end: no capture was begun")
        self._graph = accelerator.end_capture(self._stream.device_index, self._stream.cuda_stream)

    def replay(self) -> None:
        """Do the captured work on the current stream, with the next random numbers.

        Raises:
            RuntimeError: nothing was captured.
        """
        if not self._graph or self._stream is None:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        accelerator.replay(self._stream.device_index, self._graph)

    def reset(self) -> None:
        """Forget what was captured. Its memory is free once its tensors are gone."""
        if self._pool and self._stream is not None:
            accelerator.free_graph(self._stream.device_index, self._graph, self._pool)
        self._graph = self._pool = 0
        self._stream = None

    def pool(self) -> int:
        """The name of the graph's memory, for another graph that is to share it."""
        return self._pool

    def __del__(self) -> None:
        if getattr(self, "_pool", 0):
            self.reset()


@cache
def _own_stream(index: int) -> Stream:
    """The stream of a device that is kept for captures."""
    return Stream(index)


class graph:
    """A ``with`` block whose work on the device is captured into a graph instead of being done.

    Args:
        cuda_graph: the graph.
        pool: whose memory it shares; see :meth:`CUDAGraph.capture_begin`.
        stream: the stream on which it is captured; unless told, one that is kept for it.
        capture_error_mode: see :meth:`CUDAGraph.capture_begin`.

    Follows ``torch.cuda.graph``.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     captured = torch.cuda.CUDAGraph()
    ...     with torch.cuda.graph(captured):
    ...         _ = torch.ones(2, device="cuda") + 1
    """

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: int | None = None,
        stream: Stream | None = None,
        capture_error_mode: str = "global",
    ) -> None:
        self.cuda_graph, self._pool, self._mode = cuda_graph, pool, capture_error_mode
        self.capture_stream = stream or _own_stream(accelerator.current_device())
        self._context = StreamContext(self.capture_stream)

    def __enter__(self) -> None:
        import gc

        synchronize()
        gc.collect()  # a graph's memory that goes meanwhile would be freed in the midst of it
        empty_cache()
        self._context.__enter__()
        try:
            self.cuda_graph.capture_begin(self._pool, self._mode)
        except BaseException:
            self._context.__exit__()
            raise

    def __exit__(self, *raised: object) -> None:
        try:
            self.cuda_graph.capture_end()
        except RuntimeError:
            if raised[0] is None:  # else what was raised in the block says more
                raise
        finally:
            self._context.__exit__(*raised)
