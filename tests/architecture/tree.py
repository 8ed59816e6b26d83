"""The project's sources, read once and as syntax trees.

The rule: helpers here find and read; what is forbidden stands in the test that forbids it.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipelines", "proxy")
EVERYWHERE = (*PACKAGES, "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file: its path below the root, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """The dotted name by which it is imported."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__.py` of a package."""
        return PurePosixPath(self.path).name == "__init__.py"

    def at(self, node: ast.AST, words: str) -> str:
        """A breach at this node, as file:line and what is wrong."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {words}"


def source(path: str, text: str) -> Source:
    """A source from its text."""
    return Source(path, text, ast.parse(text, path))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below these folders of the project."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    found = tuple(
        source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for path in paths
        if "__pycache__" not in path.parts
    )
    # A million nodes that stay; without this, every later collection would walk them.
    gc.freeze()
    return found


def within(node: ast.AST) -> Iterator[ast.AST]:
    """What runs in the node's own frame: its descendants, but not those of inner functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, SCOPES):
            yield from within(child)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function of a tree, methods and inner ones too."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield node


def called(node: ast.AST) -> str:
    """The last name of what a call calls (`c` of `a.b.c()`), or the empty string."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def stands_in(path: str, places: Iterable[str]) -> bool:
    """Whether the file is one of the places, or lies in one that ends in a slash."""
    return any(path == place or (place[-1] == "/" and path.startswith(place)) for place in places)


def check(breaches: Sequence[str], rule: str) -> None:
    """Fail with the rule and every breach of it."""
    if breaches:
        pytest.fail("\n  ".join([rule, *breaches, f"{len(breaches)} breaches"]), pytrace=False)
