"""A provider's generateContent reply into the hub, streamed or whole.

The rule: tool calls are counted over the whole reply, never by their place in a chunk or their
name; a call without an id gets one that follows from the reply's. The finish reason is told at the
end, when all that the candidate said is known.
Source: https://ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    AudioDelta,
    Begin,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    Reason,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.gemini.faults import fault_in
from pipelines.dialects.gemini.grounding import citations
from pipelines.dialects.gemini.names import FAMILY, own_name
from pipelines.dialects.gemini.partial import PartialArguments
from pipelines.dialects.gemini.parts import FOREIGN
from pipelines.dialects.gemini.usage import read_usage
from pipelines.errors import StreamBroken, UpstreamFailed

_FILTERED: tuple[str | int, ...] = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", 3, 4, 6, 7, 8,
)  # fmt: skip
_REASONS: Mapping[str | int, Reason] = MappingProxyType(
    {
        "MAX_TOKENS": "length",
        # Vertex writes the reason as its number in some replies.
        2: "length",
        **dict.fromkeys(_FILTERED, "content_filter"),
    }
)
_FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", 9,
    }
)  # fmt: skip


class Candidate:
    """What is known of one candidate so far."""

    __slots__ = ("calls", "grounding", "index", "open", "reason", "said", "text")

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = 0
        self.open: PartialArguments | None = None
        self.reason: str | int | None = None
        self.said = False
        self.text: list[str] = []
        self.grounding: Mapping[str, Any] | None = None


class GeminiInterpreter:
    """What one generateContent reply means."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._candidates: dict[int, Candidate] = {}
        self._begun = False
        self._blocked = False
        self._id = ""

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one chunk means. Raises UpstreamError where it is an error."""
        return self._chunk(value)

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is no answer."""
        deltas = self._chunk(value)
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} answered with something that is no answer.")
        return deltas + self._finishes()

    def end(self, done: bool) -> list[Delta]:
        """The finish reasons. Raises StreamBroken where the stream was cut before them."""
        if not self._begun:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first event.")
        told = [one.reason is not None for one in self._candidates.values()]
        if not self._blocked and not (told and all(told)):
            error = StreamBroken(
                f"{self._provider} ended the stream without a finish reason; the answer is "
                "incomplete."
            )
            error.code = "upstream_truncated"
            raise error
        return self._finishes()

    def _chunk(self, chunk: Mapping[str, Any]) -> list[Delta]:
        if chunk.get("error"):
            raise fault_in(chunk, self._provider)
        deltas: list[Delta] = []
        candidates = chunk.get("candidates") or ()
        feedback = chunk.get("promptFeedback")
        if not self._begun and (candidates or feedback or "usageMetadata" in chunk):
            self._begun = True
            self._id = chunk.get("responseId") or ""
            deltas.append(Begin(self._id, chunk.get("modelVersion") or ""))
        for one in candidates:
            deltas += self._candidate(one)
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._blocked = True
        usage = read_usage(chunk.get("usageMetadata"))
        if usage is not None:
            deltas.append(Consumed(usage))
        return deltas

    def _candidate(self, one: Mapping[str, Any]) -> list[Delta]:
        index = one.get("index") or 0
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = Candidate(index)
        deltas: list[Delta] = []
        for part in (one.get("content") or {}).get("parts") or ():
            deltas += self._part(part, candidate)
        if deltas:
            candidate.said = True
        if isinstance(one.get("groundingMetadata"), dict):
            candidate.grounding = one["groundingMetadata"]
        if isinstance(one.get("logprobsResult"), dict):
            deltas.append(LogprobsDelta(_logprobs(one["logprobsResult"]), index))
        reason = one.get("finishReason")
        if reason:
            if reason in _FAILURES and not candidate.said:
                raise UpstreamFailed(
                    f"{self._provider} gave no answer: the model ended with {reason}."
                )
            candidate.reason = reason
            deltas += self._ended_call(candidate)
        return deltas

    def _part(self, part: Mapping[str, Any], candidate: Candidate) -> list[Delta]:
        index = candidate.index
        signature = part.get("thoughtSignature") or ""
        if isinstance(part.get("functionCall"), dict):
            return self._call(part["functionCall"], signature, candidate)
        deltas: list[Delta] = self._ended_call(candidate)
        text = part.get("text")
        if text is None:
            for kind in FOREIGN.intersection(part):
                return [*deltas, OpaqueDelta(kind, FAMILY, dict(part), index)]
        if isinstance(text, str) and text:
            if part.get("thought") is True:
                deltas.append(ThoughtDelta(text, family=FAMILY, choice=index))
            else:
                candidate.text.append(text)
                deltas.append(TextDelta(text, index))
        blob = part.get("inlineData")
        if isinstance(blob, dict) and blob.get("data"):
            deltas.append(_blob(blob, index))
        if signature:
            deltas.append(ThoughtDelta(signature=signature, family=FAMILY, choice=index))
        return deltas

    def _call(self, call: Mapping[str, Any], signature: str, candidate: Candidate) -> list[Delta]:
        deltas: list[Delta] = []
        if call.get("name"):
            deltas += self._ended_call(candidate)
            number = candidate.calls
            candidate.calls += 1
            id = call.get("id") or self._made_id(call, candidate.index, number)
            name = own_name(str(call["name"]))
            deltas.append(ToolBegin(number, id, name, signature, choice=candidate.index))
            candidate.open = PartialArguments()
        if candidate.open is None:
            return deltas
        candidate.open.take(call.get("partialArgs") or ())
        if isinstance(call.get("args"), dict):
            candidate.open.value.update(call["args"])
        if not call.get("willContinue"):
            deltas += self._ended_call(candidate)
        return deltas

    def _ended_call(self, candidate: Candidate) -> list[Delta]:
        if candidate.open is None:
            return []
        words = orjson.dumps(candidate.open.value).decode()
        candidate.open = None
        return [ToolArguments(candidate.calls - 1, words, candidate.index)]

    def _made_id(self, call: Mapping[str, Any], choice: int, number: int) -> str:
        seed = self._id or orjson.dumps(call, option=orjson.OPT_SORT_KEYS).decode()
        return "call_" + sha256(f"{seed}:{choice}:{number}".encode()).hexdigest()[:24]

    def _finishes(self) -> list[Delta]:
        deltas: list[Delta] = []
        for candidate in self._candidates.values() or (Candidate(0),):
            deltas += self._ended_call(candidate)
            if candidate.grounding is not None:
                text = "".join(candidate.text)
                deltas += citations(candidate.grounding, text, candidate.index)
            deltas.append(Finish(self._reason(candidate), choice=candidate.index))
        return deltas

    def _reason(self, candidate: Candidate) -> Reason:
        if candidate.reason is None and self._blocked:
            return "content_filter"
        known = _REASONS.get(candidate.reason or "", "stop")
        return "tool_calls" if candidate.calls and known == "stop" else known


def _blob(blob: Mapping[str, Any], choice: int) -> Delta:
    mime = blob.get("mimeType") or ""
    if mime.startswith("audio/"):
        return AudioDelta({"data": blob["data"], "format": mime.removeprefix("audio/")}, choice)
    return ImageDelta(blob["data"], mime, choice)


def _logprobs(value: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's shape of log probabilities."""
    tops = value.get("topCandidates") or []
    content = []
    for at, chosen in enumerate(value.get("chosenCandidates") or ()):
        others = tops[at].get("candidates") or () if at < len(tops) else ()
        content.append({**_score(chosen), "top_logprobs": [_score(one) for one in others]})
    return {"content": content}


def _score(one: Mapping[str, Any]) -> dict[str, Any]:
    token = one.get("token") or ""
    return {
        "token": token,
        "logprob": one.get("logProbability") or 0.0,
        "bytes": list(token.encode("utf-8", "surrogatepass")),
    }
