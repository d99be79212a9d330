"""ParameterList and ParameterDict."""

import copy

import pytest

import fastgrad as fg
from fastgrad import nn
from nn_helpers import mirrored


def made(lib):
    values = [lib.nn.Parameter(lib.ones(2, 3)), lib.ones(4), 5, "a"]
    return lib.nn.ParameterList(values), lib.nn.ParameterDict(
        dict(zip("abcd", values, strict=True))
    )


def test_they_print_and_are_saved_as_in_torch(torch):
    for ours, theirs in zip(made(fg), made(torch), strict=True):
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert repr(fg.nn.Sequential(ours)) == repr(torch.nn.Sequential(theirs))


def test_a_list_of_parameters():
    values = nn.ParameterList([fg.ones(2), fg.zeros(1)])
    assert len(values) == 2
    assert isinstance(values[-1], nn.Parameter)
    values[0] = fg.full((3,), 2.0)
    values += [7]
    assert values[0].shape == (3,)
    assert [type(v).__name__ for v in values] == ["Parameter", "Parameter", "int"]
    assert len(values[:2]) == 2
    assert [name for name, _ in values.named_parameters()] == ["0", "1"]
    assert mirrored(copy.deepcopy(values))
    with pytest.raises(IndexError, match="out of range"):
        values[3]
    with pytest.raises(TypeError, match="iterable"):
        values.extend(3)
    with pytest.raises(RuntimeError, match="should not be called"):
        values(1)


def test_a_dict_of_parameters():
    values = nn.ParameterDict([("b", fg.ones(2)), ("a", 3)])
    assert list(values) == ["b", "a"]
    assert list(reversed(values)) == ["a", "b"]
    assert values.setdefault("c", fg.zeros(1)) is values["c"]
    assert values.get("nothing", 4) == 4
    values["b"] = fg.zeros(5)
    assert values["b"].shape == (5,)
    assert list((values | nn.ParameterDict({"d": 1})).keys()) == ["b", "a", "c", "d"]
    assert values.pop("b").shape == (5,)
    assert values.popitem()[0] == "c"
    assert dict(values.items()) == {"a": 3}
    assert values.fromkeys(["x", "y"], 1).keys() >= {"x", "y"}
    del values["a"]
    assert len(values) == 0
    for bad, error in ((3, TypeError), ([1], TypeError), ({3: fg.ones(1)}, TypeError)):
        with pytest.raises(error):
            values.update(bad)
    with pytest.raises(KeyError, match="already exists"):
        values["keys"] = fg.ones(1)
    with pytest.raises(AttributeError):
        values["nothing"]
