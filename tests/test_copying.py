"""Tensors as Python copies, pickles, counts, compares and subclasses them."""

import builtins
import collections.abc
import copy
import gc
import io
import math
import numbers
import operator
import pickle
import random
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from parity import outcome
from strategies import ALL

pytestmark = pytest.mark.core
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Tagged(fg.Tensor):
    """A tensor with attributes; at the module's level, for pickle to find."""


class Slotted(fg.Tensor):
    __slots__ = ("note",)


def again(x, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(x, protocol))


def tagged():
    x = Tagged([1.0, 2.0])
    x.tag = ["q"]
    return x


# pickle


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ALL)
def test_pickle(name, protocol):
    x = fg.tensor([[1, 0, 1], [0, 1, 1]]).to(getattr(fg, name))
    for kind in (x, x.t(), x[:, ::2], x[1], x[0, 0], x[:0], x.expand(2, 2, 3), x.permute(1, 0)[1:]):
        twin = again(kind, protocol)
        assert type(twin) is fg.Tensor
        assert twin.dtype is kind.dtype
        assert twin.shape == kind.shape
        assert twin.tolist() == kind.tolist()
        assert twin._base is None


@given(data=st.data())
def test_pickle_of_any_view(data):
    """Values and order in memory survive, gaps do not."""
    x = fg.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    x = x.permute(data.draw(st.permutations(range(4))))
    x = x[
        tuple(
            slice(data.draw(st.integers(0, 2)), None, data.draw(st.integers(1, 2))) for _ in x.shape
        )
    ]
    twin = again(x)
    assert fg.equal(twin, x)
    assert len(pickle.dumps(x)) < 500 + 8 * x.numel()

    def order(t):
        return sorted((d for d in range(4) if t.shape[d] > 1), key=lambda d: t.stride()[d])

    assert x.numel() == 0 or order(twin) == order(x)


def test_pickle_keeps_strides_as_torch(torch):
    def strides(lib):
        x = lib.arange(24.0).view(2, 3, 4)
        kinds = (
            x,
            x.transpose(0, 2),
            x.permute(1, 2, 0),
            lib.ones(2).expand(3, 2),
            lib.zeros(0, 3),
        )
        return [again(kind).stride() for kind in kinds]

    assert strides(fg) == strides(torch)


def test_pickle_does_not_carry_the_base():
    base = fg.zeros(100_000)
    assert len(pickle.dumps(base[10:12])) < 500
    assert len(pickle.dumps(fg.zeros(1).expand(1 << 40))) < 500


def test_pickle_keeps_what_a_tensor_is(torch):
    def facts(lib):
        p = lib.nn.Parameter(lib.ones(2), requires_grad=False)
        p.foo = 1
        x = lib.ones(2, requires_grad=True)
        x.grad, x.foo = lib.ones(2), [2]
        y = x * 2
        return [
            (type(t).__name__, t.requires_grad, t.is_leaf, t.grad, t.__dict__, t.tolist())
            for t in map(again, (p, x, y))
        ]

    assert facts(fg) == facts(torch)


def test_pickle_of_subclasses():
    twin = again(tagged())
    assert (type(twin), twin.tag, twin.tolist()) == (Tagged, ["q"], [1, 2])
    x = Slotted([1.0])
    x.note, x.more = "n", "m"
    twin = again(x)
    assert (type(twin), twin.note, twin.more) == (Slotted, "n", "m")
    buffer = again(fg.nn.Buffer(fg.ones(2), persistent=False))
    assert (type(buffer), buffer.persistent) == (fg.nn.Buffer, False)


def test_one_pickle_keeps_identity():
    x = fg.ones(2)
    x.partner = [x]
    a, (b, c) = again([x, (x, x)])
    assert a is b is c is a.partner[0]
    assert again({"a": x, "b": x})["a"] is not x
    net = fg.nn.Sequential(fg.nn.Linear(2, 2))
    net.append(net[0])
    twin = again(net)
    assert twin[0].weight is twin[1].weight


def test_pickle_of_other_types():
    for value in (fg.float32, fg.bool, fg.bfloat16, fg.device("cpu")):
        assert again(value) == value
    assert again(fg.float32) is copy.deepcopy(fg.float32) is fg.float32
    assert type(again(fg.Size([1, 2]))) is fg.Size


