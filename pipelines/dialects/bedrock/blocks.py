"""Parts of the hub as Converse's content blocks.

The rule: blocks that Bedrock refuses, such as blank words, are left out; a document gets a name
that is allowed and used once.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.dialects.bedrock.reader import FAMILY
from pipelines.dialects.losses import Losses
from pipelines.prompt import (
    CacheMark,
    File,
    Image,
    Part,
    Refusal,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)

_IMAGES = frozenset({"png", "jpeg", "gif", "webp"})
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = MappingProxyType(
    {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        f"{_OFFICE}wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        f"{_OFFICE}spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    }
)
_SAFE_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NO_NAME = re.compile(r"[^A-Za-z0-9 \-()\[\]]+")
_NOTHING = "(nothing)"

Block = dict[str, Any]


class Blocks:
    """Writes the blocks of one call; it knows the names of documents that are taken."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._names: set[str] = set()

    def of(self, part: Part) -> list[Block]:
        """The blocks for one part; none for blank words. Raises Unsupported."""
        if isinstance(part, Text | Refusal):
            blocks: list[Block] = [{"text": part.text}] if part.text.strip() else []
            return blocks + (marks(part.cache) if isinstance(part, Text) and blocks else [])
        if isinstance(part, Image):
            return [self._image(part), *marks(part.cache)]
        if isinstance(part, File):
            return [self._document(part), *marks(part.cache)]
        if isinstance(part, Thought):
            return self._thought(part)
        if isinstance(part, ToolCall):
            return [self._call(part), *marks(part.cache)]
        if isinstance(part, ToolResult):
            return [self._result(part), *marks(part.cache)]
        raise self._losses.feature(f"{type(part).__name__.lower()} parts")

    def _image(self, image: Image) -> Block:
        if image.url.startswith("s3://"):
            kind = image.url.rpartition(".")[2].replace("jpg", "jpeg")
            source: Block = {"s3Location": {"uri": image.url}}
        elif image.data:
            kind, source = image.mime.rpartition("/")[2] or "png", {"bytes": image.data}
        else:
            raise self._losses.feature("images by address")
        kind = "jpeg" if kind == "jpg" else kind
        if kind not in _IMAGES:
            raise self._losses.feature(f"images of the type {image.mime!r}")
        return {"image": {"format": kind, "source": source}}

    def _document(self, file: File) -> Block:
        if file.text:
            data, mime = b64encode(file.text.encode()).decode(), file.mime or "text/plain"
        else:
            data, mime = file.data, file.mime or "application/pdf"
        if not data:
            raise self._losses.feature("files by address or id")
        kind = _DOCUMENTS.get(mime)
        if kind is None:
            raise self._losses.feature(f"files of the type {mime!r}")
        name = self._name(file.name)
        return {"document": {"format": kind, "name": name, "source": {"bytes": data}}}

    def _name(self, wanted: str) -> str:
        stem = _NO_NAME.sub(" ", wanted.rpartition(".")[0] or wanted)
        base = " ".join(stem.split())[:180] or "document"
        name, number = base, 1
        while name in self._names:
            number += 1
            name = f"{base} {number}"
        self._names.add(name)
        return name

    def _thought(self, thought: Thought) -> list[Block]:
        if thought.data and thought.family == "bedrock":
            return [{"reasoningContent": {"redactedContent": thought.data}}]
        if thought.data and thought.family == FAMILY:
            blob = b64encode(thought.data.encode()).decode()
            return [{"reasoningContent": {"redactedContent": blob}}]
        if thought.signature and thought.family == FAMILY:
            said = {"text": thought.text, "signature": thought.signature}
            return [{"reasoningContent": {"reasoningText": said}}]
        self._losses.dropped("reasoning of earlier turns")
        return []

    def _call(self, call: ToolCall) -> Block:
        if call.custom:
            raise self._losses.feature("calls of custom tools")
        try:
            given = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            self._losses.emulated("broken tool arguments")
            given = {"arguments": call.arguments}
        given = given if isinstance(given, dict) else {"arguments": given}
        return {"toolUse": {"toolUseId": safe_id(call.id), "name": call.name, "input": given}}

    def _result(self, result: ToolResult) -> Block:
        content = [block for part in result.parts for block in self.of(part)]
        content = [block for block in content if "cachePoint" not in block]
        return {
            "toolResult": {
                "toolUseId": safe_id(result.id),
                "content": content or [{"text": _NOTHING}],
                "status": "error" if result.error else "success",
            }
        }


def marks(mark: CacheMark | None) -> list[Block]:
    """The cache point that follows what it covers, if there is one."""
    if mark is None:
        return []
    point = {"type": "default"}
    if mark.ttl:
        point["ttl"] = mark.ttl
    return [{"cachePoint": point}]


def safe_id(id: str) -> str:
    """A tool call's id in the letters that Bedrock allows, always the same one for the same id."""
    if _SAFE_ID.fullmatch(id):
        return id
    return f"call_{hashlib.sha256(id.encode()).hexdigest()[:32]}"
