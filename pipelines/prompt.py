"""What a call means: the hub on the way in, wide enough for every dialect.

The rule: what a dialect can say and the hub cannot rides along in `rest`, and comes back out only
within the same family; a part that a dialect cannot express is an error or a told loss, never a
silent one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(slots=True)
class CacheMark:
    """The prompt up to here is worth keeping; `ttl` is "5m" or "1h", None for the default."""

    ttl: str | None = None


@dataclass(slots=True)
class Text:
    """Words."""

    text: str
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Image:
    """A picture: `url`, `data` (base64 without a prefix) of type `mime`, or a provider's file."""

    url: str = ""
    data: str = ""
    mime: str = ""
    file_id: str = ""
    detail: str | None = None
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class File:
    """A document: `url`, `data` (base64 without a prefix), plain `text`, or a provider's file."""

    url: str = ""
    data: str = ""
    text: str = ""
    mime: str = ""
    name: str = ""
    file_id: str = ""
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Audio:
    """Sound: base64 `data` in a `format` such as wav or mp3."""

    data: str
    format: str
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Thought:
    """Reasoning of an earlier turn. `signature` and `data` (redacted or encrypted reasoning) mean
    something only to the `family` that made them, and go back byte for byte or not at all."""

    text: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    family: str = ""
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ToolCall:
    """A call of a tool; `arguments` is JSON text as the model wrote it, `signature` is Gemini's."""

    id: str
    name: str
    arguments: str
    signature: str = ""
    custom: bool = False
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ToolResult:
    """What a tool answered; `name` is empty where the dialect has only the call's id."""

    id: str
    parts: list[Text | Image | File]
    name: str = ""
    error: bool = False
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Refusal:
    """The assistant's refusal in an earlier turn."""

    text: str


@dataclass(slots=True)
class Opaque:
    """A part that only its `family` knows, whole in `rest`; `kind` is its name there."""

    kind: str
    family: str
    rest: dict[str, Any] = field(default_factory=dict)


Part = Text | Image | File | Audio | Thought | ToolCall | ToolResult | Refusal | Opaque


@dataclass(slots=True)
class Message:
    """One turn. A `tool` message holds ToolResult parts only; several may stand in one."""

    role: Role
    parts: list[Part]
    name: str | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tool:
    """A tool that the model may call. `kind` is "function", "custom", or the name of a provider's
    own tool, whose whole definition is in `rest` and which only its family can express."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: str = "function"
    cache: CacheMark | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ToolChoice:
    """Whether the model must call a tool; `name` is set when `mode` is "tool"."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str = ""


@dataclass(slots=True)
class Sampling:
    """The tuning knobs; None means that the caller did not say."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    n: int | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


@dataclass(slots=True)
class Reasoning:
    """How much to think: `effort` (none, minimal, low, medium, high, xhigh, max) or a `budget` in
    tokens; `adaptive` leaves it to the model; `show` asks for the thoughts in the reply."""

    effort: str | None = None
    budget: int | None = None
    adaptive: bool = False
    show: bool | None = None


@dataclass(slots=True)
class ReplyFormat:
    """What the answer must look like: any JSON object, or JSON that fits a schema."""

    kind: Literal["json", "schema"]
    schema: Mapping[str, Any] | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None


@dataclass(slots=True)
class Prompt:
    """One call, as every dialect understands it. `family` names the dialect family of `rest`."""

    model: str
    messages: list[Message]
    family: str
    stream: bool = False
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = field(default_factory=Sampling)
    reasoning: Reasoning | None = None
    format: ReplyFormat | None = None
    user: str | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    metadata: Mapping[str, Any] | None = None
    rest: dict[str, Any] = field(default_factory=dict)