def _parts(x):
    rebuild, args, _ = x.__reduce_ex__(2)
    return rebuild, list(args)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, int),
        (0, "Tensor"),
        (0, object),
        (1, b""),
        (1, b"\0" * 23),
        (1, "text"),
        (1, None),
        (2, fg.float64),
        (2, "float32"),
        (2, None),
        (3, (2, 4)),
        (3, (2**40, 2**40)),
        (3, (-1, 3)),
        (3, (2,)),
        (3, ("a", 3)),
        (3, None),
        (4, (2**62, 1)),
        (4, (-3, 1)),
        (4, (3,)),
        (4, None),
    ],
)
def test_wrong_state_raises(place, wrong):
    rebuild, args = _parts(fg.arange(6.0).view(2, 3))
    args[place] = wrong
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        rebuild(*args)


def test_wrong_flags_raise():
    rebuild, args = _parts(fg.arange(6))
    with pytest.raises(RuntimeError, match="floating"):
        rebuild(*args[:5], True)
    rebuild, args = _parts(fg.tensor([True, False]))
    args[1] = b"\x02\x00"
    with pytest.raises(ValueError, match="bool"):
        rebuild(*args)


def test_garbled_pickles_never_crash():
    """Any byte changed or cut: an error, or some tensor that can be read."""
    whole = pickle.dumps([fg.arange(6.0).view(2, 3).t(), fg.nn.Parameter(fg.ones(2))], 2)
    picker = random.Random(0)

    class Careful(pickle.Unpickler):
        def find_class(self, module, name):  # changed names must not find the rest of Python
            if module.startswith("fastgrad"):
                return super().find_class(module, name)
            raise pickle.UnpicklingError(module)

    for _ in range(3000):
        data = bytearray(whole)
        if picker.random() < 0.2:
            del data[picker.randrange(1, len(data)) :]
        for _ in range(picker.randint(1, 3)):
            data[picker.randrange(len(data))] = picker.randrange(256)
        found = outcome_of_loading(Careful(io.BytesIO(bytes(data))))
        for x in found if isinstance(found, list) else ():
            if isinstance(x, fg.Tensor) and x.numel() < 1000:
                x.tolist()


def outcome_of_loading(unpickler):
    try:
        return unpickler.load()
    except SystemError:  # the extension broke a rule of Python's
        raise
    except Exception as error:
        return error


# copy and deepcopy


def test_copy(torch):
    def facts(lib):
        x = lib.ones(2, 3, requires_grad=True)
        x.foo = [1]
        p = lib.nn.Parameter(lib.ones(2))
        twin = copy.copy(x)
        assert twin is not x
        assert twin.data_ptr() == x.data_ptr()
        return [
            twin.foo is x.foo,
            twin.requires_grad,
            copy.copy(x * 2).is_leaf,
            type(copy.copy(p)).__name__,
            copy.copy(x.t()).stride(),
        ]

    assert facts(fg) == facts(torch)
    assert copy.copy(tagged()).tag == ["q"]
    x = Slotted([1.0])
    x.note = "n"
    assert copy.copy(x).note == copy.deepcopy(x).note == "n"


def test_deepcopy(torch):
    def facts(lib):
        base = lib.arange(6.0).view(2, 3)
        x = lib.ones(2, requires_grad=True)
        x.grad, x.foo = lib.ones(2), [base]
        p = lib.nn.Parameter(lib.ones(2))
        p.foo = 1
        whole, row, flipped, twice = copy.deepcopy([base, base[1], base.t(), base])
        whole[1, 0] = 9
        twin = copy.deepcopy(x)
        twin.grad[0] = 5
        return [
            whole is twice,
            row.tolist(),
            flipped.tolist(),
            flipped.stride(),
            row.storage_offset(),
            base.tolist(),
            (twin.requires_grad, twin.grad.tolist(), x.grad.tolist(), twin.foo is x.foo),
            hasattr(copy.deepcopy(p), "foo"),
            copy.deepcopy(lib.ones(2).expand(3, 2)).stride(),
            copy.deepcopy(lib.zeros(0, 3)).shape,
            outcome(lambda: copy.deepcopy(x * 2)),
        ]

    assert facts(fg) == facts(torch)


def test_deepcopy_of_a_cycle():
    x = tagged()
    x.tag.append(x)
    twin = copy.deepcopy(x)
    assert twin.tag[1] is twin
    assert twin.tag is not x.tag
    twin[0] = 9
    assert x[0].item() == 1


def test_tied_weights_stay_tied():
    net = fg.nn.Module()
    net.a = fg.nn.Linear(2, 2)
    net.b = fg.nn.Linear(2, 2)
    net.b.weight = net.a.weight
    for twin in (copy.deepcopy(net), again(net)):
        assert twin.a.weight is twin.b.weight
        assert twin.a.weight is not net.a.weight


