"""How many tokens a prompt is likely to cost, where no provider was asked.

The rule: a heuristic that any tokenizer may miss by a quarter; it counts bytes by script, and media
by the class of their size, and it never looks into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pipelines.prompt import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Prompt,
    Refusal,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)

PER_PROMPT = 3
PER_MESSAGE = 4
PER_CALL = 8
PER_TOOL = 9

# Base64 characters of a picture, and what one up to there costs; OpenAI, Anthropic and Gemini lie
# between 85 and 1,600 for one.
_IMAGES = ((4_000, 85), (40_000, 300), (400_000, 900))
_LARGE_IMAGE = 1_600
_LINKED_IMAGE = 900
_SMALL_DETAIL = 85
# A page of a PDF has some 60 kB, costs its words and a picture of itself.
_PAGE = 80_000
_PER_PAGE = 1_800
# Gemini's price for a second; 16 kHz samples, and all that is compressed.
_PER_SECOND = 32
_WAVE_SECOND = 42_000
_PACKED_SECOND = 21_000

# Bytes that begin a character, with the tokens of one in hundredths. Words, then everything else of
# ASCII; Latin with marks; the alphabets of two bytes; those of three; signs; Chinese, Japanese and
# Korean; emoji.
_WORDS = b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALL = bytes(range(256))
_OTHERS = bytes(set(range(0x80)) - set(_WORDS))
_SCRIPTS = tuple(
    (_ALL.translate(None, kept), cost)
    for kept, cost in (
        (_WORDS, 22),
        (_OTHERS, 50),
        (bytes(range(0xC2, 0xC4)), 70),
        (bytes(range(0xC4, 0xE0)), 45),
        (bytes(range(0xE0, 0xE2)), 48),
        (b"\xe2\xef", 90),
        (bytes(range(0xE3, 0xEF)), 72),
        (bytes(range(0xF0, 0xF5)), 220),
    )
)
_ASCII = _SCRIPTS[:2]


def estimate_prompt_tokens(prompt: Prompt) -> int:
    """The likely tokens of a prompt: its turns, media, tools and the form that is asked for."""
    tokens = PER_PROMPT + sum(_message(one) for one in prompt.messages)
    tokens += sum(_tool(one) for one in prompt.tools)
    if prompt.format is not None and prompt.format.schema is not None:
        tokens += _json(prompt.format.schema)
    return tokens


def estimate_text_tokens(text: str) -> int:
    """The likely tokens of some words in any script."""
    if not text:
        return 0
    raw = text.encode("utf-8", "replace")
    scripts = _ASCII if text.isascii() else _SCRIPTS
    hundredths = sum(len(raw.translate(None, other)) * cost for other, cost in scripts)
    return -(-hundredths // 100)


def _message(message: Message) -> int:
    named = estimate_text_tokens(message.name or "")
    return PER_MESSAGE + named + _parts(message.parts)


def _parts(parts: Iterable[Part]) -> int:
    return sum(_part(one) for one in parts)


def _part(part: Part) -> int:
    if isinstance(part, Text | Refusal):
        return estimate_text_tokens(part.text)
    if isinstance(part, ToolCall):
        return PER_CALL + estimate_text_tokens(part.name) + estimate_text_tokens(part.arguments)
    if isinstance(part, ToolResult):
        return PER_CALL + _parts(part.parts)
    if isinstance(part, Thought):
        return estimate_text_tokens(part.text)
    if isinstance(part, Image):
        return _image(part)
    if isinstance(part, File):
        return _file(part)
    if isinstance(part, Audio):
        wave = part.format in ("wav", "pcm16", "l16")
        second = _WAVE_SECOND if wave else _PACKED_SECOND
        return -(-len(part.data) * _PER_SECOND // second)
    return _opaque(part)


def _opaque(part: Opaque) -> int:
    return _json(part.rest)


def _image(part: Image) -> int:
    if part.detail == "low":
        return _SMALL_DETAIL
    if not part.data:
        return _LINKED_IMAGE
    size = len(part.data)
    return next((tokens for limit, tokens in _IMAGES if size <= limit), _LARGE_IMAGE)


def _file(part: File) -> int:
    if part.text:
        return estimate_text_tokens(part.text)
    if part.mime.startswith("text/"):
        return len(part.data) * 3 // 4 // 4
    return max(1, -(-len(part.data) // _PAGE)) * _PER_PAGE


def _tool(tool: Tool) -> int:
    tokens = PER_TOOL + estimate_text_tokens(tool.name) + estimate_text_tokens(tool.description)
    if tool.parameters:
        tokens += _json(tool.parameters)
    return tokens + (_json(tool.rest) if tool.kind != "function" else 0)


def _json(value: Mapping[str, Any]) -> int:
    return estimate_text_tokens(orjson.dumps(value, default=str).decode())
