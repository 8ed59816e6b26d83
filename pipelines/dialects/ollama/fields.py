"""Where Ollama's bodies hold what others write side by side: below `options`, or at the top.

The rule: a field is put where Ollama reads it and never over one that is there; what it does not
know is named.
Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/modelfile#parameter
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

FAMILY = "ollama"

OPTIONS = frozenset(
    {
        "f16_kv", "frequency_penalty", "low_vram", "logits_all", "main_gpu", "min_p", "mirostat",
        "mirostat_eta", "mirostat_tau", "num_batch", "num_ctx", "num_gpu", "num_keep",
        "num_predict", "num_thread", "numa", "penalize_newline", "presence_penalty",
        "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature", "tfs_z", "top_k", "top_p",
        "typical_p", "use_mlock", "use_mmap", "vocab_only",
    }
)  # fmt: skip
TOP = frozenset(
    {"dimensions", "format", "keep_alive", "logprobs", "shift", "think", "top_logprobs", "truncate"}
)

# The names that LiteLLM's configurations have for them.
_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "num_predict",
        "max_completion_tokens": "num_predict",
        "reasoning_effort": "think",
    }
)
_LEVELS: Mapping[str, bool | str] = MappingProxyType(
    {"none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
)
_HIGHEST = "max"
_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mp3"),
)
_MAGIC_LETTERS = 16


def place(body: dict[str, Any], fields: Mapping[str, Any], known: Iterable[str] = ()) -> list[str]:
    """Put fields into a body where Ollama reads them; gives the names of those it does not know
    and that are not among `known`."""
    unknown: list[str] = []
    options: dict[str, Any] = dict(body.get("options") or {})
    for key, value in fields.items():
        name = _RENAMED.get(key, key)
        if name == "options" and isinstance(value, Mapping):
            options = {**value, **options}
        elif name in OPTIONS:
            options.setdefault(name, value)
        elif name in TOP or name in known:
            body.setdefault(name, level(value) if key == "reasoning_effort" else value)
        else:
            unknown.append(key)
    if options:
        body["options"] = options
    return unknown


def level(effort: object) -> bool | str:
    """An effort in Ollama's words (https://docs.ollama.com/capabilities/thinking)."""
    return _LEVELS.get(str(effort), _HIGHEST)


def mime_of(data: str) -> str:
    """What base64 data is by its first bytes; a picture where nothing tells."""
    try:
        head = base64.b64decode(data[:_MAGIC_LETTERS])
    except binascii.Error:
        return "image/png"
    for magic, at, mime in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return mime
    return "image/png"
