"""OpenAI's moderations: what every client speaks.

The rule: a verdict is written with all that its provider said of it.
Source: https://platform.openai.com/docs/api-reference/moderations/create
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import WholeReader
from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.dialects.openai_chat.parse import split_data_url
from pipelines.errors import BadCall, UpstreamFailed
from pipelines.prompt import Image
from pipelines.verdicts import Judged, ModerationCall, Verdict

FAMILY = "openai-moderations"

_UNDERSTOOD = frozenset({"model", "input", "stream"})
_SAID = frozenset({"flagged", "categories", "category_scores"})


def parse(call: Call) -> ModerationCall:
    """What a body means. Raises BadCall."""
    body = call.json
    given = body["input"]
    items = given if isinstance(given, list) else [given]
    if not items:
        raise BadCall("The field 'input' is empty.", "input")
    return ModerationCall(
        model=call.model,
        inputs=[_input(one, f"input[{at}]") for at, one in enumerate(items)],
        family=FAMILY,
        rest={
            key: value
            for key, value in body.items()
            if key not in _UNDERSTOOD and key not in GATEWAY_FIELDS
        },
    )


def _input(one: object, where: str) -> str | Image:
    if isinstance(one, str):
        return one
    if isinstance(one, Mapping):
        if isinstance(one.get("text"), str):
            return str(one["text"])
        shown = one.get("image_url")
        url = shown.get("url") if isinstance(shown, Mapping) else shown
        if isinstance(url, str) and url:
            mime, data = split_data_url(url)
            return Image(data=data, mime=mime) if data else Image(url=url)
    raise BadCall(f"The field '{where}' is neither a text nor a picture.", where)


def render(call: ModerationCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider."""
    if all(isinstance(one, str) for one in call.inputs):
        inputs: list[Any] = list(call.inputs)
    else:
        inputs = [_part(one) for one in call.inputs]
    return {"model": deployment.model, "input": inputs, **call.rest}


def _part(one: str | Image) -> dict[str, Any]:
    if isinstance(one, str):
        return {"type": "text", "text": one}
    url = one.url or f"data:{one.mime or 'image/png'};base64,{one.data}"
    return {"type": "image_url", "image_url": {"url": url}}


class ModerationReader(WholeReader):
    """Reads `results`; a provider that does not say whether something is flagged says it by the
    categories."""

    def document(self, value: dict[str, Any]) -> list[Any]:
        """The verdicts. Raises UpstreamError where it is no answer."""
        found = value.get("results")
        if not isinstance(found, list):
            raise self.no_answer(value)
        judged = Judged(str(value.get("id") or ""), str(value.get("model") or ""))
        return [judged, *(self.verdict(one) for one in found)]

    def verdict(self, one: object) -> Verdict:
        """One entry. Raises UpstreamFailed where it names no categories."""
        said = one if isinstance(one, Mapping) else {}
        categories, scores = said.get("categories"), said.get("category_scores")
        if not isinstance(categories, Mapping):
            raise UpstreamFailed(f"{self.provider} answered with a result without categories.")
        flagged = said.get("flagged")
        return Verdict(
            flagged if isinstance(flagged, bool) else any(map(bool, categories.values())),
            categories,
            scores if isinstance(scores, Mapping) else {},
            {key: value for key, value in said.items() if key not in _SAID},
        )


class ModerationWriter:
    """Collects verdicts and writes them as one document."""

    def __init__(self, call: Call, id: str) -> None:
        self._id = id
        self._model = call.model
        self._results: list[dict[str, Any]] = []

    def write(self, deltas: Sequence[Any]) -> bytes:
        """Nothing yet: the document is written at the end."""
        for one in deltas:
            if type(one) is Judged:
                self._id, self._model = one.id or self._id, one.model or self._model
            elif type(one) is Verdict:
                result = {"flagged": one.flagged, "categories": one.categories}
                self._results.append({**result, "category_scores": one.scores, **one.rest})
        return b""

    def close(self) -> bytes:
        """The document."""
        whole = {"id": self._id, "model": self._model, "results": self._results}
        return orjson.dumps(whole)
