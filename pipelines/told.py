"""What a client says of its call for those who look at it later: session, trace, metadata.

The rule: it is bounded, and what looks like a key in it is masked; a body that nobody read is not
read for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.redact import mask

LONGEST_ID = 255
LONGEST_AGENT = 200
LONGEST_NAME = 64
LONGEST_TEXT = 1_000
MOST_FIELDS = 32
MOST_LISTED = 32
DEEPEST = 3
SHORTEST_KEY = 7

_SESSIONS = (b"x-litellm-session-id", b"x-claude-code-session-id", b"x-openwebui-chat-id")
_TRACE = b"x-litellm-trace-id"
_PARENT = b"traceparent"
_AGENT = b"user-agent"
_SPENT_FOR = b"x-litellm-spend-logs-metadata"
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_VALID_PARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
# Most bodies have none of these, and are not looked at any further.
_TELLING = frozenset({"metadata", "litellm_metadata", "litellm_session_id", "litellm_trace_id"})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# The gateway's own words about the caller are not the client's to say.
_RESERVED = ("user_api_key", "headers")


@dataclass(slots=True)
class Told:
    """What was said; empty where nothing was. `parent_span` is a whole valid `traceparent`."""

    session_id: str
    trace_id: str
    parent_span: str
    user_agent: str
    metadata: dict[str, Any]


def told_by(call: Call) -> Told:
    """What the client of this call says of it."""
    named = call.named
    session = trace = parent = ""
    for name in _SESSIONS:
        if name in named:
            session = _id(named[name])
            break
    if _TRACE in named:
        trace = _id(named[_TRACE])
    found = _VALID_PARENT.fullmatch(named[_PARENT]) if _PARENT in named else None
    if found is not None:
        parent = found[0].decode()
    metadata: dict[str, Any] = {}
    body = call.parsed
    if body is not None and not _TELLING.isdisjoint(body):
        metadata = _metadata(body)
        session = session or _first(body.get("litellm_session_id"), metadata.get("session_id"))
        trace = trace or _first(body.get("litellm_trace_id"), metadata.get("trace_id"))
    if _SPENT_FOR in named:
        metadata = {**metadata, **_spent_for(named[_SPENT_FOR])}
    if not trace and found is not None:
        trace = found[1].decode()
    agent = named[_AGENT][:LONGEST_AGENT].decode("latin-1") if _AGENT in named else ""
    return Told(session, trace, parent, _printable(agent), metadata)


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for holder in (body.get("litellm_metadata"), body.get("metadata")):
        if isinstance(holder, dict):
            found.update(_bounded(holder))
    return found


def _spent_for(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return {"spend_logs_metadata": _bounded(value)} if isinstance(value, dict) else {}


def _bounded(given: Mapping[Any, Any], depth: int = 1) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if len(kept) == MOST_FIELDS:
            break
        if isinstance(name, str) and not name.startswith(_RESERVED):
            found = _value(value, depth)
            if found is not None:
                kept[_printable(name[:LONGEST_NAME])] = found
    return kept


def _value(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _plain(value[:LONGEST_TEXT])
    if isinstance(value, bool | int | float):
        return value
    if depth >= DEEPEST:
        return None
    if isinstance(value, dict):
        return _bounded(value, depth + 1)
    if isinstance(value, list):
        return [one for item in value[:MOST_LISTED] if (one := _value(item, depth + 1)) is not None]
    return None


def _first(*values: object) -> str:
    for value in values:
        if isinstance(value, str) and value:
            return _plain(value[:LONGEST_ID])
    return ""


def _id(raw: bytes) -> str:
    return _plain(raw[:LONGEST_ID].decode("latin-1").strip())


def _plain(text: str) -> str:
    # Nothing shorter is a key.
    return _printable(mask(text) if len(text) >= SHORTEST_KEY else text)


def _printable(text: str) -> str:
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)
