"""A principal is made of all who stand behind a key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.allowance import Allowance, Budget
from pipelines.exchange import Principal
from proxy.stores.entities.kinds import (
    BudgetLimit,
    EndUser,
    Former,
    Key,
    Membership,
    ModelBudget,
    Organization,
    SharedBudget,
    Tag,
    Team,
    User,
)
from proxy.stores.keys.bearers import Bearers
from proxy.stores.keys.principals import Defaults, allowance, good_until, principal_of, widened

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
KEY = Key(id="k1", digest="d", name="sk-...abcd", user_id="u1", team_id="t1")


def made(bearers: Bearers, **defaults: Any) -> Principal:
    return principal_of(bearers, "d", NOW, Defaults(**defaults))


def of(principal: Principal, scope: str) -> Allowance:
    return next(one for one in principal.allowances if one.scope == scope)


def test_everybody_behind_a_key_has_an_allowance_of_his_own() -> None:
    principal = made(
        Bearers(
            key=KEY,
            user=User(id="u1", role="proxy_admin_viewer", rpm_limit=7),
            team=Team(id="t1", alias="red", max_budget=5, budget_duration="30d"),
            member=Membership(id="t1/u1", team_id="t1", user_id="u1", max_budget=3),
            organization=Organization(id="o1", tpm_limit=9),
            end_user=EndUser(id="e1", max_budget=2),
            labels=("a", "b", "task:title_generation"),
            tags=(Tag(id="a", max_budget=1),),
        )
    )
    assert [(one.scope, one.label) for one in principal.allowances] == [
        ("key:k1", "Key=sk-...abcd"),
        ("user:u1", "User=u1"),
        ("team:t1", "Team=red"),
        ("member:t1/u1", "User=u1 in Team=red"),
        ("organization:o1", "Organization=o1"),
        ("end_user:e1", "End User=e1"),
        ("tag:a", "Tag=a"),
        ("tag:task:title_generation", "Tag=task:title_generation"),
    ]
    assert of(principal, "user:u1").rpm == 7
    assert of(principal, "team:t1").budgets == (Budget(5, "30d"),)
    assert of(principal, "member:t1/u1").budgets == (Budget(3),)
    assert of(principal, "organization:o1").tpm == 9
    assert (principal.alias, principal.key_id, principal.digest) == ("sk-...abcd", "k1", "d")
    assert (principal.user_id, principal.team_id, principal.organization_id) == ("u1", "t1", "o1")
    assert (principal.end_user, principal.role) == ("e1", "proxy_admin_viewer")
    assert principal.tags == ("a", "b", "task:title_generation")


def test_a_key_of_nobody_is_no_administrator() -> None:
    assert made(Bearers(key=KEY)).role == "internal_user"


def test_a_shared_budget_fills_the_gaps_only() -> None:
    shared = SharedBudget(
        id="b", max_budget=10, soft_budget=8, budget_duration="1d", rpm_limit=5, tpm_limit=6
    )
    key = KEY.model_copy(update={"budget_id": "b", "max_budget": 4, "tpm_limit": 3})
    found = of(made(Bearers(key=key, budgets={"b": shared})), "key:k1")
    assert found.budgets == (Budget(4, "1d", 8),)
    assert (found.rpm, found.tpm) == (5, 3)


def test_several_windows_stand_side_by_side() -> None:
    limits = (
        BudgetLimit(max_budget=1, budget_duration="1h"),
        BudgetLimit(max_budget=9, budget_duration="30d"),
    )
    key = KEY.model_copy(update={"budget_limits": limits, "max_budget": 5})
    found = of(made(Bearers(key=key)), "key:k1")
    assert found.budgets == (Budget(5), Budget(1, "1h"), Budget(9, "30d"))


@pytest.mark.parametrize(("expiry", "wanted"), [(LATER, 7), (None, 7), (NOW, 5)])
def test_a_temporary_increase_ends(expiry: datetime | None, wanted: int) -> None:
    key = Key(id="k", digest="d", max_budget=5, temp_budget_increase=2, temp_budget_expiry=expiry)
    assert allowance("s", "l", key, None, NOW).budgets == (Budget(wanted),)


def test_limits_of_single_models_have_scopes_of_their_own() -> None:
    key = KEY.model_copy(
        update={
            "model_max_budget": {"gpt": ModelBudget(max_budget=3, budget_duration="1d")},
            "model_rpm_limit": {"gpt": 2, "claude": 4},
            "model_tpm_limit": {"claude": 100},
        }
    )
    found = of(made(Bearers(key=key)), "key:k1")
    gpt, claude = found.models["gpt"], found.models["claude"]
    assert (gpt.scope, gpt.label) == ("key:k1/gpt", "Key=sk-...abcd Model=gpt")
    assert (gpt.budgets, gpt.rpm) == ((Budget(3, "1d"),), 2)
    assert (claude.budgets, claude.rpm, claude.tpm) == ((), 4, 100)


def test_a_user_in_a_team_is_counted_and_not_stopped_by_his_own_budget() -> None:
    bearers = Bearers(
        key=KEY, user=User(id="u1", max_budget=1, budget_duration="1d"), team=Team(id="t1")
    )
    assert of(made(bearers), "user:u1").budgets == (Budget(None, "1d"),)
    named = made(replace(bearers, is_named=True))
    assert of(named, "user:u1").budgets == (Budget(1, "1d"),)
    strict = made(bearers, user_budget_on_team_keys=True)
    assert of(strict, "user:u1").budgets == (Budget(1, "1d"),)


def test_a_member_without_limits_has_his_teams() -> None:
    team = Team(id="t1", member_max_budget=4, member_budget_duration="1d", member_rpm_limit=3)
    user = User(id="u1")
    found = of(made(Bearers(key=KEY, user=user, team=team)), "member:t1/u1")
    assert (found.budgets, found.rpm) == ((Budget(4, "1d"),), 3)
    member = Membership(id="t1/u1", team_id="t1", user_id="u1", rpm_limit=9)
    found = of(made(Bearers(key=KEY, user=user, team=team, member=member)), "member:t1/u1")
    assert (found.budgets, found.rpm) == ((Budget(4, "1d"),), 9)


def test_an_end_user_without_a_budget_has_the_default() -> None:
    bearers = Bearers(key=KEY, end_user=EndUser(id="e"))
    assert of(made(bearers, end_user_budget=5), "end_user:e").budgets == (Budget(5),)
    own = Bearers(key=KEY, end_user=EndUser(id="e", max_budget=1))
    assert of(made(own, end_user_budget=5), "end_user:e").budgets == (Budget(1),)


def test_layers_are_of_all_who_name_models() -> None:
    principal = made(
        Bearers(
            key=KEY.model_copy(update={"models": ("all-team-models",)}),
            user=User(id="u1", models=("no-default-models",)),
            team=Team(id="t1", models=("beta",)),
            member=Membership(id="t1/u1", team_id="t1", user_id="u1", allowed_models=("x", "y")),
            organization=Organization(id="o1", models=("all-proxy-models",)),
            end_user=EndUser(id="e1", models=("x",)),
            groups={"beta": ("x", "z")},
        )
    )
    assert [one.bearer for one in principal.layers] == ["team", "member", "end_user"]
    assert principal.may_use("x")
    assert not principal.may_use("z")


def test_a_users_models_bind_his_own_keys() -> None:
    principal = made(Bearers(key=KEY, user=User(id="u1", models=("no-default-models",))))
    assert not principal.may_use("x")


def test_a_key_with_groups_alone_may_use_those() -> None:
    key = KEY.model_copy(update={"access_group_ids": ("beta",)})
    principal = made(Bearers(key=key, groups={"beta": ("x",)}))
    assert principal.may_use("x")
    assert not principal.may_use("y")


def test_aliases_routes_and_addresses_are_taken_over() -> None:
    key = KEY.model_copy(
        update={
            "aliases": {"a": "b"},
            "key_type": "llm_api",
            "allowed_ips": ("10.0.0.0/8", "rubbish"),
            "metadata": {"x": 1},
        }
    )
    principal = made(Bearers(key=key, team=Team(id="t1", model_aliases={"b": "c"})))
    assert principal.outgoing("a") == "c"
    assert principal.routes == ("llm_api_routes",)
    assert [str(one) for one in principal.networks] == ["10.0.0.0/8"]
    assert principal.metadata == {"x": 1}


def test_a_list_of_addresses_that_nobody_understands_lets_nobody_in() -> None:
    principal = made(Bearers(key=KEY.model_copy(update={"allowed_ips": ("rubbish",)})))
    assert principal.networks


def test_a_duration_that_nobody_understands_lasts_for_ever() -> None:
    key = KEY.model_copy(update={"max_budget": 1, "budget_duration": "soon"})
    assert of(made(Bearers(key=key)), "key:k1").budgets == (Budget(1),)


def test_who_has_no_key_is_widened() -> None:
    base = Principal("master", "m", allowances=(Allowance("key:master", "Key=master"),))
    bearers = Bearers(
        user=User(id="u1"), team=Team(id="t1", models=("x",), model_aliases={"y": "x"})
    )
    found = widened(base, bearers, NOW)
    assert [one.scope for one in found.allowances] == [
        "key:master",
        "user:u1",
        "team:t1",
        "member:t1/u1",
    ]
    assert (found.alias, found.user_id, found.team_id) == ("master", "u1", "t1")
    assert found.may_use("y")
    assert not found.may_use("z")


def test_it_is_good_until_the_first_thing_that_ends() -> None:
    key = KEY.model_copy(
        update={
            "expires": LATER,
            "former": (Former(digest="old", until=LATER - timedelta(minutes=5)),),
        }
    )
    team = Team(id="t1", temp_budget_expiry=NOW + timedelta(minutes=1))
    assert good_until(Bearers(key=KEY), "d", NOW) is None
    assert good_until(Bearers(key=key), "d", NOW) == LATER
    assert good_until(Bearers(key=key), "old", NOW) == LATER - timedelta(minutes=5)
    assert good_until(Bearers(key=key, team=team), "d", NOW) == NOW + timedelta(minutes=1)
    past = Team(id="t1", temp_budget_expiry=NOW)
    assert good_until(Bearers(key=key, team=past), "d", NOW) == LATER


def test_an_end_user_may_be_bound_to_a_region() -> None:
    bearers = Bearers(key=KEY, end_user=EndUser(id="e", allowed_model_region="eu"))
    assert made(bearers).region == "eu"
    assert widened(Principal("service"), bearers, NOW).region == "eu"
    assert made(Bearers(key=KEY)).region == ""
