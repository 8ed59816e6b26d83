"""No file, no function and no list of parameters outgrows a reader."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.tree import EVERYWHERE, Function, Source, check, functions, source, sources

FILE_LINES = 400
DIALECT_LINES = 600
FUNCTION_LINES = 50
PARAMETERS = 6


def _file_limit(path: str) -> int:
    return DIALECT_LINES if path.startswith("pipelines/dialects/") else FILE_LINES


def _parameters(function: Function) -> int:
    spec = function.args
    names = [one.arg for one in (*spec.posonlyargs, *spec.args)]
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    starred = [one for one in (spec.vararg, spec.kwarg) if one is not None]
    return len(names) + len(spec.kwonlyargs) + len(starred)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def oversized(file: Source) -> Iterator[str]:
    """Every breach of the limits in one file."""
    lines, limit = len(file.text.splitlines()), _file_limit(file.path)
    if lines > limit:
        yield file.at(file.tree, f"{lines} lines, the limit is {limit}")
    for function in functions(file.tree):
        if _lines(function) > FUNCTION_LINES:
            words = f"{function.name} has {_lines(function)} lines, the limit is {FUNCTION_LINES}"
            yield file.at(function, words)
        if _parameters(function) > PARAMETERS:
            count = _parameters(function)
            yield file.at(function, f"{function.name} takes {count}, the limit is {PARAMETERS}")


def test_files_functions_and_parameters_stay_within_their_limits() -> None:
    found = [breach for file in sources(*EVERYWHERE) for breach in oversized(file)]
    check(found, "A file has at most 400 lines (a dialect 600), a function 50, and 6 parameters.")


def test_a_long_file_is_found_unless_it_is_a_dialect() -> None:
    text = "x = 1\n" * 500
    assert list(oversized(source("proxy/long.py", text)))
    assert not list(oversized(source("pipelines/dialects/long.py", text)))


def test_a_long_function_is_found() -> None:
    assert list(oversized(source("a.py", "def f():\n" + "    x = 1\n" * 50)))
    assert not list(oversized(source("a.py", "def f():\n" + "    x = 1\n" * 49)))


def test_parameters_are_counted_without_self() -> None:
    assert list(oversized(source("a.py", "def f(a, b, c, /, d, *e, f, **g): ...")))
    assert not list(oversized(source("a.py", "class A:\n  def f(self, a, b, c, d, e, f): ...")))
