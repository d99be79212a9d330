"""Coverage-guided fuzzing of ``fastgrad.load``: no file may do more than raise what it promises.

Run: pip install atheris && python tests/fuzz_load.py -max_total_time=60

Each input is tried as a whole file, as the pickle in a sound archive (whose checksums would
otherwise stop the fuzzer at the door), and as what follows the start of an old file.
"""

import io
import sys
import zipfile
from pickle import UnpicklingError

import atheris

with atheris.instrument_imports(include=["fastgrad.io", "zipfile"]):
    import fastgrad as fg
    from fastgrad.io import pt_legacy

FLOATS = bytes(range(64))


def archive_around(pickled: bytes) -> bytes:
    """A sound archive of PyTorch's with this pickle and one storage."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", FLOATS)
    return file.getvalue()


def try_to_load(data: bytes) -> None:
    """Only these exceptions are promised; any other one is a finding."""
    try:
        value = fg.load(io.BytesIO(data))
    except (UnpicklingError, RuntimeError, ValueError):
        return
    if isinstance(value, fg.Tensor) and value.numel() < 1000:
        value.sum()


def test_one(data: bytes) -> None:
    """What the fuzzer calls."""
    try_to_load(data)
    try_to_load(archive_around(data))
    try_to_load(pt_legacy.START + data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
