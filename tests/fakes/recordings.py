"""Reads the recordings of real provider traffic that lie beside the checkout.

The rule: a recording is given as the provider sent it; where a format dropped the framing of a
stream, the framing is put back and nothing else is touched.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest

SSE = "text/event-stream"
DONE = b"data: [DONE]\n\n"
NOT_RECORDED = frozenset({"aws_sigv4", "translations_agentgateway"})
NAMED_EVENTS = frozenset({"messages", "responses"})
DECODED = frozenset({"converse", "invoke"})
ENDPOINTS = MappingProxyType(
    {
        "/chat/completions": "chat",
        "/responses": "responses",
        "/messages": "messages",
        "/embeddings": "embeddings",
        "/moderations": "moderations",
    }
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange with a provider: what was asked, and the reply in its pieces and as a whole.

    The pieces are the transport's own where the format kept them, else one an event, else one.
    `request` is None where it was not recorded or is no JSON object.
    """

    name: str
    provider: str
    endpoint: str
    request: dict[str, Any] | None
    status: int
    content_type: str
    chunks: list[bytes]
    whole: bytes

    @property
    def streamed(self) -> bool:
        """Whether the reply is a stream of server-sent events."""
        return self.content_type.startswith(SSE)


def fixtures_folder() -> Path:
    """Where the recordings lie, whether or not they are there."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
    return Path(os.environ.get("HEADGATE_FIXTURES") or beside)


def fixtures_missing() -> str:
    """Why no recording can be read, or the empty string where they can."""
    index = fixtures_folder() / "index.jsonl"
    if index.is_file():
        return ""
    return f"no recordings: {index} does not exist (HEADGATE_FIXTURES names another folder)"


def needs_fixtures() -> pytest.MarkDecorator:
    """A mark that skips a test where the recordings are absent, and says so."""
    reason = fixtures_missing()
    return pytest.mark.skipif(bool(reason), reason=reason)


def recordings() -> Iterator[Recording]:
    """Every recorded reply, in the index's order; none where the recordings are absent."""
    if fixtures_missing():
        return
    folder = fixtures_folder()
    with (folder / "index.jsonl").open(encoding="utf-8") as index:
        for line in index:
            row = json.loads(line)
            yield from _read(folder / row["file"], row)


def openai_chat_streams() -> list[Recording]:
    """The streams that speak OpenAI's chat dialect, replies with an error status left out."""
    return [
        recording
        for recording in recordings()
        if recording.endpoint == "chat" and recording.streamed and recording.status == 200
    ]


def _read(path: Path, row: dict[str, Any]) -> Iterator[Recording]:
    if path.name.endswith(".eventstream.json"):
        yield _event_stream(path)
    elif row["provider"] in NOT_RECORDED:
        return
    elif path.name.endswith(".chunks.txt"):
        yield _event_lines(path, row)
    elif path.suffix in (".txt", ".sse"):
        yield _bare(path, row, SSE)
    elif path.name.endswith(".vcr.json"):
        interactions = json.loads(path.read_bytes())["interactions"]
        for number, interaction in enumerate(interactions, 1):
            suffix = f"#{number}" if len(interactions) > 1 else ""
            yield _exchange(_name(path) + suffix, row, interaction)
    elif path.suffix == ".json":
        document = json.loads(path.read_bytes())
        if str(document.get("format", "")).startswith("req_llm-json/"):
            yield _exchange(_name(path), row, document)
        else:
            yield _bare(path, row, "application/json")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _event_stream(path: Path) -> Recording:
    raw = base64.b64decode(json.loads(path.read_bytes())["base64"])
    media = "application/vnd.amazon.eventstream"
    return Recording(_name(path), path.parent.name, "converse", None, 200, media, [raw], raw)


def _bare(path: Path, row: dict[str, Any], media: str) -> Recording:
    raw = path.read_bytes()
    return Recording(_name(path), row["provider"], row["endpoint"], None, 200, media, [raw], raw)


def _event_lines(path: Path, row: dict[str, Any]) -> Recording:
    endpoint = row["endpoint"]
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    if endpoint in DECODED:
        chunks = [line + b"\n" for line in lines]
        media = "application/x-ndjson"
    else:
        chunks = [_framed(line, endpoint) for line in lines]
        media = SSE
        if endpoint == "chat":
            chunks.append(DONE)
    whole = b"".join(chunks)
    return Recording(_name(path), row["provider"], endpoint, None, 200, media, chunks, whole)


def _framed(line: bytes, endpoint: str) -> bytes:
    event = b"data: " + line + b"\n\n"
    if endpoint not in NAMED_EVENTS:
        return event
    return b"event: " + _event_type(line) + b"\n" + event


def _event_type(line: bytes) -> bytes:
    try:
        return str(json.loads(line)["type"]).encode()
    except json.JSONDecodeError:
        # One recorded file holds events that are no valid JSON; their type stands first.
        found = re.match(rb'\{"type":"([^"]+)"', line)
        return found[1] if found else b"message"


def _exchange(name: str, row: dict[str, Any], exchange: dict[str, Any]) -> Recording:
    request, response = exchange["request"], exchange["response"]
    chunks = _pieces(response)
    asked = request.get("json")
    return Recording(
        name=name,
        provider=row["provider"],
        endpoint=_endpoint(request["url"], row["endpoint"]),
        request=asked if isinstance(asked, dict) else None,
        status=int(str(response["status"]).split()[0]),
        content_type=_content_type(response, b"".join(chunks)),
        chunks=chunks,
        whole=b"".join(chunks),
    )


def _pieces(response: dict[str, Any]) -> list[bytes]:
    if "chunks" in response:
        return [_piece(chunk) for chunk in response["chunks"]]
    if "base64" in response:
        return [base64.b64decode(response["base64"])]
    if "text" in response:
        return [response["text"].encode()]
    return [json.dumps(response["json"], ensure_ascii=False, separators=(",", ":")).encode()]


def _piece(chunk: str | dict[str, str]) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else base64.b64decode(chunk["b64"])


def _endpoint(url: str, listed: str) -> str:
    path = urlsplit(url).path
    for ending, endpoint in ENDPOINTS.items():
        if path.endswith(ending):
            return endpoint
    return listed


def _content_type(response: dict[str, Any], body: bytes) -> str:
    for key, value in response["headers"].items():
        if key.lower() == "content-type":
            return str(value)
    if body.startswith((b"data:", b"event:", b":")):
        return SSE
    return "application/json" if "json" in response else "application/octet-stream"
