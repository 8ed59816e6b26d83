"""The hub into a generateContent reply for a client, streamed or whole.

The rule: a function call is written whole, once nothing can be added to it; the finish reason and
the usage stand on the last chunk. Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    Reason,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.gemini.grounding import grounding_of
from pipelines.dialects.gemini.names import FAMILY
from pipelines.dialects.gemini.usage import usage_metadata
from pipelines.usage import NO_USAGE

END = b"\r\n\r\n"

_REASONS: Mapping[Reason, str] = MappingProxyType(
    {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
)


class Said:
    """One candidate as far as it has been said; `parts` are those not yet written."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []
        self._text: list[str] = []
        self._calls: dict[int, ToolBegin] = {}
        self._arguments: dict[int, list[str]] = {}
        self._cited: list[CitationDelta] = []
        self._scores: list[dict[str, Any]] = []
        self._reason: Reason = "stop"

    def take(self, one: Delta) -> None:
        """Add one delta of this candidate."""
        if type(one) is TextDelta or type(one) is RefusalDelta:
            self._text.append(one.text)
            self._speak(one.text, {})
        elif type(one) is ThoughtDelta:
            self._think(one)
        elif type(one) is ToolBegin:
            self._calls[one.index] = one
        elif type(one) is ToolArguments:
            self._arguments.setdefault(one.index, []).append(one.text)
        elif type(one) is ImageDelta:
            self.parts.append({"inlineData": {"mimeType": one.mime, "data": one.data}})
        elif type(one) is AudioDelta:
            self._sound(one.audio)
        elif type(one) is OpaqueDelta:
            if one.family == FAMILY:
                self.parts.append(dict(one.rest))
        elif type(one) is CitationDelta:
            self._cited.append(one)
        elif type(one) is LogprobsDelta:
            self._scores += one.logprobs.get("content") or ()
        elif type(one) is Finish:
            self._reason = one.reason

    def _speak(self, text: str, mark: dict[str, Any]) -> None:
        last = self.parts[-1] if self.parts else None
        if last is not None and last.keys() == {"text", *mark}:
            last["text"] += text
        elif text:
            self.parts.append({"text": text, **mark})

    def _think(self, one: ThoughtDelta) -> None:
        if one.text:
            self._speak(one.text, {"thought": True})
        # Another family's signature would be refused by Gemini's own models.
        if one.signature and one.family == FAMILY:
            last = self.parts[-1] if self.parts else {}
            if last.keys() == {"text"}:
                last["thoughtSignature"] = one.signature
            else:
                self.parts.append({"text": "", "thoughtSignature": one.signature})

    def _sound(self, audio: Mapping[str, Any]) -> None:
        if audio.get("data"):
            mime = f"audio/{audio.get('format') or 'wav'}"
            self.parts.append({"inlineData": {"mimeType": mime, "data": audio["data"]}})
        if audio.get("transcript"):
            self._speak(audio["transcript"], {})

    def last(self) -> dict[str, Any]:
        """What stands on the last chunk beside the parts: all the calls are among those now."""
        for index, call in sorted(self._calls.items()):
            self.parts.append(_call(call, "".join(self._arguments.get(index, ()))))
        self._calls = {}
        ending: dict[str, Any] = {"finishReason": _REASONS[self._reason]}
        if self._cited:
            ending["groundingMetadata"] = grounding_of(self._cited, "".join(self._text))
        if self._scores:
            ending["logprobsResult"] = _scores(self._scores)
        return ending


class GeminiWriter:
    """Writes a reply as events, or collects it into one document; `model` is the name that the
    client asked for, and `id` serves where the provider gave none."""

    def __init__(self, model: str, id: str, streamed: bool) -> None:
        self._model = model
        self._id = id
        self._streamed = streamed
        self._said: dict[int, Said] = {}
        self._usage = NO_USAGE

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """One chunk for these deltas; nothing yet where the reply is one document."""
        for one in deltas:
            if type(one) is Begin:
                self._id = one.id or self._id
            elif type(one) is Consumed:
                self._usage = one.usage
            else:
                choice: int = one.choice  # type: ignore[union-attr]
                self._said.setdefault(choice, Said()).take(one)
        if not self._streamed or not any(said.parts for said in self._said.values()):
            return b""
        chunk = self._reply(
            [self._candidate(at, said) for at, said in self._said.items() if said.parts]
        )
        return self.framed(chunk)

    def close(self) -> bytes:
        """The last chunk, or the document."""
        candidates = []
        for at, said in sorted((self._said or {0: Said()}).items()):
            ending = said.last()
            if self._streamed and not said.parts:
                said.parts.append({"text": ""})
            candidates.append(self._candidate(at, said) | ending)
        reply = {**self._reply(candidates), "usageMetadata": usage_metadata(self._usage)}
        return self.framed(reply) if self._streamed else orjson.dumps(reply)

    def framed(self, chunk: dict[str, Any]) -> bytes:
        """One chunk as it is sent."""
        return b"data: " + orjson.dumps(chunk) + END

    def _candidate(self, index: int, said: Said) -> dict[str, Any]:
        parts, said.parts = said.parts, []
        return {"content": {"parts": parts, "role": "model"}, "index": index}

    def _reply(self, candidates: list[dict[str, Any]]) -> dict[str, Any]:
        return {"candidates": candidates, "modelVersion": self._model, "responseId": self._id}


def _call(call: ToolBegin, words: str) -> dict[str, Any]:
    args: Any
    if call.custom:
        args = {"input": words}
    else:
        try:
            args = orjson.loads(words or "{}")
        except orjson.JSONDecodeError:
            args = None
        if not isinstance(args, dict):
            # Arguments are an object here: what is none (cut by a limit) is kept as words.
            args = {"arguments": words}
    said: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": args}}
    if not call.id:
        del said["functionCall"]["id"]
    if call.signature:
        said["thoughtSignature"] = call.signature
    return said


def _scores(scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "chosenCandidates": [_score(one) for one in scores],
        "topCandidates": [
            {"candidates": [_score(top) for top in one.get("top_logprobs") or ()]} for one in scores
        ],
    }


def _score(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": one.get("token") or "", "logProbability": one.get("logprob") or 0.0}
