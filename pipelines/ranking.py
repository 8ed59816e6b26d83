"""What a call for a ranking of documents means, and its reply.

The rule: documents keep the place that they were sent in; a score belongs to a place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RerankCall:
    """A query and the documents to be ranked by it, each a text or a structured object.
    `return_documents` is None where the client did not say."""

    model: str
    query: str
    documents: list[str | dict[str, Any]]
    family: str
    top_n: int | None = None
    return_documents: bool | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Ranked:
    """One document of the reply, best first; `document` is None where the provider left it out."""

    index: int
    score: float
    document: dict[str, Any] | None = None


@dataclass(slots=True)
class Billed:
    """The provider's id of the reply and what it bills beside tokens."""

    id: str = ""
    search_units: float | None = None