# Subclasses and attributes


def test_as_subclass(torch):
    def facts(lib):
        class Image(lib.Tensor):
            pass

        leaf = lib.ones(2, requires_grad=True)
        y = leaf * 2
        image = y.as_subclass(Image)
        image.mul_(3)  # the same memory, the same graph
        y.sum().backward()
        return [
            type(image).__name__,
            isinstance(image, lib.Tensor),
            y.tolist(),
            leaf.grad.tolist(),
            y.as_subclass(lib.Tensor).grad_fn.name(),
            outcome(lambda: y.as_subclass(int)),
            outcome(lambda: y.as_subclass("Tensor")),
            Image([1, 2]).tolist(),
            lib.Tensor(lib.Size([2, 3])).shape,
            lib.Tensor(y).data_ptr() == y.data_ptr(),
        ]

    assert facts(fg) == facts(torch)


def test_results_of_a_subclass_are_tensors():
    assert type(tagged() + 1) is fg.Tensor
    assert type(fg.Tensor([1.0])) is fg.Tensor


def test_attributes(torch):
    def facts(lib):
        x = lib.ones(2)
        x.foo = 1
        found = [x.foo, "foo" in dir(x), x.__dict__, x.__class__ is lib.Tensor]
        del x.foo
        found += [hasattr(x, "foo"), "add" in dir(x), repr(lib.Tensor).split(".")[-1]]
        for name in ("shape", "dtype", "is_leaf", "grad_fn", "ndim"):
            found.append(isinstance(outcome_of_setting(x, name), Exception))
        return found

    def outcome_of_setting(x, name):
        try:
            setattr(x, name, None)
        except (AttributeError, RuntimeError, TypeError) as error:
            return error

    assert facts(fg) == facts(torch)


def test_weak_references():
    x = fg.ones(2)
    reference = weakref.ref(x)
    assert reference() is x
    del x
    gc.collect()
    assert reference() is None


def test_size(torch):
    def facts(lib):
        n, four = lib.Size([2, 3]), (4,)
        made = [lib.Size(lib.tensor([2, 3])), lib.Size([lib.tensor(2)]), lib.Size()]
        errors = [outcome(lib.Size, wrong) for wrong in ([1.5], ["a"], 3, None)]
        parts = [n, n[:1], n + four, four + n, n * 2, *made]
        return [*map(repr, parts), *errors, n.numel(), n == (2, 3), hash(n) == hash((2, 3))]

    assert facts(fg) == facts(torch)


# Numbers, sequences and the built-in functions

EXPRESSIONS = """
f"{s:.4f}"; f"{s}"; f"{s:>10}"; f"{t}"; f"{i:d}"; f"{i:04d}"; f"{t:.2f}"; "%.2f" % s; "%s" % t; "{:e}".format(s)
f"{b[0]}"; f"{g.sum():.1f}"; f"{s!r}"; str(t); repr([t, s]); format(t); format(s, ""); f"{one:.1f}"
round(s); round(s, 1); round(t); math.floor(s); math.ceil(s); math.trunc(s); math.sqrt(s); math.exp(one); math.isnan(s)
math.sqrt(t); math.floor(t); math.hypot(s, s); int(s); int(i); int(t); int(empty); float(s); float(t); float(i)
int(nan); int(inf); float(nan) != float(nan); complex(s); complex(i); complex(t); bool(s); bool(t); bool(empty)
bool(one); not s; operator.index(i); operator.index(s); operator.index(t); operator.index(b[0]); operator.index(ints)
[1, 2, 3, 4][i]; [1, 2, 3, 4][i:]; list(range(i)); list(range(i, 9, i)); hex(i); bin(i); chr(i); "abcd"[i]; 2 ** i
sum(t); sum([s, s]); sum(m); max(t); min(t); max(s, one.sum()); sorted(t); sorted([s, i, b[0]]); any(b); all(b); any(t)
list(t); list(m); list(b); list(reversed(t)); tuple(m); len(t); len(m); len(s); len(empty); iter(s); [*t]; list(zip(t, t))
dict(zip("abc", t)); list(enumerate(t)); list(map(float, t)); list(filter(None, t)); reversed(m).tolist()
s in t; 2.0 in t; 7 in t; t in t; t in m; "a" in t; None in t; [1.0] in m; True in b; 3 in ints; s in [s]; t in [t]
t == None; t == "a"; None == t; t != None; t == [1, 2]; t == (0.0, 1.0, 2.0); t == object; t is t; {t: 1}[t]
hash(t) == hash(t); [t].index(t); t < None; t + None; t + [1]; "a" + t; t * None; t[1.5]; t[9]; s[0]
abs(s); -t; +t; ~b; divmod(i, 2); pow(s, 2); pow(2, s); s // 2; 7 // i; 7 % i; s ** -1; i ** 2; t @ t
t.item(); s.item(); i.item(); b[0].item(); one.item(); empty.item(); t.tolist(); s.tolist(); m.tolist(); b.tolist()
empty.tolist(); m[:, :0].tolist(); m.t().tolist(); t.half().tolist(); t.bfloat16().tolist(); (t * 0.1).half().tolist()
t.__len__(); s.__len__(); t.__contains__(1.0); t.__bool__(); s.__float__(); t.nbytes; m.itemsize; m.is_complex()
t.numpy().tolist(); g.numpy(); (g * 2).numpy(); g.numpy(force=True).tolist(); g.detach().numpy().tolist()
isinstance(t, c.Iterable); isinstance(t, c.Sequence); isinstance(t, c.Sized); isinstance(t, c.Hashable)
slice(i, None).indices(9); t[i - 3]; t[i - 2 :].tolist(); t[b[0]].shape; t[None].shape; t[...].shape; t[()].shape
bytes(ints.byte()); bytearray(ints.byte()); print(t, s, file=io.StringIO()); " ".join(map(str, ints))
x, y, z = t; x, y = t; np.array([s, s]).tolist(); isinstance(s, numbers.Number)
"""  # noqa: E501


