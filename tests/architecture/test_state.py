"""State is handed in by constructors; no module holds any."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import PACKAGES, Source, called, check, source, sources

LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = frozenset(
    {"list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray"}
)
PINNED = frozenset({"__all__"})


def _mutable(value: ast.expr | None) -> bool:
    return isinstance(value, LITERALS) or (value is not None and called(value) in MAKERS)


def _assigned(node: ast.AST) -> tuple[list[ast.expr], ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        return [node.target], node.value
    return [], None


def _module_level(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from _module_level(child)


def state(file: Source) -> Iterator[str]:
    """Every `global` and every mutable name of a module."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Global):
            yield file.at(node, f"global {', '.join(node.names)}")
    for node in _module_level(file.tree):
        targets, value = _assigned(node)
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if _mutable(value) and names - PINNED:
            yield file.at(node, f"{', '.join(sorted(names))} is mutable")


def test_no_module_holds_state() -> None:
    found = [breach for file in sources(*PACKAGES) for breach in state(file)]
    check(found, "No `global`, and no list, dict or set at module level: freeze it or hand it in.")


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    global a\n    a = 1",
        "a = {}",
        "a: Mapping[str, int] = {1: 2}",
        "a = b = []",
        "if x:\n    a = set()",
        "a = collections.deque()",
        "a = [x for x in y]",
    ],
)
def test_state_is_found(text: str) -> None:
    assert list(state(source("a.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "__all__ = ['a']",
        "a = MappingProxyType({1: 2})",
        "a = frozenset({1})",
        "a = tuple([1])",
        "class A:\n    def f(self):\n        a = []",
    ],
)
def test_what_cannot_change_is_no_state(text: str) -> None:
    assert not list(state(source("a.py", text)))
