"""The hub into a text completion for a client, streamed or whole.

The rule: id, model and time are the same on every chunk, usage comes once and only where it was
asked for, and `[DONE]` only where the reply is complete.
Source: https://platform.openai.com/docs/api-reference/completions/object
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    LogprobsDelta,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
)
from pipelines.dialects.openai import DONE
from pipelines.dialects.openai_chat.writer import usage_object
from pipelines.usage import NO_USAGE

Scores = dict[str, list[Any]]


def scores_object(logprobs: Mapping[str, Any], offset: int) -> Scores:
    """Chat's log probabilities in the shape of completions; `offset` is the first token's place."""
    scores: Scores = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for one in logprobs.get("content") or ():
        token = one.get("token") or ""
        scores["tokens"].append(token)
        scores["token_logprobs"].append(one.get("logprob"))
        scores["top_logprobs"].append(
            {top.get("token"): top.get("logprob") for top in one.get("top_logprobs") or ()}
        )
        scores["text_offset"].append(offset)
        offset += len(token)
    return scores


class Words:
    """One choice as far as it has been said."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thought: list[str] = []
        self.scores: Scores | None = None
        self.scored = 0
        self.reason: str | None = None

    def score(self, logprobs: Mapping[str, Any]) -> Scores:
        """More log probabilities, with their places in the text."""
        scores = scores_object(logprobs, self.scored)
        self.scored += sum(len(token) for token in scores["tokens"])
        if self.scores is None:
            self.scores = {}
        for name, values in scores.items():
            self.scores.setdefault(name, []).extend(values)
        return scores

    def entry(self, index: int) -> dict[str, Any]:
        """The choice as it stands in the document."""
        entry = _entry("".join(self.text), index, self.scores, self.reason or "stop")
        if self.thought:
            entry["reasoning_content"] = "".join(self.thought)
        return entry


class CompletionWriter:
    """What the two writers share: the frame, and where each choice stands."""

    def __init__(self, model: str, id: str) -> None:
        self.frame: dict[str, Any] = {
            "id": id,
            "object": "text_completion",
            "created": 0,
            "model": model,
        }
        self.usage = NO_USAGE
        self.choices: dict[int, Words] = {}

    def note(self, one: Delta) -> bool:
        """Take what belongs to no choice; false where the delta belongs to one."""
        if type(one) is Begin:
            self.frame["id"] = one.id or self.frame["id"]
            self.frame["created"] = one.created or self.frame["created"]
        elif type(one) is Consumed:
            self.usage = one.usage
        else:
            return False
        return True

    def words(self, choice: int) -> Words:
        """The choice of this number."""
        return self.choices.setdefault(choice, Words())


class CompletionStreamWriter(CompletionWriter):
    """Writes a reply as chunks; `usage` says that the client asked for the usage chunk."""

    def __init__(self, model: str, id: str, usage: bool) -> None:
        super().__init__(model, id)
        self._wants_usage = usage

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The chunks for these deltas, joined."""
        entries = [entry for one in deltas if not self.note(one) for entry in self._entries(one)]
        return b"".join(self._chunk([entry], None) for entry in entries)

    def close(self) -> bytes:
        """The usage chunk where it was asked for, and the end mark."""
        if not self._wants_usage:
            return DONE
        return self._chunk([], usage_object(self.usage)) + DONE

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        chunk = {**self.frame, "choices": choices}
        if self._wants_usage:
            chunk["usage"] = usage
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    def _entries(self, one: Delta) -> list[dict[str, Any]]:
        if type(one) is TextDelta or type(one) is RefusalDelta:
            return [_entry(one.text, one.choice, None, None)]
        if type(one) is ThoughtDelta and one.text:
            entry = _entry("", one.choice, None, None)
            return [{**entry, "reasoning_content": one.text}]
        if type(one) is LogprobsDelta:
            scores = self.words(one.choice).score(one.logprobs)
            return [_entry("", one.choice, scores, None)] if scores["tokens"] else []
        return [_entry("", one.choice, None, _reason(one))] if type(one) is Finish else []


class CompletionWholeWriter(CompletionWriter):
    """Collects a reply and writes it as one document."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if self.note(one):
                continue
            words = self.words(one.choice)  # type: ignore[union-attr]
            if type(one) is TextDelta or type(one) is RefusalDelta:
                words.text.append(one.text)
            elif type(one) is ThoughtDelta:
                words.thought.append(one.text)
            elif type(one) is LogprobsDelta:
                words.score(one.logprobs)
            elif type(one) is Finish:
                words.reason = _reason(one)
        return b""

    def close(self) -> bytes:
        """The document."""
        choices = self.choices or {0: Words()}
        entries = [words.entry(index) for index, words in sorted(choices.items())]
        return orjson.dumps({**self.frame, "choices": entries, "usage": usage_object(self.usage)})


def _entry(text: str, index: int, scores: Scores | None, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": scores, "finish_reason": reason}


def _reason(one: Finish) -> str:
    # Completions know no tools.
    return "stop" if one.reason == "tool_calls" else one.reason
