"""The hub's messages as Anthropic's turns.

The rule: roles alternate, the results of one turn's calls stand in one message and before any other
block of it, no text is empty, and ids have only the characters that are allowed.
Source: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use
"""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson

from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.losses import Losses
from pipelines.prompt import (
    CacheMark,
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

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

Block = dict[str, Any]


def marked(block: Block, mark: CacheMark | None) -> Block:
    """The block with its cache marker, if it has one."""
    if mark is not None:
        ttl = {} if mark.ttl is None else {"ttl": mark.ttl}
        block["cache_control"] = {"type": "ephemeral", **ttl}
    return block


class Turns:
    """The turns of one call; `system` holds what stood before the first of them."""

    def __init__(self, family: str, losses: Losses) -> None:
        self._own = family == FAMILY
        self._losses = losses
        self._ids: dict[str, str] = {}
        self._nameless: list[str] = []
        self.system: list[Text] = []

    def rendered(self, messages: list[Message]) -> list[Block]:
        """The turns. Raises Unsupported."""
        turns: list[Block] = []
        for message in messages:
            role, blocks = self._turn(message, first=not turns)
            if not blocks:
                continue
            if turns and turns[-1]["role"] == role and role != "system":
                turns[-1]["content"] += blocks
            else:
                turns.append({"role": role, "content": blocks})
        for turn in turns:
            # Results come first, whatever else was said in the same turn.
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
        if turns and turns[-1]["role"] == "assistant":
            _trim(turns[-1])
        return [_plain(turn) for turn in turns if turn["content"]]

    def _turn(self, message: Message, first: bool) -> tuple[str, list[Block]]:
        if message.role in ("system", "developer"):
            words = [part for part in message.parts if isinstance(part, Text)]
            if len(words) != len(message.parts):
                raise self._losses.feature("anything but text in system messages")
            words = [part for part in words if part.text.strip()]
            if first:
                self.system += words
                return "system", []
            blocks = [block for part in words for block in self._blocks(part)]
            if self._own:
                return "system", blocks
            if blocks:
                self._losses.emulated("system messages after the first turn")
            return "user", blocks
        role = "assistant" if message.role == "assistant" else "user"
        return role, [block for part in message.parts for block in self._blocks(part)]

    def _blocks(self, part: Part) -> list[Block]:
        """The block of one part, or none where it has no weight."""
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Thought):
            return self._thought(part)
        if isinstance(part, ToolCall):
            return [self._call(part)]
        if isinstance(part, ToolResult):
            return [self._result(part)]
        if isinstance(part, Image):
            return [self._image(part)]
        if isinstance(part, File):
            return [self._file(part)]
        if isinstance(part, Refusal):
            return [{"type": "text", "text": part.text}] if part.text.strip() else []
        if isinstance(part, Opaque) and part.family == FAMILY:
            return [dict(part.rest)]
        kind = part.kind if isinstance(part, Opaque) else type(part).__name__.lower()
        raise self._losses.feature(f"{kind} parts")

    def _text(self, part: Text) -> list[Block]:
        for name in ("search_result", "tool_reference"):
            if self._own and name in part.rest:
                return [dict(part.rest[name])]
        if not part.text.strip():
            return []
        rest = part.rest if self._own else {}
        return [marked({"type": "text", "text": part.text, **rest}, part.cache)]

    def _thought(self, part: Thought) -> list[Block]:
        if part.family == FAMILY and part.data:
            return [{"type": "redacted_thinking", "data": part.data}]
        if part.family == FAMILY and part.signature:
            return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]
        self._losses.dropped("reasoning")
        return []

    def _call(self, part: ToolCall) -> Block:
        id = self._safe(part.id) if part.id else f"call_{len(self._ids)}"
        if not part.id:
            self._ids[id] = id
            self._nameless.append(id)
        rest = part.rest if self._own else {}
        said = {"type": "tool_use", "id": id, "name": part.name, "input": _input(part), **rest}
        return marked(said, part.cache)

    def _result(self, part: ToolResult) -> Block:
        id = self._safe(part.id) if part.id else ""
        if not part.id and self._nameless:
            id = self._nameless.pop(0)
        said: Block = {"type": "tool_result", "tool_use_id": id}
        blocks = [block for one in part.parts for block in self._blocks(one)]
        if blocks:
            said["content"] = _plain({"content": blocks})["content"]
        if part.error:
            said["is_error"] = True
        return marked({**said, **(part.rest if self._own else {})}, part.cache)

    def _safe(self, id: str) -> str:
        if id not in self._ids:
            safe = _UNSAFE.sub("_", id)
            taken = self._ids.values()
            self._ids[id] = safe if safe not in taken else f"{safe}_{len(self._ids)}"
        return self._ids[id]

    def _image(self, part: Image) -> Block:
        if part.file_id:
            if not self._own:
                raise self._losses.feature("images by file id")
            source = {"type": "file", "file_id": part.file_id}
        elif part.url:
            source = {"type": "url", "url": part.url}
        else:
            mime = "image/jpeg" if part.mime == "image/jpg" else part.mime or "image/png"
            if mime not in _IMAGES:
                raise self._losses.feature(f"images of type {mime}")
            source = {"type": "base64", "media_type": mime, "data": part.data}
        rest = part.rest if self._own else {}
        return marked({"type": "image", "source": source, **rest}, part.cache)

    def _file(self, part: File) -> Block:
        said: Block = {"type": "document", "source": self._source(part)}
        if part.name:
            said["title"] = part.name
        return marked({**said, **(part.rest if self._own else {})}, part.cache)

    def _source(self, part: File) -> Block:
        if part.file_id:
            if not self._own:
                raise self._losses.feature("files by file id")
            return {"type": "file", "file_id": part.file_id}
        if part.url:
            return {"type": "url", "url": part.url}
        if part.text:
            return {"type": "text", "media_type": "text/plain", "data": part.text}
        if part.mime in ("application/pdf", ""):
            return {"type": "base64", "media_type": "application/pdf", "data": part.data}
        if not part.mime.startswith("text/"):
            raise self._losses.feature(f"files of type {part.mime}")
        try:
            words = base64.b64decode(part.data).decode()
        except ValueError:
            raise self._losses.feature("text files that are not UTF-8") from None
        return {"type": "text", "media_type": "text/plain", "data": words}


def _input(part: ToolCall) -> Any:
    if part.custom:
        return {"input": part.arguments}
    return tool_input(part.arguments)


def tool_input(words: str) -> dict[str, Any]:
    """A call's arguments as the object that they must be; what is none is wrapped into one."""
    if not words.strip():
        return {}
    try:
        value = orjson.loads(words)
    except orjson.JSONDecodeError:
        return {"INVALID_JSON": words}
    return value if isinstance(value, dict) else {"input": value}


def _trim(turn: Block) -> None:
    last = turn["content"][-1]
    if last["type"] == "text":
        # Whitespace at the very end is refused there.
        last["text"] = last["text"].rstrip()


def _plain(turn: Block) -> Block:
    content = turn["content"]
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return {**turn, "content": content[0]["text"]}
    return turn
