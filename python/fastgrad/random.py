"""The state of the random numbers, which are those that PyTorch draws from the same seed.

Follows ``torch.random``.
"""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgrad._core import Generator
    from fastgrad.tensor import Tensor

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


default_generator = _core.default_generator


def manual_seed(seed: int) -> Generator:
    """Start the default generators of all devices from a seed; returns the CPU's.

    Raises:
        ValueError: the seed lies outside -2**63 to 2**64 - 1 (negative ones count from 2**64), or
            is no number.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    seed = int(seed)
    _core.seed_cuda_generators(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a random seed, and return that. Follows ``torch.seed``.

    >>> import fastgrad as torch
    >>> torch.seed() == torch.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was started from. Follows ``torch.initial_seed``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(7)
    >>> torch.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as a uint8 tensor. Follows ``torch.get_rng_state``.

    PyTorch's states have the same bytes, so a state of one library continues in the other.

    >>> import fastgrad as torch
    >>> state = torch.get_rng_state()
    >>> first = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(3), first)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continue the default generator from a state that :func:`get_rng_state` gave.

    Raises:
        RuntimeError, TypeError: not such a state.

    Follows ``torch.set_rng_state``.

    >>> import fastgrad as torch
    >>> torch.set_rng_state(torch.get_rng_state())
    """
    default_generator.set_state(new_state)


class fork_rng:
    """A ``with`` block after which the default generator is where it was before.

    Args:
        devices: accelerators whose generators are kept too; this build has none.
        enabled: False makes the block an ordinary one.

    Raises:
        RuntimeError: a device is named.

    Follows ``torch.random.fork_rng``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     _ = torch.rand(100)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """

    def __init__(self, devices: Iterable[object] | None = None, enabled: bool = True) -> None:
        if devices is not None and list(devices):
            raise RuntimeError("fork_rng: only the CPU is available; leave `devices` out")
        self._enabled = enabled

    def __enter__(self) -> None:
        self._state = get_rng_state() if self._enabled else None

    def __exit__(self, *raised: object) -> None:
        if self._state is not None:
            set_rng_state(self._state)
