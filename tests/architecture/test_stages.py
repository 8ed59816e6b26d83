"""A stage is a generator that may be closed at any of its yields; nothing in it breaks on that.

Awaiting in `finally` breaks on cancellation; a timeout, a task group or a context variable held
across a yield hits whoever consumes the flow; a second task inside a flow cannot be closed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import (
    FUNCTIONS,
    Source,
    called,
    check,
    functions,
    source,
    sources,
    within,
)

STAGES = "pipelines/stages"
WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)
YIELDS = (ast.Yield, ast.YieldFrom)
HELD = frozenset({"timeout", "timeout_at", "TaskGroup"})
NEVER = frozenset({"create_task", "ensure_future", "gather", "wait_for"})
TESTS_OF_A_STAGE = 3


def _frame(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in statements:
        yield statement
        if not isinstance(statement, FUNCTIONS):
            yield from within(statement)


def _of_node(file: Source, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Try | ast.TryStar):
        for inner in _frame(node.finalbody):
            if isinstance(inner, WAITS):
                yield file.at(inner, "waits inside `finally`")
    elif isinstance(node, ast.AsyncWith | ast.With):
        held = {called(item.context_expr) for item in node.items} & HELD
        if held and any(isinstance(inner, YIELDS) for inner in _frame(node.body)):
            yield file.at(node, f"holds {', '.join(sorted(held))} around a yield")
    elif isinstance(node, ast.Call) and called(node) in NEVER:
        yield file.at(node, f"calls {called(node)}")
    elif isinstance(node, ast.Import | ast.ImportFrom):
        names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
        if names & {"contextvars", "ContextVar"}:
            yield file.at(node, "uses context variables")


def unclosable(file: Source) -> Iterator[str]:
    """Every construct of one stage that does not survive being closed at a yield."""
    for node in ast.walk(file.tree):
        yield from _of_node(file, node)


def _stages() -> list[Source]:
    return [file for file in sources(STAGES) if not file.is_package]


def test_stages_survive_being_closed_at_any_yield() -> None:
    found = [breach for file in _stages() for breach in unclosable(file)]
    check(found, "No await in `finally`, no timeout around a yield, no task, no context variable.")


def _tests(file: Source, stage: str) -> bool:
    name = f"{file.module.rpartition('.')[2]}_"
    return name.startswith(f"test_{stage}_")


def test_a_stage_has_at_least_three_tests() -> None:
    found = []
    for file in _stages():
        name = file.module.rpartition(".")[2]
        tests = [one for one in sources(f"tests/{STAGES}") if _tests(one, name)]
        names = [one.name for test in tests for one in functions(test.tree)]
        count = sum(one.startswith("test_") for one in names)
        if count < TESTS_OF_A_STAGE:
            found.append(file.at(file.tree, f"{count} tests"))
    check(found, "Three tests a stage: it passes, it refuses or answers, it is closed midway.")


@pytest.mark.parametrize(
    "body",
    [
        "try:\n        yield 1\n    finally:\n        await x()",
        "try:\n        yield 1\n    finally:\n        if x:\n            async with y: pass",
        "async with asyncio.timeout(1):\n        async for x in y:\n            yield x",
        "async with TaskGroup() as group:\n        yield 1",
        "await asyncio.wait_for(anext(flow), 1)",
        "group.create_task(x())",
        "from contextvars import ContextVar",
    ],
)
def test_what_does_not_survive_a_close_is_found(body: str) -> None:
    assert list(unclosable(source("a.py", f"async def f():\n    {body}\n")))


@pytest.mark.parametrize(
    "body",
    [
        "try:\n        yield 1\n    finally:\n        x()",
        "async with asyncio.timeout(1):\n        x = await anext(y)\n    yield x",
        "async with transport.open(x) as y:\n        yield y",
    ],
)
def test_what_survives_a_close_is_allowed(body: str) -> None:
    assert not list(unclosable(source("a.py", f"async def f():\n    {body}\n")))
