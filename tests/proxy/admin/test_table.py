"""The routes as the application gets them."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from proxy.admin import table
from proxy.admin.table import ENDPOINTS, routes
from tests.fakes.asgi import Client
from tests.proxy.admin.harness import Admin


async def test_the_document_and_its_page_are_open_to_everybody() -> None:
    admin = Admin()
    app = Starlette(routes=list(routes(lambda: admin.backing)))
    document = await Client(app, "/openapi.json", method="GET").answer()
    assert (document.status, document.headers["content-type"]) == (200, "application/json")
    assert document.json["info"]["title"] == "Headgate"
    page = await Client(app, "/docs", method="GET").answer()
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")


async def test_every_endpoint_is_served() -> None:
    admin = Admin()
    assert len(routes(lambda: admin.backing)) == len(ENDPOINTS) + 2


async def test_the_document_and_its_page_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def document(endpoints: object) -> dict[str, str]:
        written.append("document")
        return {"openapi": "3.1.0"}

    def page(endpoints: object) -> str:
        written.append("page")
        return "<html>"

    monkeypatch.setattr(table, "document", document)
    monkeypatch.setattr(table, "page", page)
    admin = Admin()
    app = Starlette(routes=list(routes(lambda: admin.backing)))
    for _ in range(2):
        for path, body in (("/openapi.json", b'{"openapi":"3.1.0"}'), ("/docs", b"<html>")):
            assert (await Client(app, path, method="GET").answer()).body == body
    assert written == ["document", "page"]
