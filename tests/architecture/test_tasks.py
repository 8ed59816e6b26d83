"""Tasks are made where somebody keeps them, logs their death and ends them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.tree import PACKAGES, Source, check, source, sources

MAKERS = frozenset({"create_task", "ensure_future"})
PLACES = ("proxy/background.py", "proxy/connection.py", "proxy/http1.py")


def tasks(file: Source) -> Iterator[str]:
    """Every mention of what makes a task, outside the places that own tasks."""
    if file.path in PLACES:
        return
    for node in ast.walk(file.tree):
        name = ""
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.alias):
            name = node.name
        if name in MAKERS:
            yield file.at(node, f"{name} is used")


def test_tasks_are_made_in_their_places_only() -> None:
    found = [breach for file in sources(*PACKAGES) for breach in tasks(file)]
    check(found, f"Tasks are made in {', '.join(PLACES)} only; elsewhere use Background.spawn.")


def test_a_task_elsewhere_is_found() -> None:
    assert list(tasks(source("proxy/app.py", "asyncio.get_running_loop().create_task(x())")))
    assert list(tasks(source("proxy/app.py", "from asyncio import ensure_future")))
    assert not list(tasks(source("proxy/background.py", "asyncio.create_task(x())")))
