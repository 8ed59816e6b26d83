"""Turns the plain data of all sections into Settings.

The rule: one wrong part does not hide the problems of the others; what can be built is built, so
that `headgate check` can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pipelines.pricing.load import load_prices
from pipelines.pricing.table import PriceBook
from pipelines.routing.routes import Routes, captured, is_pattern
from proxy.config import choices
from proxy.config.alerting import alerting
from proxy.config.caching import caching
from proxy.config.callbacks import callbacks
from proxy.config.callers import identity
from proxy.config.deployments import ANY, Builder
from proxy.config.facts import Usual
from proxy.config.failover import cooldowns
from proxy.config.fallbacks import Alternatives
from proxy.config.metering import metering
from proxy.config.new_keys import new_keys
from proxy.config.parts import Parts
from proxy.config.probing import probing
from proxy.config.providers import Catalog
from proxy.config.references import Reading
from proxy.config.rotation import rotation
from proxy.config.routing import choosing
from proxy.config.schema import (
    GeneralSettings,
    HeadgateSettings,
    LitellmSettings,
    RouterSettings,
    Section,
    Top,
)
from proxy.config.settings import Settings
from proxy.config.sharing import shared_redis
from proxy.config.spending import enforces_rates, spending
from proxy.config.storage import storage
from proxy.config.texts import texts
from proxy.config.validate import validate

S = TypeVar("S", bound=Section)


def build(
    source: str, data: Mapping[str, Any], catalog: Catalog, ollama_up: bool, reading: Reading
) -> Settings:
    """The settings of these sections, with all problems that were found."""
    top = validate(Top, data, (), reading.problems) or Top()
    parts = Parts(
        router=_section(RouterSettings, "router_settings", top, reading),
        litellm=_section(LitellmSettings, "litellm_settings", top, reading),
        general=_section(GeneralSettings, "general_settings", top, reading),
        own=_section(HeadgateSettings, "headgate_settings", top, reading),
    )
    drop_params = parts.litellm.drop_params is True
    usual = Usual(
        parallel=parts.router.default_max_parallel_requests,
        continues=parts.router.enable_mid_stream_fallback_continuation is True,
        hedges=parts.own.hedge is True,
    )
    builder = Builder(catalog, reading.references, reading.problems, drop_params, usual)
    builder.enforces_rates = enforces_rates(parts)
    builder.book = book = PriceBook(load_prices)
    # What is named wins over what `*` stands for, wherever it is written.
    for index, entry in sorted(enumerate(top.model_list or ()), key=lambda one: _is_any(one[1])):
        builder.add(index, entry)
    if parts.own.providers_from_environment:
        builder.add_from_environment(ollama_up)
    if not builder.deployments and not reading.problems.failed:
        reading.problems.error(("model_list",), "there is no model that can be served")
    settings = replace(_settings(source, parts, builder, reading), book=book, usual=usual)
    settings = replace(settings, callbacks=callbacks(parts, top.callback_settings, reading))
    reading.tell_unset()
    return replace(settings, problems=reading.problems.found())


def _section(section: type[S], name: str, top: Top, reading: Reading) -> S:
    return validate(section, getattr(top, name), (name,), reading.problems) or section()


def _settings(source: str, parts: Parts, builder: Builder, reading: Reading) -> Settings:
    own, general = parts.own, parts.general
    alternatives = Alternatives(reading.problems)
    aliases = alternatives.aliases(parts.router)
    fallbacks = alternatives.fallbacks(parts.router, parts.litellm, choices.depth(parts, reading))
    routes = Routes(builder.deployments, aliases.groups, fallbacks, aliases.hidden)
    alternatives.doubt(lambda name: bool(routes.find(name)) or _covers(builder.names, name))
    default = Settings(source=source, routes=routes)
    stored = storage(parts, reading)
    cached = caching(parts, reading, stored.redis)
    return replace(
        default,
        aliases=aliases.groups,
        policy=choices.policy(parts, reading),
        cooldowns=cooldowns(parts, reading.problems),
        choosing=choosing(parts, reading.problems),
        stages=choices.stages(parts, reading.problems),
        master_key=choices.master_key(general, reading),
        permit_weak_key=bool(general.dangerously_permit_weak_or_unset_master_key),
        key_header=general.litellm_key_header_name,
        max_body_bytes=choices.max_body_bytes(own, general),
        connect_timeout=own.connect_timeout or default.connect_timeout,
        keep_alive=own.keep_alive or default.keep_alive,
        ping_interval=default.ping_interval if own.ping_interval is None else own.ping_interval,
        drain_timeout=default.drain_timeout if own.drain_timeout is None else own.drain_timeout,
        ssl_verify=choices.ssl_verify(parts.litellm, reading),
        log_format=own.log_format or ("json" if parts.litellm.json_logs else "auto"),
        log_level=choices.log_level(parts, reading),
        discover_models=own.discover_models is not False,
        drop_params=parts.litellm.drop_params is True,
        enforces_rates=builder.enforces_rates,
        environment=reading.env,
        key_hints=builder.key_hints,
        secrets=reading.references.vault,
        identity=identity(parts, builder.access_groups, reading),
        storage=stored,
        caching=cached,
        probing=probing(parts),
        shared_redis=shared_redis(reading, stored.redis, cached.redis),
        budgets=spending(parts, reading),
        prices_url=own.prices_url,
        rotation=rotation(parts, reading),
        new_keys=new_keys(parts, reading),
        metering=metering(parts, reading, stored),
        alerting=alerting(parts, reading),
        texts=texts(parts, reading),
    )


def _is_any(entry: object) -> bool:
    return isinstance(entry, Mapping) and entry.get("model_name") == ANY


def _covers(patterns: Iterable[str], name: str) -> bool:
    return any(
        name == one or (is_pattern(one) and captured(one, name) is not None) for one in patterns
    )
