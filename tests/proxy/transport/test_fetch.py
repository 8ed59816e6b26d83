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


async def test_a_document_is_sent_and_accepted_with_any_2xx() -> None:
    transport = FakeTransport(FakeReply([], status=204))
    await Fetch(transport).post(URL, b"{}", {"X-Sign": "1"})
    (request,) = transport.requests
    assert (request.method, request.url, request.body) == ("POST", URL, b"{}")
    assert request.headers == {"Content-Type": "application/json", "X-Sign": "1"}
    assert transport.still_open == 0


@pytest.mark.parametrize(
    "reply", [FakeReply(status=302), FakeReply(status=500), UpstreamFailed("away")]
)
async def test_a_document_that_is_not_accepted_is_an_error(
    reply: FakeReply | UpstreamError,
) -> None:
    transport = FakeTransport(reply)
    with pytest.raises(UpstreamError):
        await Fetch(transport).post(URL, b"{}", {})
    assert transport.still_open == 0
