"""The state of the random numbers of CUDA devices."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.cuda._devices import device_count, device_index, is_available

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgrad import Generator, Tensor
    from fastgrad._types import Place

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def _generator(device: Place | None) -> Generator:
    return _core.cuda_generator(device_index(device))


def _generators() -> list[Generator]:
    return [_core.cuda_generator(i) for i in range(device_count())]


def manual_seed(seed: int) -> None:
    """Start the generator of the current CUDA device from a seed. Without one, nothing happens.

    >>> import fastgrad as torch
    >>> torch.cuda.manual_seed(1)
    """
    seed = int(seed)
    if is_available():
        _generator(None).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Start the generators of all CUDA devices from a seed.

    >>> import fastgrad as torch
    >>> torch.cuda.manual_seed_all(1)
    """
    seed = int(seed)
    for generator in _generators():
        generator.manual_seed(seed)


def seed() -> None:
    """Start the generator of the current CUDA device from a random seed.

    >>> import fastgrad as torch
    >>> torch.cuda.seed()
    """
    if is_available():
        _generator(None).seed()


def seed_all() -> None:
    """Start the generators of all CUDA devices from one random seed.

    >>> import fastgrad as torch
    >>> torch.cuda.seed_all()
    """
    for i, generator in enumerate(_generators()):
        if i == 0:
            common = generator.seed()
        else:
            generator.manual_seed(common)


def initial_seed() -> int:
    """The seed from which the generator of the current CUDA device was started.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.manual_seed(7)
    ...     assert torch.cuda.initial_seed() == 7
    """
    return _generator(None).initial_seed()


def get_rng_state(device: Place = "cuda") -> Tensor:
    """The state of a CUDA device's generator, as a uint8 tensor.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     state = torch.cuda.get_rng_state()
    """
    return _generator(device).get_state()


def get_rng_state_all() -> list[Tensor]:
    """The states of all CUDA devices' generators.

    >>> import fastgrad as torch
    >>> len(torch.cuda.get_rng_state_all()) == torch.cuda.device_count()
    True
    """
    return [generator.get_state() for generator in _generators()]


def set_rng_state(new_state: Tensor, device: Place = "cuda") -> None:
    """Continue a CUDA device's generator from a state that :func:`get_rng_state` gave.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_rng_state(torch.cuda.get_rng_state())
    """
    _generator(device).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Continue all CUDA devices' generators from what :func:`get_rng_state_all` gave.

    >>> import fastgrad as torch
    >>> torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    """
    for i, state in enumerate(new_states):
        set_rng_state(state, f"cuda:{i}")
