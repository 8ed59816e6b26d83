"""Reads the callbacks that a key or a team has of its own.

The rule: they are written by those who may make keys, so that no variable of the gateway is read
for them, no credential of its own is used, and they go to hosts that the operator allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import orjson

from proxy.config.callbacks import ALWAYS, Callback, CallbackSettings, canonical, host_of, quieted
from proxy.config.sinks import KINDS, Bucket, Sink
from proxy.config.tracing import NotUsable, Receiver

MOST = 8
# So many calls wait at most for one receiver of a key or a team.
WAITING = 500

_MARK = "os.environ/"
_AMAZON = ".amazonaws.com"


@dataclass(frozen=True, slots=True)
class Own:
    """A callback of a key or a team; equal ones have the same `id`, which tells no secret."""

    id: str
    callback: Callback


def own_callbacks(
    metadata: Mapping[str, Any], settings: CallbackSettings
) -> tuple[list[Own], list[str]]:
    """The callbacks in the metadata of a key or a team, and why others are left out."""
    found: list[Own] = []
    problems: list[str] = []
    for name, successes, failures, given in _entries(metadata):
        if name in ALWAYS:
            continue
        try:
            sink = _sink(name, given, settings)
        except NotUsable as error:
            problems.append(f"{name[:40]}: {error}")
            continue
        callback = Callback(canonical(name), sink, successes, failures)
        found.append(Own(_id(name, successes, failures, given), callback))
    return found[:MOST], problems


def merged(*several: list[Own]) -> tuple[Own, ...]:
    """The callbacks of all of them; of two of one name the first one is taken."""
    found: dict[str, Own] = {}
    for one in chain.from_iterable(several):
        found.setdefault(one.callback.name, one)
    return tuple(found.values())


def _entries(metadata: Mapping[str, Any]) -> Iterator[tuple[str, bool, bool, Mapping[str, Any]]]:
    listed = metadata.get("logging")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("callback_name"), str):
            kind = one.get("callback_type") or "success_and_failure"
            yield one["callback_name"], kind != "failure", kind != "success", _vars(one)
    settings = metadata.get("callback_settings")
    if isinstance(settings, Mapping):
        well, badly = (_names(settings.get(f"{one}_callback")) for one in ("success", "failure"))
        for name in dict.fromkeys((*well, *badly)):
            yield name, name in well, name in badly, _vars(settings)


def _vars(one: Mapping[str, Any]) -> Mapping[str, Any]:
    given = one.get("callback_vars")
    return given if isinstance(given, Mapping) else {}


def _names(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _sink(name: str, given: Mapping[str, Any], settings: CallbackSettings) -> Sink:
    make = KINDS.get(name)
    if make is None:
        raise NotUsable("is not known here")
    if any(isinstance(value, str) and _MARK in value for value in given.values()):
        raise NotUsable("a variable of the gateway cannot be named here; give the value itself")
    sink = make(settings.places, given)
    host = host_of(sink)
    amazon = isinstance(sink, Bucket) and not sink.endpoint and host.endswith(_AMAZON)
    if host not in settings.hosts and not amazon:
        raise NotUsable(
            f"{host[:100]!r} is not among headgate_settings.callback_hosts, where the callbacks of"
            " keys and teams may be"
        )
    if isinstance(sink, Bucket) and sink.keys is None:
        raise NotUsable("s3_aws_access_key_id and s3_aws_secret_access_key are not set")
    if isinstance(sink, Receiver):
        sink = replace(sink, most=min(sink.most, WAITING))
    off = str(given.get("turn_off_message_logging", "")).strip().lower() == "true"
    return quieted(sink) if off else sink


def _id(name: str, successes: bool, failures: bool, given: Mapping[str, Any]) -> str:
    text = orjson.dumps(
        [name, successes, failures, dict(given)],
        default=str,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
    )
    return hashlib.sha256(text).hexdigest()
