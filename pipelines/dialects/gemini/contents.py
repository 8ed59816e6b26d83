"""The hub's messages into Gemini's turns.

The rule: turns of one role are one, all results of a turn stand in one content in the order of
their calls, and signatures go back byte for byte. The third generation gets the documented sentinel
where the first call of a turn never had a signature.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.dialects.gemini.names import FAMILY, tool_name
from pipelines.dialects.losses import Losses
from pipelines.errors import BadCall
from pipelines.prompt import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)

SENTINEL = "skip_thought_signature_validator"
_OWN = frozenset({"videoMetadata", "mediaResolution", "response", "willContinue", "scheduling"})
FILES = "https://generativelanguage.googleapis.com/v1beta/"

_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp",
        "gif": "image/gif", "heic": "image/heic", "pdf": "application/pdf", "mp3": "audio/mp3",
        "wav": "audio/wav", "mp4": "video/mp4", "txt": "text/plain",
    }
)  # fmt: skip


def contents(messages: list[Message], age: float, losses: Losses) -> list[dict[str, Any]]:
    """The turns. Raises Unsupported, and BadCall where a result answers no call."""
    turns: list[dict[str, Any]] = []
    calls: dict[str, tuple[int, str]] = {}
    kinds: list[str] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = (len(calls), part.name)
        kind: str = message.role
        parts = _said(message, calls, age, losses)
        if not parts:
            continue
        if kinds and kinds[-1] == kind:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": "model" if kind == "assistant" else "user", "parts": parts})
            kinds.append(kind)
    for turn, kind in zip(turns, kinds, strict=True):
        if kind == "tool":
            _order(turn["parts"], calls)
        elif kind == "assistant" and age >= 3:
            _sign(turn["parts"])
    if not turns or turns[0]["role"] == "model":
        # Gemini refuses a conversation that the user did not begin.
        turns.insert(0, {"role": "user", "parts": [{"text": " "}]})
    for turn in turns:
        turn["parts"] = [part.pop("__part", part) for part in turn["parts"]]
    return turns


def _sign(parts: list[dict[str, Any]]) -> None:
    called = [part for part in parts if "functionCall" in part]
    if called and not any("thoughtSignature" in part for part in called):
        called[0]["thoughtSignature"] = SENTINEL


def _order(parts: list[dict[str, Any]], calls: Mapping[str, tuple[int, str]]) -> None:
    parts.sort(key=lambda part: calls.get(part["__id"], (len(calls), ""))[0])


def _said(
    message: Message, calls: Mapping[str, tuple[int, str]], age: float, losses: Losses
) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [
            {"__id": part.id, "__part": one}
            for part in message.parts
            if isinstance(part, ToolResult)
            for one in _result(part, calls, age, losses)
        ]
    parts: list[dict[str, Any]] = []
    loose = ""
    for part in message.parts:
        if isinstance(part, Thought):
            loose = _thought(part, parts, losses) or loose
        elif isinstance(part, ToolCall):
            parts.append(_call(part, age, losses))
        elif isinstance(part, Opaque):
            if part.family != FAMILY:
                raise losses.feature(f"{part.kind} parts")
            parts.append(dict(part.rest))
        elif not isinstance(part, Text | Refusal) or part.text:
            parts.append(_part(part, losses))
    if loose:
        spoken = [part for part in parts if "text" in part and not part.get("thought")]
        if spoken and "thoughtSignature" not in spoken[-1]:
            spoken[-1]["thoughtSignature"] = loose
        else:
            parts.append({"text": "", "thoughtSignature": loose})
    return parts


def _thought(part: Thought, parts: list[dict[str, Any]], losses: Losses) -> str:
    """Add a thought; gives the signature that is still to be put beside what it signs."""
    if part.family not in ("", FAMILY):
        losses.dropped("reasoning")
        return ""
    if part.text:
        parts.append({"text": part.text, "thought": True})
        return part.signature
    if part.signature and parts and not parts[-1].keys() & {"thought", "thoughtSignature"}:
        parts[-1]["thoughtSignature"] = part.signature
        return ""
    return part.signature


def _call(part: ToolCall, age: float, losses: Losses) -> dict[str, Any]:
    if part.custom:
        raise losses.feature("custom tools")
    if part.cache is not None:
        losses.dropped("cache_control")
    call: dict[str, Any] = {"name": tool_name(part.name), "args": _arguments(part)}
    if age >= 3 and part.id:
        call = {"id": part.id, **call}
    said: dict[str, Any] = {"functionCall": call}
    if part.signature:
        said["thoughtSignature"] = part.signature
    return said


def _arguments(part: ToolCall) -> dict[str, Any]:
    try:
        value = orjson.loads(part.arguments or "{}")
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise BadCall(f"The arguments of the call {part.id!r} are no JSON object.", "messages")
    return value


def _result(
    part: ToolResult, calls: Mapping[str, tuple[int, str]], age: float, losses: Losses
) -> list[dict[str, Any]]:
    name = calls[part.id][1] if part.id in calls else part.name
    if not name:
        raise BadCall(f"The result {part.id!r} answers no call that was made.", "messages")
    if part.cache is not None:
        losses.dropped("cache_control")
    text = "\n".join(one.text for one in part.parts if isinstance(one, Text))
    seen = [_part(one, losses) for one in part.parts if not isinstance(one, Text)]
    said: dict[str, Any] = {
        "name": tool_name(name),
        "response": {"error" if part.error else "result": text},
        **_own(part.rest),
    }
    if age >= 3:
        said |= {"id": part.id} if part.id else {}
        if seen and all("inlineData" in one for one in seen):
            return [{"functionResponse": said | {"parts": seen}}]
    if seen:
        losses.emulated("images in tool results")
    return [{"functionResponse": said}, *seen]


def _part(part: Part, losses: Losses) -> dict[str, Any]:
    if isinstance(part, Refusal):
        return {"text": part.text}
    if isinstance(part, Text | Image | File | Audio) and part.cache is not None:
        losses.dropped("cache_control")
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Audio):
        return _blob(part.data, f"audio/{part.format}") | _own(part.rest)
    if isinstance(part, Image):
        if part.detail not in (None, "auto"):
            losses.dropped("image detail")
        if part.data:
            return _blob(part.data, part.mime or "image/png") | _own(part.rest)
        return _linked(part.url or part.file_id, part.mime, "image/jpeg", losses) | _own(part.rest)
    if isinstance(part, File):
        if part.text:
            return {"text": part.text}
        if part.data:
            return _blob(part.data, part.mime or "application/pdf") | _own(part.rest)
        return _linked(part.url or part.file_id, part.mime, "application/pdf", losses) | _own(
            part.rest
        )
    raise losses.feature(f"{type(part).__name__} parts in this place")


def _own(rest: Mapping[str, Any]) -> dict[str, Any]:
    """What of a part's rest is Gemini's."""
    return {key: value for key, value in rest.items() if key in _OWN}


def _blob(data: str, mime: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime, "data": data}}


def _linked(uri: str, mime: str, default: str, losses: Losses) -> dict[str, Any]:
    if uri.startswith("files/"):
        uri = FILES + uri
    if "://" not in uri:
        raise losses.feature("the files of another provider")
    ending = uri.partition("?")[0].rpartition(".")[2].lower()
    return {"fileData": {"mimeType": mime or _TYPES.get(ending, default), "fileUri": uri}}
