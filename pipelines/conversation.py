"""Responses that are kept, so that a later call can go on from them.

The rule: a response is kept with its own input and the id of the one before it; what a whole
conversation said is found by walking back, and nothing is kept twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.errors import BadCall, GatewayError

PREVIOUS = "previous_response_id"
REFERENCE = "item_reference"
MAX_TURNS = 1_000

_PREFIXES = MappingProxyType(
    {"message": "msg", "function_call": "fc", "reasoning": "rs", "custom_tool_call": "ctc"}
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One response as it is kept. `owner` is the digest of the caller it belongs to, `input` a JSON
    list of its own items, `response` the JSON document; `maker` is the deployment that gave it and
    keeps it too, so that it knows the id by itself."""

    id: str
    owner: str
    previous: str
    maker: str
    input: bytes
    response: bytes

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return len(self.input) + len(self.response) + len(self.id) + len(self.previous) + 200


class Conversation:
    """What the gateway knows beyond a call of the Responses API, and what is heard of its reply.

    `earlier` holds the items before the call's own (None: not known here), `referred` those of the
    gateway's own that it names by their ids; `knower` is the
    deployment that knows `previous_response_id` by itself; `keeps` says that this reply will be
    kept, under `id` where the provider gives none. Whoever reads the reply sets `final` once it is
    whole, with its `maker`, and `fails`, which writes the event that ends it where it breaks.
    `size` is how many bytes the turns before have, as far as they are known here.
    """

    __slots__ = ("earlier", "fails", "final", "id", "keeps", "knower", "maker", "referred", "size")

    def __init__(self, id: str, keeps: bool) -> None:
        self.id = id
        self.keeps = keeps
        self.earlier: list[dict[str, Any]] | None = None
        self.referred: dict[str, dict[str, Any]] = {}
        self.knower = ""
        self.maker = ""
        self.size = 0
        self.final: Mapping[str, Any] | None = None
        self.fails: Callable[[GatewayError], bytes] | None = None


def items_of(value: object) -> list[dict[str, Any]]:
    """The items of an `input`, which may be words alone."""
    if isinstance(value, str):
        words = {"type": "input_text", "text": value}
        return [{"type": "message", "role": "user", "content": [words]}]
    return list(value) if isinstance(value, list) else []


async def turns_to(
    kept: Kept, get: Callable[[str], Awaitable[Kept | None]]
) -> tuple[list[Kept], bool]:
    """All responses from the first to this one, and whether none between them is gone."""
    turns, before = [kept], kept.previous
    while before and len(turns) < MAX_TURNS:
        found = await get(before)
        if found is None or found.owner != kept.owner:
            break
        turns.append(found)
        before = found.previous
    return turns[::-1], not before


def input_of(turns: Sequence[Kept]) -> list[dict[str, Any]]:
    """The items from which the last of these responses was made, each with an id."""
    items: list[dict[str, Any]] = []
    for kept in turns:
        said = orjson.loads(kept.input)
        items += [_named(one, f"{kept.id[5:]}_i{at}") for at, one in enumerate(said)]
        if kept is not turns[-1]:
            items += output_of(kept)
    return items


def output_of(kept: Kept) -> list[dict[str, Any]]:
    """The items that a response said."""
    return list(orjson.loads(kept.response).get("output") or ())


def said_in(turns: Iterable[Kept]) -> list[dict[str, Any]]:
    """All items of these responses: the input and the output of each."""
    return [one for kept in turns for one in (*orjson.loads(kept.input), *output_of(kept))]


def references_in(value: object) -> Iterator[tuple[str, str]]:
    """The ids by which an `input` names earlier items of the gateway's own, each with the id of the
    response that said it."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping) and one.get("type") == REFERENCE:
            id = str(one.get("id"))
            response = id.partition("_")[2].rpartition("_")[0]
            if response:
                yield id, f"resp_{response}"


def _named(one: dict[str, Any], id: str) -> dict[str, Any]:
    kind = one.get("type") or "message"
    item = {"type": kind, **one}
    item["id"] = one.get("id") or f"{_PREFIXES.get(kind, 'item')}_{id}"
    if kind == "message" and isinstance(one.get("content"), str):
        form = "output_text" if one.get("role") == "assistant" else "input_text"
        item["content"] = [{"type": form, "text": one["content"]}]
    return item


def not_found(id: object) -> BadCall:
    """The error for an earlier response that is not known, in OpenAI's words."""
    error = BadCall(f"Previous response with id {str(id)[:200]!r} not found.", PREVIOUS)
    error.code = "previous_response_not_found"
    return error
