"""What the operator wants of known replies.

The rule: facts only; whoever keeps the replies stands behind the port `ReplyCache`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CacheScope = Literal["key", "team", "all"]

MEGABYTE = 1024 * 1024

CACHEABLE = frozenset(
    {
        "chat", "completions", "embeddings", "rerank", "messages", "responses", "generate",
        "generate-array", "embed-content", "embed-batch", "cohere-chat", "ollama-chat",
        "ollama-generate", "ollama-embed", "ollama-embeddings",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How replies are kept and shared; times in seconds, sizes in bytes.

    `enabled` is the cache itself; the rest of it counts without it where a client asks for it (an
    Idempotency-Key, a resumable stream). With `default_on` false a call must ask for the cache.
    `operations` are the names of those that are cached, `scope` says who shares an answer, `join`
    whether a call follows an identical one that is still running, and `pacing` whether a stream is
    replayed at its first speed. A recording over `max_bytes` is neither joined nor kept;
    `open_bytes` bounds all that are in memory together.
    """

    enabled: bool = False
    default_on: bool = True
    ttl: float = 3600.0
    namespace: str = ""
    operations: frozenset[str] = CACHEABLE
    scope: CacheScope = "team"
    join: bool = True
    pacing: bool = False
    max_bytes: int = 8 * MEGABYTE
    open_bytes: int = 256 * MEGABYTE
    idempotency_ttl: float = 86_400.0
    resumable: bool = False
    resume_ttl: float = 300.0
    resume_grace: float = 30.0
