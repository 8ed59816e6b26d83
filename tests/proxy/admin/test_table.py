"""The routes as the application gets them."""

from __future__ import annotations

from starlette.applications import Starlette

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
