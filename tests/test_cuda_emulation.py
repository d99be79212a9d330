"""The emulation of CUDA checks itself: threads, order, memory, faults."""

import ctypes

import pytest

from fastgrad import _core

EMULATED = _core.build_info()["cuda"] == "emulated"


@pytest.mark.cuda
@pytest.mark.skipif(not EMULATED, reason="needs a build with FASTGRAD_CUDA=EMULATED")
def test_emulation_keeps_its_own_rules():
    check = ctypes.CDLL(_core.__file__).fastgrad_emulation_self_check
    check.restype = ctypes.c_char_p
    assert check() is None
