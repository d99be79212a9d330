"""Which of PyTorch's names a program uses, read from its syntax tree: nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import PurePath

from fastgrad.torch_alias.names import home_of, is_aliased, module_exists

# What a variable is, where it is not the path of one of PyTorch's names.
UNKNOWN = ""  # perhaps a tensor
FOREIGN = "?"  # something of another library, or a string, list, ...

_BUILT_IN = frozenset(
    (
        *(n for kind in (str, bytes, list, dict, set, tuple, int, float) for n in dir(kind)),
        *dir(PurePath),
        "resize",  # of Pillow's images and of arrays
    )
)


@dataclass(frozen=True)
class Use:
    """A name with its path, where it stands, and the keywords with which it is called."""

    name: str
    line: int
    keywords: tuple[str, ...] = ()


@cache
def methods() -> dict[str, tuple[str, ...]]:
    """PyTorch's methods, each with the classes that have it, tensors first."""
    found: dict[str, tuple[str, ...]] = {}
    owner = ""
    for line in (files(__package__) / "methods.txt").read_text().splitlines():
        if line.startswith("torch"):
            owner = line
        elif line.startswith(" "):
            for name in line.split():
                found[name] = (*found.get(name, ()), owner)
    return found


def is_ambiguous(method: str) -> bool:
    """Whether something common that is no tensor has a method of that name, too."""
    return method in _BUILT_IN


class Reader(ast.NodeVisitor):
    """Collects the uses in the trees that it visits, in order; it remembers what names stand for.

    A name is followed through imports, plain assignments and scopes. Of a value that is not known,
    an attribute counts as a method of a tensor, module or optimizer if PyTorch has one of its name.
    """

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.defined: set[str] = set()  # methods and attributes of the program's own classes
        self._scopes: list[dict[str, str]] = [{}]
        self._callee: ast.AST | None = None  # what the call that is being read calls

    # What names stand for

    def _bind(self, name: str, value: str = UNKNOWN) -> None:
        self._scopes[-1][name] = value

    def _bind_all(self, target: ast.AST, value: str = UNKNOWN) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._bind(node.id, value)

    def _lookup(self, name: str) -> str:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), UNKNOWN)

    def _path(self, node: ast.AST) -> str:
        """The path that a chain of attributes stands for, UNKNOWN or FOREIGN."""
        if isinstance(node, ast.Name):
            return self._lookup(node.id)
        if isinstance(node, ast.Attribute):
            base = self._path(node.value)
            return f"{base}.{node.attr}" if is_aliased(base) else base
        return UNKNOWN

    def _is_foreign(self, node: ast.AST) -> bool:
        """Whether an expression is surely no tensor, module or optimizer."""
        if isinstance(node, ast.Name):
            return self._lookup(node.id) == FOREIGN
        if isinstance(node, ast.Call):
            return self._is_foreign(node.func)
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Await):
            return self._is_foreign(node.value)
        if isinstance(node, ast.BinOp):
            return self._is_foreign(node.left) and self._is_foreign(node.right)
        return isinstance(node, _LITERALS)

    # Statements that give names a meaning

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if not is_aliased(root):
                self._bind(alias.asname or root, FOREIGN)
                continue
            self._bind(alias.asname or root, alias.name if alias.asname else root)
            self._use(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            if node.level or not is_aliased(module):
                self._bind(alias.asname or alias.name, UNKNOWN if node.level else FOREIGN)
            elif alias.name == "*":
                self._use(module, node)
                for name in _starred(module):
                    self._bind(name, f"{module}.{name}")
            else:
                self._bind(alias.asname or alias.name, f"{module}.{alias.name}")
                self._use(f"{module}.{alias.name}", node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        value = self._path(node.value) or (FOREIGN if self._is_foreign(node.value) else UNKNOWN)
        for target in node.targets:
            simple = isinstance(target, ast.Name) or value == FOREIGN
            self._bind_all(target, value if simple else UNKNOWN)
            self._visit_target(target)

    def visit_For(self, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        self.visit(node.iter)
        self._bind_all(node.target, FOREIGN if self._is_foreign(node.iter) else UNKNOWN)
        for name, field in ast.iter_fields(node):
            if name not in ("iter", "target"):
                self._visit_all(field if isinstance(field, list) else [])

    visit_AsyncFor = visit_comprehension = visit_For

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        self.defined.add(node.name)
        arguments = node.args
        self._visit_all([*node.decorator_list, arguments, *filter(None, [node.returns])])
        local = [arg.arg for arg in ast.walk(arguments) if isinstance(arg, ast.arg)]
        self._within(local, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        local = [arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)]
        self._within(local, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._within([], node.body)

    def _visit_comprehension_of(self, node: ast.AST) -> None:
        generators = getattr(node, "generators", [])
        results = [getattr(node, name, None) for name in ("key", "value", "elt")]
        self._within([], [*generators, *(result for result in results if result is not None)])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension_of

    def _within(self, local: Iterable[str], body: Sequence[ast.AST]) -> None:
        """Visit the body of a scope in which these names are the scope's own."""
        self._scopes.append(dict.fromkeys(local, UNKNOWN))
        self._visit_all(body)
        self._scopes.pop()

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _visit_target(self, target: ast.AST) -> None:
        """Visit what an assignment changes, but for names, which are bound already."""
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._visit_target(part)
        elif not isinstance(target, ast.Name):
            if isinstance(target, ast.Attribute):
                self.defined.add(target.attr)
            self.visit(target)

    # Uses

    def visit_Call(self, node: ast.Call) -> None:
        keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
        path = self._path(node.func)
        if is_aliased(path):
            self._use(path, node, keywords)
        else:
            self._callee = node.func
            self.visit(node.func)
        self._visit_all([*node.args, *node.keywords])

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            path = self._lookup(node.id)
            if is_aliased(path):
                self._use(path, node)
        else:
            self._bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self._path(node)
        if is_aliased(path):
            self._use(path, node)
            return
        self.visit(node.value)
        owners = methods().get(node.attr)
        own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if own and owners is not None:
            owners = tuple(owner for owner in owners if owner == "torch.nn.Module")
        is_field = node.attr in _FIELDS and node is not self._callee
        if owners and not is_field and not self._is_foreign(node.value):
            self._use(f"{owners[0]}.{node.attr}", node)

    def _use(self, name: str, node: ast.AST, keywords: tuple[str, ...] = ()) -> None:
        self.uses.append(Use(name, getattr(node, "lineno", 0), keywords))


# Of what `max`, `sort` and others return; only sparse tensors have methods of these names.
_FIELDS = frozenset({"indices", "values"})
_LITERALS = (
    *(ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set),
    *(ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp),
)


def _starred(module: str) -> Iterator[str]:
    if module_exists(module):
        found = import_module(home_of(module))
        yield from getattr(found, "__all__", None) or (n for n in dir(found) if n[0] != "_")
