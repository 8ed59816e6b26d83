"""A caller is told where his calls would go, and only who sees everything where those of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.money import Prices
from pipelines.routing.health import Rest
from proxy.config.caching import CacheSettings
from tests.builders import a_deployment
from tests.proxy.admin.harness import MASTER, Admin

PATH = "/route/explain"
MESSAGES = [{"role": "user", "content": "hello there"}]


def an_admin() -> Admin:
    priced = a_deployment("a", prices=Prices(1_000_000, 2_000_000), rpm=10, weight=3)
    return Admin(deployments=(priced, a_deployment("b", weight=1), a_deployment("c", "other")))


async def explained(admin: Admin, caller: str = MASTER, **body: Any) -> Any:
    return await admin.done("POST", PATH, {"model": "gpt", **body}, caller)


def a_narrow_key(admin: Admin) -> str:
    admin.user("u1")
    key = admin.key("sk-narrow", user_id="u1")
    caller = admin.callers["sk-narrow"]
    admin.callers["sk-narrow"] = replace(caller, models=frozenset({"gpt"}))
    return key.digest


async def test_the_deployments_are_told_with_price_limits_and_use() -> None:
    admin = an_admin()
    admin.backing.traffic.begin("a", admin.now.timestamp())
    found = await explained(admin, messages=MESSAGES)
    assert (found["strategy"], found["num_retries"], found["timeout"]) == ("simple-shuffle", 2, 600)
    (group,) = found["groups"]
    assert (group["name"], group["role"], group["passed_over"]) == ("gpt", "asked", None)
    a, b = group["deployments"]
    assert (a["input_cost_per_token"], a["output_cost_per_token"]) == (1e-06, 2e-06)
    assert a["prompt_cost"] == pytest.approx(found["prompt_tokens"] * 1e-06)
    assert (a["rpm"], a["tpm"]) == (10, None)
    assert a["share"] > b["share"] > 0
    assert (b["input_cost_per_token"], b["prompt_cost"]) == (None, None)


async def test_what_rests_is_told_with_the_reason() -> None:
    admin = an_admin()
    admin.backing.health.heard({"a": Rest(4e9, "it refused")})
    a, b = (await explained(admin))["groups"][0]["deployments"]
    assert "it refused" in a["removed"]
    assert a["rests_because"] == "it refused"
    assert (b["removed"], b["share"]) == (None, 1.0)


async def test_a_key_asks_for_itself() -> None:
    admin = an_admin()
    digest = a_narrow_key(admin)
    for named in (None, "sk-narrow", digest):
        found = await explained(admin, "sk-narrow", key=named)
        assert found["caller"] == "id-narrow"
    refused = await admin.call("POST", PATH, {"model": "other"}, "sk-narrow")
    assert refused.status == 403


async def test_only_who_sees_everything_asks_for_others() -> None:
    admin = an_admin()
    digest = a_narrow_key(admin)
    found = await explained(admin, model="other", key=digest)
    assert found["caller"] == "id-narrow"
    assert found["refused"]
    assert found["groups"][0]["passed_over"] == "the caller may not use it"
    stranger = {"model": "gpt", "key": "sk-nobody"}
    assert (await admin.call("POST", PATH, stranger)).status == 404
    master = {"model": "gpt", "key": MASTER}
    assert (await admin.call("POST", PATH, master, "sk-narrow")).status == 403


async def test_whether_the_reply_is_known_is_told_of_whole_bodies_only() -> None:
    admin = an_admin()
    caching = CacheSettings(policy=CachePolicy(enabled=True))
    admin.backing.settings = replace(admin.backing.settings, caching=caching)
    assert (await explained(admin))["cache"]["key"] is None
    cache = (await explained(admin, messages=MESSAGES))["cache"]
    assert (cache["enabled"], cache["scope"], cache["known"]) == (True, "team", False)
    await admin.backing.replies.put(cache["key"], b"1", 60.0)
    assert (await explained(admin, messages=MESSAGES))["cache"]["known"] is True


@pytest.mark.parametrize("operation", ["embeddings", "messages", "responses", "rerank"])
async def test_a_model_alone_is_enough_for_every_operation(operation: str) -> None:
    assert (await explained(an_admin(), operation=operation))["groups"]


async def test_what_is_not_there_is_an_error() -> None:
    admin = an_admin()
    assert (await admin.call("POST", PATH, {"model": "nobody"})).status == 404
    assert (await admin.call("POST", PATH, {"model": "gpt", "operation": "x"})).status == 400
    assert (await admin.call("POST", PATH, {"model": "gpt", "num_retries": -1})).status == 400
