"""The benchmark's section for CUDA devices: its rows compute what they do on the CPU."""

import re
from importlib import import_module

import pytest

import cuda_rows
from cuda_common import needs_cuda
from fastgrad.cli import main

comparison = import_module("fastgrad.bench.comparison")
device_limits = import_module("fastgrad.bench.device_limits")

pytestmark = needs_cuda


@pytest.mark.parametrize("name", [one.name for one in cuda_rows.quick_rows("cuda")])
def test_rows_compute_what_they_do_on_the_cpu(name: str) -> None:
    rows = {d: {one.name: one for one in cuda_rows.quick_rows(d)} for d in ("cpu", "cuda")}
    one = rows["cuda"][name]
    plain = rows["cpu"][name.replace(" captured", "")]
    found, expected = cuda_rows.digests(one, "fastgrad"), cuda_rows.digests(plain, "fastgrad")
    for ours, theirs in zip(found, expected, strict=True):
        assert comparison.difference(ours, theirs, one.tolerance) is None


def test_a_row_is_timed_on_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--rows", "chain", "--rivals", "none", "--quick", "--rounds", "1")
    assert main(["bench", "cuda", *words]) == 0
    assert re.search(r"^add 1000, chain of 1000 +[\d.]+ [um]s", capsys.readouterr().out, re.M)


def test_a_copy_is_measured_with_as_many_bytes_as_a_row_moves() -> None:
    limit = device_limits.DeviceLimit("fastgrad", "device copy", 80_000)
    assert limit.amount == 80_000
    assert limit.rate() > 0
