"""Alerts reach Slack and a webhook in the forms that LiteLLM's users know."""

from __future__ import annotations

from types import MappingProxyType

from proxy.alerts.channels import LONGEST, Slack, Webhook, channels, plain
from proxy.config.alerting import AlertSettings
from proxy.signing import SIGNATURE, TIMESTAMP, signed
from tests.proxy.alerts.builders import Post, an_alert

KINDS = frozenset({"outage_alerts"})
NOW = 1_793_000_000.0


async def test_slack_gets_a_text() -> None:
    post = Post()
    slack = Slack("https://hooks.example/x", KINDS, post, "https://gw.example")
    await slack.send(an_alert(level="High"), NOW)
    [(url, body, headers)] = post.sent
    assert url == "https://hooks.example/x"
    assert headers["Content-Type"] == "application/json"
    assert body == {
        "text": "Alert type: `outage_alerts`\nLevel: `High`\n"
        "Timestamp: `2026-10-26 07:33:20 UTC`\n\nMessage: it is down\n\n"
        "Proxy URL: `https://gw.example`"
    }


async def test_a_webhook_gets_litellms_fields_and_a_signature() -> None:
    post = Post()
    hook = Webhook("https://ops.example", KINDS, post, "a secret")
    about = {"spend": 1.5, "max_budget": 2.0, "token": "digest", "key_alias": "ci"}
    await hook.send(an_alert(event="budget_crossed", group="key", about=about), NOW)
    [(_, body, headers)] = post.sent
    told = {"event", "event_group", "event_message", "spend", "max_budget", "token", "key_alias"}
    assert {name: body[name] for name in told} == {
        "event": "budget_crossed",
        "event_group": "key",
        "event_message": "it is down",
        **about,
    }
    assert body["team_id"] is None
    assert body["projected_spend"] is None
    expected = signed("a secret", post.raw[0], NOW)
    assert {name: headers[name] for name in (SIGNATURE, TIMESTAMP)} == expected


async def test_without_a_secret_nothing_is_signed_and_the_event_is_the_kind() -> None:
    post = Post()
    await Webhook("https://ops.example", KINDS, post, None).send(an_alert(), NOW)
    [(_, body, headers)] = post.sent
    assert (body["event"], body["spend"]) == ("outage_alerts", 0.0)
    assert SIGNATURE not in headers


async def test_a_name_can_neither_call_everybody_nor_hide_a_link() -> None:
    post = Post()
    alert = an_alert()
    await Slack("https://h.example", KINDS, post).send(alert, NOW)
    assert plain("<!channel> <https://bad.example|click> &") == (
        "&lt;!channel&gt; &lt;https://bad.example|click&gt; &amp;"
    )
    assert "Proxy URL" not in post.sent[0][1]["text"]


async def test_a_text_has_a_limit() -> None:
    post = Post()
    alert = an_alert(about={})
    long = type(alert)(alert.kind, alert.cause, "x" * 2 * LONGEST)
    await Slack("https://h.example", KINDS, post).send(long, NOW)
    await Webhook("https://h.example", KINDS, post, None).send(long, NOW)
    assert len(post.sent[0][1]["text"]) < LONGEST + 200
    assert len(post.sent[1][1]["event_message"]) == LONGEST


def test_each_address_is_a_channel_of_its_kinds() -> None:
    settings = AlertSettings(
        slack=("https://all.example",),
        slack_for=MappingProxyType({"budget_alerts": ("https://money.example",)}),
        webhook="https://ops.example",
        kinds=frozenset({"budget_alerts", "outage_alerts"}),
    )
    names: list[str] = []

    def post(name: str) -> Post:
        names.append(name)
        return Post()

    every, money, hook = channels(settings, post)
    assert names == ["slack", "slack", "webhook"]
    assert every.takes("outage_alerts")
    assert not every.takes("budget_alerts")
    assert money.takes("budget_alerts")
    assert not money.takes("outage_alerts")
    assert hook.takes("budget_alerts")
    assert not hook.takes("llm_too_slow")
