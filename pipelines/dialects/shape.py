"""What does not have the shape that its format says.

The rule: readers, parsers and writers read as if every value were of its documented type; these are
the errors that come of one that is not, and the two borders, around a reply in `bridge` and around
a call in the stage `translate`, turn them into errors of our tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.deltas import (
    AudioDelta,
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    ImageDelta,
    LogprobsDelta,
    RefusalDelta,
    ThoughtDelta,
    ToolBegin,
)
from pipelines.errors import BadCall
from pipelines.usage import Usage

MISSHAPEN = (
    AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
)  # fmt: skip

# Every JSON reader of a client counts to here, and orjson writes nothing over 64 bits.
MOST = 2**53

Kinds = type | tuple[type, ...]

_MAYBE_INT = (int, type(None))
_FIELDS: Mapping[type, tuple[tuple[str, Kinds], ...]] = MappingProxyType(
    {
        Begin: (("id", str), ("model", str), ("created", int)),
        ThoughtDelta: (("text", str), ("signature", str), ("data", str), ("id", str)),
        ToolBegin: (("id", str), ("name", str), ("signature", str)),
        ImageDelta: (("data", str), ("mime", str)),
        AudioDelta: (("audio", dict),),
        CitationDelta: (
            ("url", str), ("title", str), ("text", str), ("start", _MAYBE_INT), ("end", _MAYBE_INT),
        ),
        RefusalDelta: (("text", str),),
        LogprobsDelta: (("logprobs", dict),),
        Finish: (("reason", str), ("stop_sequence", (str, type(None)))),
        Consumed: (("usage", Usage),),
    }
)  # fmt: skip


def check(delta: Delta) -> None:
    """Raises TypeError where a field holds a value of another type, or a count that none is."""
    for name, kinds in _FIELDS.get(type(delta), ()):
        if not isinstance(getattr(delta, name), kinds):
            raise TypeError(f"{name} has the type {type(getattr(delta, name)).__name__}")
    if type(delta) is Consumed:
        usage = delta.usage
        if not (0 <= usage.prompt_tokens < MOST and 0 <= usage.completion_tokens < MOST):
            raise TypeError("a usage that counts no tokens")


def misshapen(error: Exception) -> BadCall:
    """The error of a call with such a value; it names no field, as no parser looked for it."""
    return BadCall(f"The body holds a value of a type that its place does not allow: {error}.")
