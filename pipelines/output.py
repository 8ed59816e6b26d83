"""How long a reply a call asks for, and how it is asked to be shorter.

The rule: the fields are those of each client dialect; a call that names no length has none here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.call import Call

# A field of the body, or one within such a field.
_Place = tuple[str] | tuple[str, str]
# Where each dialect bounds the reply, the field that is written first.
_FIELDS: Mapping[str, tuple[_Place, ...]] = MappingProxyType(
    {
        "openai-chat": (("max_completion_tokens",), ("max_tokens",)),
        "openai-completions": (("max_tokens",),),
        "openai-responses": (("max_output_tokens",),),
        "anthropic-messages": (("max_tokens",),),
        "cohere-chat": (("max_tokens",),),
        "gemini-generate": (("generationConfig", "maxOutputTokens"),),
        "gemini-array": (("generationConfig", "maxOutputTokens"),),
        "ollama-chat": (("options", "num_predict"),),
        "ollama-generate": (("options", "num_predict"),),
    }
)
_CANDIDATES: _Place = ("generationConfig", "candidateCount")


def generates(call: Call) -> bool:
    """Whether the reply is generated, so that its length costs."""
    return call.operation.dialect in _FIELDS


def asked_output(call: Call) -> int | None:
    """How many tokens the reply may have at most, by the client's own words."""
    body = call.json
    for place in _FIELDS.get(call.operation.dialect, ()):
        value = _at(body, place)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def choices(call: Call) -> int:
    """How many replies the call asks for at once."""
    body = call.json
    wanted, best = body.get("n"), body.get("best_of")
    if wanted is None:
        wanted = _at(body, _CANDIDATES)
    if wanted is None and best is None:
        return 1
    counts = [one for one in (wanted, best) if isinstance(one, int) and one > 0]
    return max(counts, default=1)


def shortened(call: Call, tokens: int) -> Call:
    """The same call, asking for at most so many tokens."""
    places = _FIELDS[call.operation.dialect]
    present = [place for place in places if _at(call.json, place) is not None]
    place = (present or places)[0]
    if len(place) == 1:
        return call.altered({place[0]: tokens})
    outer, inner = place
    held = call.json.get(outer)
    return call.altered({outer: {**(held if isinstance(held, dict) else {}), inner: tokens}})


def _at(body: Mapping[str, Any], place: _Place) -> object:
    value = body.get(place[0])
    if len(place) == 1:
        return value
    return value.get(place[1]) if isinstance(value, dict) else None
