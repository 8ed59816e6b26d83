"""A call that goes on from an earlier response, written out with all that was said before.

The rule: the deployment that gave the earlier response is asked by its id alone, as is one whose id
is not known here; every other one gets the whole conversation, without what only its maker reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.conversation import PREVIOUS, REFERENCE, Conversation, items_of, not_found
from pipelines.deployment import Deployment
from pipelines.dialects.responses.envelope import family_of, unwrap


def resumed(call: Call) -> Mapping[str, Any]:
    """The body with all that was said before it. Raises BadCall where that is not known."""
    body, told = call.json, call.conversation
    if not body.get(PREVIOUS):
        return _whole(body, (), told) if told is not None and told.referred else body
    if told is None or told.earlier is None:
        raise not_found(body[PREVIOUS])
    return _whole(body, told.earlier, told)


def resumed_at(call: Call, deployment: Deployment) -> Call:
    """The call for a provider that speaks the Responses API itself."""
    told = call.conversation
    if told is None:
        return call
    knows = told.earlier is None or told.knower == deployment.id
    if knows and not told.referred:
        return call
    family = family_of(deployment.provider.title)
    previous = call.json.get(PREVIOUS) if knows else None
    body = _whole(call.json, () if knows else _portable(told.earlier or (), family), told, family)
    if previous:
        body[PREVIOUS] = previous
    return call.rewritten(orjson.dumps(body))


def _whole(
    body: Mapping[str, Any],
    earlier: Iterable[dict[str, Any]],
    told: Conversation,
    family: str | None = None,
) -> dict[str, Any]:
    rest = {key: value for key, value in body.items() if key != PREVIOUS}
    own: list[dict[str, Any]] = []
    for one in items_of(body["input"]):
        known = told.referred.get(one.get("id") or "") if _refers(one) else None
        if known is None:
            own.append(one)
        elif family is None:
            own.append(known)
        else:
            own += _portable([known], family)
    return {**rest, "input": [*earlier, *own]}


def _refers(one: object) -> bool:
    return isinstance(one, Mapping) and one.get("type") == REFERENCE


def _portable(items: Iterable[dict[str, Any]], family: str) -> Iterator[dict[str, Any]]:
    for one in items:
        item = {key: value for key, value in one.items() if key not in ("id", "status")}
        if one.get("type") == "reasoning":
            theirs, signature, data = unwrap(str(one.get("encrypted_content") or ""))
            if theirs != family or signature or not data:
                continue
            item["encrypted_content"] = data
        yield item
