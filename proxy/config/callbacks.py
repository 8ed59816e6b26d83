"""Decides which callbacks there are.

The rule: a callback that is not known or cannot be used is told and left out, and never keeps the
gateway from starting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from proxy.config.alerting import hook_secret
from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Trail
from proxy.config.references import Reading
from proxy.config.sinks import KINDS, Bucket, Hook, Sink
from proxy.config.tracing import NotUsable, Receiver

# What the gateway has anyway, whether it is asked for or not.
ALWAYS = frozenset({"prometheus", "postgres", "postgresql", "database", "cache"})
# Where callbacks of keys and teams may go unless the operator names further hosts.
HOSTS = frozenset(
    {
        "cloud.langfuse.com",
        "us.cloud.langfuse.com",
        "hipaa.cloud.langfuse.com",
        "jp.cloud.langfuse.com",
        "api.smith.langchain.com",
        "eu.api.smith.langchain.com",
    }
)
# The variables that say where a receiver is, and hold no secret.
PLACES = (
    "LANGFUSE_OTEL_HOST",
    "LANGFUSE_HOST",
    "LANGFUSE_BASE_URL",
    "LANGSMITH_BASE_URL",
    "LANGSMITH_ENDPOINT",
    "LANGCHAIN_ENDPOINT",
)
KEYS = ("callbacks", "success_callback", "failure_callback")

_SECTION: Trail = ("litellm_settings",)
_OTLP = "send it OpenTelemetry instead, with the callback otel"


@dataclass(frozen=True, slots=True)
class Callback:
    """A sink for records, of the calls that went well, of the others, or of both; `name` is one of
    otel, langfuse, langsmith, webhook and s3."""

    name: str
    sink: Sink
    successes: bool = True
    failures: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSettings:
    """The callbacks of all calls, and at which hosts those of single keys and teams may be; where
    these name none, variables in `places` do."""

    all: tuple[Callback, ...] = ()
    hosts: frozenset[str] = HOSTS
    places: Mapping[str, str] = field(default_factory=dict)


def callbacks(
    parts: Parts, settings: Mapping[str, Any] | None, reading: Reading
) -> CallbackSettings:
    """The callbacks of a configuration; `settings` is its section `callback_settings`."""
    litellm, more = parts.litellm, settings or {}
    wanted: dict[str, tuple[bool, bool]] = {}
    for key in KEYS:
        for name in _names(getattr(litellm, key), (*_SECTION, key), reading):
            well, badly = wanted.get(name, (False, False))
            wanted[name] = (well or key != "failure_callback", badly or key != "success_callback")
    found: dict[str, Callback] = {}
    for name, (successes, failures) in wanted.items():
        own = more.get(name)
        given = {**_given(parts), **(own if isinstance(own, Mapping) else {})}
        kind = str(given.get("callback_type") or name)
        made = _made(kind, name, given, parts, reading)
        if made is not None:
            found[name] = Callback(canonical(kind), made, successes, failures)
    hosts = {host_of(one.sink) for one in found.values()}
    hosts |= {_host(reading.env[name]) for name in PLACES if name in reading.env}
    named = {one.strip().lower() for one in parts.own.callback_hosts or ()}
    return CallbackSettings(
        all=tuple(found.values()),
        hosts=(HOSTS | hosts | named) - {""},
        places={name: reading.env[name] for name in PLACES if name in reading.env},
    )


def canonical(name: str) -> str:
    """One name for all spellings of a callback's."""
    made = KINDS.get(name)
    return next((one for one, other in KINDS.items() if other is made), name)


def host_of(sink: Sink) -> str:
    """Where the sink is."""
    return _host(sink.base if isinstance(sink, Bucket) else sink.url)


def quieted(sink: Sink) -> Sink:
    """The same, which is told neither prompts nor answers."""
    return replace(sink, telling=False)


def _made(
    kind: str, name: str, given: Mapping[str, Any], parts: Parts, reading: Reading
) -> Sink | None:
    trail: Trail = (*_SECTION, "callbacks")
    make = KINDS.get(kind)
    if make is None:
        reading.problems.warning(trail, _unknown(name))
        return None
    try:
        sink = make(reading.env, given)
    except NotUsable as error:
        reading.problems.warning(trail, f"the callback {name} is left out: {error}")
        return None
    for secret in _secrets(sink):
        reading.references.vault.keep(secret)
    return replace(sink, secret=hook_secret(parts, reading)) if isinstance(sink, Hook) else sink


def _unknown(name: str) -> str:
    if name.startswith("datadog"):
        return f"the callback {name} is left out: {_OTLP} to the Datadog agent's port for OTLP/HTTP"
    if "." in name:
        return (
            f"the callback {show(name)} is left out: no Python of others is run here; write a stage"
        )
    return f"the callback {show(name)} is not known here, and is left out; {_OTLP}, or a webhook"


def _names(given: Any, trail: Trail, reading: Reading) -> Iterator[str]:
    for one in given if isinstance(given, list) else [] if given is None else [given]:
        if not isinstance(one, str) or not one.strip():
            reading.problems.warning(trail, f"expected the name of a callback, got {show(one)}")
        elif one.strip() not in ALWAYS:
            yield one.strip()


def _given(parts: Parts) -> Mapping[str, Any]:
    litellm = parts.litellm
    names = ("public_key", "secret_key", "secret", "host", "default_tags")
    found = {f"langfuse_{name}": getattr(litellm, f"langfuse_{name}") for name in names}
    found["langsmith_batch_size"] = litellm.langsmith_batch_size
    own = {name: value for name, value in found.items() if value is not None}
    return {**own, **(litellm.s3_callback_params or {})}


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "://" in url else f"https://{url}").hostname or "").lower()
    except ValueError:
        return ""


def _secrets(sink: Sink) -> Iterator[str]:
    if isinstance(sink, Bucket):
        if sink.keys is not None:
            yield sink.keys.secret
            yield sink.keys.token
        return
    if isinstance(sink, Hook):
        yield sink.url
    if isinstance(sink, Receiver | Hook):
        yield from (value for name, value in sink.headers.items() if not _is_open(name))


def _is_open(name: str) -> bool:
    return name.lower() in ("langsmith-project", "x-tenant-id", "x-langfuse-ingestion-version")
