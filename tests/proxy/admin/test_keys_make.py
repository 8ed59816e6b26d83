"""Making keys: what LiteLLM's clients send, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from pipelines.errors import LedgerUnavailable
from pipelines.ledger import Balance
from proxy.admin.keys_bodies import GenerateKey
from proxy.stores.entities.kinds import BudgetLimit, Key, ModelBudget
from proxy.stores.keys.digest import digest
from proxy.stores.ledger.memory import MemoryLedger
from tests.proxy.admin.harness import PEPPER, Admin, later

SECRET = "sk-abcdefghijklmnop"
MADE_FIELDS = (
    "key", "key_name", "key_alias", "key_type", "token", "token_id", "expires", "duration",
    "models", "spend", "max_budget", "soft_budget", "user_id", "team_id", "agent_id",
    "organization_id", "project_id", "max_parallel_requests", "metadata", "tpm_limit", "rpm_limit",
    "tpd_limit", "budget_duration", "budget_limits", "allowed_cache_controls", "config",
    "permissions", "model_max_budget", "budget_fallbacks", "model_rpm_limit", "model_tpm_limit",
    "mcp_rpm_limit", "tag_rpm_limit", "guardrails", "policies", "prompts", "blocked", "aliases",
    "object_permission", "default_estimated_output_tokens",
    "default_estimated_output_tokens_per_model", "budget_id", "end_user_budget_id", "tags",
    "disable_global_guardrails", "enable_prompt_caching", "throttle_on_budget_exceeded",
    "enforced_params", "allowed_routes", "allowed_passthrough_routes", "denied_passthrough_routes",
    "allowed_vector_store_indexes", "rpm_limit_type", "tpm_limit_type", "router_settings",
    "access_group_ids", "auto_rotate", "rotation_interval", "litellm_budget_table", "created_by",
    "updated_by", "created_at", "updated_at",
)  # fmt: skip


async def test_a_key_is_made_and_its_secret_kept_as_a_digest_only() -> None:
    admin = Admin()
    made = await admin.done("POST", "/key/generate", {"key_alias": "ci", "models": ["gpt"]})
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", made["key"])
    assert made["key_name"] == f"sk-...{made['key'][-4:]}"
    assert made["token"] == made["token_id"] == digest(made["key"], PEPPER)
    (kept,) = await admin.store.many(Key, [one for _, one in admin.store.rows])
    assert kept.digest == made["token"]
    assert made["key"] not in kept.model_dump_json()
    assert made["key"] not in str(admin.store.audit)


async def test_a_ledger_that_is_gone_does_not_keep_the_secret_from_its_maker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(self: MemoryLedger, names: Sequence[str]) -> Mapping[str, Balance]:
        raise LedgerUnavailable("gone")

    monkeypatch.setattr(MemoryLedger, "balances", gone)
    made = await Admin().done("POST", "/key/generate", {"max_budget": 5})
    assert made["key"].startswith("sk-")
    assert (made["spend"], made["max_budget"]) == (0.0, 5.0)


async def test_an_empty_body_makes_a_key_too() -> None:
    admin = Admin()
    made = await admin.done("POST", "/key/generate", b"")
    assert made["key"].startswith("sk-")
    assert (made["models"], made["spend"], made["max_budget"]) == ([], 0.0, None)


async def test_every_field_of_litellm_is_kept_and_shown_again() -> None:
    admin = Admin()
    body = {
        "key": SECRET,
        "key_alias": "all",
        "duration": "30d",
        "models": ["gpt", "claude/*"],
        "spend": 1.5,
        "max_budget": 0.1,
        "soft_budget": 0.05,
        "user_id": "ann",
        "max_parallel_requests": 3,
        "metadata": {"who": "me", "tags": ["red"]},
        "tpm_limit": 1000,
        "rpm_limit": 10,
        "tpd_limit": 99,
        "budget_duration": "1mo",
        "budget_limits": [{"max_budget": 1, "budget_duration": "1d"}],
        "config": {"a": 1},
        "model_max_budget": {"gpt": {"budget_limit": 0.2, "time_period": "1d"}, "claude": 3},
        "model_rpm_limit": {"gpt": 5},
        "model_tpm_limit": {"gpt": 50},
        "aliases": {"cheap": "gpt"},
        "allowed_routes": ["/chat/completions"],
        "key_type": "llm_api",
        "auto_rotate": True,
        "rotation_interval": "7d",
        "something_new": {"x": [1]},
    }
    made = await admin.done("POST", "/key/generate", body)
    assert made["key"] == SECRET
    assert made["expires"] == later(days=30).isoformat().replace("+00:00", "Z")
    assert (made["max_budget"], made["soft_budget"], made["spend"]) == (0.1, 0.05, 1.5)
    assert made["something_new"] == {"x": [1]}
    assert made["tags"] == ["red"]
    (key,) = await admin.store.many(Key, [id for _, id in admin.store.rows])
    assert (key.max_budget, key.soft_budget) == (100_000_000, 50_000_000)
    assert key.budget_limits == (BudgetLimit(max_budget=10**9, budget_duration="1d"),)
    assert key.model_max_budget == {
        "gpt": ModelBudget(max_budget=200_000_000, budget_duration="1d"),
        "claude": ModelBudget(max_budget=3 * 10**9),
    }
    assert (key.tags, key.metadata) == (("red",), {"who": "me"})
    assert key.key_rotation_at == later(days=7)
    assert key.settings == {"config": {"a": 1}, "tpd_limit": 99, "something_new": {"x": [1]}}
    info = (await admin.done("GET", "/key/info", {"key": SECRET}))["info"]
    for name in ("models", "aliases", "config", "tpd_limit", "key_type", "auto_rotate"):
        assert info[name] == body[name], name
    assert info["metadata"]["tags"] == ["red"]


async def test_the_answer_has_exactly_the_fields_of_litellm() -> None:
    made = await Admin().done("POST", "/key/generate", {})
    assert sorted(made) == sorted(MADE_FIELDS)


async def test_every_field_may_be_null() -> None:
    admin = Admin()
    body = dict.fromkeys(GenerateKey.model_fields)
    made = await admin.done("POST", "/key/generate", body)
    assert sorted(made) == sorted(MADE_FIELDS)
    await admin.done("GET", "/key/info", {"key": made["key"]})
    await admin.done("POST", "/key/update", {**body, "key": made["key"]})


async def test_a_service_account_has_a_team_and_no_user() -> None:
    admin = Admin()
    admin.user("ann")
    admin.team("red", ann="admin")
    admin.key(SECRET, user_id="ann")
    path = "/key/service-account/generate"
    made = await admin.done("POST", path, {"team_id": "red", "key_alias": "ci"}, SECRET)
    assert (made["team_id"], made["user_id"]) == ("red", None)
    assert made["metadata"] == {"service_account_id": "ci"}
    assert (await admin.call("POST", path, {})).status == 400
    assert (await admin.call("POST", path, {"team_id": "blue"}, SECRET)).status == 403


async def test_a_secret_is_taken_once() -> None:
    admin = Admin()
    await admin.done("POST", "/key/generate", {"key": SECRET})
    client = await admin.call("POST", "/key/generate", {"key": SECRET})
    assert (client.status, client.json["error"]["param"]) == (400, "key")
    assert SECRET not in client.body.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "mine-and-not-yours-at-all"),
        ("key", "sk-short"),
        ("key", "sk-with-an-ümlaut-inside"),
        ("max_budget", -1),
        ("max_budget", "much"),
        ("budget_duration", "soon"),
        ("budget_duration", "9999mo"),
        ("duration", "999999w"),
        ("duration", ""),
        ("allowed_ips", ["everywhere"]),
        ("key_type", "root"),
        ("rpm_limit", 2**60),
        ("tpd_limit", "x"),
        ("metadata", {"a": "\0"}),
        ("models", "gpt"),
        ("budget_limits", [{"max_budget": 1}]),
        ("temp_budget_expiry", "0001-01-01T00:00:00Z"),
    ],
)
async def test_a_field_that_is_wrong_is_named(field: str, value: object) -> None:
    client = await Admin().call("POST", "/key/generate", {field: value})
    assert client.status == 422
    (problem, *_) = client.json["detail"]
    assert sorted(problem) == ["loc", "msg", "type"]
    assert problem["loc"][0] == "body"
    assert str(value) not in problem["msg"] or value in ("", "soon")


async def test_what_was_spent_elsewhere_can_be_brought_along() -> None:
    admin = Admin()
    made = await admin.done("POST", "/key/generate", {"spend": 2, "budget_duration": "1d"})
    assert made["spend"] == 2.0
    info = (await admin.done("GET", "/key/info", {"key": made["key"]}))["info"]
    assert info["spend"] == 2.0
