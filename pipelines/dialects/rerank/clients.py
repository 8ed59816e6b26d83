"""The ranking that clients speak, and Jina, vLLM, Infinity and Together behind the gateway too.

The rule: between two who speak it, bytes pass untouched; to a client that asked for the documents
they are given back, by the provider or out of the client's own request.
Sources: https://jina.ai/reranker/ and https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deltas import Consumed
from pipelines.deployment import Deployment
from pipelines.dialects import openai, upstream_errors
from pipelines.dialects.base import Gauge
from pipelines.dialects.bridge import BYTES_PER_TOKEN, Interpreter, Writer
from pipelines.dialects.frames import Frames, SseFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import WholeReader
from pipelines.dialects.openai_gauge import WholeGauge
from pipelines.errors import BadCall, GatewayError, UpstreamError, UpstreamFailed
from pipelines.events import Headers, Media
from pipelines.ranking import Billed, Ranked, RerankCall
from pipelines.usage import Usage

FAMILY = "rerank"

_UNDERSTOOD = frozenset({"model", "query", "documents", "top_n", "return_documents", "stream"})


class Rerank:
    """`/rerank` as LiteLLM serves it."""

    name = "rerank"
    kind = "rerank"
    media = Media.JSON

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""
        return openai.forwarded(call, deployment, False)

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""
        tokens = len(call.raw) // BYTES_PER_TOKEN
        return RerankGauge(deployment.provider.title, "results", tokens)

    def parse(self, call: Call) -> RerankCall:
        """What a body means. Raises BadCall."""
        return parse(call)

    def render(self, meaning: RerankCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider."""
        body = {
            "model": deployment.model,
            "query": meaning.query,
            "documents": meaning.documents,
            "top_n": meaning.top_n,
            "return_documents": meaning.return_documents,
            **(meaning.rest if meaning.family == FAMILY else {}),
        }
        return {key: value for key, value in body.items() if value is not None}

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return RerankReader(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events, which no provider sends here."""
        return SseFrames()

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply."""
        return RerankWriter(parse(call), f"rerank-{id}")

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""
        return upstream_errors.upstream_error(status, headers, body, deployment.provider.title)

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply; `message` stands where Cohere's clients look for it too."""
        return orjson.dumps({"message": error.message, "error": openai.error_object(error)})

    def error_events(self, error: GatewayError) -> bytes:
        """Nothing: no ranking is streamed."""
        return b""


def parse(call: Call) -> RerankCall:
    """What a body means. Raises BadCall."""
    body = call.json
    query, documents, top_n = body["query"], body["documents"], body.get("top_n")
    if not isinstance(query, str):
        raise BadCall("The field 'query' must be a string.", "query")
    if not isinstance(documents, list) or not documents:
        raise BadCall("The field 'documents' must be a list that is not empty.", "documents")
    for at, one in enumerate(documents):
        if not isinstance(one, str | dict):
            where = f"documents[{at}]"
            raise BadCall(f"The field '{where}' must be a string or an object.", where)
    if top_n is not None and type(top_n) is not int:
        raise BadCall("The field 'top_n' must be an integer.", "top_n")
    return RerankCall(
        model=call.model,
        query=query,
        documents=documents,
        family=FAMILY,
        top_n=top_n,
        return_documents=body.get("return_documents"),
        rest={
            key: value
            for key, value in body.items()
            if key not in _UNDERSTOOD and key not in openai.GATEWAY_FIELDS
        },
    )


def read_usage(value: Mapping[str, Any]) -> Usage | None:
    """The tokens of a ranking: in `usage`, or in Cohere's `meta.tokens`; None where not told."""
    meta = value.get("meta")
    tokens = meta.get("tokens") if isinstance(meta, Mapping) else None
    for counts in (value.get("usage"), tokens):
        for name in ("prompt_tokens", "total_tokens", "input_tokens"):
            count = counts.get(name) if isinstance(counts, Mapping) else None
            if isinstance(count, int | float) and not isinstance(count, bool):
                return Usage(prompt_tokens=int(count))
    return None


class RerankGauge(WholeGauge):
    """Watches a ranking that passes as it is."""

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamFailed where it is no answer."""
        passed = super().watch(raw)
        self.usage = read_usage(orjson.loads(raw)) or self.usage
        return passed


class RerankReader(WholeReader):
    """Reads `results`; what is best stands first."""

    holds = "results"

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The ranking and what it cost. Raises UpstreamError where it is no answer."""
        found = value.get(self.holds)
        if not isinstance(found, list):
            raise self.no_answer(value)
        deltas: list[Any] = [Billed(str(value.get("id") or ""), _search_units(value))]
        deltas += [self.ranked(one) for one in found]
        usage = read_usage(value)
        return deltas if usage is None else [*deltas, Consumed(usage)]

    def ranked(self, one: object) -> Ranked:
        """One entry. Raises UpstreamFailed where it has no place or no score."""
        found = one if isinstance(one, Mapping) else {}
        index, score, document = (
            found.get(name) for name in ("index", "relevance_score", "document")
        )
        if type(index) is not int or not isinstance(score, int | float):
            raise UpstreamFailed(f"{self.provider} answered with a result without its place.")
        if isinstance(document, str):
            document = {"text": document}
        return Ranked(index, float(score), document if isinstance(document, dict) else None)


def _search_units(value: Mapping[str, Any]) -> float | None:
    meta = value.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, Mapping) else None
    units = billed.get("search_units") if isinstance(billed, Mapping) else None
    return units if isinstance(units, int | float) else None


class RerankWriter:
    """Collects a ranking and writes it as one document."""

    def __init__(self, call: RerankCall, id: str) -> None:
        self._call = call
        self._id = id
        self._units: float | None = None
        self._usage: Usage | None = None
        self._ranked: list[Ranked] = []

    def write(self, deltas: Sequence[Any]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Ranked:
                self._ranked.append(one)
            elif type(one) is Billed:
                self._id, self._units = one.id or self._id, one.search_units
            elif type(one) is Consumed:
                self._usage = one.usage
        return b""

    def close(self) -> bytes:
        """The document."""
        meta: dict[str, Any] = {}
        if self._units is not None:
            meta["billed_units"] = {"search_units": self._units}
        whole: dict[str, Any] = {"id": self._id, "model": self._call.model}
        whole["results"] = [self._result(one) for one in self._ranked]
        if self._usage is not None:
            tokens = self._usage.prompt_tokens
            meta["tokens"] = {"input_tokens": tokens}
            whole["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return orjson.dumps({**whole, "meta": meta})

    def _result(self, one: Ranked) -> dict[str, Any]:
        result: dict[str, Any] = {"index": one.index, "relevance_score": one.score}
        if self._call.return_documents:
            document = one.document
            if not document and 0 <= one.index < len(self._call.documents):
                sent = self._call.documents[one.index]
                document = {"text": sent} if isinstance(sent, str) else sent
            result["document"] = document
        return result


RERANK = Rerank()
