"""Gemini's token counts, both ways.

The rule: a prompt's count includes cached tokens and leaves out those of tools, and a candidate's
leaves out its thoughts. Source: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from __future__ import annotations

from typing import Any

from pipelines.usage import Usage

# Vertex writes the modality as its number in some replies.
_AUDIO = ("AUDIO", 4)
_IMAGE = ("IMAGE", 2)
_COUNTED = frozenset({"totalTokenCount", "promptTokenCount", "candidatesTokenCount"})


def read_usage(value: object) -> Usage | None:
    """The usage in a reply, None where it reports none."""
    if not isinstance(value, dict) or _COUNTED.isdisjoint(value):
        return None
    thoughts = _count(value, "thoughtsTokenCount")
    return Usage(
        prompt_tokens=_count(value, "promptTokenCount") + _count(value, "toolUsePromptTokenCount"),
        completion_tokens=_count(value, "candidatesTokenCount") + thoughts,
        cached_tokens=_count(value, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        audio_input_tokens=_of(_AUDIO, value.get("promptTokensDetails")),
        audio_output_tokens=_of(_AUDIO, value.get("candidatesTokensDetails")),
        image_output_tokens=_of(_IMAGE, value.get("candidatesTokensDetails")),
    )


def _count(value: dict[str, Any], name: str) -> int:
    count = value.get(name)
    return count if isinstance(count, int) else 0


def _of(modality: tuple[object, ...], details: object) -> int:
    count = 0
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict) and one.get("modality") in modality:
            count += _count(one, "tokenCount")
    return count


def usage_metadata(usage: Usage) -> dict[str, Any]:
    """Gemini's usage object."""
    # A provider may count its thoughts beside the completion; the total has to stay the sum.
    thoughts = min(usage.reasoning_tokens, usage.completion_tokens)
    counts: dict[str, Any] = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens - thoughts,
        "totalTokenCount": usage.total_tokens,
    }
    if thoughts:
        counts["thoughtsTokenCount"] = thoughts
    if usage.cached_tokens:
        counts["cachedContentTokenCount"] = usage.cached_tokens
    if usage.audio_input_tokens:
        counts["promptTokensDetails"] = _details(usage.audio_input_tokens, usage.prompt_tokens)
    if usage.audio_output_tokens:
        said = usage.completion_tokens - thoughts
        counts["candidatesTokensDetails"] = _details(usage.audio_output_tokens, said)
    return counts


def _details(audio: int, whole: int) -> list[dict[str, Any]]:
    return [
        {"modality": "TEXT", "tokenCount": max(0, whole - audio)},
        {"modality": "AUDIO", "tokenCount": audio},
    ]
