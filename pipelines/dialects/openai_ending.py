"""Ends a stream in OpenAI's dialects before its provider does.

The rule: the end is written as the provider writes it for a reply that reached its greatest length,
under the id of what stood before it.
Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.openai import DONE, wants_usage
from pipelines.dialects.openai_chat.writer import usage_object
from pipelines.dialects.sse import data_of, events
from pipelines.output import choices
from pipelines.usage import Usage

_FRAME = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


def ending(seen: Iterable[bytes], call: Call, usage: Usage) -> bytes:
    """The finish of every choice that had none, the usage where it was asked for and had not come,
    and the end mark; `seen` is what was passed on last."""
    chunks = list(_chunks(seen))
    frame = {name: chunks[-1][name] for name in _FRAME if name in chunks[-1]} if chunks else {}
    entries = [
        one
        for chunk in chunks
        for one in chunk.get("choices") or ()
        if isinstance(one, dict) and one.get("finish_reason")
    ]
    finished = {one.get("index", 0) for one in entries}
    wanted = wants_usage(call)
    written = [
        {**frame, "choices": [_finish(one, call)], **({"usage": None} if wanted else {})}
        for one in range(choices(call))
        if one not in finished
    ]
    if wanted and not any(chunk.get("usage") and not chunk.get("choices") for chunk in chunks):
        written.append({**frame, "choices": [], "usage": usage_object(usage)})
    return b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in written) + DONE


def _finish(index: int, call: Call) -> dict[str, Any]:
    completes = call.operation.dialect == "openai-completions"
    said: dict[str, Any] = {"text": ""} if completes else {"delta": {}}
    return {"index": index, **said, "logprobs": None, "finish_reason": "length"}


def _chunks(seen: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for whole in seen:
        for begin, end in events(whole):
            try:
                value = orjson.loads(data_of(whole[begin:end]) or b"")
            except orjson.JSONDecodeError:
                continue
            if isinstance(value, dict):
                yield value
