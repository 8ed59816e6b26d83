"""A body is read to its end or its limit, and refused early where its head says enough."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipelines.errors import TooLarge, UnsupportedEncoding
from pipelines.events import Headers
from proxy.http.asgi import Message, Receive
from proxy.http.body import ClientGone, read_body

LIMIT = 10


class Wire:
    """Gives these messages to whoever receives, and counts them."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages = list(messages)
        self.taken = 0

    async def receive(self) -> Message:
        self.taken += 1
        return self._messages.pop(0)


def pieces(*parts: bytes, whole: bool = True) -> list[Message]:
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    messages[-1]["more_body"] = not whole
    return messages


def receiving(*parts: bytes) -> Receive:
    return Wire(pieces(*parts)).receive


def length(value: int | bytes) -> Headers:
    return [(b"content-length", value if isinstance(value, bytes) else b"%d" % value)]


async def test_a_body_in_one_piece_is_passed_on_as_the_same_object() -> None:
    part = b"0123456789"
    assert await read_body(receiving(part), [], LIMIT) is part


async def test_the_pieces_of_a_body_are_joined_in_order() -> None:
    assert await read_body(receiving(b"01", b"", b"23", b"4"), [], LIMIT) == b"01234"


@pytest.mark.parametrize("parts", [(b"",), (b"", b"")])
async def test_there_may_be_no_body(parts: tuple[bytes, ...]) -> None:
    assert await read_body(receiving(*parts), [], LIMIT) == b""


async def test_a_message_may_leave_out_its_fields() -> None:
    assert await read_body(Wire([{"type": "http.request"}]).receive, [], LIMIT) == b""


async def test_a_body_of_the_limit_is_taken() -> None:
    assert await read_body(receiving(b"01234", b"56789"), length(10), LIMIT) == b"0123456789"


@pytest.mark.parametrize("parts", [(b"0123456789a",), (b"01234", b"56789", b"a")])
async def test_a_body_over_the_limit_is_refused_with_the_limit_in_the_words(
    parts: tuple[bytes, ...],
) -> None:
    with pytest.raises(TooLarge, match=r"over 10 bytes.*max_body_bytes") as refused:
        await read_body(receiving(*parts), [], LIMIT)
    assert refused.value.status == 413


async def test_reading_stops_where_the_limit_is_passed() -> None:
    wire = Wire(pieces(b"0123456789", b"a", b"b", b"c"))
    with pytest.raises(TooLarge):
        await read_body(wire.receive, [], LIMIT)
    assert wire.taken == 2


@pytest.mark.parametrize(
    "announced", [11, 33_554_433, b"00000000011", b"9" * 30, pytest.param(b"9" * 5000, id="huge")]
)
async def test_a_length_that_is_announced_too_large_is_refused_before_a_byte_is_read(
    announced: int | bytes,
) -> None:
    wire = Wire(pieces(b"0"))
    with pytest.raises(TooLarge):
        await read_body(wire.receive, length(announced), LIMIT)
    assert wire.taken == 0


async def test_a_length_that_lies_low_does_not_raise_the_limit() -> None:
    with pytest.raises(TooLarge):
        await read_body(receiving(b"01234", b"56789", b"abc"), length(5), LIMIT)


async def test_a_length_that_lies_does_not_cut_the_body() -> None:
    assert await read_body(receiving(b"01234"), length(3), LIMIT) == b"01234"
    assert await read_body(receiving(b"01234"), length(9), LIMIT) == b"01234"


@pytest.mark.parametrize("announced", [b"", b"abc", b"-5", b"+5", b"\xb2", b"0x5"])
async def test_a_length_that_is_no_number_is_left_to_the_server(announced: bytes) -> None:
    assert await read_body(receiving(b"01234"), length(announced), LIMIT) == b"01234"


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"GZIP", b"identity, gzip", b"deflate"])
async def test_a_compressed_body_is_refused_before_a_byte_is_read(encoding: bytes) -> None:
    wire = Wire(pieces(b"0"))
    with pytest.raises(UnsupportedEncoding, match="uncompressed") as refused:
        await read_body(wire.receive, [(b"content-encoding", encoding)], LIMIT)
    assert refused.value.status == 415
    assert wire.taken == 0


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity "])
async def test_a_body_may_say_that_it_is_not_compressed(encoding: bytes) -> None:
    headers = [(b"content-encoding", encoding)]
    assert await read_body(receiving(b"01"), headers, LIMIT) == b"01"


async def test_a_client_that_leaves_before_its_body_is_whole_is_told_as_gone() -> None:
    messages = [*pieces(b"01", b"23", whole=False), {"type": "http.disconnect"}]
    with pytest.raises(ClientGone):
        await read_body(Wire(messages).receive, [], LIMIT)
