"""The graph of imports.

The rule: an edge is what Python runs when it imports; a package that is being imported anyway,
because the importer lies in it, is no edge unless a name is asked of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.architecture.tree import FUNCTIONS, Source


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: where, and whether it waits for a function to be called."""

    target: str
    node: ast.stmt
    in_function: bool

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.target.partition(".")[0]


def known_modules(files: Iterable[Source]) -> frozenset[str]:
    """The names of these modules."""
    return frozenset(file.module for file in files)


def imports(file: Source, known: frozenset[str]) -> Iterator[Import]:
    """Everything that a file imports; `from a import b` is a.b where that is a known module."""
    yield from _imports(file.tree, file, known, in_function=False)


def _imports(
    node: ast.AST, file: Source, known: frozenset[str], *, in_function: bool
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(child, file, known):
                yield Import(target, child, in_function)
        else:
            inside = in_function or isinstance(child, FUNCTIONS)
            yield from _imports(child, file, known, in_function=inside)


def _targets(
    node: ast.Import | ast.ImportFrom, file: Source, known: frozenset[str]
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = file.module.split(".")
        above = parts[: len(parts) - node.level + file.is_package]
        base = ".".join([*above, *filter(None, [node.module])])
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in known else base


def _packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def edges(files: Iterable[Source]) -> dict[str, set[str]]:
    """Which of these modules imports which."""
    files = tuple(files)
    known = known_modules(files)
    found: dict[str, set[str]] = {}
    for file in files:
        running = {file.module, *_packages(file.module)}
        targets = {one.target for one in imports(file, known)}
        implied = {package for target in targets for package in _packages(target)} - running
        found[file.module] = (targets | implied) & known
    return found


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    left = list(graph[start])
    while left:
        module = left.pop()
        if module not in seen:
            seen.add(module)
            left += graph[module]
    return seen


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components that are cycles, each as a sorted list of modules."""
    reach = {module: _reachable(graph, module) for module in graph}
    found = {
        tuple(sorted(other for other in reach[module] if module in reach[other]))
        for module in graph
        if module in reach[module]
    }
    return [list(cycle) for cycle in sorted(found)]
