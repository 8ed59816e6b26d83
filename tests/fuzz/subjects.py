"""What is fuzzed: the readers of providers, the parsers of clients, and the gauges between.

The rule: a subject is found through the registry, so that a new dialect is fuzzed from its first
day; its seeds are the recordings of its format, or a line written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.base import Dialect, Gauge
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.dialects.shape import MISSHAPEN, misshapen
from pipelines.errors import GatewayError, Unsupported
from pipelines.events import Media
from pipelines.operations import OPERATIONS, Operation
from pipelines.registry import DIALECTS
from tests.builders import a_deployment
from tests.fakes.recordings import Recording, recordings
from tests.fuzz.mutate import mutated_bytes, mutated_messages, mutated_tree, pieces
from tests.fuzz.wires import aws_message, decoded, encoded, text

LONGEST_SEED = 200_000
ENDLESS = 10 * 1024 * 1024
MEDIA = (Media.SSE, Media.NDJSON, Media.AWS)
SEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai-chat": ("chat",),
        "openai-completions": ("completions",),
        "openai-responses": ("responses",),
        "anthropic-messages": ("messages", "vertex-anthropic"),
        "gemini-generate": ("generateContent",),
        "bedrock-converse": ("converse",),
        "cohere-chat": ("cohere-v2",),
        "ollama-chat": ("ollama-chat",),
        "ollama-generate": ("ollama-generate",),
        "openai-moderations": ("moderations",),
    }
)
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"embeddings": ("embeddings",), "rerank": ("rerank",), "moderation": ("moderations",)}
)
BODIES: Mapping[str, bytes] = MappingProxyType(
    {
        "chat": b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
        "completions": b'{"model":"m","prompt":"hi","stop":["x"],"logprobs":1}',
        "embeddings": b'{"model":"m","input":["a","b"],"dimensions":4}',
        "rerank": b'{"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1}',
        "moderations": b'{"model":"m","input":["a"]}',
        "messages": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
        "responses": b'{"model":"m","input":[{"role":"user","content":"hi"}]}',
        "generate": b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
    }
)
ANY_BODY = (
    b'{"model":"m","messages":[{"role":"user","content":"hi"}],"prompt":"hi","input":"hi",'
    b'"contents":[],"query":"q","documents":["a"],"max_tokens":9}'
)
ANY_REPLY = b'{"id":"x","choices":[],"content":[],"data":[],"results":[],"output":[],"done":true}'


@dataclass(frozen=True, slots=True)
class Seed:
    """Something good to begin from; `media` is its framing, `step` the size of each read where
    chance does not cut it."""

    raw: bytes
    media: Media
    step: int = 0

    def pieces(self, chance: Random) -> list[bytes]:
        """The reads in which it comes."""
        if not self.step:
            return pieces(self.raw, chance)
        return [self.raw[at : at + self.step] for at in range(0, len(self.raw), self.step)]


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is fed; `feed` raises whatever comes out of it."""

    name: str
    seeds: Sequence[Seed]
    feed: Callable[[Seed, Random], None]

    def endless(self) -> Iterator[Seed]:
        """For every framing of its seeds, a message that never ends, in many small reads."""
        for media in {one.media for one in self.seeds if one.media is not Media.JSON}:
            if not self.name.startswith("client/"):
                head = b"" if media is Media.AWS else b'data: {"text":"'
                yield Seed(head + b"x" * ENDLESS, media, 4096)

    def input(self, chance: Random) -> Seed:
        """A seed with some faults."""
        seed = chance.choice(self.seeds)
        if chance.random() < 0.6:
            seed = Seed(_said_otherwise(seed, chance), seed.media)
        if chance.random() < 0.4:
            raw = seed.raw
            for _ in range(chance.randint(1, 3)):
                raw = mutated_bytes(raw, chance)
            seed = Seed(raw, seed.media)
        return seed


def _said_otherwise(seed: Seed, chance: Random) -> bytes:
    times = chance.randint(1, 4)
    if seed.media is Media.JSON:
        try:
            value = orjson.loads(seed.raw)
        except orjson.JSONDecodeError:
            return mutated_bytes(seed.raw, chance)
        for _ in range(times):
            value = mutated_tree(value, chance)
        return text(value)
    messages = decoded(seed.raw, seed.media)
    for _ in range(times):
        messages = mutated_messages(messages, chance)
    return encoded(messages, seed.media, chance.choice((b"\n", b"\n", b"\r\n", b"\r")))


def subjects() -> dict[str, Subject]:
    """Every subject by its name: `reader/…`, `client/…`, `gauge/…`."""
    heard = list(recordings())
    found = [one for dialect in DIALECTS.values() for one in _of(dialect, heard)]
    return {one.name: one for one in found}