def names(lib):
    tensors = {
        "t": lib.arange(3.0),
        "s": lib.tensor(2.5),
        "i": lib.tensor(3),
        "ints": lib.tensor([1, 2, 3]),
        "b": lib.tensor([True, False]),
        "m": lib.arange(6.0).view(2, 3),
        "one": lib.tensor([1.5]),
        "empty": lib.zeros(0),
        "nan": lib.tensor(math.nan),
        "inf": lib.tensor(math.inf),
        "g": lib.ones(3, requires_grad=True),
    }
    modules = {"math": math, "operator": operator, "io": io, "np": np, "numbers": numbers}
    return {**tensors, **modules, "c": collections.abc}


def seen(lib, expression):
    """What an expression gives, in words; of an error its type."""
    scope = names(lib)
    try:
        if " = " in expression:
            exec(expression, scope)
            return None
        value = eval(expression, scope)
    except (RuntimeError, TypeError, ValueError, IndexError, OverflowError) as error:
        return type(error)
    return type(value).__name__, repr(value)


@pytest.mark.parametrize(
    "expression", [e.strip() for e in EXPRESSIONS.replace("\n", ";").split(";") if e.strip()]
)
def test_same_as_torch(torch, expression):
    assert seen(fg, expression) == seen(torch, expression)


def test_builtins_are_not_shadowed():
    for name in ("float", "int", "bool"):
        assert isinstance(getattr(builtins, name)(fg.tensor(1)), getattr(builtins, name))


# Other threads, and code that runs in between


def test_lists_are_made_of_what_was_there():
    """Making a list collects garbage, and that may give the tensor other memory."""
    x = fg.ones(3000, 4)

    class Meddler:
        def __del__(self):
            x.data = fg.zeros(1)
            fg.empty(12000)

    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(50)
    try:
        meddler = Meddler()
        meddler.me = meddler
        del meddler
        rows = x.tolist()
    finally:
        gc.set_threshold(*before)
    assert rows == [[1.0] * 4] * 3000
    assert x.shape == (1,)


def test_reading_while_others_write():
    x = fg.zeros(400, 300)
    stop = threading.Event()
    errors = []

    def guarded(function):
        def run():
            try:
                while not stop.is_set():
                    function()
            except Exception as error:
                errors.append(error)
                stop.set()

        return run

    def exchange():
        x.data = fg.zeros(random.randint(1, 500), random.randint(1, 9))

    work = [
        lambda: x.add_(1),
        exchange,
        lambda: repr(x),
        lambda: x._repr_html_(),
        lambda: pickle.loads(pickle.dumps(x)),
        lambda: x.tolist(),
        lambda: copy.deepcopy(x),
        lambda: bytes(x),
        lambda: x.numpy().sum(),
        lambda: fg.from_dlpack(x).sum(),
    ]
    threads = [threading.Thread(target=guarded(function)) for function in work]
    for thread in threads:
        thread.start()
    stop.wait(1)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
