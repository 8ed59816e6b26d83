"""What a call for embeddings means, and its reply.

The rule: a vector is floats or the base64 of little-endian float32, and turns from one into the
other without loss; what a dialect says beyond that rides along in `rest`.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.prompt import Image

Input = str | list[int] | Image


@dataclass(slots=True)
class EmbeddingCall:
    """What is to be embedded: texts, lists of tokens or pictures. `purpose` is what the vectors are
    for: document, query, classification, clustering, similarity, or a provider's own word.
    `encoding` is the form that the client wants, float or base64."""

    model: str
    inputs: list[Input]
    family: str
    dimensions: int | None = None
    encoding: str = "float"
    user: str | None = None
    purpose: str | None = None
    rest: dict[str, Any] = field(default_factory=dict)

    def with_defaults(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """What rides along, over what the operator set for bodies that lack it."""
        return {**defaults, **self.rest}


@dataclass(slots=True)
class Vector:
    """One vector of the reply; `index` is the input's place."""

    index: int
    values: list[float] | str


def packed(values: list[float]) -> str:
    """The base64 of little-endian float32. Raises ValueError where something is no float32."""
    try:
        raw = struct.pack(f"<{len(values)}f", *values)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"no float32: {error}") from None
    return base64.b64encode(raw).decode()


def unpacked(text: str) -> list[float]:
    """The floats of such base64. Raises ValueError where it is none."""
    try:
        raw = base64.b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    except (struct.error, binascii.Error) as error:
        raise ValueError(f"no base64 of float32: {error}") from None
