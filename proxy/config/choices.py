"""Decides the settings that several keys or variables have a say in.

The rule: our own key wins over LiteLLM's, `router_settings` over `litellm_settings`, the file over
the environment (HEADGATE_LOG excepted, which is for one run), and those over the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic_core import PydanticCustomError

from pipelines.assembly import StageSpec
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.hedging import Hedging
from pipelines.routing.policy import RoutePolicy
from proxy.config.environment import first_set
from proxy.config.failover import with_retries
from proxy.config.fields import read_count, read_level, read_verify
from proxy.config.masking import HiddenValues, plain, show
from proxy.config.parts import Parts
from proxy.config.problems import Problems, Trail
from proxy.config.references import Reading
from proxy.config.schema import (
    GeneralSettings,
    HeadgateSettings,
    LitellmSettings,
)
from proxy.config.settings import MAX_BODY_BYTES, weakness
from proxy.config.tracing import hands_on_traces

AUTH = "auth"
MOST_FALLBACKS = 5
MEBIBYTE = 1_048_576
MASTER_KEYS = ("HEADGATE_MASTER_KEY", "LITELLM_MASTER_KEY")
MASTER_KEY: Trail = ("general_settings", "master_key")

T = TypeVar("T")


def policy(parts: Parts, reading: Reading) -> RoutePolicy:
    """How often and how long to try."""
    default = RoutePolicy()
    router, own = parts.router, parts.own
    retries = first(
        router.num_retries,
        parts.litellm.num_retries,
        _from_environment("DEFAULT_MAX_RETRIES", read_count, reading),
    )
    whole = first(router.timeout, parts.litellm.request_timeout)
    first_byte = first(own.first_byte_timeout, router.stream_timeout, whole)
    found = RoutePolicy(
        num_retries=default.num_retries if retries is None else retries,
        retry_after=router.retry_after or default.retry_after,
        first_byte=first_byte or default.first_byte,
        whole=whole or default.whole,
        idle=own.idle_timeout or default.idle,
        hedging=Hedging(own.hedge_after, whole=own.hedge_whole_replies is True),
        traces=hands_on_traces(parts.litellm),
    )
    return with_retries(found, parts, reading.problems)


def depth(parts: Parts, reading: Reading) -> int:
    """How many other groups one call may visit."""
    wanted = first(
        parts.router.max_fallbacks,
        parts.litellm.max_fallbacks,
        _from_environment("ROUTER_MAX_FALLBACKS", read_count, reading),
    )
    return MOST_FALLBACKS if wanted is None else wanted


def stages(parts: Parts, problems: Problems) -> tuple[StageSpec, ...]:
    """The stages in their order: names, or maps of one name to its settings."""
    found: list[StageSpec] = []
    for index, item in enumerate(parts.own.stages or DEFAULT_STAGES):
        trail: Trail = ("headgate_settings", "stages", index)
        name, settings = item, None
        if isinstance(item, Mapping) and len(item) == 1:
            ((name, settings),) = item.items()
        if not isinstance(name, str) or not isinstance(settings, Mapping | None):
            problems.error(trail, f"expected a name, or {{name: {{settings}}}}, got {show(item)}")
        elif any(spec.name == name for spec in found):
            problems.error(trail, f'the stage "{plain(name)}" is listed twice')
        else:
            found.append(StageSpec(name, HiddenValues(settings or {})))
    return tuple(_with_key_header(spec, parts.general) for spec in found)


def _with_key_header(spec: StageSpec, general: GeneralSettings) -> StageSpec:
    header = general.litellm_key_header_name
    if spec.name != AUTH or header is None:
        return spec
    return StageSpec(spec.name, HiddenValues({"key_header": header, **spec.settings}))


def master_key(general: GeneralSettings, reading: Reading) -> str | None:
    """The key that may do everything; what is wrong with it is told, never the key."""
    unset = reading.references.unset.pop(MASTER_KEY, None)
    trail, key = MASTER_KEY, general.master_key
    if key is None:
        found = first_set(reading.env, MASTER_KEYS)
        trail, key = ((found[0],), found[1]) if found else (MASTER_KEY, None)
    if key is None:
        if unset is not None:
            reading.problems.error(MASTER_KEY, f"{unset}; without it anybody could call")
        return None
    reading.references.vault.keep(key)
    if unset is not None:
        reading.problems.warning(MASTER_KEY, f"{unset}; {trail[0]} is used")
    doubt = weakness(key)
    if doubt is not None and not general.dangerously_permit_weak_or_unset_master_key:
        reading.problems.warning(trail, doubt)
    return key


def max_body_bytes(own: HeadgateSettings, general: GeneralSettings) -> int:
    """The largest body that is taken."""
    megabytes = general.max_request_size_mb
    return own.max_body_bytes or (megabytes * MEBIBYTE if megabytes else MAX_BODY_BYTES)


def ssl_verify(litellm: LitellmSettings, reading: Reading) -> bool | str:
    """Whether providers' certificates are checked, or the file to check them with."""
    trail: Trail = ("litellm_settings", "ssl_verify")
    verify = litellm.ssl_verify
    if verify is None:
        trail = ("SSL_VERIFY",)
        verify = _from_environment("SSL_VERIFY", read_verify, reading)
    if verify is False:
        reading.problems.warning(trail, "the providers' certificates are not checked")
    if isinstance(verify, str) and not Path(verify).exists():
        reading.problems.error(trail, "there is no such file or folder with certificates")
        verify = None
    return True if verify is None else verify


def log_level(parts: Parts, reading: Reading) -> str:
    """How much is logged."""
    verbose = parts.litellm.set_verbose or parts.router.set_verbose
    level = first(
        _from_environment("HEADGATE_LOG", read_level, reading),
        parts.own.log_level,
        _from_environment("LITELLM_LOG", read_level, reading),
        "debug" if verbose else None,
    )
    return level or "info"


def first(*values: T | None) -> T | None:
    """The first value that is given."""
    return next((value for value in values if value is not None), None)


def _from_environment(name: str, read: Callable[[object], T], reading: Reading) -> T | None:
    value = reading.variable(name)
    if value is None:
        return None
    try:
        return read(value)
    except PydanticCustomError as error:
        what = (error.context or {}).get("what")
        reading.problems.warning((name,), f"expected {what}, got {show(value)}; it is not used")
        return None
