"""The secret goes into the address, and is seen nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.providers.credentials.query import Query
from tests.builders import an_upstream_request


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://h/v1/m", "https://h/v1/m?key=s%2Fe%26c"),
        ("https://h/v1/m?alt=sse", "https://h/v1/m?alt=sse&key=s%2Fe%26c"),
    ],
)
def test_the_secret_is_one_more_parameter(url: str, signed: str) -> None:
    request = an_upstream_request()
    request.url = url
    asyncio.run(Query("key", "s/e&c").sign(request))
    assert request.url == signed


def test_the_secret_shows_in_no_repr() -> None:
    request = an_upstream_request()
    credential = Query("key", "se-cret")
    asyncio.run(credential.sign(request))
    assert "se-cret" not in repr(credential) + repr(request) + str(request)
