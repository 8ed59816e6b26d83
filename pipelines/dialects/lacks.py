"""What a dialect has no word for, told in one place for all of them.

The rule: a knob that changes nothing is no loss; a value that only some dialects can hold is looked
for wherever the hub may hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pipelines.dialects.losses import Losses
from pipelines.prompt import File, Image, Message, Part, Prompt, Sampling, ToolCall, ToolResult

# Where a last turn of the assistant's is one to be continued.
_CONTINUING = frozenset({"anthropic", "gemini"})
_PLAIN_TIERS = frozenset({"auto", "default", "standard_only", "standard"})


def tell_knobs(said: Sampling, losses: Losses, *lacking: str) -> None:
    """Tell of the knobs among `lacking` that were turned. Raises Unsupported where one may not be
    dropped."""
    for name in lacking:
        value = getattr(said, name)
        # A seed of zero is a seed; a penalty of zero is none.
        if value or (name == "seed" and value is not None):
            losses.knob(name)


def tell_tier(tier: str | None, losses: Losses) -> None:
    """Tell of a tier of service that is not the usual one. Raises Unsupported where it may not be
    dropped."""
    if tier is not None and tier not in _PLAIN_TIERS:
        losses.knob("service_tier")


def tell_lacks(prompt: Prompt, losses: Losses, *lacking: str) -> None:
    """Tell of what stands in the prompt and has no word in the dialect: `cache_control`, `name`,
    `image detail`, `message fields`, `prefill`, `reasoning signatures`, `is_error`."""
    for name in lacking:
        _TELLERS[name](prompt, losses)


def refuse_files(prompt: Prompt, losses: Losses, *kin: str) -> None:
    """Raises Unsupported where a file is meant by the id that another family's servers gave it."""
    if prompt.family in kin:
        return
    if any(isinstance(part, File | Image) and part.file_id for part in _parts(prompt)):
        raise losses.feature("the files of another provider")


def _cache_control(prompt: Prompt, losses: Losses) -> None:
    tools = any(tool.cache is not None for tool in prompt.tools)
    if tools or any(getattr(part, "cache", None) is not None for part in _parts(prompt)):
        losses.dropped("cache_control")


def _name(prompt: Prompt, losses: Losses) -> None:
    if any(message.name for message in prompt.messages):
        losses.dropped("name")


def _image_detail(prompt: Prompt, losses: Losses) -> None:
    pictures = (part for part in _parts(prompt) if isinstance(part, Image))
    if any(part.detail not in (None, "auto") for part in pictures):
        losses.dropped("image detail")


def _message_fields(prompt: Prompt, losses: Losses) -> None:
    for message in prompt.messages:
        for key in _filled(message):
            losses.dropped(key)


def _prefill(prompt: Prompt, losses: Losses) -> None:
    last = prompt.messages[-1] if prompt.messages else None
    if last is not None and last.role == "assistant" and prompt.family in _CONTINUING:
        losses.emulated("prefill")


def _signatures(prompt: Prompt, losses: Losses) -> None:
    if any(isinstance(part, ToolCall) and part.signature for part in _parts(prompt)):
        losses.dropped("reasoning signatures")


def _is_error(prompt: Prompt, losses: Losses) -> None:
    if any(isinstance(part, ToolResult) and part.error for part in _parts(prompt)):
        losses.emulated("is_error")


def _parts(prompt: Prompt) -> Iterator[Part]:
    for message in prompt.messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.parts


def _filled(message: Message) -> list[str]:
    # The SDKs write every field of a message that they send back, most of them empty.
    return [key for key, value in message.rest.items() if _weighs(value)]


def _weighs(value: Any) -> bool:
    return value not in (None, "", [], {})


_TELLERS: Mapping[str, Callable[[Prompt, Losses], None]] = MappingProxyType(
    {
        "cache_control": _cache_control,
        "name": _name,
        "image detail": _image_detail,
        "message fields": _message_fields,
        "prefill": _prefill,
        "reasoning signatures": _signatures,
        "is_error": _is_error,
    }
)
