"""What goes wrong between processes."""


class DistError(RuntimeError):
    """An operation between processes failed. Follows ``torch.distributed.DistError``."""


class DistBackendError(DistError):
    """The library below failed, is missing, or a rank did not come in time.

    Follows ``torch.distributed.DistBackendError``.
    """
