"""The reply is written as its events come: whole, in pieces, or as an error in the right form."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from pipelines.errors import (
    Denied,
    GatewayError,
    InternalError,
    Overloaded,
    StageOrder,
    StreamBroken,
)
from pipelines.events import Data, Flow, Head, Media
from pipelines.exchange import Exchange
from tests.builders import a_completion, a_deployment, a_head
from tests.fakes.asgi import Client
from tests.proxy.http.serving import DONE, ONE, THE_END, Calls, Source, playing, streaming

TWO, THREE = b"data: 2\n\n", b"data: 3\n\n"


async def test_a_whole_reply_is_one_start_with_its_length_and_one_body() -> None:
    whole = a_completion()
    client = await Client(Calls(playing(a_head(Media.JSON), Data(whole), THE_END))).answer()
    assert client.status == 200
    assert client.headers["content-type"] == "application/json"
    assert client.headers["content-length"] == str(len(whole))
    assert client.pieces == [whole]
    assert client.complete


async def test_the_parts_of_a_whole_reply_are_joined() -> None:
    source = playing(a_head(Media.JSON), Data(b'{"a":'), Data(b"1}"), THE_END)
    client = await Client(Calls(source)).answer()
    assert client.pieces == [b'{"a":1}']
    assert client.headers["content-length"] == "7"


async def test_a_whole_reply_without_a_byte_has_the_length_zero() -> None:
    client = await Client(Calls(playing(a_head(Media.JSON), THE_END))).answer()
    assert client.headers["content-length"] == "0"
    assert client.pieces == [b""]


async def test_the_status_of_the_head_is_the_status_of_the_reply() -> None:
    head = Head(201, [], Media.JSON)
    client = await Client(Calls(playing(head, Data(b"{}"), THE_END))).answer()
    assert client.status == 201


async def test_a_stream_is_one_send_for_each_piece_in_order() -> None:
    client = await Client(Calls(streaming(ONE, TWO, THREE))).answer()
    assert client.pieces == [ONE, TWO, THREE, b""]
    assert client.headers["content-type"] == "text/event-stream"
    assert client.headers["cache-control"] == "no-cache"
    assert client.headers["x-accel-buffering"] == "no"
    assert "content-length" not in client.headers
    assert client.complete


async def test_each_piece_is_with_the_client_before_the_next_is_made() -> None:
    made: list[int] = []
    goes_on = [asyncio.Event() for _ in range(3)]

    async def script(_: Exchange) -> Flow:
        yield a_head()
        for number, gate in enumerate(goes_on):
            await gate.wait()
            made.append(number)
            yield Data(b"data: %d\n\n" % number)
        yield THE_END

    client = Client(Calls(Source(script)))
    client.start()
    for number, gate in enumerate(goes_on):
        await client.until_sent(1 + number)
        assert made == list(range(number))
        gate.set()
    await client.ended()
    assert client.pieces[:3] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


async def test_a_stream_starts_when_its_head_is_there() -> None:
    gate = asyncio.Event()

    async def script(_: Exchange) -> Flow:
        yield a_head()
        await gate.wait()
        yield THE_END

    client = Client(Calls(Source(script)))
    client.start()
    await client.until_sent(1)
    assert client.status == 200
    gate.set()
    await client.ended()


async def test_the_bytes_of_a_piece_are_passed_on_as_the_same_object() -> None:
    piece = b"data: " + bytes(1000) + b"\n\n"
    client = await Client(Calls(streaming(piece))).answer()
    assert client.pieces[0] is piece


async def test_a_client_that_does_not_read_holds_the_source_up() -> None:
    made: list[int] = []

    async def script(_: Exchange) -> Flow:
        yield a_head()
        for number in range(5):
            made.append(number)
            yield Data(ONE)
        yield THE_END

    client = Client(Calls(Source(script)))
    client.hold()
    client.start()
    await client.until(lambda it: it.waiting)
    await asyncio.sleep(0.01)
    assert made == []
    client.go_on()
    await client.ended()
    assert len(client.pieces) == 6


@pytest.mark.parametrize("media", [Media.JSON, Media.SSE])
async def test_an_error_before_the_first_byte_is_a_status_and_json(media: Media) -> None:
    error = Overloaded("acme is limiting the rate.", 429, 6.2)
    steps = [a_head(media), Data(b"{"), error] if media is Media.JSON else [error]
    client = await Client(Calls(playing(*steps))).answer()
    assert client.status == 429
    assert client.headers["content-type"] == "application/json"
    assert client.headers["content-length"] == str(len(client.body))
    assert client.headers["retry-after"] == "7"
    assert client.json == {
        "error": {
            "message": "acme is limiting the rate.",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    assert client.complete


async def test_an_error_after_the_first_byte_is_an_event_without_choices_then_the_end() -> None:
    source = playing(a_head(), Data(ONE), StreamBroken("acme broke off its answer."))
    client = await Client(Calls(source)).answer()
    assert client.status == 200
    assert client.pieces[0] == ONE
    event, done, nothing = client.body.removeprefix(ONE).split(b"\n\n")
    assert (done + b"\n\n", nothing) == (DONE, b"")
    value = orjson.loads(event.removeprefix(b"data: "))
    assert "choices" not in value
    assert value["error"]["message"] == "acme broke off its answer."
    assert value["error"]["code"] == "upstream_disconnected"
    assert client.complete


async def test_a_denied_call_tells_the_sdks_not_to_try_again() -> None:
    client = await Client(Calls(playing(Denied("acme refused the key.")))).answer()
    assert client.status == 502
    assert client.headers["x-should-retry"] == "false"


async def test_other_errors_leave_the_sdks_their_choice() -> None:
    client = await Client(Calls(playing(Overloaded("busy", 503)))).answer()
    assert "x-should-retry" not in client.headers
    assert "retry-after" not in client.headers


async def test_an_unexpected_exception_is_a_500_that_tells_nothing() -> None:
    client = await Client(Calls(playing(KeyError("secret-of-the-house")))).answer()
    assert client.status == 500
    assert b"secret" not in client.body
    assert b"KeyError" not in client.body
    assert client.json["error"]["message"] == "Internal server error"
    assert client.json["error"]["type"] == "internal_server_error"


async def test_an_unexpected_exception_in_a_stream_is_an_event_that_tells_nothing() -> None:
    source = playing(a_head(), Data(ONE), ZeroDivisionError("secret-of-the-house"))
    client = await Client(Calls(source)).answer()
    assert client.body.endswith(DONE)
    assert b"Internal server error" in client.body
    assert b"secret" not in client.body
    assert client.complete


async def test_a_fault_of_the_house_is_told_without_its_details() -> None:
    client = await Client(Calls(playing(StageOrder("deployment", "route")))).answer()
    assert client.status == 500
    assert client.json["error"]["message"] == "Internal server error"


async def test_a_binary_body_that_breaks_is_cut_by_the_server() -> None:
    head = Head(200, [(b"content-type", b"audio/mpeg")], Media.BINARY)
    client = Client(Calls(playing(head, Data(b"\x00\x01"), StreamBroken("cut"))))
    with pytest.raises(StreamBroken):
        await client.answer()
    assert client.headers["content-type"] == "audio/mpeg"
    assert client.pieces == [b"\x00\x01"]
    assert not client.complete


async def test_a_binary_body_goes_out_as_it_comes() -> None:
    head = Head(200, [(b"content-type", b"audio/mpeg")], Media.BINARY)
    client = await Client(Calls(playing(head, Data(b"\x00"), Data(b"\x01"), THE_END))).answer()
    assert client.pieces == [b"\x00", b"\x01", b""]


@pytest.mark.parametrize("media", [Media.JSON, Media.SSE, Media.BINARY])
async def test_nothing_is_sent_after_the_end(media: Media) -> None:
    late = RuntimeError("a stage that fails when all is done")
    client = await Client(Calls(playing(a_head(media), Data(ONE), THE_END, late))).answer()
    assert client.status == 200
    assert client.body == ONE
    assert client.complete


@pytest.mark.parametrize("late", [StreamBroken("late"), InternalError()])
async def test_nothing_is_sent_after_the_end_for_known_errors_either(late: GatewayError) -> None:
    client = await Client(Calls(playing(a_head(), Data(ONE), THE_END, late))).answer()
    assert client.body == ONE


async def test_a_flow_without_anything_is_a_500() -> None:
    client = await Client(Calls(playing())).answer()
    assert client.status == 500
    assert client.json["error"]["message"] == "Internal server error"


async def test_a_whole_reply_without_its_end_is_a_500() -> None:
    client = await Client(Calls(playing(a_head(Media.JSON), Data(b'{"a":')))).answer()
    assert client.status == 500
    assert client.json["error"]["type"] == "internal_server_error"


async def test_a_stream_without_its_end_gets_an_error_event() -> None:
    client = await Client(Calls(playing(a_head(), Data(ONE)))).answer()
    assert client.body.startswith(ONE)
    assert b'"error"' in client.body
    assert client.body.endswith(DONE)
    assert client.complete


async def test_every_reply_carries_the_id_of_its_call() -> None:
    for source in (streaming(ONE), playing(Denied("no"))):
        client = await Client(Calls(source)).answer()
        assert client.headers["x-litellm-call-id"] == "call-1"


async def test_a_reply_says_who_answered_after_how_many_tries() -> None:
    async def script(exchange: Exchange) -> Flow:
        exchange.attempt(a_deployment("d1"), 1.0)
        exchange.attempt(a_deployment("d2"), 2.0)
        exchange.attempt(replace(a_deployment("d3"), group="spare"), 3.0)
        exchange.fallbacks = 1
        yield a_head()
        yield THE_END

    client = await Client(Calls(Source(script))).answer()
    assert client.headers["x-litellm-model-id"] == "d3"
    assert client.headers["x-litellm-model-group"] == "spare"
    assert client.headers["x-litellm-attempted-retries"] == "1"
    assert client.headers["x-litellm-attempted-fallbacks"] == "1"


async def test_the_moment_of_the_first_byte_is_kept() -> None:
    calls = Calls(playing(a_head(), Data(b""), Data(ONE), Data(TWO), THE_END))
    await Client(calls).answer()
    assert calls.exchanges[0].first_byte is not None


async def test_a_reply_that_was_whole_has_a_first_byte_too() -> None:
    calls = Calls(playing(a_head(Media.JSON), Data(b"{}"), THE_END))
    await Client(calls).answer()
    assert calls.exchanges[0].first_byte is not None
