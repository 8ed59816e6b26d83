"""Gemini's grounding metadata and the hub's citations, both ways.

The rule: Gemini counts bytes of UTF-8, the hub counts characters.
Source: https://ai.google.dev/api/generate-content#GroundingMetadata
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.deltas import CitationDelta


def citations(grounding: Mapping[str, Any], text: str, choice: int) -> list[CitationDelta]:
    """One citation for each source of each passage; for each source where no passage is named."""
    raw = text.encode("utf-8", "surrogatepass")
    sources = [_source(one) for one in grounding.get("groundingChunks") or ()]
    found: list[CitationDelta] = []
    for support in grounding.get("groundingSupports") or ():
        segment = support.get("segment") or {}
        begin, end = segment.get("startIndex") or 0, segment.get("endIndex")
        for at in support.get("groundingChunkIndices") or ():
            if not 0 <= at < len(sources):
                continue
            url, title = sources[at]
            found.append(
                CitationDelta(
                    url=url,
                    title=title,
                    text=segment.get("text") or "",
                    start=None if end is None else _characters(raw, begin),
                    end=None if end is None else _characters(raw, end),
                    choice=choice,
                )
            )
    return found or [CitationDelta(url=url, title=title, choice=choice) for url, title in sources]


def _source(one: Mapping[str, Any]) -> tuple[str, str]:
    inner = one.get("web") or one.get("retrievedContext") or one.get("maps") or {}
    return inner.get("uri") or inner.get("documentName") or "", inner.get("title") or ""


def _characters(raw: bytes, at: int) -> int:
    return len(raw[:at].decode("utf-8", "ignore"))


def grounding_of(cited: Sequence[CitationDelta], text: str) -> dict[str, Any]:
    """Gemini's grounding metadata for what was cited in a text."""
    sources: dict[tuple[str, str], int] = {}
    supports: list[dict[str, Any]] = []
    for one in cited:
        at = sources.setdefault((one.url, one.title), len(sources))
        if one.end is None:
            continue
        begin = one.start or 0
        segment = {
            "startIndex": len(text[:begin].encode("utf-8", "surrogatepass")),
            "endIndex": len(text[: one.end].encode("utf-8", "surrogatepass")),
            "text": one.text or text[begin : one.end],
        }
        supports.append({"segment": segment, "groundingChunkIndices": [at]})
    chunks = [{"web": {"uri": url, "title": title}} for url, title in sources]
    return {"groundingChunks": chunks, "groundingSupports": supports}
