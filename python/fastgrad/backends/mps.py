"""Apple's GPUs, which are not used here."""

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """Whether there is a device of that kind: no.

    >>> import fastgrad as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


def is_built() -> bool:
    """Whether this build could use one: no.

    >>> import fastgrad as torch
    >>> torch.backends.mps.is_built()
    False
    """
    return False
