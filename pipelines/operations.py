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
    the model of a body that names none; without one, a body must. `id_header` is the header by
    which its clients' SDKs know a reply, if they do; `ping` is what may be sent into a silent
    stream.
    """

    name: str
    path: str
    dialect: str
    requires: tuple[str, ...] = ()
    streams: Streams = "never"
    default_model: str = ""
    id_header: bytes = b""
    ping: bytes = b""


# What every reader of server-sent events passes over.
COMMENT = b": keep-alive\n\n"

CHAT = Operation(
    "chat",
    "/chat/completions",
    "openai-chat",
    requires=("messages",),
    streams="asked",
    ping=COMMENT,
)
COMPLETIONS = Operation(
    "completions",
    "/completions",
    "openai-completions",
    requires=("prompt",),
    streams="asked",
    ping=COMMENT,
)
EMBEDDINGS = Operation("embeddings", "/embeddings", "openai-embeddings", requires=("input",))
MESSAGES = Operation(
    "messages",
    "/messages",
    "anthropic-messages",
    requires=("messages", "max_tokens"),
    streams="asked",
    id_header=b"request-id",
    ping=b'event: ping\ndata: {"type":"ping"}\n\n',
)
COUNT_TOKENS = Operation(
    "count_tokens",
    "/messages/count_tokens",
    "anthropic-count",
    requires=("messages",),
    id_header=b"request-id",
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
    "responses",
    "/responses",
    "openai-responses",
    requires=("input",),
    streams="asked",
    ping=COMMENT,
)
GENERATE = Operation(
    "generate",
    "/models/{model}:generateContent",
    "gemini-generate",
    requires=("contents",),
    streams="path",
)
# Google's streams are one array for those who do not ask for events.
GENERATE_ARRAY = Operation(
    "generate-array",
    "/models/{model}:streamGenerateContent",
    "gemini-array",
    requires=("contents",),
    streams="path",
)
COUNT_CONTENT = Operation("count-content", "/models/{model}:countTokens", "gemini-count")
EMBED_CONTENT = Operation(
    "embed-content", "/models/{model}:embedContent", "gemini-embed", requires=("content",)
)
EMBED_BATCH = Operation(
    "embed-batch",
    "/models/{model}:batchEmbedContents",
    "gemini-embed-batch",
    requires=("requests",),
)

COHERE = Operation(
    "cohere-chat", "/v2/chat", "cohere-chat", requires=("messages",), streams="asked"
)
OLLAMA_CHAT = Operation(
    "ollama-chat", "/api/chat", "ollama-chat", requires=("messages",), streams="unless"
)
# A call without a prompt loads the model, or unloads it.
OLLAMA_GENERATE = Operation("ollama-generate", "/api/generate", "ollama-generate", streams="unless")
OLLAMA_EMBED = Operation("ollama-embed", "/api/embed", "ollama-embed", requires=("input",))
OLLAMA_EMBEDDINGS = Operation(
    "ollama-embeddings", "/api/embeddings", "ollama-embeddings", requires=("prompt",)
)

OPERATIONS = (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    RERANK,
    MODERATIONS,
    MESSAGES,
    COUNT_TOKENS,
    RESPONSES,
    GENERATE,
    GENERATE_ARRAY,
    COUNT_CONTENT,
    EMBED_CONTENT,
    EMBED_BATCH,
    COHERE,
    OLLAMA_CHAT,
    OLLAMA_GENERATE,
    OLLAMA_EMBED,
    OLLAMA_EMBEDDINGS,
)
