"""The OpenAPI document and its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from proxy.admin.openapi import document, page
from proxy.admin.table import ENDPOINTS

ERRORS = {"400", "401", "403", "404", "408", "409", "413", "414", "415", "422", "431", "503"}


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document(ENDPOINTS)["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from _refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from _refs(one)


def test_every_endpoint_is_in_the_document() -> None:
    found = document(ENDPOINTS)
    assert found["openapi"] == "3.1.0"
    assert {name for name, _ in _operations()} == {f"{one.method} {one.path}" for one in ENDPOINTS}


def test_every_answer_is_documented_with_a_schema() -> None:
    for name, operation in _operations():
        assert set(operation["responses"]) == ERRORS | {"200"}, name
        for answer in operation["responses"].values():
            assert answer["content"], name
            assert all(form["schema"] for form in answer["content"].values()), name


def test_only_the_export_is_no_json() -> None:
    other = {
        name: list(operation["responses"]["200"]["content"])
        for name, operation in _operations()
        if "application/json" not in operation["responses"]["200"]["content"]
    }
    assert other == {"GET /spend/logs/export": ["application/x-ndjson", "text/csv"]}


def test_every_route_says_what_it_does() -> None:
    for name, operation in _operations():
        assert operation["summary"].endswith("."), name
        assert operation["x-roles"], name


def test_the_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for _, operation in _operations()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    found = document(ENDPOINTS)
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(_refs(found)) <= known


def test_a_query_and_a_path_are_parameters() -> None:
    found = dict(_operations())
    (key,) = found["GET /key/info"]["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("key", "query", False)
    (named,) = found["POST /key/{key}/regenerate"]["parameters"]
    assert (named["name"], named["in"], named["required"]) == ("key", "path", True)


def test_the_page_names_every_route_and_asks_nobody_else_for_anything() -> None:
    text = page(ENDPOINTS)
    for one in ENDPOINTS:
        assert f"{one.path}</h2>" in text
    assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", text)
    assert "<script" not in text
