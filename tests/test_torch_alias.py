"""Scripts and notebooks written for PyTorch, with fastgrad in its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastgrad as fg
from alias_helpers import run_script, without_pytorch
from fastgrad.torch_alias import NotebookError, install, run, uninstall
from fastgrad.torch_alias.notebook import read_notebook
from fastgrad.utils.tensorboard import SummaryWriter
from fastgrad.utils.tensorboard.records import crc32c

DATA = Path(os.environ.get("FASTGRAD_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")


@pytest.fixture
def alias(monkeypatch: pytest.MonkeyPatch):
    """``import torch`` gives fastgrad until the test ends."""
    without_pytorch(monkeypatch)
    install()
    yield
    uninstall()


def script(folder: Path, text: str, name: str = "script.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# Imports


@pytest.mark.usefixtures("alias")
def test_the_usual_imports_give_fastgrad():
    namespace: dict = {}
    program = """
import torch, torchvision
import torch.nn as nn
import torch.nn.functional as F
import torch.backends.cudnn as cudnn
from torch import Tensor, optim
from torch.autograd import Variable
from torch.nn.parameter import Parameter
from torch.optim.lr_scheduler import StepLR, _LRScheduler
from torch.utils import data
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import DataLoader as Same
from torch.utils.tensorboard import SummaryWriter
import torchvision.transforms as transforms
from torchvision import datasets, models
from torchvision.models.resnet import BasicBlock
from d2l import torch as d2l
"""
    exec(program, namespace)
    assert namespace["Tensor"] is fg.Tensor
    assert namespace["F"].relu is fg.nn.functional.relu
    assert namespace["nn"] is namespace["torch"].nn
    assert namespace["DataLoader"] is namespace["Same"] is fg.utils.data.DataLoader
    assert namespace["BasicBlock"] is fg.vision.models.resnet.BasicBlock
    assert namespace["d2l"].Timer is fg.d2l.Timer
    assert namespace["torch"].__version__.startswith("2.")
    assert namespace["torch"].__version__.endswith(f"+fastgrad.{fg.__version__}")


@pytest.mark.usefixtures("alias")
def test_what_a_script_sets_is_set():
    import torch

    torch.backends.cudnn.benchmark = True
    try:
        assert torch.backends.cudnn.benchmark is True
        assert fg.backends.cudnn.benchmark is True
    finally:
        torch.backends.cudnn.benchmark = False


@pytest.mark.usefixtures("alias")
def test_star_imports_give_what_is_public():
    namespace: dict = {}
    exec("from torch.nn import *", namespace)
    assert namespace["Linear"] is fg.nn.Linear


@pytest.mark.usefixtures("alias")
@pytest.mark.parametrize(
    ("program", "error", "said"),
    [
        ("import torch.fx", ModuleNotFoundError, "torch.fx is not in fastgrad"),
        ("from torch import fx", ImportError, "torch.fx is not in fastgrad"),
        ("from torch.nn import Lineaer", ImportError, "nearest name that is there: torch.nn.Line"),
        ("import torch; torch.softplus", AttributeError, "there: torch.nn.functional.softplus"),
        ("import torch; torch.nn.Lineaer", AttributeError, "docs/courses.md"),
        ("from torchvision.datasets import LSUN", ImportError, "torchvision.datasets.LSUN is not"),
        ("import torch; torch.ops", AttributeError, "torch.ops is not in fastgrad"),
        ("import torch._C", ImportError, "torch._C is not in fastgrad"),
    ],
)
def test_an_absent_name_says_so(program: str, error: type[Exception], said: str):
    with pytest.raises(error, match=said.replace(".", r"\.")):
        exec(program, {})


@pytest.mark.usefixtures("alias")
def test_absent_names_can_be_asked_for():
    import torch

    assert not hasattr(torch, "no_such_name")
    assert hasattr(torch.nn.functional, "scaled_dot_product_attention")


def test_a_loaded_pytorch_is_not_replaced(monkeypatch: pytest.MonkeyPatch):
    without_pytorch(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with pytest.raises(RuntimeError, match="restart the kernel"):
        install()


def test_the_extension_of_notebooks_installs(monkeypatch: pytest.MonkeyPatch):
    without_pytorch(monkeypatch)
    fg.load_ipython_extension(None)
    import torch

    assert torch.nn.Linear is fg.nn.Linear
    fg.unload_ipython_extension(None)
    assert "torch" not in sys.modules


# Scripts


def test_a_script_runs_as_itself(tmp_path: Path):
    """Its arguments, file, module and folder are its own; an installed PyTorch is not loaded."""
    script(tmp_path, "value = 7", "neighbour.py")
    path = script(
        tmp_path,
        """
