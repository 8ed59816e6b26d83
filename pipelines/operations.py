"""The table of operations: what a client may ask of the gateway.

The rule: an operation is a row; nothing is written per operation but its dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Streams = Literal["never", "asked", "unless", "path"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client may ask for.

    `path` stands below the API's root; `dialect` is what the client speaks there; `requires` names
    the fields that a body must have beside `model`. `streams` says when the reply comes in pieces:
    never, where `stream` is true, unless `stream` is false, or as the path says. `default_model` is
    the model of a body that names none; without one, a body must.
    """

    name: str
    path: str
    dialect: str
    requires: tuple[str, ...] = ()
    streams: Streams = "never"
    default_model: str = ""


CHAT = Operation(
    "chat", "/chat/completions", "openai-chat", requires=("messages",), streams="asked"
)
COMPLETIONS = Operation(
    "completions", "/completions", "openai-completions", requires=("prompt",), streams="asked"
)
EMBEDDINGS = Operation("embeddings", "/embeddings", "openai-embeddings", requires=("input",))
MESSAGES = Operation(
    "messages",
    "/messages",
    "anthropic-messages",
    requires=("messages", "max_tokens"),
    streams="asked",
)
RERANK = Operation("rerank", "/rerank", "rerank", requires=("query", "documents"))
MODERATIONS = Operation(
    "moderations",
    "/moderations",
    "openai-moderations",
    requires=("input",),
    # https://platform.openai.com/docs/api-reference/moderations/create
    default_model="omni-moderation-latest",
)
RESPONSES = Operation(
    "responses", "/responses", "openai-responses", requires=("input",), streams="asked"
)
GENERATE = Operation(
    "generate",
    "/models/{model}:generateContent",
    "gemini-generate",
    requires=("contents",),
    streams="path",
)

OPERATIONS = (CHAT, COMPLETIONS, EMBEDDINGS, RERANK, MODERATIONS, MESSAGES, RESPONSES, GENERATE)
