"""The recordings that a client can be answered with: their protocol, their provider's row, and what
they say.

The rule: a recording that no client of this kind could be answered with is named with its reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pipelines.providers.load import load_catalog
from tests.fakes.recordings import Recording, recordings
from tests.matrix import wires
from tests.matrix.meaning import Meaning
from tests.matrix.oracle_anthropic import AnthropicOracle
from tests.matrix.oracle_bedrock import BedrockOracle
from tests.matrix.oracle_chat import ChatOracle
from tests.matrix.oracle_cohere import CohereOracle
from tests.matrix.oracle_gemini import GeminiOracle
from tests.matrix.oracle_ollama import OllamaOracle
from tests.matrix.oracle_responses import ResponsesOracle

AWS = "application/vnd.amazon.eventstream"
NDJSON = "application/x-ndjson"

# The protocol of a recorded endpoint, and the row by which the gateway speaks it.
PROTOCOLS = MappingProxyType(
    {
        "chat": ("chat", "openai_like"),
        "completions": ("completions", "text-completion-openai"),
        "messages": ("messages", "anthropic"),
        "vertex-anthropic": ("messages", "anthropic"),
        "responses": ("responses", "openai/responses"),
        "generateContent": ("gemini", "gemini"),
        "converse": ("converse", "bedrock"),
        "cohere-v2": ("cohere", "cohere"),
        "ollama-chat": ("ollama", "ollama"),
    }
)
# Rows whose address holds more than a path below the base.
OWN_ADDRESS = frozenset({"ollama", "ollama_cloud", "cohere", "mock", "anthropic", "gemini"})
REASONS = MappingProxyType(
    {
        "embeddings": "no generation; the tests of the small operations read it",
        "rerank": "no generation; the tests of the small operations read it",
        "moderations": "no generation; the tests of the small operations read it",
        "count_tokens": "no generation",
        "invoke": "InvokeModel, which the gateway never calls: it speaks Converse",
        "interactions": "Gemini's interactions, which the gateway does not speak",
        "ollama-generate": "Ollama's generate, which the gateway never calls: it speaks chat",
        "speech-translation": "realtime sound",
        "audio": "sound",
        "image": "pictures",
        "ocr": "documents",
        "predict": "Replicate's predictions, which the gateway does not speak",
        "other": "an endpoint that is none of generation",
    }
)
# Recordings that say `chat` in the index and are something else.
ODD = MappingProxyType(
    {
        "cohere/test_chat__test_cohere_chat_legacy": "Cohere's chat, version 1",
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One recording: the gateway's model that it answers for, and what it says."""

    id: str
    recording: Recording
    protocol: str
    row: str
    wanted: Meaning

    @property
    def streamed(self) -> bool:
        """Whether the provider sent it as a stream."""
        return streams(self.recording)


def streams(recording: Recording) -> bool:
    """Whether a recorded reply is a stream of whatever framing."""
    # Google's stream without `alt=sse` is one array.
    array = recording.whole.lstrip().startswith(b"[")
    return array or recording.streamed or _media(recording) in (AWS, NDJSON)


def media(recording: Recording) -> str:
    """The content type that its provider sends; some recordings lost it."""
    return _media(recording)


def body(recording: Recording) -> list[bytes]:
    """The pieces in which it is sent."""
    if recording.content_type.startswith(NDJSON) and recording.endpoint == "converse":
        events = (json.loads(line) for line in recording.chunks)
        return [wires.aws_frame(name, value) for one in events for name, value in one.items()]
    return recording.chunks


def _media(recording: Recording) -> str:
    raw = recording.whole.lstrip()
    if recording.endpoint == "converse" and not recording.content_type.endswith("json"):
        return AWS
    if recording.endpoint == "converse" and recording.content_type.startswith(NDJSON):
        return AWS
    if recording.endpoint == "ollama-chat" and b"}\n{" in raw:
        return NDJSON
    if recording.content_type.startswith("application/octet-stream"):
        return "application/json"
    return recording.content_type


@cache
def subjects() -> tuple[tuple[Subject, ...], tuple[tuple[str, str, str], ...]]:
    """What can be asked for; and the rest as (name, endpoint, reason)."""
    found: list[Subject] = []
    rest: list[tuple[str, str, str]] = []
    for number, recording in enumerate(recordings()):
        reason = REASONS.get(recording.endpoint, "")
        reason = next((why for name, why in ODD.items() if recording.name.startswith(name)), reason)
        if not reason and recording.whole.strip() == b"{}":
            reason = "the answer to a deletion"
        if not reason and recording.endpoint not in PROTOCOLS:
            reason = "an unknown endpoint"
        if reason:
            rest.append((recording.name, recording.endpoint, reason))
            continue
        protocol, row = PROTOCOLS[_spoken(recording)]
        if protocol == "chat":
            row = _chat_row(recording.provider)
        found.append(Subject(f"r{number:04}", recording, protocol, row, _wanted(recording)))
    return tuple(found), tuple(rest)


def _spoken(recording: Recording) -> str:
    # One cassette holds calls to two providers.
    return "generateContent" if b'"candidates":[' in recording.whole else recording.endpoint


@cache
def _chat_row(name: str) -> str:
    provider = load_catalog().get(name)
    if name in OWN_ADDRESS or provider is None:
        return "openai_like"
    first = next(iter(provider.endpoints.values()))
    if first.dialect != "openai-chat":
        return "openai_like"
    if any(one.dialect == "openai-responses" for one in provider.endpoints.values()):
        # A client of Responses would be served by that face of the provider.
        return "openai_like"
    return name


def _wanted(recording: Recording) -> Meaning:
    if recording.status >= 300:
        return Meaning(failure=f"status {recording.status}")
    protocol, _ = PROTOCOLS[_spoken(recording)]
    if protocol == "converse":
        return _bedrock(recording)
    if protocol == "ollama":
        ollama = OllamaOracle()
        for line in wires.lines(recording.whole):
            ollama.take(line)
        return ollama.meaning()
    if recording.streamed:
        events, done = wires.sse(recording.whole)
        return _collected(protocol, events, done)
    document = json.loads(recording.whole)
    events = document if isinstance(document, list) else [document]
    return _collected(protocol, events, True)


def _collected(protocol: str, events: list[wires.Event], complete: bool) -> Meaning:
    if protocol in ("cohere", "responses"):
        whole = CohereOracle() if protocol == "cohere" else ResponsesOracle()
        for event in events:
            whole.take(event)
        return whole.meaning()
    oracle: AnthropicOracle | GeminiOracle | ChatOracle
    if protocol == "messages":
        oracle = AnthropicOracle()
    else:
        oracle = GeminiOracle() if protocol == "gemini" else ChatOracle()
    for event in events:
        oracle.take(event)
    return oracle.meaning(complete)


def _bedrock(recording: Recording) -> Meaning:
    oracle = BedrockOracle()
    if not streams(recording):
        oracle.take("", json.loads(recording.whole))
        return oracle.meaning()
    try:
        for headers, value in wires.aws(b"".join(body(recording))):
            oracle.take(headers.get(":event-type") or headers.get(":exception-type", ""), value)
    except Exception as broken:
        oracle.said.failure = f"broken frames: {broken}"
    return oracle.meaning()
