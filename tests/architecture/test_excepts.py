"""An unknown error is caught at the borders, where it is logged, or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import PACKAGES, Source, called, check, source, sources

BROAD = frozenset({"Exception", "BaseException"})
BORDERS = (
    "proxy/background.py",
    "proxy/connection.py",
    "proxy/http/reply.py",
    "proxy/http1.py",
    "proxy/reload.py",
)


def _names(node: ast.expr | None) -> set[str]:
    if node is None:
        return set(BROAD)
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def broad(file: Source) -> Iterator[str]:
    """Every handler of one file that catches what it cannot know; a border may have one."""
    found: list[str] = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler) and _names(node.type) & BROAD:
            found.append(file.at(node, "catches everything"))
        elif called(node) == "suppress" and _suppresses(node):
            found.append(file.at(node, "suppresses everything"))
    yield from found[1:] if file.path in BORDERS else found


def _suppresses(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and any(_names(one) & BROAD for one in node.args)


def test_broad_excepts_stand_at_the_borders_only() -> None:
    found = [breach for file in sources(*PACKAGES) for breach in broad(file)]
    check(found, f"`except Exception` stands once in each of {', '.join(BORDERS)}, nowhere else.")


@pytest.mark.parametrize(
    "text",
    [
        "try: pass\nexcept: pass",
        "try: pass\nexcept Exception: pass",
        "try: pass\nexcept (OSError, BaseException) as error: pass",
        "with contextlib.suppress(Exception): pass",
    ],
)
def test_a_broad_except_is_found(text: str) -> None:
    assert list(broad(source("proxy/app.py", text)))
    assert not list(broad(source("proxy/reload.py", text)))
    assert list(broad(source("proxy/reload.py", text + "\n" + text)))


def test_a_narrow_except_is_none() -> None:
    text = "try: pass\nexcept (OSError, ValueError): pass\nwith suppress(OSError): pass"
    assert not list(broad(source("proxy/app.py", text)))
