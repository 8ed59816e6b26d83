"""A team's body becomes a team's fields."""

from __future__ import annotations

from proxy.admin.teams_bodies import NewTeam, UpdateTeam, team_fields
from proxy.stores.entities.kinds import Team


def test_only_what_was_sent_is_set() -> None:
    assert team_fields(UpdateTeam(team_id="a")) == {}
    body = UpdateTeam(team_id="a", team_alias=None, models=None, blocked=True)
    assert team_fields(body) == {"alias": None, "blocked": True}


def test_what_a_team_has_no_field_for_is_kept_with_what_was_there() -> None:
    before = Team(id="a", settings={"prompts": ["p"], "tpd_limit": 1})
    body = UpdateTeam(team_id="a", tpd_limit=2)
    assert team_fields(body, before) == {"settings": {"prompts": ["p"], "tpd_limit": 2}}


def test_credentials_are_not_kept() -> None:
    body = NewTeam.model_validate({"secret_manager_settings": {"token": "secret"}})
    assert team_fields(body) == {}
