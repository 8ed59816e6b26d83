"""Decides who is told of what goes wrong, and of what.

The rule: LiteLLM's keys and variables; a kind of alert that is not known is told, and a channel
without an address is left out with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Problems, Trail
from proxy.config.references import Reading

THRESHOLD = 300.0
DAY = 86_400.0
SLACK_URL = "SLACK_WEBHOOK_URL"
WEBHOOK_URL = "WEBHOOK_URL"
WEBHOOK_SECRET = "HEADGATE_WEBHOOK_SECRET"
BASE_URL = "PROXY_BASE_URL"

# What is told here of LiteLLM's kinds, and what it has none for.
TOLD = frozenset(
    {
        "budget_alerts",
        "cooldown_deployment",
        "daily_reports",
        "db_exceptions",
        "failed_tracking_spend",
        "key_expiring",
        "key_rotated",
        "llm_requests_hanging",
        "llm_too_slow",
        "outage_alerts",
        "spend_reports",
    }
)
UNTOLD = frozenset(
    {
        "fallback_reports",
        "internal_user_created",
        "internal_user_deleted",
        "internal_user_updated",
        "llm_exceptions",
        "model_deprecation_warnings",
        "new_internal_user_created",
        "new_model_added",
        "new_team_created",
        "new_virtual_key_created",
        "region_outage_alerts",
        "team_deleted",
        "team_updated",
        "virtual_key_deleted",
        "virtual_key_updated",
    }
)
_ARGS = frozenset({"budget_alert_ttl", "outage_alert_ttl"})
_SECTION: Trail = ("general_settings",)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Who is told: addresses for Slack, those of single kinds in `slack_for`, and the webhook's,
    whose bodies are signed where there is a `secret`. `kinds` is what is told, a call is slow after
    `threshold` seconds; a budget is not told again for `budget_quiet` seconds, nor an outage for
    `outage_quiet`. `base_url` is the gateway's own."""

    slack: tuple[str, ...] = field(default=(), repr=False)
    slack_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    webhook: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    kinds: frozenset[str] = TOLD
    threshold: float = THRESHOLD
    budget_quiet: float = DAY
    outage_quiet: float = 600.0
    base_url: str = ""

    @property
    def on(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.kinds and (self.slack or self.slack_for or self.webhook))

    def slack_urls(self, kind: str) -> tuple[str, ...]:
        """Where Slack takes alerts of this kind."""
        return self.slack_for.get(kind, self.slack)


def alerting(parts: Parts, reading: Reading) -> AlertSettings:
    """Who is told of what."""
    general = parts.general
    channels = set(_names(general.alerting, "alerting", reading.problems))
    for name in sorted(channels - {"slack", "webhook"}):
        words = "is no channel here, and is left out; there are slack and webhook"
        reading.problems.warning((*_SECTION, "alerting"), f"{show(name)} {words}")
    args = dict(general.alerting_args or {})
    for name in sorted(set(map(str, args)) - _ARGS):
        reading.problems.note((*_SECTION, "alerting_args", name), "this has no effect here")
    slack, slack_for = _slack(parts, reading) if "slack" in channels else ((), {})
    return AlertSettings(
        slack=slack,
        slack_for=MappingProxyType(dict(slack_for)),
        webhook=_webhook(reading) if "webhook" in channels else None,
        secret=hook_secret(parts, reading),
        kinds=_kinds(general.alert_types, reading.problems),
        threshold=general.alerting_threshold or THRESHOLD,
        budget_quiet=_seconds(args.get("budget_alert_ttl"), DAY),
        outage_quiet=_seconds(args.get("outage_alert_ttl"), 600.0),
        base_url=reading.variable(BASE_URL) or "",
    )


def hook_secret(parts: Parts, reading: Reading) -> str | None:
    """What the bodies for webhooks are signed with."""
    secret = parts.own.webhook_secret or reading.variable(WEBHOOK_SECRET)
    reading.references.vault.keep(secret or "")
    return secret


def is_address(url: object) -> bool:
    """Whether this is an address of http or https with a host."""
    if not isinstance(url, str):
        return False
    try:
        found = urlsplit(url)
        return found.scheme in ("http", "https") and bool(found.hostname)
    except ValueError:
        return False


def _slack(parts: Parts, reading: Reading) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    vault, problems = reading.references.vault, reading.problems
    single: dict[str, tuple[str, ...]] = {}
    for kind, given in (parts.general.alert_to_webhook_url or {}).items():
        trail: Trail = (*_SECTION, "alert_to_webhook_url", str(kind))
        urls = tuple(str(one) for one in (given if isinstance(given, list) else [given]))
        for url in urls:
            vault.keep(url)
        if str(kind) not in TOLD:
            problems.warning(trail, _unknown(str(kind)))
        elif not all(map(is_address, urls)):
            problems.warning(trail, "expected an address of http or https; left out")
        else:
            single[str(kind)] = urls
    common = reading.variable(SLACK_URL)
    vault.keep(common or "")
    if common is not None and not is_address(common):
        problems.warning((*_SECTION, "alerting"), f"{SLACK_URL} is no address; left out")
    elif common is not None:
        return (common,), single
    elif not single:
        problems.warning(
            (*_SECTION, "alerting"), f"slack is told nothing: the variable {SLACK_URL} is not set"
        )
    return (), single


def _webhook(reading: Reading) -> str | None:
    url = reading.variable(WEBHOOK_URL)
    reading.references.vault.keep(url or "")
    if is_address(url):
        return url
    why = "is not set" if url is None else "is no address of http or https"
    reading.problems.warning(
        (*_SECTION, "alerting"), f"the webhook is told nothing: the variable {WEBHOOK_URL} {why}"
    )
    return None


def _kinds(given: Any, problems: Problems) -> frozenset[str]:
    if given is None:
        return TOLD
    found = set(_names(given, "alert_types", problems))
    for kind in sorted(found - TOLD):
        problems.warning((*_SECTION, "alert_types"), _unknown(kind))
    return frozenset(found & TOLD)


def _unknown(kind: str) -> str:
    if kind in UNTOLD:
        return f"alerts of the kind {kind} are not told here yet"
    return f"{show(kind)} is no kind of alert; there are {', '.join(sorted(TOLD))}"


def _names(given: Any, name: str, problems: Problems) -> Iterable[str]:
    listed = given if isinstance(given, list) else [] if given is None else [given]
    for one in listed:
        if isinstance(one, str) and one.strip():
            yield one.strip()
        else:
            problems.warning((*_SECTION, name), f"expected a name, got {show(one)}")


def _seconds(given: Any, default: float) -> float:
    good = isinstance(given, int | float) and not isinstance(given, bool) and given > 0
    return float(given) if good else default
