"""Every module, against PyTorch's and by itself: what follows from the rows of nn_rows."""

import copy
import pickle

import numpy as np
import pytest

import fastgrad as fg
from nn_helpers import mirrored
from nn_rows import ROWS, Row
from parity import name_of

EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
pytestmark = pytest.mark.filterwarnings("ignore")


def arrays_of(state):
    return {name: tensor.detach().numpy() for name, tensor in state.items()}


def seeded(lib, row: Row):
    lib.manual_seed(7)
    return row.make(lib)


def flat(result):
    """The tensors of a result, which may be a tuple."""
    if isinstance(result, (tuple, list)):
        return [tensor for part in result for tensor in flat(part)]
    return [result]


def weighted(lib, out):
    """A number to which all elements of `out`, and their squares, contribute differently."""
    weights = lib.linspace(-1, 1, out.numel()).reshape(out.shape)
    return (out * weights + out * out * weights.flip(0) if out.ndim else out).sum()


def run(lib, row: Row, module):
    """Outputs, and the gradients of a function of them, by name."""
    lib.manual_seed(11)
    inputs = row.tensors(lib)
    outputs = flat(module(*[x * 1 if x.requires_grad else x for x in inputs]))
    found = {f"output {i}": out for i, out in enumerate(outputs)}
    terms = [weighted(lib, out) for out in outputs if out.requires_grad]
    if terms:
        sum(terms).backward()
    found |= {f"input {i}": x.grad for i, x in enumerate(inputs) if x.grad is not None}
    found |= {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return {name: tensor.detach() for name, tensor in found.items()}


def assert_close(ours, theirs, tolerance=2e-5):
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert name_of(ours[name].dtype) == name_of(tensor.dtype), name
        found, expected = ours[name].numpy(), tensor.numpy()
        assert found.shape == expected.shape, name
        scale = float(np.abs(expected).max()) if expected.size else 1.0
        np.testing.assert_allclose(
            found, expected, rtol=tolerance, atol=tolerance * max(scale, 1e-3), err_msg=name
        )


@EVERY_ROW
def test_prints_as_in_torch(torch, row):
    assert repr(row.make(fg)) == repr(row.make(torch))


@EVERY_ROW
def test_starts_with_the_bits_of_torch(torch, row):
    ours, theirs = (arrays_of(seeded(lib, row).state_dict()) for lib in (fg, torch))
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        assert ours[name].dtype == expected.dtype
        np.testing.assert_array_equal(ours[name], expected, err_msg=name)


@EVERY_ROW
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_agrees_with_torch(torch, row, training):
    """Values, gradients, and what two calls leave behind in the buffers."""
    modules = {lib: seeded(lib, row).train(training) for lib in (fg, torch)}
    for _ in range(2):
        ours, theirs = (run(lib, row, module) for lib, module in modules.items())
        assert_close(ours, theirs)
    ours, theirs = (dict(module.named_buffers()) for module in modules.values())
    assert_close(ours, theirs)


@EVERY_ROW
def test_state_goes_to_torch_and_back(torch, row):
    ours, theirs = row.make(fg), seeded(torch, row)
    ours.load_state_dict(
        {name: fg.from_numpy(x) for name, x in arrays_of(theirs.state_dict()).items()}
    )
    again = row.make(torch)
    again.load_state_dict(
        {name: torch.from_numpy(x) for name, x in arrays_of(ours.state_dict()).items()}
    )
    for name, expected in theirs.state_dict().items():
        assert torch.equal(again.state_dict()[name], expected), name


@EVERY_ROW
def test_copies_do_the_same(row):
    module = seeded(fg, row).eval()
    expected = run(fg, row, module)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        assert mirrored(twin)
        twin.zero_grad()
        assert not {p.data_ptr() for p in twin.parameters()} & {
            p.data_ptr() for p in module.parameters()
        }
        assert_close(run(fg, row, twin), expected, tolerance=0)


# Small ones only: each number is moved in turn.
SMOOTH = [row for row in ROWS if not row.kinked and sum(x.size for x in row.arrays()) < 80]


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.id)
def test_gradients_are_those_of_numbers_nearby(row):
    module = seeded(fg, row).eval().double()
    inputs = row.tensors(fg, "float64")
    members = list(module.parameters())

    def result(*values):
        outputs = flat(module(*values[: len(inputs)]))  # gradcheck moves the parameters in place
        return tuple(out for out in outputs if out.is_floating_point())

    assert fg.autograd.gradcheck(result, (*inputs, *members))


def test_each_module_of_the_table_has_rows():
    """Of what is called like a function; containers and lazy ones have tests of their own."""
    containers = {"ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
    bases = {"RNNBase", "RNNCellBase"}
    called = {name for name in fg.nn.modules.__all__ if not name.startswith("Lazy")}
    assert called - containers - bases - {row.name for row in ROWS} == set()
