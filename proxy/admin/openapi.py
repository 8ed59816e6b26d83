"""The OpenAPI document of the admin API, and a page that shows it.

The rule: everything comes from the table of endpoints, so nothing is documented that is not served,
and nothing served that is not documented.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

import proxy
from proxy.admin.fields import Answer
from proxy.admin.frame import Endpoint

_REF = "#/components/schemas/{model}"
_JSON = "application/json"


class ErrorObject(Answer):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(Answer):
    """An error in OpenAI's shape."""

    error: ErrorObject


class DetailText(Answer):
    """One sentence."""

    error: str | None = None
    message: str | None = None


class Problem(Answer):
    """One field that is not valid."""

    loc: list[str | int]
    msg: str
    type: str


class DetailBody(Answer):
    """An error in FastAPI's shape."""

    detail: DetailText | list[Problem] | str


_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "400": "The call cannot be done as it is.",
        "401": "No key, or one that is not known.",
        "403": "The caller may not do this.",
        "404": "There is no such thing.",
        "408": "The body did not arrive in time.",
        "409": "There is one already.",
        "413": "The body is too large.",
        "414": "The address is too long.",
        "415": "The body is compressed.",
        "422": "A field is not valid.",
        "431": "The headers are too large.",
        "503": "The database or the ledger cannot be asked now.",
    }
)


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    rows = tuple(endpoints)
    schemas, definitions = _schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for one in rows:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headgate", "version": proxy.__version__},
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def page(endpoints: Iterable[Endpoint]) -> str:
    """A page with every route, what it takes and what it gives."""
    found = document(endpoints)
    rows = [
        _section(path, method, operation)
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
    return _PAGE.replace("{version}", html.escape(found["info"]["version"])).replace(
        "{rows}", "\n".join(rows)
    )


def _schemas(endpoints: tuple[Endpoint, ...]) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        ("ErrorBody", "serialization", TypeAdapter(ErrorBody)),
        ("DetailBody", "serialization", TypeAdapter(DetailBody)),
    ]
    for one in endpoints:
        key = f"{one.method} {one.path}"
        wanted.append((key, "serialization", TypeAdapter(one.answer)))
        if one.body is not None:
            wanted.append((key, "validation", TypeAdapter(one.body)))
    schemas, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    return schemas, definitions.get("$defs", {})


def _operation(one: Endpoint, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    key = f"{one.method} {one.path}"
    summary = (one.handler.__doc__ or "").strip().split("\n", 1)[0]
    operation: dict[str, Any] = {
        "tags": [one.path.split("/")[1]],
        "summary": summary,
        "operationId": f"{one.method.lower()}_{one.path.strip('/').translate(_WORDS)}",
        "x-roles": sorted(one.roles),
        "parameters": [*_path_parameters(one.path), *_query_parameters(one)],
        "responses": {
            "200": {
                "description": "Done.",
                "content": {form: {"schema": schemas[key, "serialization"]} for form in one.media},
            },
            **{
                status: _content(words, _error_schema(schemas)) for status, words in _ERRORS.items()
            },
        },
    }
    if one.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": schemas[key, "validation"]}},
        }
    return operation


def _error_schema(schemas: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("ErrorBody", "DetailBody")
    return {"anyOf": [schemas[name, "serialization"] for name in names]}


def _content(words: str, schema: Any) -> dict[str, Any]:
    return {"description": words, "content": {_JSON: {"schema": schema}}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    schema = {"type": "string", "minLength": 1}
    return [{"name": one, "in": "path", "required": True, "schema": schema} for one in names]


def _query_parameters(one: Endpoint) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    schema = one.query.model_json_schema(ref_template=_REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        for name, part in schema.get("properties", {}).items()
    ]


def _section(path: str, method: str, operation: Mapping[str, Any]) -> str:
    taken = [one["name"] for one in operation["parameters"]]
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    [given, *_] = [one["schema"] for one in operation["responses"]["200"]["content"].values()]
    parts = [
        f"<h2><b>{method.upper()}</b> {html.escape(path)}</h2>",
        f"<p>{html.escape(operation['summary'])}</p>",
        f"<p class=who>{html.escape(', '.join(operation['x-roles']))}</p>",
        f"<p>Query: {html.escape(', '.join(taken))}</p>" if taken else "",
        f"<p>Body: {_link(body)}</p>" if body else "",
        f"<p>Answer: {_link(given)}</p>",
    ]
    return f"<section>{''.join(parts)}</section>"


def _link(schema: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1] or str(schema.get("type", "any"))
    return f"<code>{html.escape(name)}</code>"


_WORDS = str.maketrans({"/": "_", "{": "", "}": "", "-": "_"})
_PAGE = """<!doctype html><html lang=en><meta charset=utf-8>
<meta name=viewport content="width=device-width"><title>Headgate: admin API</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}
section{border-top:1px solid #ccc;padding:.5rem 0}h2{font:600 1.05rem ui-monospace,monospace}
p{margin:.2rem 0}.who{color:#666;font-size:.85rem}</style>
<h1>Headgate {version}</h1><p>The admin API. The whole document is at
<a href="openapi.json">openapi.json</a>; every call needs the header
<code>Authorization: Bearer sk-…</code>.</p>
{rows}
</html>
"""
