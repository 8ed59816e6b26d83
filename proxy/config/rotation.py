"""Decides who is handed the new secrets of keys that are rotated.

The rule: a new secret is sent to one address that the operator wrote down, and signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pipelines.periods import check_duration
from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Trail
from proxy.config.references import Reading

GRACE = "1d"
SHORTEST_SECRET = 16

_TRAIL: Trail = ("headgate_settings", "rotation_webhook")
_KNOWN = frozenset({"url", "secret", "grace_period"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class RotationSettings:
    """The webhook, the secret that it checks our signature with, and how long an old secret is good
    after the new one was accepted, as a duration."""

    url: str
    secret: str = field(repr=False)
    grace: str = GRACE


def rotation(parts: Parts, reading: Reading) -> RotationSettings | None:
    """Who is handed new secrets; None: nobody, and no key is rotated."""
    given, problems = parts.own.rotation_webhook, reading.problems
    if given is None:
        return None
    for name in sorted(set(map(str, given)) - _KNOWN):
        problems.warning((*_TRAIL, name), "this is not known here, and is left out")
    url, secret = _text(given.get("url")), _text(given.get("secret"))
    reading.references.vault.keep(secret)
    grace = str(given.get("grace_period") or GRACE)
    before = problems.failed
    address = _split(url)
    if address not in ("http", "https"):
        problems.error((*_TRAIL, "url"), f"expected an address of http or https, got {show(url)}")
    elif address == "http" and urlsplit(url).hostname not in _LOOPBACK:
        problems.warning((*_TRAIL, "url"), "new keys travel unencrypted; use https")
    if len(secret) < SHORTEST_SECRET:
        problems.error((*_TRAIL, "secret"), f"expected at least {SHORTEST_SECRET} characters")
    try:
        grace = check_duration(grace)
    except ValueError as error:
        problems.error((*_TRAIL, "grace_period"), str(error))
    return None if problems.failed and not before else RotationSettings(url, secret, grace)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _split(url: str) -> str:
    try:
        found = urlsplit(url)
        return found.scheme if found.hostname else ""
    except ValueError:
        return ""
