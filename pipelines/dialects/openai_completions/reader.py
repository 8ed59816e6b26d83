"""A provider's text completion into the hub, streamed or whole.

The rule: as tolerant as the reader of chats, whose rules for errors, usage and ends it shares.
Source: https://platform.openai.com/docs/api-reference/completions/object
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.deltas import Delta
from pipelines.dialects.openai_chat.reader import ChatInterpreter


class CompletionInterpreter:
    """What one text completion means: a chat whose words stand elsewhere."""

    def __init__(self, provider: str) -> None:
        self._chat = ChatInterpreter(provider)

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one chunk means. Raises UpstreamError where it is an error."""
        return self._chat.event(name, _as_chat(value))

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        return self._chat.document(_as_chat(value))

    def end(self, done: bool) -> list[Delta]:
        """What is left to say at the end. Raises StreamBroken where the stream was cut."""
        return self._chat.end(done)


def _as_chat(value: dict[str, Any]) -> dict[str, Any]:
    choices = value.get("choices")
    if not isinstance(choices, list):
        return value
    return {**value, "choices": [_choice(one) for one in choices if isinstance(one, Mapping)]}


def _choice(one: Mapping[str, Any]) -> dict[str, Any]:
    said = {"content": one.get("text"), "reasoning_content": one.get("reasoning_content")}
    return {**one, "delta": said, "logprobs": _scores(one.get("logprobs"))}


def _scores(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("tokens"), list):
        return None
    scores = value.get("token_logprobs") or []
    tops = value.get("top_logprobs") or []
    content = []
    for at, token in enumerate(value["tokens"]):
        top = tops[at] if at < len(tops) and isinstance(tops[at], Mapping) else {}
        content.append(
            {
                "token": token,
                "logprob": scores[at] if at < len(scores) else None,
                "bytes": None,
                "top_logprobs": [
                    {"token": word, "logprob": score, "bytes": None} for word, score in top.items()
                ],
            }
        )
    return {"content": content}
