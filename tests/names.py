"""The names of `names.txt`, and the table of what the tests say of each of them."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Name:
    """A function, a method (``Tensor.x``), or both."""

    path: str
    tier: int
    family: str
    is_method: bool  # Tensor.x exists as well
    is_in_place: bool  # and Tensor.x_
    others: tuple[str, ...]  # other names of the same

    def __str__(self):
        return self.path

    @property
    def last(self):
        return self.path.rpartition(".")[2]

    @property
    def method(self):
        return f"Tensor.{self.last}" if self.is_method else None

    @property
    def in_place(self):
        return f"Tensor.{self.last}_" if self.is_in_place else None

    def paths(self):
        """Every public name that must exist."""
        return [p for p in (self.path, *self.others, self.method, self.in_place) if p]


def _read():
    tier, family = 0, ""
    for line in (Path(__file__).with_name("names.txt")).read_text().splitlines():
        if match := re.fullmatch(r"tier (\d)", line):
            tier = int(match[1])
        elif line.startswith("    "):
            for path, marks, others in re.findall(r"([\w.]+)([*!]*)(?:\[([^\]]*)\])?", line):
                aliases = tuple(others.split(",")) if others else ()
                yield Name(path, tier, family, "*" in marks, "!" in marks, aliases)
        elif line and not line.startswith("#"):
            family = line


NAMES = tuple(_read())


def found(lib, path):
    """What a name stands for in a library; None where it is absent."""
    for part in path.split("."):
        lib = getattr(lib, part, None)
    return lib


# The table. A test's name says which check it is, and its parameter `op` or `name` of what.

CHECKS = {
    "test_every_name_exists": "exists",
    "test_values_are_those_of_numpy": "value",
    "test_large_values_are_those_of_numpy": "large",
    "test_values_of_16_bit_floats_are_those_of_numpy": "16bit",
    "test_results_are_those_of_torch": "torch",
    "test_dtypes_are_accepted_as_in_torch": "dtypes",
    "test_gradient_is_the_central_difference": "grad",
    "test_gradient_of_the_gradient_is_its_central_difference": "grad2",
    "test_method_is_the_function": "method",
    "test_in_place_form_is_the_function": "in-place",
    "test_every_op": "threads",
    "test_arguments_that_do_not_fit_never_crash": "errors",
}
# Tests of what has no row: a file's, or one function's.
OWN_TESTS = {
    "test_creation": "creation",
    "test_random": "random",
    "test_dropout": "nn.dropout",
    "test_promotion": "pointwise.binary logical.bitwise",
    "test_index_expressions": "Tensor.__getitem__",
    "test_geometry": "Tensor.resize_ Tensor.resize_as_",
    "test_tensor_protocols": "conversion Tensor.__rmatmul__",
    "test_comparisons_of_whole_tensors": "equal allclose",
    "test_ctc": "nn.functional.ctc_loss",
    "test_transformer": "nn.attention",
    "test_broadcast_shapes": "broadcast_shapes",
    "test_a_leaf_that_requires_grad_is_not_changed": "Tensor.zero_",
}
COLUMNS = (*CHECKS.values(), "own", "example")
OUTCOMES = {"passed": "ok", "skipped": "-", "failed": "FAIL"}


def subjects(item):
    """The names that a test checks, and the column of the table that it belongs to."""
    function = getattr(item, "originalname", "")
    subject = re.search(r"\[([^\]]+)\]$", item.name)
    if function.startswith("test_example") and subject:
        return tuple(_with_last(subject[1].rpartition(".")[2])), "example"
    own = OWN_TESTS.get(item.path.stem) or OWN_TESTS.get(function)
    if own is not None:
        return tuple(n.path for n in NAMES if {n.path, n.family} & set(own.split())), "own"
    check = CHECKS.get(function)
    params = getattr(item, "callspec", None) and item.callspec.params
    subject = params and (params.get("op") or params.get("name"))
    if check is None or subject is None:
        return (), ""
    return (getattr(subject, "name", None) or str(subject),), check


def _with_last(last):
    return (n.path for n in NAMES if last in (n.last, *(o.rpartition(".")[2] for o in n.others)))


class Table:
    """Collects outcomes while the tests run, and prints them at the end."""

    def __init__(self):
        self.cells = defaultdict(set)

    def pytest_collection_modifyitems(self, items):
        for item in items:
            names, check = subjects(item)
            item.user_properties += [("name", (name, check)) for name in names]

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or (report.when == "setup" and not report.passed):
            for key, cell in report.user_properties:
                if key == "name":
                    self.cells[cell].add(report.outcome)

    def cell(self, name, check):
        paths = {name.path, *name.others, name.method, f"Tensor.{name.last}", name.in_place}
        if name.path.startswith("Tensor."):
            paths.add(name.last)
        outcomes = set().union(*(self.cells.get((path, check), set()) for path in paths if path))
        worst = next((o for o in ("failed", "passed", "skipped") if o in outcomes), None)
        return OUTCOMES.get(worst, "")

    def pytest_terminal_summary(self, terminalreporter):
        write = terminalreporter.write_line
        write(f"{'name':44}" + "".join(f"{check:>10}" for check in COLUMNS))
        for tier in (1, 2):
            rows = {n: [self.cell(n, c) for c in COLUMNS] for n in NAMES if n.tier == tier}
            for name, cells in rows.items():
                write(f"{name.path:44}" + "".join(f"{cell:>10}" for cell in cells))
            sound = f"{_sound(rows)} present, tested and without a failure"
            write(f"tier {tier}: {len(rows)} names, {sound}")


def _sound(rows):
    return sum(
        "FAIL" not in cells and cells[0] == "ok" and any(cells[1:]) for cells in rows.values()
    )


def pytest_addoption(parser):
    parser.addoption("--names", action="store_true", help="print the table of names and checks")


def pytest_configure(config):
    if config.getoption("--names"):
        config.pluginmanager.register(Table())
