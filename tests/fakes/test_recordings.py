"""The recordings are read as the providers sent them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.recordings import (
    DONE,
    Recording,
    fixtures_folder,
    fixtures_missing,
    needs_fixtures,
    openai_chat_streams,
    recordings,
)


class Shelf:
    """A folder of hand-made recordings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / "index.jsonl"
        self._index.write_text("")

    def put(self, file: str, content: str | dict[str, Any], endpoint: str = "chat") -> None:
        path = self._folder / "given" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(raw.encode())
        row = {"file": f"given/{file}", "provider": path.parent.name, "endpoint": endpoint}
        with self._index.open("a") as index:
            index.write(json.dumps(row) + "\n")

    def one(self) -> Recording:
        (found,) = recordings()
        return found


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("HEADGATE_FIXTURES", str(tmp_path))
    return Shelf(tmp_path)


def _exchange(
    response: dict[str, Any], url: str = "https://x/v1/chat/completions"
) -> dict[str, Any]:
    headers = {"Content-Type": "text/event-stream"}
    return {
        "request": {"method": "POST", "url": url, "headers": {}, "json": {"model": "m"}},
        "response": {"status": 200, "headers": headers, **response},
    }


def test_without_a_folder_there_are_no_recordings_and_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_FIXTURES", str(tmp_path / "absent"))
    assert list(recordings()) == []
    assert openai_chat_streams() == []
    assert "HEADGATE_FIXTURES" in fixtures_missing()
    assert needs_fixtures().mark.args == (True,)


def test_the_folder_lies_beside_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_FIXTURES", raising=False)
    checkout = Path(__file__).resolve().parents[2]
    assert fixtures_folder() == checkout.parent / "shared" / "fixtures"


def test_chat_event_lines_get_their_frame_and_done_back(shelf: Shelf) -> None:
    shelf.put("xai/a.chunks.txt", '{"id":"1"}\n{"id":"2"}')
    found = shelf.one()
    assert found.chunks == [b'data: {"id":"1"}\n\n', b'data: {"id":"2"}\n\n', DONE]
    assert found.whole == b"".join(found.chunks)
    assert (found.name, found.provider, found.status) == ("xai/a.chunks.txt", "xai", 200)
    assert found.request is None
    assert found.streamed


@pytest.mark.parametrize("endpoint", ["messages", "responses"])
def test_named_event_lines_get_their_name_back(shelf: Shelf, endpoint: str) -> None:
    shelf.put("p/a.chunks.txt", '{"type":"start"}\n{"type":"broken",', endpoint)
    assert shelf.one().chunks == [
        b'event: start\ndata: {"type":"start"}\n\n',
        b'event: broken\ndata: {"type":"broken",\n\n',
    ]


def test_decoded_bedrock_events_stay_lines(shelf: Shelf) -> None:
    shelf.put("bedrock/a.chunks.txt", '{"messageStop":{}}', "converse")
    found = shelf.one()
    assert found.chunks == [b'{"messageStop":{}}\n']
    assert not found.streamed


def test_a_cassette_gives_one_recording_an_interaction(shelf: Shelf) -> None:
    second = _exchange(
        {"status": "404 Not Found", "headers": {}, "json": {"é": 1}}, "https://x/v1/odd"
    )
    third = _exchange({"base64": base64.b64encode(b"\xff").decode()})
    cassette = [_exchange({"text": "data: 1\r\n\r\n"}), second, third]
    shelf.put("p/a.vcr.json", {"format": "vcr-json/1", "interactions": cassette}, "other")
    one, two, three = recordings()
    assert (one.name, one.endpoint, one.whole) == ("p/a.vcr.json#1", "chat", b"data: 1\r\n\r\n")
    assert one.request == {"model": "m"}
    assert (two.endpoint, two.status, two.whole) == ("other", 404, '{"é":1}'.encode())
    assert two.content_type == "application/json"
    assert three.chunks == [b"\xff"]
    assert openai_chat_streams() == [one, three]


def test_a_stream_without_a_content_type_is_known_by_its_body(shelf: Shelf) -> None:
    shelf.put("p/a.vcr.json", {"interactions": [_exchange({"headers": {}, "text": "data: 1\n\n"})]})
    assert shelf.one().streamed


def test_transport_chunks_keep_their_boundaries(shelf: Shelf) -> None:
    chunks = ["data: {", {"b64": base64.b64encode(b"\xe2\x82").decode()}, "}\n\n"]
    shelf.put("p/a.json", {"format": "req_llm-json/1", **_exchange({"chunks": chunks})})
    assert shelf.one().chunks == [b"data: {", b"\xe2\x82", b"}\n\n"]


def test_bare_files_come_as_they_are(shelf: Shelf) -> None:
    shelf.put("anthropic/a.sse", "event: x\r\ndata: 1\r\n\r\n", "messages")
    shelf.put("anthropic/b.txt", "data: 2\n\n", "messages")
    shelf.put("anthropic/c.json", '{ "id": 3 }', "messages")
    first, second, third = recordings()
    assert first.whole == b"event: x\r\ndata: 1\r\n\r\n"
    assert second.streamed
    assert (third.content_type, third.whole) == ("application/json", b'{ "id": 3 }')


def test_an_event_stream_is_decoded_and_vectors_are_left_out(shelf: Shelf) -> None:
    raw = base64.b64encode(b"\x00\x01").decode()
    shelf.put("translations_agentgateway/a.eventstream.json", {"base64": raw}, "response")
    shelf.put("translations_agentgateway/a.snap.txt", "no recording", "response")
    shelf.put("aws_sigv4/a.req.txt", "no recording", "sigv4")
    assert shelf.one().whole == b"\x00\x01"


@needs_fixtures()
def test_the_real_folder_holds_chat_streams_of_many_providers() -> None:
    streams = openai_chat_streams()
    assert len(streams) >= 90
    assert len({stream.provider for stream in streams}) >= 17
    assert all(stream.whole == b"".join(stream.chunks) for stream in streams)
    assert all(b"data:" in stream.whole for stream in streams)


@needs_fixtures()
def test_every_file_of_the_real_folder_can_be_read() -> None:
    found = list(recordings())
    assert len(found) >= 800
    assert len({recording.name for recording in found}) == len(found)
    assert all(100 <= recording.status < 600 for recording in found)
