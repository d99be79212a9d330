"""viz: the graph as text, as dot, and drawn where Graphviz is installed."""

import os
import shutil
import stat
import subprocess

import pytest

import fastgrad as fg
from fastgrad import nn


def small():
    x = fg.ones(3, requires_grad=True)
    y = x.exp()
    return (y * y + x).sum(), x


def test_text_names_operations_leaves_and_shared_nodes_once():
    loss, x = small()
    assert str(fg.viz.graph(loss, {"x": x})).splitlines() == [
        "SumBackward0 ()",
        "AddBackward0 (3)",
        "  MulBackward0 (3)",
        "    ExpBackward0 (3)  #4",
        "    x (3)  #3",
        "    ExpBackward0 (3)  #4 (see above)",
        "  x (3)  #3 (see above)",
    ]


@pytest.mark.parametrize("form", [lambda m: m, lambda m: dict(m.named_parameters()), list])
def test_parameters_have_their_names(form):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    params = list(model.named_parameters()) if form is list else form(model)
    text = str(fg.viz.graph(model(fg.ones(4, 2)).mean(), params))
    assert all(name in text for name, _ in model.named_parameters())
    assert "0.weight (3, 2)" in text
    assert "leaf" in str(fg.viz.graph(model(fg.ones(4, 2)).mean()))


def test_several_results_of_one_operation():
    x = fg.ones(4, requires_grad=True)
    a, b = x.chunk(2)
    lines = str(fg.viz.graph((a * b).sum(), {"x": x})).splitlines()
    assert lines[:2] == ["SumBackward0 ()", "MulBackward0 (2)"]
    assert sum("x (4)" in line for line in lines) == 1
    values, places = x.sort()
    lines = str(fg.viz.graph(values.sum() * places.sum(), {"x": x})).splitlines()
    assert lines == ["MulBackward0 ()", "SumBackward0 ()", "SortBackward0 (4)", "x (4)"]


def test_dot_has_a_node_for_each_and_an_arrow_for_each_use():
    loss, x = small()
    dot = fg.viz.graph(loss, {'the "x"': x}).dot
    assert dot.startswith("digraph {")
    assert dot.endswith("}")
    assert dot.count("[label=") == 5
    assert dot.count("->") == 6
    assert r'label="the \"x\" (3)"' in dot


def test_huge_graphs_are_cut_and_say_so():
    x = fg.ones(1, requires_grad=True)
    y = x
    for _ in range(20000):
        y = y + 1
    graph = fg.viz.graph(y)
    assert len(graph) == 20001
    lines = str(graph).splitlines()
    assert len(lines) == 501
    assert "19501 more" in lines[-1]
    assert "limit=20001" in lines[-1]
    assert "19501 more" in graph.dot
    assert len(str(fg.viz.graph(y, limit=30000)).splitlines()) == 20001


def test_a_leaf_alone_and_what_has_no_graph():
    x = fg.ones(2, requires_grad=True)
    assert str(fg.viz.graph(x)) == "leaf (2)"
    with pytest.raises(RuntimeError, match="no graph"):
        fg.viz.graph(fg.ones(2))
    with pytest.raises(ValueError, match="at least 1"):
        fg.viz.graph(x, limit=0)


def test_saving_by_the_ending_of_the_name(tmp_path):
    loss, _ = small()
    graph = fg.viz.graph(loss)
    graph.save(tmp_path / "g.txt")
    graph.save(tmp_path / "g.dot")
    assert (tmp_path / "g.txt").read_text() == f"{graph}\n"
    assert (tmp_path / "g.dot").read_text() == f"{graph.dot}\n"
    with pytest.raises(ValueError, match=r"must end in \.txt, \.dot"):
        graph.save(tmp_path / "g.jpeg")
    assert sorted(os.listdir(tmp_path)) == ["g.dot", "g.txt"]


def test_without_graphviz_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = fg.viz.graph(small()[0])
    with pytest.raises(RuntimeError, match="apt install graphviz"):
        graph.svg()
    with pytest.raises(RuntimeError, match="Graphviz"):
        graph.save(tmp_path / "g.svg")
    assert os.listdir(tmp_path) == []
    assert graph._repr_html_() == f"<pre>{graph}</pre>"


def fake_dot(folder, monkeypatch, script):
    """A program called dot, in place of Graphviz."""
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_drawing_runs_dot(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, 'cat > /dev/null; echo "<?xml?><svg>$1</svg>"')
    graph = fg.viz.graph(small()[0])
    assert graph.svg() == "<?xml?><svg>-Tsvg</svg>\n"
    assert graph._repr_html_() == "<svg>-Tsvg</svg>\n"
    graph.save(tmp_path / "g.png")
    assert "-Tpng" in (tmp_path / "g.png").read_text()


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_failure_of_dot_is_told(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "cat > /dev/null; echo no fonts >&2; exit 3")
    with pytest.raises(RuntimeError, match="dot failed: no fonts"):
        fg.viz.graph(small()[0]).svg()


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_accepts_the_source():
    source = fg.viz.graph(small()[0]).dot
    done = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    assert b"<svg" in done.stdout
