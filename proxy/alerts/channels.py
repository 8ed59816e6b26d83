"""Ways to tell people something: Slack and its likes, and LiteLLM's webhook.

The rule: a channel writes an alert in its own words and sends it once; it raises UpstreamError
where it was not accepted.
https://api.slack.com/messaging/webhooks, https://docs.litellm.ai/docs/proxy/alerting
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

import orjson

from proxy.alerts.alert import Alert
from proxy.config.alerting import AlertSettings
from proxy.signing import signed

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[object]]

LONGEST = 3_000

_JSON = MappingProxyType({"Content-Type": "application/json"})
# Every event of LiteLLM's webhook has these fields.
_FIELDS = (
    "max_budget",
    "soft_budget",
    "token",
    "customer_id",
    "user_id",
    "team_id",
    "team_alias",
    "organization_id",
    "user_email",
    "key_alias",
    "projected_exceeded_date",
    "projected_spend",
)


class Channel(Protocol):
    """One address where alerts go."""

    name: str

    def takes(self, kind: str) -> bool:
        """Whether alerts of this kind go there."""

    async def send(self, alert: Alert, moment: float) -> None:
        """Send the alert, of `moment` in seconds since 1970. Raises UpstreamError."""


class Slack:
    """An incoming webhook of Slack, Rocket.Chat, Mattermost or Microsoft Teams."""

    name = "slack"

    def __init__(self, url: str, kinds: frozenset[str], post: Post, base_url: str = "") -> None:
        self._url = url
        self._kinds = kinds
        self._post = post
        self._base_url = base_url

    def takes(self, kind: str) -> bool:
        """Whether alerts of this kind go there."""
        return kind in self._kinds

    async def send(self, alert: Alert, moment: float) -> None:
        """Send the alert as a text. Raises UpstreamError."""
        await self._post(self._url, orjson.dumps({"text": self._text(alert, moment)}), _JSON)

    def _text(self, alert: Alert, moment: float) -> str:
        at = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        text = (
            f"Alert type: `{alert.kind}`\nLevel: `{alert.level}`\nTimestamp: `{at}`\n\n"
            f"Message: {plain(alert.message)[:LONGEST]}"
        )
        return f"{text}\n\nProxy URL: `{self._base_url}`" if self._base_url else text


class Webhook:
    """An address that gets the fields of LiteLLM's webhook, signed where there is a secret."""

    name = "webhook"

    def __init__(self, url: str, kinds: frozenset[str], post: Post, secret: str | None) -> None:
        self._url = url
        self._kinds = kinds
        self._post = post
        self._secret = secret

    def takes(self, kind: str) -> bool:
        """Whether alerts of this kind go there."""
        return kind in self._kinds

    async def send(self, alert: Alert, moment: float) -> None:
        """Send the alert as JSON. Raises UpstreamError."""
        body = orjson.dumps(
            {
                "spend": 0.0,
                **dict.fromkeys(_FIELDS),
                "event_group": alert.group,
                "event": alert.event or alert.kind,
                "event_message": alert.message[:LONGEST],
                "alert_type": alert.kind,
                "level": alert.level,
                "timestamp": datetime.fromtimestamp(moment, UTC).isoformat(),
                **alert.about,
            }
        )
        proof = signed(self._secret, body, moment) if self._secret else {}
        await self._post(self._url, body, {**_JSON, **proof})


def channels(settings: AlertSettings, post: Callable[[str], Post]) -> list[Channel]:
    """The channels of a configuration; `post` makes what sends to a channel of this name."""
    by_url: dict[str, set[str]] = {}
    for kind in settings.kinds:
        for url in settings.slack_urls(kind):
            by_url.setdefault(url, set()).add(kind)
    found: list[Channel] = [
        Slack(url, frozenset(kinds), post("slack"), settings.base_url)
        for url, kinds in sorted(by_url.items())
    ]
    if settings.webhook is not None:
        found.append(Webhook(settings.webhook, settings.kinds, post("webhook"), settings.secret))
    return found


def plain(text: str) -> str:
    """A text that steers nothing in Slack: nobody is called, and no link is hidden."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
