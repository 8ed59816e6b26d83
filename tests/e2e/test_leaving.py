"""A client that leaves takes the provider's connection with it, at once and in every state."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import openai
import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.plain import ask, chat, dialled, request, until
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO, async_client, client

# The promise is 100 ms; a busy machine is given ten times as much.
PROMISED = 1.0

Note = Callable[[str, object], None]


def closed_after(provider: Provider, model: str, left: float) -> float:
    """How many seconds after its client the gateway left the provider."""
    return max(0.0, provider.left(model).at - left)


@pytest.mark.parametrize(
    "model, mark",
    [
        ("nofirst@before", b""),
        ("nofirst_hdr@head", b""),
        ("slow@mid", b'"t2 "'),
        ("stall@stalled", b'"t1 "'),
        ("nofirst@whole", b""),
    ],
)
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_the_providers_connection_is_closed_when_the_client_leaves(
    gateway: Gateway,
    provider: Provider,
    record_property: Note,
    model: str,
    mark: bytes,
    how: str,
) -> None:
    streamed = not model.endswith("@whole")
    model += how
    with dialled(gateway, request(chat(f"faulty/{model}", stream=streamed))) as sock:
        provider.asked(model)
        if mark:
            until(sock, mark)
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        left = time.monotonic()
    seconds = closed_after(provider, model, left)
    record_property("closed_after_ms", round(seconds * 1000, 1))
    assert seconds < PROMISED
    line = gateway.call(f"faulty/{model}")
    assert (line["outcome"], line["status"]) == ("client_gone", 499)
    assert line["attempts"] == 1


def test_a_client_that_closes_its_half_of_the_connection_counts_as_gone(
    gateway: Gateway, provider: Provider
) -> None:
    with dialled(gateway, request(chat("faulty/slow@half"))) as sock:
        until(sock, b'"t0 "')
        sock.shutdown(socket.SHUT_WR)
        left = time.monotonic()
        assert closed_after(provider, "slow@half", left) < PROMISED
    assert gateway.call("faulty/slow@half")["outcome"] == "client_gone"


def test_what_was_used_until_then_is_in_the_log(gateway: Gateway, provider: Provider) -> None:
    with dialled(gateway, request(chat("faulty/slow@used"))) as sock:
        until(sock, b'"t4 "')
    line = gateway.call("faulty/slow@used")
    assert line["completion_tokens"] >= 5
    assert line["usage_estimated"] is True
    assert line["first_byte_ms"] > 0


def test_a_stream_that_the_sdk_closes_early_is_left(gateway: Gateway, provider: Provider) -> None:
    with client(gateway) as sdk:
        stream = sdk.chat.completions.create(model="faulty/slow@sdk", messages=HELLO, stream=True)
        next(stream)
        left = time.monotonic()
        stream.close()
        assert closed_after(provider, "slow@sdk", left) < PROMISED
    assert gateway.call("faulty/slow@sdk")["outcome"] == "client_gone"


async def test_a_client_that_loses_patience_is_gone_too(
    gateway: Gateway, provider: Provider
) -> None:
    async with async_client(gateway, timeout=0.5) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await sdk.chat.completions.create(model="faulty/nofirst@patience", messages=HELLO)
        left = time.monotonic()
    assert closed_after(provider, "nofirst@patience", left) < PROMISED


def test_a_client_that_leaves_between_two_tries_stops_the_tries(
    gateway: Gateway, provider: Provider
) -> None:
    with dialled(gateway, request(chat("patient"))):
        provider.asked("429@tries")
    assert gateway.call("patient")["outcome"] == "client_gone"
    provider.asked("429@tries", 1)


def test_a_client_that_left_does_no_harm_to_the_next(gateway: Gateway) -> None:
    for _ in range(20):
        with dialled(gateway, request(chat("mock/words50-rate50"))) as sock:
            until(sock, b"word1")
    assert ask(gateway, body=chat("mock/words3-rate0")).events
    assert len(gateway.ended("mock/words50-rate50", 20)) == 20
