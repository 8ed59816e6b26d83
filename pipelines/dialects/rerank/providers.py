"""The rankings that only providers speak: Cohere's second version, and Voyage's.

The rule: the documents are not asked for; a client that wants them gets its own back.
Sources: https://docs.cohere.com/v2/reference/rerank and
https://docs.voyageai.com/reference/reranker-api
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.dialects.rerank.clients import RerankReader
from pipelines.ranking import RerankCall

_COHERE_KNOWN = frozenset({"max_tokens_per_doc", "priority"})
_VOYAGE_KNOWN = frozenset({"truncation"})


class CohereRerank(OneSided):
    """`/v2/rerank` of Cohere."""

    def render(self, meaning: RerankCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return rendered(meaning, deployment, losses, "top_n", _COHERE_KNOWN)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return RerankReader(provider)


class VoyageRerank(OneSided):
    """`/v1/rerank` of Voyage."""

    def render(self, meaning: RerankCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        return rendered(meaning, deployment, losses, "top_k", _VOYAGE_KNOWN)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return VoyageReader(provider)


class VoyageReader(RerankReader):
    """Reads `data`, Voyage's name for the results."""

    holds = "data"


def rendered(
    call: RerankCall, deployment: Deployment, losses: Losses, limit: str, known: frozenset[str]
) -> dict[str, Any]:
    """A body with the documents as texts; `limit` names the field that says how many are wanted,
    and `known` the others that the provider has. Raises Unsupported."""
    body: dict[str, Any] = {"model": deployment.model, "query": call.query}
    body["documents"] = [_text(one, losses) for one in call.documents]
    if call.top_n is not None:
        body[limit] = call.top_n
    for key, value in {**deployment.defaults, **call.rest}.items():
        if key in known:
            body[key] = value
        elif key in call.rest:
            losses.dropped(key)
    return body


def _text(document: str | dict[str, Any], losses: Losses) -> str:
    text = document if isinstance(document, str) else document.get("text")
    if not isinstance(text, str):
        raise losses.feature("documents that are no text")
    if isinstance(document, dict) and len(document) > 1:
        losses.dropped("fields of documents beside text")
    return text


COHERE_RERANK = CohereRerank("cohere-rerank", "rerank")
VOYAGE_RERANK = VoyageRerank("voyage-rerank", "rerank")
