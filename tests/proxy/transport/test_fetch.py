"""A small document is read whole, or not at all."""

from __future__ import annotations

import pytest

from pipelines.errors import UpstreamError, UpstreamFailed
from proxy.transport.fetch import MOST, PATIENCE, Fetch
from tests.fakes.ports import FakeReply, FakeTransport

URL = "https://issuer.example/keys"


async def test_the_body_behind_an_address_is_read() -> None:
    transport = FakeTransport(FakeReply([b"a", b"b"]))
    assert await Fetch(transport)(URL) == b"ab"
    (request,) = transport.requests
    assert (request.method, request.url, request.body) == ("GET", URL, b"")
    assert (request.first_byte, request.idle) == (PATIENCE, PATIENCE)
    assert transport.still_open == 0


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply([b"a"], status=404),
        FakeReply([b"a"], status=302),
        FakeReply([b"x" * (MOST + 1)]),
        UpstreamFailed("away"),
    ],
)
async def test_what_is_no_good_answer_is_an_error(reply: FakeReply | UpstreamError) -> None:
    transport = FakeTransport(reply)
    with pytest.raises(UpstreamError):
        await Fetch(transport)(URL)
    assert transport.still_open == 0
