"""Callbacks and alerts of a configuration reach their receivers, and hold up no call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy.alerts import watching
from proxy.app import Gateway
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.settings import Settings
from proxy.config.storage import StorageSettings
from proxy.http.live import Live
from proxy.runtime import Runtime
from proxy.signing import SIGNATURE, TIMESTAMP, signed
from proxy.stores.entities.kinds import Entity, Key, Team
from proxy.stores.entities.store import Actor
from proxy.stores.keys.digest import digest
from proxy.stores.opening import open_stores
from tests.builders import a_body
from tests.fakes.asgi import Client
from tests.fakes.hooks import hooks
from tests.proxy.config.builders import examined
from tests.proxy.raw import soon

KEY = "sk-0123456789abcdef"
MODELS = "model_list: [{model_name: gpt, litellm_params: {model: mock/echo-rate0}}]\n"


def settings(text: str, env: Mapping[str, str]) -> Settings:
    return examined(MODELS + text, {**env, "HEADGATE_MASTER_KEY": KEY})


@asynccontextmanager
async def gateway(
    settings: Settings, folder: Path | None = None, *entities: Entity
) -> AsyncIterator[Callable[..., Any]]:
    background, stores = Background(), None
    if folder is not None:
        stores = open_stores(StorageSettings(folder=folder), SystemClock(), background)
        await stores.prepare()
        for one in entities:
            await stores.entities.add(one, Actor("test"))
    runtime = Runtime.provision(settings, background, stores)
    await runtime.begin()

    async def chat(content: str = "marked-prompt", key: str = KEY) -> Client:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        body = a_body("gpt", messages=[{"role": "user", "content": content}])
        app = Gateway(runtime, Live())
        return await Client(app, "/v1/chat/completions", body, headers=headers).answer()

    try:
        yield chat
    finally:
        await background.close(within=0)
        await runtime.close()


async def test_a_call_is_told_to_a_webhook_signed() -> None:
    text = "litellm_settings: {callbacks: [webhook]}\nheadgate_settings: {webhook_secret: s3cret}\n"
    with hooks() as receiver:
        env = {"GENERIC_LOGGER_ENDPOINT": f"{receiver.url}/logs"}
        async with gateway(settings(text, env)) as chat:
            assert (await chat()).status == 200
            await soon(lambda: receiver.sent)
        [sent] = receiver.sent
        [told] = sent.json
        assert (sent.path, told["model_group"], told["status"]) == ("/logs", "gpt", "success")
        proof = signed("s3cret", sent.body, float(sent.headers[TIMESTAMP.lower()]))
        assert sent.headers[SIGNATURE.lower()] == proof[SIGNATURE]


async def test_a_call_becomes_an_object_of_a_bucket() -> None:
    with hooks() as receiver:
        text = (
            "litellm_settings: {success_callback: [s3], s3_callback_params: {s3_bucket_name: logs,"
            f" s3_endpoint_url: '{receiver.url}', s3_aws_access_key_id: AKIAEXAMPLE,"
            " s3_aws_secret_access_key: secret-access-key, s3_path: llm}}\n"
        )
        async with gateway(settings(text, {})) as chat:
            assert (await chat()).status == 200
            await soon(lambda: receiver.sent)
        [sent] = receiver.sent
        assert sent.method == "PUT"
        assert sent.path.startswith("/logs/llm/")
        assert sent.json["model_group"] == "gpt"
        assert "Credential=AKIAEXAMPLE/" in sent.headers["authorization"]


async def test_a_key_and_a_team_have_callbacks_of_their_own(tmp_path: Path) -> None:
    text = "litellm_settings: {callbacks: [webhook]}\nheadgate_settings: {callback_hosts: ["
    with hooks() as receiver:
        given = {"endpoint": f"{receiver.url}/own", "log_format": "ndjson"}
        own = {"logging": [{"callback_name": "webhook", "callback_vars": given}]}
        other = {
            "logging": [{"callback_name": "webhook", "callback_vars": {"endpoint": "http://h"}}]
        }
        entities = [
            Team(id="t", metadata=own),
            Key(id="a", digest=digest("sk-aaaaaaaa"), team_id="t"),
            Key(id="b", digest=digest("sk-bbbbbbbb"), metadata=other),
        ]
        env = {"GENERIC_LOGGER_ENDPOINT": f"{receiver.url}/all"}
        async with gateway(settings(text + "127.0.0.1]}\n", env), tmp_path, *entities) as chat:
            for key in ("sk-aaaaaaaa", "sk-bbbbbbbb"):
                assert (await chat(key=key)).status == 200
            await soon(lambda: receiver.at("/own") and receiver.at("/all"))
        [own_one], [all_one] = receiver.at("/own"), receiver.at("/all")
        assert own_one.json["metadata"]["user_api_key_team_id"] == "t"
        assert [one["metadata"]["user_api_key_hash"] for one in all_one.json] == [
            digest("sk-bbbbbbbb")
        ]


async def test_a_budget_that_is_spent_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.02)
    monkeypatch.setattr(watching, "MONEY_EVERY", 0.02)
    text = "general_settings: {alerting: [webhook], alert_types: [budget_alerts]}\n"
    key = Key(id="a", digest=digest("sk-aaaaaaaa"), alias="ci", max_budget=0, soft_budget=0)
    with hooks() as receiver:
        env = {"WEBHOOK_URL": f"{receiver.url}/hook"}
        async with gateway(settings(text, env), tmp_path, key) as chat:
            await chat(key="sk-aaaaaaaa")
            await soon(lambda: receiver.sent)
        [sent] = receiver.sent
        told = {name: sent.json[name] for name in ("event", "event_group", "key_alias", "token")}
        assert told == {
            "event": "soft_budget_crossed",
            "event_group": "key",
            "key_alias": "ci",
            "token": digest("sk-aaaaaaaa"),
        }


async def test_a_receiver_that_is_down_costs_no_call() -> None:
    text = "litellm_settings: {callbacks: [webhook]}\n"
    env = {"GENERIC_LOGGER_ENDPOINT": "http://127.0.0.1:9/logs"}
    async with gateway(settings(text, env)) as chat:
        for _ in range(3):
            assert (await chat()).status == 200


async def test_what_goes_wrong_is_told_to_slack_and_to_the_webhook(monkeypatch: Any) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.02)
    text = (
        "general_settings: {alerting: [slack, webhook], alert_types: [llm_too_slow],"
        " alerting_threshold: 0.000001}\n"
    )
    with hooks() as receiver:
        env = {"SLACK_WEBHOOK_URL": f"{receiver.url}/slack", "WEBHOOK_URL": f"{receiver.url}/hook"}
        async with gateway(settings(text, env)) as chat:
            assert (await chat()).status == 200
            assert (await chat()).status == 200
            await soon(lambda: receiver.at("/slack") and receiver.at("/hook"))
        [slack], [hook] = receiver.at("/slack"), receiver.at("/hook")
        assert "Alert type: `llm_too_slow`" in slack.json["text"]
        assert "Request Model: `gpt`" in slack.json["text"]
        assert (hook.json["event"], hook.json["event_group"]) == ("llm_too_slow", "proxy")
        for one in receiver.sent:
            assert b"marked-prompt" not in one.body
            assert KEY.encode() not in one.body


async def test_nothing_is_made_for_those_who_want_nothing() -> None:
    runtime = Runtime.provision(settings("", {}), Background())
    assert runtime.telling is not None
    assert runtime.telling.watchers == runtime.telling.told == ()
    await runtime.close()