import pickle, sys
import torch, neighbour
class Here: pass
print(sys.argv, __name__, __file__ == sys.argv[1], neighbour.value)
print(type(pickle.loads(pickle.dumps(Here()))) is Here)
print(torch.__name__, [m for m in sys.modules if m.startswith("torch._")])
sys.exit(3)
""",
    )
    done = run_script(path, str(path), "--lr", "-h")
    assert done.returncode == 3, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == f"['script.py', '{path}', '--lr', '-h'] __main__ True 7"
    assert (second, third) == ("True", "torch []")


def test_a_traceback_is_the_script_s_own(tmp_path: Path):
    path = script(tmp_path, "import torch\n\ndef f():\n    torch.softplus\n\nf()\n")
    done = run_script(path, module="fastgrad.torch_alias", command="")
    assert done.returncode == 1
    lines = [line.strip() for line in done.stderr.splitlines()]
    places = [line for line in lines if line.startswith("File")]
    assert places == [f'File "{path}", line 6, in <module>', f'File "{path}", line 4, in f']
    assert lines[-1].startswith("AttributeError: torch.softplus is not in fastgrad")


def test_a_method_that_is_absent_gets_a_note(tmp_path: Path):
    done = run_script(script(tmp_path, "import torch\ntorch.ones(2).to_sparze()\n"))
    assert "'Tensor' object has no attribute 'to_sparze'" in done.stderr
    assert "torch.Tensor.to_sparze is not in fastgrad" in done.stderr


def test_a_message_of_sys_exit_is_printed(tmp_path: Path):
    done = run_script(script(tmp_path, "import sys\nsys.exit('no data')\n"))
    assert (done.returncode, done.stderr) == (1, "no data\n")


@pytest.mark.parametrize("name", ["absent.py", "absent.ipynb"])
def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path, name: str):
    done = run_script(tmp_path / name)
    assert done.returncode == 2
    assert done.stderr == f"fastgrad run: cannot read {name}: No such file or directory\n"


LENET = """
import argparse, gzip, os
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=4)
steps = parser.parse_args().steps

def read(name, skipped):
    with gzip.open(os.path.join(os.environ["FASTGRAD_DATA"], "mnist", name)) as file:
        return np.frombuffer(file.read(), np.uint8, offset=skipped)

torch.manual_seed(0)
images = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:512]
X = torch.tensor(images, dtype=torch.float32) / 255
y = torch.tensor(read("train-labels-idx1-ubyte.gz", 8)[:512]).long()
net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(),
    nn.Linear(84, 10))
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
net = nn.DataParallel(net).to(device)
loss = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
batches = iter(DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True))
for step in range(steps):
    inputs, labels = (part.to(device) for part in next(batches))
    optimizer.zero_grad()
    l = loss(net(inputs), labels)
    l.backward()
    optimizer.step()
    print(f"step {step}, loss {l.item():.4f}")
