"""A document is handed over, or it is said whether to try again."""

from __future__ import annotations

import pytest

from pipelines.errors import Denied, Overloaded, Rejected, UpstreamError, UpstreamFailed
from proxy.transport.posting import MOST, PATIENCE, Posting
from tests.fakes.ports import FakeReply, FakeTransport

URL = "https://receiver.example/v1?token=secret"


async def test_a_body_is_sent_and_the_answer_read() -> None:
    transport = FakeTransport(FakeReply([b"a", b"b"], status=202))
    assert await Posting(transport, "receiver")(URL, b"{}", {"X-Key": "1"}) == b"ab"
    (request,) = transport.requests
    assert (request.method, request.url, request.body) == ("POST", URL, b"{}")
    assert (request.headers, request.pool) == ({"X-Key": "1"}, "receiver")
    assert (request.first_byte, request.idle) == (PATIENCE, PATIENCE)
    assert transport.still_open == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Rejected),
        (400, Rejected),
        (401, Denied),
        (403, Denied),
        (404, Rejected),
        (408, Overloaded),
        (413, Rejected),
        (429, Overloaded),
        (500, UpstreamFailed),
        (502, UpstreamFailed),
        (503, Overloaded),
    ],
)
async def test_a_refusal_says_what_it_is_and_not_where(
    status: int, kind: type[UpstreamError]
) -> None:
    transport = FakeTransport(FakeReply([b"secret"], status=status))
    with pytest.raises(kind) as caught:
        await Posting(transport, "receiver")(URL, b"{}", {})
    assert caught.value.message == f"receiver answered with {status}."
    assert transport.still_open == 0


async def test_the_receiver_says_how_long_to_wait() -> None:
    transport = FakeTransport(FakeReply([b""], status=429, headers=[(b"retry-after", b"7")]))
    with pytest.raises(Overloaded) as caught:
        await Posting(transport, "receiver")(URL, b"{}", {})
    assert caught.value.retry_after == 7.0


async def test_an_answer_has_a_limit() -> None:
    transport = FakeTransport(FakeReply([b"x" * (MOST + 1)]))
    with pytest.raises(UpstreamFailed):
        await Posting(transport, "receiver")(URL, b"{}", {})
