"""What is written stays true: docstrings where they are owed, tables that list what there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import pipelines.errors
from pipelines.operations import OPERATIONS
from pipelines.providers.load import SCHEMES, load_catalog, read_catalog
from pipelines.registry import BUILT_IN_STAGES, DIALECTS
from tests.architecture.tables import block, code, table
from tests.architecture.tree import FUNCTIONS, PACKAGES, Source, check, source, sources

README = "pipelines/README.md"
NONE = "–"
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _is_setter(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(one, ast.Attribute) and one.attr == "setter" for one in decorators)


def _public(body: list[ast.stmt]) -> Iterator[Documented]:
    for node in body:
        if not isinstance(node, ast.ClassDef | FUNCTIONS[0] | FUNCTIONS[1]):
            continue
        if node.name.startswith("_") or _is_setter(node):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body)


def undocumented(file: Source) -> Iterator[str]:
    """Every docstring that a file owes."""
    words = ast.get_docstring(file.tree)
    if words is None:
        if file.text.strip():
            yield file.at(file.tree, "the module has no docstring")
    elif not file.is_package and "The rule: " not in words:
        yield file.at(file.tree, "the module's docstring states no rule")
    for node in _public(file.tree.body):
        if not ast.get_docstring(node):
            yield file.at(node, f"{node.name} has no docstring")


def test_every_module_states_its_rule_and_every_public_name_its_promise() -> None:
    found = [breach for file in sources(*PACKAGES) for breach in undocumented(file)]
    check(found, "A module opens with its job and `The rule: …`; what is public has a docstring.")


def test_every_test_module_says_what_it_is_about() -> None:
    found = [
        file.at(file.tree, "the module has no docstring")
        for file in sources("tests")
        if file.text.strip() and ast.get_docstring(file.tree) is None
    ]
    check(found, "A module of tests opens with one sentence.")


def test_a_missing_docstring_is_found() -> None:
    good = '"""Job.\n\nThe rule: one.\n"""\nclass A:\n    """It."""\n'
    assert not list(undocumented(source("a.py", good)))
    assert not list(undocumented(source("a.py", good + "    def _f(self): ...")))
    assert list(undocumented(source("a.py", good + "    def f(self): ...")))
    assert list(undocumented(source("a.py", good + "def f(): ...")))
    assert list(undocumented(source("a.py", '"""Job."""')))
    assert list(undocumented(source("a.py", "import os")))


def _names(values: object) -> str:
    assert isinstance(values, tuple | frozenset)
    return ", ".join(code(value) for value in sorted(values)) or NONE


def _stage_classes() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for file in sources("pipelines/stages"):
        module = import_module(file.module)
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == file.module:
                name = getattr(value, "name", None)
                if isinstance(name, str):
                    needs, gives = vars(value)["needs"], vars(value)["gives"]
                    found[code(name)] = {"Needs": _names(needs), "Gives": _names(gives)}
    return found


def test_the_table_of_stages_is_true() -> None:
    rows = table(README, "Stages")
    assert [row["Name"] for row in rows] == [code(name) for name, _ in BUILT_IN_STAGES]
    shown = {row["Name"]: {"Needs": row["Needs"], "Gives": row["Gives"]} for row in rows}
    assert shown == _stage_classes()


def _made(kind: type[Exception]) -> Exception:
    _, *parameters = signature(kind.__init__).parameters.values()
    owed = [one for one in parameters if one.default is one.empty and one.kind in POSITIONAL]
    return kind(*("x" for _ in owed))


def _errors() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, kind in vars(pipelines.errors).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            error = _made(kind)
            status, words, short = (getattr(error, one, None) for one in ("status", "type", "code"))
            found[code(name)] = {
                "Status": NONE if status is None else str(status),
                "Type": NONE if words is None else code(words),
                "Code": NONE if short is None else code(short),
            }
    return found


def test_the_table_of_errors_is_true() -> None:
    rows = {row["Class"]: row for row in table(README, "Errors")}
    expected = _errors()
    assert sorted(rows) == sorted(expected)
    for name, fields in expected.items():
        for head, value in fields.items():
            assert rows[name][head].split(" or ")[0] == value, f"{name}: {head}"


def test_the_table_of_operations_is_true() -> None:
    assert table(README, "Operations") == [
        {
            "Name": code(one.name),
            "Path": code(one.path),
            "Dialect": code(one.dialect),
            "Requires": ", ".join(
                code(field) for field in (*(() if one.default_model else ("model",)), *one.requires)
            ),
            "Streams": "no" if one.streams == "never" else "yes",
        }
        for one in OPERATIONS
    ]


def test_the_table_of_dialects_lists_them_all() -> None:
    rows = table(README, "Dialects")
    assert [row["Name"] for row in rows] == [code(name) for name in DIALECTS]


def test_the_table_of_providers_is_true() -> None:
    expected = {
        code(name): {
            "Title": one.title,
            "Address": code(one.base_url) if one.base_url else NONE,
            "Key variables": ", ".join(code(key) for key in one.credential.env) or NONE,
            "Operations": ", ".join(code(endpoint) for endpoint in one.endpoints),
        }
        for name, one in load_catalog().items()
    }
    shown = {row.pop("Name"): row for row in table(README, "Providers")}
    assert shown == expected


def test_every_scheme_of_credentials_is_described() -> None:
    assert {row["Scheme"] for row in table(README, "Credentials")} == {code(one) for one in SCHEMES}


def test_the_example_of_a_stage_is_one() -> None:
    names: dict[str, Any] = {}
    exec(block(README, "python"), names)
    stage = names["guard"]({}, None)
    assert (stage.name, stage.needs) == ("acme-guard", {"principal"})


def test_the_example_of_a_provider_is_one() -> None:
    assert list(read_catalog([("README", block(README, "toml"))])) == ["acme"]
