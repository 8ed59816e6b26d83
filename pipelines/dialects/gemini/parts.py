"""The turns of a generateContent body, and the parts that they hold.

The rule: calls without an id get one that follows from their place, and a result without one
answers the oldest open call of its name. A signature stays beside what it signs.
Source: https://ai.google.dev/api/caching#Content
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.dialects.gemini.names import FAMILY, camelised
from pipelines.errors import BadCall
from pipelines.prompt import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)

FOREIGN = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})
_WORDS = ("result", "output", "error")


class Turns:
    """The messages so far, and the calls that no result has answered yet."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._open: list[tuple[str, str]] = []
        self._made = 0

    def add(self, value: object, where: str) -> None:
        """Add one content. Raises BadCall."""
        content = camelised(value)
        role = content.get("role") or "user"
        if role not in ("user", "model", "function"):
            raise BadCall("Please use a valid role: user, model.", f"{where}.role")
        parts = content.get("parts") or []
        if isinstance(parts, Mapping):
            parts = [parts]
        results: list[Part] = []
        others: list[Part] = []
        for at, one in enumerate(parts):
            for part in self._parts(one, f"{where}.parts[{at}]"):
                (results if isinstance(part, ToolResult) else others).append(part)
        if results:
            self.messages.append(Message("tool", results))
        if others:
            self.messages.append(Message("assistant" if role == "model" else "user", others))

    def _parts(self, value: object, where: str) -> list[Part]:
        part = camelised(value)
        signature = part.get("thoughtSignature") or ""
        if isinstance(part.get("functionCall"), Mapping):
            return [self._call(part["functionCall"], signature)]
        if isinstance(part.get("functionResponse"), Mapping):
            return [self._result(camelised(part["functionResponse"]), where)]
        if part.get("thought") is True:
            return [Thought(part.get("text") or "", signature, family=FAMILY)]
        signed: list[Part] = [Thought(signature=signature, family=FAMILY)] if signature else []
        if isinstance(part.get("text"), str):
            return [Text(part["text"]), *signed] if part["text"] else signed
        if isinstance(part.get("inlineData"), Mapping):
            return [_inline(part), *signed]
        if isinstance(part.get("fileData"), Mapping):
            return [_linked(part), *signed]
        foreign = FOREIGN.intersection(part)
        if foreign:
            return [Opaque(min(foreign), FAMILY, part)]
        raise BadCall(f"The field '{where}' holds no part that is known.", where)

    def _call(self, call: Mapping[str, Any], signature: str) -> ToolCall:
        name, id = call.get("name") or "", call.get("id") or ""
        if not id:
            id = f"call_{self._made}"
            self._made += 1
        self._open.append((id, name))
        return ToolCall(id, name, orjson.dumps(call.get("args") or {}).decode(), signature)

    def _result(self, said: Mapping[str, Any], where: str) -> ToolResult:
        name, id = said.get("name") or "", said.get("id") or ""
        found = [one for one in self._open if one[0] == id or (not id and one[1] == name)]
        if found:
            self._open.remove(found[0])
            id = found[0][0]
        elif not id:
            raise BadCall(f"The field '{where}' answers no call of {name!r}.", where)
        response = said.get("response")
        text, error = _words(response)
        parts: list[Text | Image | File] = [Text(text)]
        for one in said.get("parts") or ():
            seen = _inline(camelised(one))
            if isinstance(seen, Audio):
                raise BadCall(f"The field '{where}' holds sound.", where)
            parts.append(seen)
        known = ("name", "id", "parts")
        rest = {key: item for key, item in said.items() if key not in known}
        return ToolResult(id, parts, name, error, rest=rest)


def _words(response: object) -> tuple[str, bool]:
    """A result as words, and whether it is an error."""
    if isinstance(response, Mapping) and len(response) == 1:
        for key in _WORDS:
            if key in response:
                value = response[key]
                text = value if isinstance(value, str) else orjson.dumps(value).decode()
                return text, key == "error"
    return orjson.dumps(response).decode(), False


def _inline(part: Mapping[str, Any]) -> Image | File | Audio:
    blob = camelised(part.get("inlineData"))
    mime, data = blob.get("mimeType") or "", blob.get("data") or ""
    rest = {
        key: item for key, item in part.items() if key not in ("inlineData", "thoughtSignature")
    }
    if mime.startswith("image/"):
        return Image(data=data, mime=mime, rest=rest)
    if mime.startswith("audio/"):
        return Audio(data, mime.removeprefix("audio/"), rest=rest)
    return File(data=data, mime=mime, name=blob.get("displayName") or "", rest=rest)


def _linked(part: Mapping[str, Any]) -> Image | File:
    linked = camelised(part.get("fileData"))
    mime, uri = linked.get("mimeType") or "", linked.get("fileUri") or ""
    rest = {key: item for key, item in part.items() if key not in ("fileData", "thoughtSignature")}
    own = uri.startswith("gs://") or "generativelanguage.googleapis.com/" in uri
    url, file_id = ("", uri) if own else (uri, "")
    if mime.startswith("image/"):
        return Image(url=url, mime=mime, file_id=file_id, rest=rest)
    return File(
        url=url, mime=mime, name=linked.get("displayName") or "", file_id=file_id, rest=rest
    )
