"""Switches of cuDNN, which is not used here: they are kept and change nothing."""

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether cuDNN is there: no.

    >>> import fastgrad as torch
    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> int | None:
    """The version of cuDNN: None.

    >>> import fastgrad as torch
    >>> torch.backends.cudnn.version() is None
    True
    """
    return None
