"""What of a program is in fastgrad, told from its text."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fastgrad as fg
from alias_helpers import run_script
from fastgrad.cli import main
from fastgrad.torch_alias import check
from fastgrad.torch_alias.judge import judge
from fastgrad.torch_alias.uses import methods


def checked(folder: Path, text: str, name: str = "script.py") -> dict[str, str]:
    """The names that a program uses, with what is said of each."""
    path = folder / name
    path.write_text(text)
    return {verdict.name: verdict.status for verdict in check([path]).verdicts}


def absent(folder: Path, text: str) -> list[str]:
    return [name for name, status in checked(folder, text).items() if status == "absent"]


def test_names_are_followed_through_every_kind_of_import(tmp_path: Path):
    program = """
import torch.nn as nn
import torch.nn.functional as F
from torch import optim, Tensor as T
from torch.utils import data
import torchvision
net = nn.Linear(2, 1)
F.relu(net(x))
optim.SGD(net.parameters(), lr=0.1)
data.DataLoader([])
def f(x: T): return torchvision.transforms.ToTensor()(x)
make = nn.Conv2d
make(1, 2, kernel_size=3)
"""
    found = checked(tmp_path, program)
    expected = (
        *("torch.nn.Linear", "torch.nn.functional.relu", "torch.optim.SGD", "torch.Tensor"),
        *("torch.nn.Conv2d", "torchvision.transforms.ToTensor", "torch.nn.Module.parameters"),
    )
    assert {found[name] for name in expected} == {"same"}
    assert found["torch.utils.data.DataLoader"] == "differs"


def test_absent_names_are_found_and_cut_after_the_absent_part(tmp_path: Path):
    program = "import torch\ntorch.fx.wrap(f)\ntorch.nn.Lineaer(1)\ntorch.Tensor.no_such(x)"
    assert absent(tmp_path, program) == ["torch.Tensor.no_such", "torch.fx", "torch.nn.Lineaer"]


def test_methods_count_where_the_receiver_may_be_a_tensor(tmp_path: Path):
    program = """
import torch, numpy as np, pandas as pd
x = torch.ones(2).to_sparse()
a = np.zeros(3)
a.to_sparse()
table = pd.read_csv("x.csv")
table.values.to_sparse()
"text".coalesce()
[1].coalesce()
for row in table: row.coalesce()
y.coalesce()
"""
    report = check([write(tmp_path, program)])
    places = {v.name: [at.rpartition(":")[2] for at in p] for v, p in report.verdicts.items()}
    assert places["torch.Tensor.to_sparse"] == ["3"]
    assert places["torch.Tensor.coalesce"] == ["11"]


def write(folder: Path, text: str, name: str = "script.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_fields_of_results_are_no_methods_of_sparse_tensors(tmp_path: Path):
    program = "import torch\nbest = x.max(1)\nprint(best.indices, best.values)"
    assert absent(tmp_path, program) == []
    assert "torch.Tensor.indices" in absent(tmp_path, program + "\nx.indices()")


def test_a_program_s_own_methods_are_its_own(tmp_path: Path):
    program = """
import torch
class Net(torch.nn.Module):
    def to_sparse(self): return 1
