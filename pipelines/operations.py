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
    never, where `stream` is true, unless `stream` is false, or as the path says.
    """

    name: str
    path: str
    dialect: str
    requires: tuple[str, ...] = ()
    streams: Streams = "never"


CHAT = Operation(
    "chat", "/chat/completions", "openai-chat", requires=("messages",), streams="asked"
)
COMPLETIONS = Operation(
    "completions", "/completions", "openai-completions", requires=("prompt",), streams="asked"
)
EMBEDDINGS = Operation("embeddings", "/embeddings", "openai-embeddings", requires=("input",))

OPERATIONS = (CHAT, COMPLETIONS, EMBEDDINGS)
