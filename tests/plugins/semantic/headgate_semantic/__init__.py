"""An example of a plugin: a cache that knows a question again in other words.

The rule: only the words of the last turn may differ; who asks, the model, the turns before, the
tools and every other field must be the same, and a cache that fails is none.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from operator import mul

from pipelines import (
    CHAT,
    EMBEDDINGS,
    CacheScope,
    Call,
    Data,
    End,
    Event,
    Exchange,
    Flow,
    GatewayError,
    Head,
    Ports,
    Proceed,
    Stage,
    StageFactory,
    StageSpec,
    Usage,
    assemble,
    sharer,
    stage_factory,
)

NAME = "example-semantic-cache"
THRESHOLD = 0.97
MOST = 500
LARGEST = 256 * 1024
NO_MATTER = frozenset({"messages", "user", "metadata"})

Vector = list[float]


class _Given:
    """Stands where auth does, for the plugin's own calls."""

    name = "example-given"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"principal"})

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        return proceed()


class SemanticCache:
    """Answers a chat from the reply to one that means the same; `embedding_model` names a model of
    the configuration, `threshold` how near two questions must be, `most` how many are kept."""

    name = NAME
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    def __init__(self, settings: Mapping[str, object], ports: Ports) -> None:
        self._model = str(settings.get("embedding_model", "text-embedding-3-small"))
        self._threshold = float(str(settings.get("threshold", THRESHOLD)))
        self._most = int(str(settings.get("most", MOST)))
        self._scope = ports.caching.scope
        self._clock = ports.clock
        self._kept: OrderedDict[tuple[str, int], tuple[Vector, list[Event]]] = OrderedDict()
        self._count = 0
        specs = [StageSpec(name) for name in (_Given.name, "route", "translate", "stream")]
        self._embedding = assemble(specs, ports, _found)

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """The flow as it is, for all that is no question in words."""
        question = _question(exchange, self._scope)
        return proceed() if question is None else self._answer(exchange, proceed, *question)

    async def _answer(self, exchange: Exchange, proceed: Proceed, group: str, text: str) -> Flow:
        vector = await self._vector(exchange, text)
        known = None if vector is None else self._nearest(group, vector)
        if known is not None:
            exchange.cache, exchange.cost = "hit", 0
            for event in known:
                yield event
            return
        events: list[Event] = []
        size = 0
        async for event in proceed():
            events.append(event)
            if type(event) is Data:
                size += len(event.raw)
            if size > LARGEST:
                events.clear()
            yield event
        if vector is not None and size <= LARGEST and _is_whole(events):
            self._keep(group, vector, events)

    async def _vector(self, exchange: Exchange, text: str) -> Vector | None:
        raw = json.dumps({"model": self._model, "input": text}).encode()
        call = Call(EMBEDDINGS, raw, [])
        inner = Exchange(f"{exchange.id}-embedding", call, self._clock.monotonic())
        inner.principal = exchange.principal
        body = b""
        try:
            async with self._embedding.run(inner) as flow:
                async for event in flow:
                    if type(event) is Data:
                        body += event.raw
            values = json.loads(body)["data"][0]["embedding"]
            size = sum(map(mul, values, values)) ** 0.5
            return [one / size for one in values]
        except (GatewayError, ValueError, LookupError, TypeError, ZeroDivisionError):
            return None

    def _nearest(self, group: str, vector: Vector) -> list[Event] | None:
        best, found = self._threshold, None
        for key, (other, _) in self._kept.items():
            if key[0] == group and len(other) == len(vector):
                near = sum(map(mul, vector, other))
                if near >= best:
                    best, found = near, key
        if found is None:
            return None
        self._kept.move_to_end(found)
        return self._kept[found][1]

    def _keep(self, group: str, vector: Vector, events: list[Event]) -> None:
        self._count += 1
        # Who is answered from here has consumed nothing.
        self._kept[group, self._count] = (vector, [*events[:-1], End(Usage())])
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _found(name: str) -> StageFactory:
    return _given if name == _Given.name else stage_factory(name)


def _given(settings: Mapping[str, object], ports: Ports) -> Stage:
    return _Given()


def _question(exchange: Exchange, scope: CacheScope) -> tuple[str, str] | None:
    call = exchange.call
    if call.operation is not CHAT:
        return None
    messages = call.json["messages"]
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        return None
    text = last.get("content")
    if not isinstance(text, str) or not text.strip():
        return None
    rest = {name: value for name, value in call.json.items() if name not in NO_MATTER}
    same = [sharer(exchange.principal, scope), messages[:-1], rest]
    return json.dumps(same, sort_keys=True), text


def _is_whole(events: list[Event]) -> bool:
    if not events or type(events[-1]) is not End:
        return False
    head = events[0]
    return type(head) is Head and head.status == 200
