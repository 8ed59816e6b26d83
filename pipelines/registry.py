"""The parts that a configuration may name: stages, dialects, providers and strategies.

The rule: what ships with the gateway travels the same road as a plugin, and a plugin is read only
if the configuration names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from random import Random, SystemRandom
from types import MappingProxyType
from typing import Any

from pipelines.dialects.anthropic.count import ANTHROPIC_COUNT
from pipelines.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from pipelines.dialects.base import Dialect
from pipelines.dialects.bedrock.dialect import BEDROCK_CONVERSE
from pipelines.dialects.claude_on_vertex import CLAUDE_ON_VERTEX
from pipelines.dialects.cohere.dialect import COHERE_CHAT
from pipelines.dialects.embeddings.bedrock import BEDROCK_EMBEDDINGS
from pipelines.dialects.embeddings.cohere import COHERE_EMBEDDINGS
from pipelines.dialects.embeddings.gemini import GEMINI_EMBEDDINGS
from pipelines.dialects.embeddings.gemini_clients import GEMINI_EMBED, GEMINI_EMBED_BATCH
from pipelines.dialects.embeddings.ollama import OLLAMA_EMBED, OLLAMA_EMBEDDINGS
from pipelines.dialects.embeddings.vertex import VERTEX_EMBEDDINGS
from pipelines.dialects.embeddings.voyage import JINA_EMBEDDINGS, VOYAGE_EMBEDDINGS
from pipelines.dialects.gemini.array import GEMINI_ARRAY
from pipelines.dialects.gemini.count import GEMINI_COUNT
from pipelines.dialects.gemini.dialect import GEMINI_GENERATE
from pipelines.dialects.moderations.mistral import MISTRAL_MODERATIONS
from pipelines.dialects.ollama.dialect import OLLAMA_CHAT, OLLAMA_GENERATE
from pipelines.dialects.openai_dialects import (
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OPENAI_MODERATIONS,
)
from pipelines.dialects.rerank.bedrock import BEDROCK_RERANK
from pipelines.dialects.rerank.clients import RERANK
from pipelines.dialects.rerank.providers import COHERE_RERANK, VOYAGE_RERANK
from pipelines.dialects.responses.dialect import OPENAI_RESPONSES
from pipelines.errors import ChainOrder
from pipelines.keys import LITELLM_HEADER
from pipelines.mirrors import Mirrors
from pipelines.ports import Ports
from pipelines.routing.choice import Chooser
from pipelines.routing.filters import View
from pipelines.routing.strategies import (
    BUILT_IN_STRATEGIES,
    Means,
    SimpleShuffle,
    StrategyFactory,
)
from pipelines.routing.tries import Rules
from pipelines.stage import Stage
from pipelines.stages.auth import Auth
from pipelines.stages.budget import Budget
from pipelines.stages.cache import Cache
from pipelines.stages.conversation import Conversations
from pipelines.stages.log import Log
from pipelines.stages.route import Route
from pipelines.stages.stream import Stream
from pipelines.stages.translate import Translate

STAGE_GROUP = "pipelines.stages"
STRATEGY_GROUP = "pipelines.routing"

StageFactory = Callable[[Mapping[str, object], Ports], Stage]


def _auth(settings: Mapping[str, object], ports: Ports) -> Stage:
    header = settings.get("key_header")
    name = str(header).lower().encode() if header else LITELLM_HEADER
    return Auth(ports.keys, name, ports.users, ports.parties, ports.addresses)


def _conversation(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Conversations(ports.responses, SystemRandom())


def _budget(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Budget(ports.ledger, ports.budgets, ports.clock, ports.prompt_bound)


def _cache(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Cache(
        ports.caching, ports.recordings, ports.clock, ports.dialects, ports.replies, ports.spawner
    )


def _route(settings: Mapping[str, object], ports: Ports) -> Stage:
    random = Random()
    view = View(ports.health, ports.traffic, ports.checks, ports.affinity)
    strategy = ports.strategy or SimpleShuffle(Means(ports.traffic, random))
    chooser = Chooser(view, strategy, ports.clock, ports.retry_budget)
    rules, spawner = Rules(ports.routes, ports.policy, random), ports.spawner
    if spawner is None:
        return Route(rules, chooser)
    around = (_log({}, ports), _budget({}, ports))
    mirrors = Mirrors(spawner.spawn, ports.clock, random.random, around)
    return Route(rules, chooser, spawner, mirrors)


def _translate(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Translate(ports.dialects, ports.policy, ports.thoughts)


def _stream(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Stream(ports.transport, ports.dialects)


def _log(settings: Mapping[str, object], ports: Ports) -> Stage:
    return Log(ports.journal, ports.clock, ports.beginnings, ports.texts)


BUILT_IN_STAGES: tuple[tuple[str, StageFactory], ...] = (
    ("auth", _auth),
    ("conversation", _conversation),
    ("budget", _budget),
    ("cache", _cache),
    ("route", _route),
    ("translate", _translate),
    ("stream", _stream),
    ("log", _log),
)

DEFAULT_STAGES = tuple(name for name, _ in BUILT_IN_STAGES)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            OPENAI_CHAT,
            OPENAI_COMPLETIONS,
            OPENAI_EMBEDDINGS,
            ANTHROPIC_MESSAGES,
            ANTHROPIC_COUNT,
            GEMINI_GENERATE,
            GEMINI_ARRAY,
            GEMINI_COUNT,
            GEMINI_EMBED,
            GEMINI_EMBED_BATCH,
            COHERE_CHAT,
            BEDROCK_CONVERSE,
            CLAUDE_ON_VERTEX,
            BEDROCK_EMBEDDINGS,
            COHERE_EMBEDDINGS,
            GEMINI_EMBEDDINGS,
            VERTEX_EMBEDDINGS,
            OLLAMA_CHAT,
            OLLAMA_GENERATE,
            OLLAMA_EMBED,
            OLLAMA_EMBEDDINGS,
            VOYAGE_EMBEDDINGS,
            JINA_EMBEDDINGS,
            RERANK,
            COHERE_RERANK,
            VOYAGE_RERANK,
            BEDROCK_RERANK,
            OPENAI_MODERATIONS,
            MISTRAL_MODERATIONS,
            OPENAI_RESPONSES,
        )
    }
)


def stage_factory(name: str) -> StageFactory:
    """The factory of a stage by its name: built in, else an installed package's entry point.

    Raises ChainOrder where nobody offers the name, or the plugin cannot be loaded.
    """
    built_in = dict(BUILT_IN_STAGES)
    if name in built_in:
        return built_in[name]
    for point in entry_points(group=STAGE_GROUP):
        if point.name == name:
            factory: StageFactory = _loaded(point, "stage")
            return factory
    raise ChainOrder(
        f"stage {name!r} is unknown; built in are {', '.join(built_in)}, and no installed package "
        f"offers it under the entry point {STAGE_GROUP!r}"
    )


def strategy_factory(name: str) -> StrategyFactory:
    """The factory of a routing strategy by its name: built in, else an installed package's entry
    point.

    Raises ChainOrder where nobody offers the name, or the plugin cannot be loaded.
    """
    built_in = dict(BUILT_IN_STRATEGIES)
    if name in built_in:
        return built_in[name]
    for point in entry_points(group=STRATEGY_GROUP):
        if point.name == name:
            factory: StrategyFactory = _loaded(point, "routing strategy")
            return factory
    raise ChainOrder(
        f"routing strategy {name!r} is unknown; built in are {', '.join(built_in)}, and no "
        f"installed package offers it under the entry point {STRATEGY_GROUP!r}"
    )


def _loaded(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ChainOrder(
            f"{kind} {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from None
