"""Every file with code has its tests at the mirrored path."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import PurePosixPath

from tests.architecture.tree import PACKAGES, Source, check, functions, source, sources


def _acts(statement: ast.stmt) -> bool:
    return not (
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    )


def has_code(file: Source) -> bool:
    """Whether anything happens in a file: protocols, dataclasses and tables are only read."""
    return any(_acts(statement) for one in functions(file.tree) for statement in one.body)


def is_tested(file: Source, tests: Collection[str]) -> bool:
    """Whether `a/b.py` has `tests/a/test_b.py`, or `tests/a/test_b_….py`."""
    path = PurePosixPath(file.path)
    start = f"tests/{path.parent}/test_{path.stem.strip('_')}"
    return any(test == f"{start}.py" or test.startswith(f"{start}_") for test in tests)


def test_every_file_with_code_has_its_test_file() -> None:
    tests = [file.path for file in sources("tests")]
    found = [
        file.at(file.tree, "has no test file")
        for file in sources(*PACKAGES)
        if has_code(file) and not is_tested(file, tests)
    ]
    check(found, "`a/b.py` is tested by `tests/a/test_b.py` or `tests/a/test_b_….py`.")


def test_code_is_told_from_declarations() -> None:
    assert has_code(source("a.py", "def f():\n    '''Promise.'''\n    return 1"))
    assert not has_code(source("a.py", "class P(Protocol):\n    def f(self):\n        '''It.'''"))
    assert not has_code(source("a.py", "@dataclass\nclass A:\n    x: int = 1\nTABLE = (A(2),)"))


def test_a_test_file_is_found_by_its_name() -> None:
    file = source("proxy/http/body.py", "")
    assert is_tested(file, ["tests/proxy/http/test_body.py"])
    assert is_tested(file, ["tests/proxy/http/test_body_limits.py"])
    assert not is_tested(file, ["tests/proxy/http/test_bodyguard.py", "tests/proxy/test_body.py"])
    assert is_tested(source("proxy/__main__.py", ""), ["tests/proxy/test_main.py"])
