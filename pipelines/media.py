"""How many tokens the pictures, sounds and files of a call can be.

The rule: only what stands where a provider reads media is taken for media; the same letters within
a text are text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

IMAGE = 1_700
DOCUMENT = 3_000
SOUND = 100
# A document may be all text; of sound and video no known provider counts a token for less.
_BYTES_PER_TOKEN = (("audio", 24, SOUND), ("video", 24, SOUND))
_DOCUMENT_BYTES = 3
_DEEPEST = 8


def media_of(body: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of the body that are no text, and the tokens that they can be at the most."""
    hidden = tokens = 0
    for part in _parts(body, 0):
        for kind, data in _media(part):
            encoded = data.startswith("data:") or not data.startswith(("http:", "https:", "gs:"))
            size = len(data) if encoded else 0
            hidden += size
            tokens += _tokens(kind, size)
    return hidden, tokens


def media_kinds(body: Mapping[str, Any]) -> Iterator[str]:
    """What each of them is; begins with image, audio, video, file or document, or is a media
    type."""
    for part in _parts(body, 0):
        for kind, _ in _media(part):
            yield kind


def _tokens(kind: str, size: int) -> int:
    if kind.startswith("image"):
        return IMAGE
    for name, each, least in _BYTES_PER_TOKEN:
        if kind.startswith(name):
            return least + size // each
    return DOCUMENT + size // _DOCUMENT_BYTES


def _parts(body: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """Every part of every turn, those within the results of tools included."""
    for name in ("messages", "input", "contents", "content", "parts", "output", "system"):
        items = body.get(name)
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            continue
        for item in items:
            if isinstance(item, dict):
                yield item
                if depth < _DEEPEST:
                    yield from _parts(item, depth + 1)


def _media(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = part.get("type")
    if kind in ("image_url", "input_image", "video_url", "file", "input_file", "input_audio"):
        yield from _of_openai(part, kind)
    elif kind in ("image", "document"):
        source = part.get("source")
        if isinstance(source, dict):
            data = source.get("data") or source.get("url") or ""
            if isinstance(data, str) and source.get("type") != "text":
                yield kind, data
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        value = part.get(name)
        if isinstance(value, dict):
            mime = value.get("mimeType") or value.get("mime_type") or ""
            data = value.get("data") or ""
            if isinstance(mime, str) and isinstance(data, str):
                yield mime, data or "https:"


def _of_openai(part: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    name = {"input_image": "image_url", "input_file": "file_data"}.get(kind, kind)
    value = part.get(name)
    if isinstance(value, dict):
        value = value.get("url") or value.get("data") or value.get("file_data") or "https:"
    if not isinstance(value, str):
        value = "https:"
    yield (
        {"input_audio": "audio", "video_url": "video"}.get(kind, kind.removeprefix("input_")),
        value,
    )