print(net.module[0], list(net.state_dict())[0])
"""


def test_lenet_trains_as_with_pytorch(tmp_path: Path, torch):
    """A course's script prints the same with PyTorch and with fastgrad."""
    if not (DATA / "mnist").is_dir():
        pytest.skip("needs MNIST in $FASTGRAD_DATA/mnist")
    path = script(tmp_path, LENET)
    environment = {**os.environ, "FASTGRAD_DATA": str(DATA)}
    printed = [
        subprocess.run(
            [sys.executable, *words, path, "--steps", "5"],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout
        for words in ([], ["-m", "fastgrad", "run"])
    ]
    assert printed[0].count("loss") == 5
    assert printed[0] == printed[1]


def test_old_spellings_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    without_pytorch(monkeypatch)
    path = script(
        tmp_path,
        """
import torch
from torch.autograd import Variable
x = Variable(torch.FloatTensor([[1, 2], [3, 4]]), requires_grad=True)
y = x.sum(axis=1, keepdims=True)
y.backward(torch.ones(2, 1))
print(x.grad.tolist(), torch.cat((x, x), axis=1).shape, x.data.new_zeros(2).tolist())
print(isinstance(y, Variable), torch.randn(size=(2, 3)).shape, x.data.numpy().sum())
""",
    )
    try:
        assert run(str(path)) == 0
    finally:
        uninstall()
    assert capsys.readouterr().out.splitlines() == [
        "[[1.0, 1.0], [1.0, 1.0]] torch.Size([2, 4]) [0.0, 0.0]",
        "True torch.Size([2, 3]) 10.0",
    ]


# Notebooks


def notebook(folder: Path, *cells: str, **metadata: object) -> Path:
    document = {
        "nbformat": 4,
        "metadata": metadata,
        "cells": [
            {"cell_type": "markdown", "source": ["# Title"]},
            *({"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells),
        ],
    }
    return script(folder, json.dumps(document), "lesson.ipynb")


def test_a_notebook_runs_cell_by_cell(tmp_path: Path):
    path = notebook(
        tmp_path,
        "%matplotlib inline\n!pip install torch\nimport torch",
        "x = torch.arange(3)\nx",
        "x + 1;",
        "%%time\ny = x.sum()\n%time z = y + 1\nprint(z)\n%timeit y\ntorch.sum?",
        "%%bash\necho no",
    )
    done = run_script(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tensor([0, 1, 2])\ntensor(4)\n"
    assert done.stderr.splitlines() == [
        "fastgrad: cell 1: skipped !pip install torch",
        "fastgrad: cell 4: skipped %timeit y",
        "fastgrad: cell 4: skipped torch.sum?",
        "fastgrad: cell 5: skipped %%bash",
    ]


def test_a_failing_cell_is_named_with_its_line(tmp_path: Path):
    done = run_script(notebook(tmp_path, "x = 1", "\nx = 2\nx / 0", "print('not reached')"))
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert lines[1:3] == ['File "lesson.ipynb, cell 2", line 3, in <module>', "x / 0"]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_syntax_error_of_a_cell_is_named(tmp_path: Path):
    done = run_script(notebook(tmp_path, "x = = 1"))
    assert done.returncode == 1
    assert 'File "lesson.ipynb, cell 1", line 1' in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a notebook: Expecting"),
        ("[]", "has no cells"),
        ('{"cells": 3}', "has no cells"),
        ('{"cells": [{"source": ""}]}', "has no cells"),
        ('{"cells": [{"cell_type": "code", "source": 1}]}', "source is no text"),
        ('{"metadata": {"kernelspec": {"language": "R"}}, "cells": []}', "a notebook of R"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str, said: str):
    path = script(tmp_path, text, "broken.ipynb")
    with pytest.raises(NotebookError, match=said):
        read_notebook(path)


def test_magic_marks_inside_python_stay(tmp_path: Path):
    cell = 'a = (7\n% 4)\ntext = """\n!not a command\n"""'
    (read,) = read_notebook(notebook(tmp_path, cell))
    assert (read.source, read.skipped) == (cell, ())


# What stands in for devices and switches


without_cuda = pytest.mark.skipif(
    bool(fg._core.build_info()["cuda"]), reason="PyTorch for the CPU is not a build with CUDA"
)


@without_cuda
def test_without_cuda_the_answers_are_pytorch_s(torch):
    for name in ("is_available", "device_count", "is_initialized", "memory_allocated"):
        assert getattr(fg.cuda, name)() == getattr(torch.cuda, name)()
    for name in ("synchronize", "current_device", "get_device_name", "init"):
        with pytest.raises(AssertionError) as ours:
            getattr(fg.cuda, name)()
        if not torch.cuda.is_available():
            with pytest.raises(AssertionError) as theirs:
                getattr(torch.cuda, name)()
            assert str(ours.value) == str(theirs.value)


@without_cuda
def test_mixed_precision_is_off_or_refused():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        fg.amp.autocast("cuda")
    with pytest.raises(RuntimeError, match="enabled=False"):
        fg.amp.autocast("cpu")
    with pytest.raises(RuntimeError, match="GradScaler"):
        fg.amp.GradScaler("cpu")

    @fg.amp.autocast("cpu", enabled=False)
    def double(x):
        return 2 * x

    assert double(3) == 6


def test_mixed_precision_s_scaler_takes_plain_steps():
    weight = fg.nn.Parameter(fg.ones(1))
    optimizer = fg.optim.SGD([weight], lr=0.5)
    scaler = fg.amp.GradScaler("cuda", enabled=False)
    scaler.scale((weight * 2).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.item() == 0.0
    assert (scaler.get_scale(), scaler.state_dict()) == (1.0, {})


def test_variable_is_pytorch_s(torch):
    for lib in (fg, torch):
        x = lib.ones(2, requires_grad=True) * 2
        plain = lib.autograd.Variable(x)
        assert plain.grad_fn is None
        assert not plain.requires_grad
        assert plain.data_ptr() == x.data_ptr()
        assert lib.autograd.Variable(x, requires_grad=True).requires_grad
        assert isinstance(x, lib.autograd.Variable)
        assert lib.autograd.Variable().shape == (0,)
        with pytest.raises(TypeError, match="has to be a tensor, but got list"):
            lib.autograd.Variable([1.0])
        with pytest.warns(UserWarning, match="volatile"):
            lib.autograd.Variable(x, volatile=True)


def test_switches_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match="'highest', 'high' or 'medium'"):
        fg.set_float32_matmul_precision("low")
    with pytest.raises(RuntimeError, match="not available"):
        fg.set_default_device("cuda")
    with pytest.raises(TypeError, match="expected a function or a module"):
        fg.compile(3)
    with pytest.raises(RuntimeError, match="none is available"):
        fg.ones(2).pin_memory()


def test_compile_returns_what_it_gets():
    net = fg.nn.Linear(2, 1)
    assert fg.compile(net, mode="max-autotune") is net

    @fg.compile(fullgraph=True)
    def double(x):
        return 2 * x

    assert double(2) == 4


def test_downloads_are_whole_and_checked(tmp_path: Path):
    source = tmp_path / "weights.pt"
    fg.save({"w": fg.ones(2)}, source)
    with pytest.raises(RuntimeError, match="invalid hash value"):
        fg.hub.download_url_to_file(source.as_uri(), tmp_path / "copy.pt", hash_prefix="0000")
    assert not (tmp_path / "copy.pt").exists()
    with pytest.raises(RuntimeError, match="no code from elsewhere"):
        fg.hub.load("someone/something", "net")
    loaded = fg.hub.load_state_dict_from_url(source.as_uri(), str(tmp_path / "cache"))
    assert loaded["w"].tolist() == [1.0, 1.0]
    source.unlink()
    again = fg.hub.load_state_dict_from_url(source.as_uri(), str(tmp_path / "cache"))
    assert again["w"].tolist() == [1.0, 1.0]


# TensorBoard's files


def test_the_checksum_is_crc32c():
    assert crc32c(b"123456789") == 0xE3069283


def records(path: Path) -> list[bytes]:
    data, found = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def test_a_writer_s_file_holds_what_was_added(tmp_path: Path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(30):
            writer.add_scalar("loss", fg.tensor(0.5), step)
        writer.add_histogram("weights", fg.randn(50), 1, bins=4)
        writer.add_image("digit", np.zeros((4, 5), np.uint8), dataformats="HW")
        writer.add_images("batch", fg.rand(3, 1, 4, 4))
        writer.add_text("note", "hello")
        writer.add_scalars("accuracy", {"train": 0.5, "test": 0.25}, 1)
    (path,) = tmp_path.glob("events.*")
    events = records(path)
    assert b"brain.Event:2" in events[0]
    assert sum(b"loss" in event for event in events) == 30
    assert sum(b"\x89PNG" in event for event in events) == 2
    assert len(events) == 35
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {"accuracy_train", "accuracy_test"}


def test_a_writer_refuses_what_cannot_be_shown(tmp_path: Path):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="finite"):
            writer.add_histogram("h", fg.tensor([float("nan")]))
        with pytest.raises(ValueError, match="is no CHW"):
            writer.add_image("i", fg.ones(3, 4))
        with pytest.raises(ValueError, match="channels"):
            writer.add_image("i", fg.ones(2, 4, 4))
        with pytest.raises(NotImplementedError, match="summary"):
            writer.add_graph(fg.nn.Linear(1, 1))


def test_modules_that_scripts_import_and_hardly_use(monkeypatch):
    without_pytorch(monkeypatch)
    install()
    try:
        import torch.multiprocessing as mp
        import torch.onnx
        import torchvision
        from torch.distributions.categorical import Categorical

        assert mp.spawn.__module__ == "fastgrad.multiprocessing"
        assert torchvision.io.image.ImageReadMode.RGB is torchvision.io.ImageReadMode.RGB
        assert torch.distributions.binomial.Binomial is torch.distributions.Binomial
        assert Categorical is torch.distributions.Categorical
        with pytest.raises(NotImplementedError, match="no files of this format"):
            torch.onnx.export(None, (), "net.onnx")
    finally:
        uninstall()


def test_networks_are_found_in_the_module_s_dictionary(monkeypatch):
    without_pytorch(monkeypatch)
    install()
    try:
        import torchvision.models as models

        names = [n for n, made in models.__dict__.items() if n.islower() and callable(made)]
        assert {"resnet18", "vgg16", "alexnet"} <= set(names)
        assert not {name for name in names if name.startswith("_") and not name.endswith("__")}
        assert models.__dict__["resnet18"] is models.resnet18
    finally:
        uninstall()


def test_schedulers_are_told_from_functions_by_their_module(monkeypatch):
    """As a chapter does that steps PyTorch's schedulers and calls those of its own."""
    without_pytorch(monkeypatch)
    install()
    try:
        import torch
        from torch.optim import lr_scheduler

        class Own:
            pass

        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        scheduler = lr_scheduler.MultiStepLR(optimizer, milestones=[1])
        assert scheduler.__module__ == lr_scheduler.__name__
        assert Own().__module__ != lr_scheduler.__name__
        assert repr(lr_scheduler).startswith("<module 'torch.optim.lr_scheduler'")
        assert lr_scheduler is torch.optim.lr_scheduler
        with pytest.raises(AttributeError, match=r"torch\.optim\.lr_scheduler\.StepLRR"):
            _ = lr_scheduler.StepLRR
    finally:
        uninstall()