Net().to_sparse()
self.coalesce()
"""
    assert absent(tmp_path, program) == []


@pytest.mark.parametrize(
    "program",
    [
        "from torch.utils import data\ndef f(data): return data.shape_of",
        "from torch.utils import data\ndata = load()\ndata.shape_of",
        "from torch.utils import data\n[data.shape_of for data in rows]",
        "from torch.utils import data\nf = lambda data: data.shape_of",
        "from torch.utils import data\nfor data in rows: data.shape_of",
        "from torch.utils import data\nwith f() as data: data.shape_of",
        "import torch\ntorch.__version__.shape_of",
        "import torch\nx = torch.pi\nx.shape_of",
    ],
)
def test_names_that_mean_something_else_by_then_are_not_counted(tmp_path: Path, program: str):
    assert absent(tmp_path, program) == []


def test_arguments_that_are_not_taken_are_told(tmp_path: Path):
    program = "import torch\ntorch.sum(x, axis=1, keepdims=True)\ntorch.sum(x, fancy=1)"
    assert absent(tmp_path, program) == ["torch.sum(fancy=)"]


def test_star_imports_bring_names(tmp_path: Path):
    assert absent(tmp_path, "from torch.nn import *\nLinear(1, 2)\nLineaer(1)") == []
    assert "torch.nn.Linear" in checked(tmp_path, "from torch.nn import *\nLinear(1, 2)")


def test_nothing_is_run(tmp_path: Path):
    program = f"import torch\nopen({str(tmp_path / 'made')!r}, 'w')\nraise SystemExit(7)"
    assert absent(tmp_path, program) == []
    assert not (tmp_path / "made").exists()


def test_folders_and_notebooks_are_read(tmp_path: Path):
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden", "import torch.fx")
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", "import torch\ntorch.ones(1)")
    cells = [["%matplotlib inline\n", "import torch"], ["torch.fx"]]
    document = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    write(tmp_path, json.dumps(document), "lesson.ipynb")
    write(tmp_path, "print('no PyTorch')", "plain.py")
    report = check([tmp_path])
    assert [Path(f.path).name for f in report.files] == ["lesson.ipynb", "plain.py", "script.py"]
    places = next(p for v, p in report.verdicts.items() if v.name == "torch.fx")
    assert places == [f"{tmp_path / 'lesson.ipynb'}:cell 2:1"]
    assert report.score == pytest.approx(2 / 3)
    assert not report.complete


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.py", "x = = 1"), ("a.ipynb", "{"), ("a.py", "\0"), ("a.ipynb", '{"cells": [{}]}')],
)
def test_files_that_cannot_be_read_are_told(tmp_path: Path, name: str, text: str, capsys):
    write(tmp_path, text, name)
    assert main(["check", str(tmp_path)]) == 1
    assert f"cannot read {tmp_path / name}: " in capsys.readouterr().out


def test_the_table_and_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path, "import torch\ntorch.ones(1)\ntorch.onez(1)\ntorch.compile(f)")
    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "uses", "here"]
    assert lines[1].split(maxsplit=3) == [
        *("torch.onez", "1", "absent"),
        f"nearest: torch.ones; first at {path}:3",
    ]
    assert lines[2].split(maxsplit=3) == [
        *("torch.compile", "1", "differs"),
        "returns the function unchanged",
    ]
    assert lines[-1] == (
        "3 of 4 names are here (75.0 %); 0 of 1 files that use PyTorch use only what is here"
    )
    path.write_text("import torch\ntorch.ones(1)")
    assert main(["check", str(path)]) == 0


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path, "import torch\ntorch.onez(1)")
    assert main(["check", "--json", str(path)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["score"] == 0.5
    assert document["files"] == [
        {"path": str(path), "names": 2, "absent": ["torch.onez"], "error": None}
    ]
    assert document["names"][0] == {
        "name": "torch.onez",
        "status": "absent",
        "note": "nearest: torch.ones",
        "uses": [f"{path}:2"],
    }


def test_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err == f"fastgrad check: there is no {tmp_path / 'nothing'}\n"


def test_what_is_said_to_be_absent_is_absent_when_run(tmp_path: Path):
    """The table and the run agree."""
    program = "import torch\nprint(torch.ones(1).sum())\ntorch.fft2(1)\n"
    path = write(tmp_path, program)
    assert absent(tmp_path, program) == ["torch.fft2"]
    done = run_script(path)
    assert done.returncode == 1
    assert "torch.fft2 is not in fastgrad" in done.stderr


def test_the_known_methods_are_those_of_pytorch(torch):
    """Of every method in the list PyTorch has one; so a typing error is not taken for a method."""
    if not torch.__version__.startswith("2.13."):
        pytest.skip("the list is that of PyTorch 2.13")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    owners = {
        "torch.Tensor": torch.Tensor,
        "torch.nn.Module": torch.nn.Linear(1, 1),
        "torch.optim.Optimizer": optimizer,
        "torch.optim.lr_scheduler.LRScheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1),
    }
    wrong = [
        (method, owner)
        for method, found in methods().items()
        for owner in found
        if method not in dir(owners[owner])
    ]
    assert wrong == []
    tensor = {m for m, found in methods().items() if "torch.Tensor" in found}
    assert tensor == {name for name in dir(torch.Tensor) if not name.startswith("_")}


@pytest.mark.parametrize("name", ["Tensor.view", "nn.Module.train", "optim.Optimizer.step"])
def test_methods_of_objects_are_found(name: str):
    assert judge(f"torch.{name}")[0].status == "same"


def test_every_difference_is_of_a_name_that_is_here():
    from fastgrad.torch_alias.differences import DIFFERENCES

    assert [n for n in DIFFERENCES if judge(n)[0].status != "differs"] == []
    assert fg.torch_alias.check([]).score is None


@pytest.mark.skipif(os.name != "posix", reason="needs pipes that close")
def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import torch\ntorch.ones(2)\n")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "fastgrad", "check", str(tmp_path / "one.py")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 128 + signal.SIGPIPE
