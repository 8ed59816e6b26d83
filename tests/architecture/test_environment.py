"""The environment is read in one folder; everybody else is handed what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import PACKAGES, Source, check, source, sources

READERS = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
PLACE = "proxy/config/"


def environment(file: Source) -> Iterator[str]:
    """Every touch of the process environment outside its folder."""
    if file.path.startswith(PLACE):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and node.attr in READERS:
            yield file.at(node, f"touches {node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for name in sorted({alias.name for alias in node.names} & READERS):
                yield file.at(node, f"imports {name}")


def test_the_environment_is_read_in_its_folder_only() -> None:
    found = [breach for file in sources(*PACKAGES) for breach in environment(file)]
    check(found, f"os.environ is touched in {PLACE} only; elsewhere it is an argument.")


@pytest.mark.parametrize("text", ["os.environ['A']", "os.getenv('A')", "from os import environ"])
def test_a_touch_of_the_environment_is_found(text: str) -> None:
    assert list(environment(source("proxy/app.py", text)))
    assert not list(environment(source("proxy/config/environment.py", text)))
