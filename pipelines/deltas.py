"""What a reply means: the hub on the way out, for streams and whole replies alike.

The rule: a whole reply is the same deltas, all at once; a reader gives them in the order in which
they were said, and counts tool calls over the whole reply.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.usage import Usage

Reason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(slots=True)
class Begin:
    """The reply has begun: once, first. `created` is in seconds since 1970, 0 where not told."""

    id: str = ""
    model: str = ""
    created: int = 0


@dataclass(slots=True)
class TextDelta:
    """More words of the answer."""

    text: str
    choice: int = 0


@dataclass(slots=True)
class ThoughtDelta:
    """More reasoning. `signature` closes the thought that was said before it; `data` is a whole
    redacted or encrypted thought; both belong to `family`. `id` is the provider's own, if any."""

    text: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    family: str = ""
    choice: int = 0


@dataclass(slots=True)
class ToolBegin:
    """A tool call begins; `index` counts the calls of one choice from 0 over the whole reply."""

    index: int
    id: str
    name: str
    signature: str = ""
    custom: bool = False
    choice: int = 0


@dataclass(slots=True)
class ToolArguments:
    """More of a call's arguments, as JSON text."""

    index: int
    text: str
    choice: int = 0


@dataclass(slots=True)
class ImageDelta:
    """A picture in the answer, as base64."""

    data: str
    mime: str
    choice: int = 0


@dataclass(slots=True)
class AudioDelta:
    """Sound in the answer: OpenAI's `audio` object or a part of it."""

    audio: dict[str, Any]
    choice: int = 0


@dataclass(slots=True)
class OpaqueDelta:
    """A part of the answer that only its `family` knows, whole in `rest`; all others leave it out.
    It answers a tool that only a call of that family can ask for."""

    kind: str
    family: str
    rest: dict[str, Any] = field(default_factory=dict)
    choice: int = 0


@dataclass(slots=True)
class CitationDelta:
    """A source of what was said; `start` and `end` are characters of the answer's text."""

    url: str = ""
    title: str = ""
    text: str = ""
    start: int | None = None
    end: int | None = None
    rest: dict[str, Any] = field(default_factory=dict)
    choice: int = 0


@dataclass(slots=True)
class RefusalDelta:
    """More words of a refusal."""

    text: str
    choice: int = 0


@dataclass(slots=True)
class LogprobsDelta:
    """Log probabilities in OpenAI's shape: {"content": [...], "refusal": [...]}."""

    logprobs: dict[str, Any]
    choice: int = 0


@dataclass(slots=True)
class Finish:
    """Why a choice ended: once a choice. `stop_sequence` is the one that was hit, if told."""

    reason: Reason
    stop_sequence: str | None = None
    choice: int = 0


@dataclass(slots=True)
class Consumed:
    """What the reply consumed, cumulative: the last one counts."""

    usage: Usage


Delta = (
    Begin
    | TextDelta
    | ThoughtDelta
    | ToolBegin
    | ToolArguments
    | ImageDelta
    | AudioDelta
    | OpaqueDelta
    | CitationDelta
    | RefusalDelta
    | LogprobsDelta
    | Finish
    | Consumed
)
