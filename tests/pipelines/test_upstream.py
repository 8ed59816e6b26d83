"""A request to a provider hides what it carries."""

from __future__ import annotations

import asyncio

from pipelines.providers.credentials.bearer import Bearer
from tests.builders import SECRET, an_upstream_request


def test_a_request_shows_neither_its_headers_nor_its_body() -> None:
    request = an_upstream_request()
    asyncio.run(Bearer(SECRET).sign(request))
    request.url += "?key=in-the-address"
    words = repr(request)
    assert "acme.example" in words
    assert not any(word in words for word in (SECRET, "hello", "Bearer", "in-the-address"))