def _of(dialect: Dialect, heard: Sequence[Recording]) -> Iterator[Subject]:
    replies = list(_replies(dialect, heard)) or [Seed(ANY_REPLY, Media.JSON)]
    writers = [one for one in _operations(dialect.kind) if _writes(DIALECTS[one.dialect])]
    if writers and _reads(dialect):
        yield Subject(f"reader/{dialect.name}", replies, Reading(dialect, writers))
    mine = [one for one in OPERATIONS if one.dialect == dialect.name]
    if mine:
        calls = [Seed(BODIES.get(one.name, ANY_BODY), Media.JSON) for one in mine]
        calls += list(_requests(dialect, heard))
        yield Subject(f"client/{dialect.name}", calls, Parsing(dialect, mine[0]))
        yield Subject(f"gauge/{dialect.name}", replies, Gauging(dialect, mine[0]))


def _operations(kind: str) -> list[Operation]:
    return [one for one in OPERATIONS if DIALECTS[one.dialect].kind == kind]


def _reads(dialect: Dialect) -> bool:
    try:
        dialect.interpreter("Acme")
    except Unsupported:
        return False
    return True


def _writes(dialect: Dialect) -> bool:
    mine = next(one for one in OPERATIONS if one.dialect == dialect.name)
    try:
        dialect.writer(a_call(mine, False), "1")
    except Unsupported:
        return False
    return True


def _fits(dialect: Dialect, one: Recording) -> bool:
    return one.endpoint in SEEDS.get(dialect.name, KINDS.get(dialect.kind, ()))


def _replies(dialect: Dialect, heard: Sequence[Recording]) -> Iterator[Seed]:
    for one in heard:
        if not _fits(dialect, one) or len(one.whole) > LONGEST_SEED:
            continue
        media = next((kind for kind in MEDIA if one.content_type.startswith(kind.value)), None)
        if media is Media.NDJSON and dialect.media is Media.AWS:
            pairs = [next(iter(orjson.loads(line).items())) for line in one.whole.splitlines()]
            raw = b"".join(aws_message(name, value) for name, value in pairs)
            yield Seed(raw, Media.AWS)
        else:
            yield Seed(one.whole, media or Media.JSON)


def _requests(dialect: Dialect, heard: Sequence[Recording]) -> Iterator[Seed]:
    for one in heard:
        if _fits(dialect, one) and one.request is not None:
            raw = orjson.dumps(one.request)
            if len(raw) <= LONGEST_SEED:
                yield Seed(raw, Media.JSON)


def a_call(operation: Operation, streaming: bool) -> Call:
    """A good call of an operation."""
    body = orjson.loads(BODIES.get(operation.name, ANY_BODY))
    if operation.streams in ("asked", "unless"):
        body["stream"] = streaming
    call = Call(operation, orjson.dumps(body), [], path_model="m")
    call.path_streams = streaming
    return call


class Reading:
    """A provider's reply on its way to a client of any dialect of its kind."""

    def __init__(self, dialect: Dialect, operations: Sequence[Operation]) -> None:
        self._dialect = dialect
        self._operations = operations

    def __call__(self, seed: Seed, chance: Random) -> None:
        operation = chance.choice(self._operations)
        call = a_call(operation, operation.streams != "never" and chance.random() < 0.7)
        writer = DIALECTS[operation.dialect].writer(call, "1")
        streams = seed.media is not Media.JSON
        frames = self._dialect.frames(seed.media) if streams else None
        bridge = Bridge("Acme", self._dialect.interpreter("Acme"), frames, writer, 7)
        _watch(bridge, seed, chance)


class Gauging:
    """A reply that passes in its own dialect."""

    def __init__(self, dialect: Dialect, operation: Operation) -> None:
        self._dialect = dialect
        self._operation = operation
        self._deployment = a_deployment()

    def __call__(self, seed: Seed, chance: Random) -> None:
        streams = seed.media is not Media.JSON
        gauge = self._dialect.gauge(a_call(self._operation, streams), self._deployment)
        _watch(gauge, seed, chance)


class Parsing:
    """A client's call on its way to a provider of any dialect of its kind."""

    def __init__(self, dialect: Dialect, operation: Operation) -> None:
        self._dialect = dialect
        self._operation = operation
        self._deployment: Deployment = a_deployment(drop_params=True)
        self._targets = [one for one in DIALECTS.values() if one.kind == dialect.kind]

    def __call__(self, seed: Seed, chance: Random) -> None:
        call = Call(self._operation, seed.raw, [], path_model=chance.choice((None, "m")))
        call.path_streams = chance.random() < 0.5
        target = chance.choice(self._targets)
        if target is self._dialect:
            target.forward(call, self._deployment)
            return
        losses = Losses("Acme", drop_params=True)
        try:
            # As in the stage `translate`.
            meaning = self._dialect.parse(call)
            orjson.dumps(target.render(meaning, self._deployment, losses))
        except MISSHAPEN as error:
            raise misshapen(error) from error
        self._dialect.writer(call, "1")


def _watch(gauge: Gauge, seed: Seed, chance: Random) -> None:
    try:
        for one in seed.pieces(chance):
            gauge.watch(one)
            if gauge.fault is not None:
                break
        else:
            gauge.close()
    except GatewayError:
        # What was consumed until then is asked for all the same.
        gauge.usage  # noqa: B018
        raise
    gauge.usage  # noqa: B018
