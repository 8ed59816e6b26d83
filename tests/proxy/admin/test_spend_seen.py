"""A caller reads of his own calls and of those whom he leads."""

from __future__ import annotations

from datetime import UTC, datetime

from proxy.admin.roles import Reach
from proxy.admin.spend_seen import NOBODY, moments, seen


def test_who_sees_all_reads_of_all() -> None:
    assert seen(Reach("proxy_admin")) is None
    assert seen(Reach("proxy_admin_viewer", "v", "k")) is None


def test_a_user_reads_of_his_own_calls_and_of_his_teams_if_he_leads_them() -> None:
    user = Reach("internal_user", "u", "k", None, frozenset({"a", "b"}), frozenset({"b"}))
    assert seen(user) == {"key_id": ["k"], "user_id": ["u"], "team_id": ["b"]}


def test_a_key_of_a_team_reads_of_its_own_calls_alone() -> None:
    assert seen(Reach("internal_user", "u", "k", "red")) == {"key_id": ["k"]}
    assert seen(Reach("team", None, "k", "red")) == {"key_id": ["k"]}


def test_the_admin_of_an_organization_reads_of_its_calls() -> None:
    reach = Reach("org_admin", "u", "k", organization_ids=frozenset({"o"}))
    assert seen(reach) == {"key_id": ["k"], "user_id": ["u"], "organization_id": ["o"]}


def test_who_has_no_key_of_his_own_has_no_calls_without_one() -> None:
    assert seen(Reach("customer")) == {"key_id": [NOBODY]}


def test_an_end_at_midnight_is_the_end_of_that_day() -> None:
    day = datetime(2026, 5, 12, tzinfo=UTC)
    assert moments(day, day) == (day.timestamp(), day.timestamp() + 86_400)
    assert moments(None, day.replace(hour=5)) == (None, day.timestamp() + 5 * 3600)
    assert moments(None, None) == (None, None)
