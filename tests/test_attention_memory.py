"""Attention over long sequences needs no memory for the matrix of its weights."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(
        not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a part"
    ),
]

LENGTH = 4096
WEIGHTS = 4 * LENGTH**2  # bytes of the matrix that would hold every weight

# What one forward and backward takes beyond inputs, result and gradients: the highest number of
# resident bytes, which Linux keeps for each process, so whatever else runs has no part in it. A
# short run before has imported, started threads and taken what a first call takes.
PROGRAM = f"""
import re
import sys
from pathlib import Path

import fastgrad as fg
from fastgrad.nn.functional import scaled_dot_product_attention


def kilobytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{{name}}:\\s+(\\d+) kB", status, re.MULTILINE)[1])


def run(length, kind):
    query, key, value = (fg.rand(1, length, 64).requires_grad_() for _ in range(3))
    upstream, options = fg.rand(1, length, 64), {{}}
    if kind == "causal":
        options["is_causal"] = True
    elif kind == "padding":
        options["attn_mask"] = (fg.arange(length) < length // 2).unsqueeze(0)
    elif kind == "learnt mask":
        options["attn_mask"] = fg.zeros(length, length, requires_grad=True)
    fg._core.empty_memory_cache()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kilobytes("VmRSS")
    out = scaled_dot_product_attention(query, key, value, **options)
    out.backward(upstream)
    taken = (kilobytes("VmHWM") - before) * 1024
    kept = [out, query.grad, key.grad, value.grad]
    return taken - sum(x.numel() * x.element_size() for x in kept)


fg.set_num_threads(2)  # each has a tile of its own
run(256, sys.argv[1])
print(run({LENGTH}, sys.argv[1]))
"""


def bytes_beyond_results(kind: str) -> int:
    command = [sys.executable, "-c", PROGRAM, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("kind", ["plain", "causal", "padding"])
def test_forward_and_backward_stay_below_a_tenth_of_the_weights(kind: str) -> None:
    assert bytes_beyond_results(kind) < WEIGHTS / 10


def test_the_measure_sees_weights_where_a_mask_learns() -> None:
    """The gradient of a mask is as large as the weights, and so they are all there."""
    assert bytes_beyond_results("learnt mask") > WEIGHTS
