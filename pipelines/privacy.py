"""Of which calls prompt and answer are kept.

The rule: of none, unless the operator wants it; the key's owner and the client may say no, and
never yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.call import Call
from pipelines.exchange import Principal
from pipelines.redaction import Redaction

OFF = "turn_off_message_logging"
NO_LOG = "no-log"

_HEADERS = (b"x-litellm-enable-message-redaction", b"litellm-enable-message-redaction")
_NO = frozenset({b"", b"0", b"false", b"no", b"off"})
_SAYING = frozenset({OFF, NO_LOG, "metadata", "litellm_metadata"})


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """Whether texts are `stored` with the records, and `told` to callbacks; `own_callbacks` says
    that keys may have callbacks of their own, which are told too. `redaction` is what is taken out
    of them."""

    stored: bool = False
    told: bool = False
    own_callbacks: bool = False
    redaction: Redaction = field(default_factory=Redaction)

    @property
    def on(self) -> bool:
        """Whether there can be a call whose texts are kept."""
        return self.stored or self.told or self.own_callbacks

    def wants(self, call: Call, principal: Principal) -> bool:
        """Whether the texts of this call are kept."""
        metadata = principal.metadata
        if not (self.stored or self.told or (self.own_callbacks and metadata.get("logging"))):
            return False
        return not (_is_on(metadata.get(OFF)) or _off_for_callbacks(metadata) or _declined(call))


def _declined(call: Call) -> bool:
    named = call.named
    for name in _HEADERS:
        if name in named and named[name].strip().lower() not in _NO:
            return True
    body = call.parsed
    if body is None:
        return True
    if _SAYING.isdisjoint(body):
        return False
    if _is_on(body.get(NO_LOG)) or _is_on(body.get(OFF)):
        return True
    holders = (body.get("metadata"), body.get("litellm_metadata"))
    return any(
        isinstance(holder, Mapping) and (_is_on(holder.get(OFF)) or _is_on(holder.get(NO_LOG)))
        for holder in holders
    )


def _off_for_callbacks(metadata: Mapping[str, Any]) -> bool:
    listed = metadata.get("logging")
    for one in listed if isinstance(listed, list) else ():
        given = one.get("callback_vars") if isinstance(one, Mapping) else None
        if isinstance(given, Mapping) and _is_on(given.get(OFF)):
            return True
    return False


def _is_on(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
