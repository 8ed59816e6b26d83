"""A kept reply as bytes, and back.

The rule: plain JSON and lengths, never anything that could run; what is not understood is no reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.events import Headers, Media
from pipelines.recording import Stored
from pipelines.usage import NO_USAGE, Usage

# The last character is the version of the format.
MAGIC = b"headgate-reply 1\n"
_MEDIA: Mapping[str, Media] = MappingProxyType({media.name: media for media in Media})
_COUNTS: Mapping[str, Any] = MappingProxyType(
    {one.name: getattr(NO_USAGE, one.name) for one in fields(Usage)}
)


def encoded(stored: Stored) -> bytes:
    """The reply as it is kept: a line of JSON, a line with its lengths and times, and the body."""
    usage = {name: getattr(stored.usage, name) for name in _COUNTS}
    head = {
        "status": stored.status,
        "headers": [
            [name.decode("latin-1"), one.decode("latin-1")] for name, one in stored.headers
        ],
        "media": stored.media.name,
        "made": stored.made,
        "dialect": stored.dialect,
        "digest": stored.digest,
        "form": stored.form,
        "usage": {name: one for name, one in usage.items() if one != _COUNTS[name]},
        "losses": list(stored.losses),
    }
    offsets = [round(one, 4) for one in stored.offsets]
    layout = orjson.dumps([list(stored.sizes), offsets])
    return b"".join((MAGIC, orjson.dumps(head), b"\n", layout, b"\n", stored.body))


def decoded(raw: bytes) -> Stored | None:
    """The reply that these bytes are, or None where they are none."""
    if not raw.startswith(MAGIC):
        return None
    try:
        begin = len(MAGIC)
        middle = raw.index(b"\n", begin)
        end = raw.index(b"\n", middle + 1)
        head = orjson.loads(raw[begin:middle])
        return _stored(head, raw[middle + 1 : end], raw[end + 1 :])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _stored(head: Mapping[str, Any], layout: bytes, body: bytes) -> Stored | None:
    sizes, offsets = orjson.loads(layout)
    if sum(sizes) != len(body) or len(sizes) != len(offsets):
        return None
    headers: Headers = [
        (name.encode("latin-1"), one.encode("latin-1")) for name, one in head["headers"]
    ]
    usage = head["usage"]
    return Stored(
        status=int(head["status"]),
        headers=headers,
        media=_MEDIA[head["media"]],
        body=body,
        sizes=sizes,
        offsets=offsets,
        made=float(head["made"]),
        dialect=str(head["dialect"]),
        digest=str(head["digest"]),
        form=str(head["form"]),
        usage=Usage(**usage) if usage else NO_USAGE,
        losses=head["losses"],
    )
