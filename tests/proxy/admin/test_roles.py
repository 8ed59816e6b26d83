"""Every route, by every role: what is not allowed is denied, and no tenant reaches another's."""

from __future__ import annotations

import pytest

from pipelines.exchange import Principal
from proxy.admin.frame import Endpoint
from proxy.admin.roles import READERS, Reach, allows, reach_of
from proxy.admin.table import ENDPOINTS
from proxy.stores.entities.kinds import Key, Membership, OrganizationMember, Team
from tests.fakes.entities import FakeEntities
from tests.proxy.admin.tenants import (
    CALLERS,
    MARK,
    THEIR_SECRET,
    foreign_path,
    foreign_requests,
    ties,
    two_tenants,
)

_SPENT = "key:id-their-own-secret"


def _named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


routes = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_named)
callers = pytest.mark.parametrize("caller", CALLERS, ids=lambda secret: secret[3:])


@routes
@callers
async def test_a_role_that_is_not_named_is_denied(endpoint: Endpoint, caller: str) -> None:
    if CALLERS[caller] in endpoint.roles:
        return
    admin = two_tenants(endpoint)
    before = dict(admin.store.rows)
    for request in foreign_requests(endpoint):
        client = await admin.call(endpoint.method, foreign_path(endpoint.path), request, caller)
        assert client.status == 403
        assert MARK not in client.body.decode()
    assert admin.store.rows == before


@routes
@callers
async def test_nobody_reaches_what_is_another_tenants(endpoint: Endpoint, caller: str) -> None:
    if CALLERS[caller] not in endpoint.roles:
        return
    for request in foreign_requests(endpoint):
        admin = two_tenants(endpoint)
        await admin.ledger.set_spent(_SPENT, 5)
        before = ties(admin)
        client = await admin.call(endpoint.method, foreign_path(endpoint.path), request, caller)
        assert client.status < 500
        assert ties(admin) == before, request
        assert (await admin.ledger.balances([_SPENT]))[_SPENT].spent == 5
        if CALLERS[caller] not in READERS:
            shown = client.body.decode()
            for sent in (MARK, THEIR_SECRET):
                assert sent not in shown or _was_sent(sent, request, shown), request


def _was_sent(word: str, request: dict[str, object], shown: str) -> bool:
    # An error may repeat what the caller himself had typed, once.
    return word in str(request) and "note" not in shown and '"error"' in shown


@routes
async def test_an_administrator_is_never_denied(endpoint: Endpoint) -> None:
    for request in foreign_requests(endpoint):
        admin = two_tenants(endpoint)
        client = await admin.call(endpoint.method, foreign_path(endpoint.path), request)
        assert client.status not in (401, 403)
        assert client.status < 500


@routes
async def test_a_stranger_is_told_nothing(endpoint: Endpoint) -> None:
    admin = two_tenants(endpoint)
    path = foreign_path(endpoint.path)
    body = None if endpoint.method == "GET" else b"{"
    client = await admin.call(endpoint.method, path, body, "sk-stranger")
    assert client.status == 401
    assert client.json["error"]["type"] == "token_not_found_in_db"


@routes
async def test_who_only_reads_changes_nothing(endpoint: Endpoint) -> None:
    for secret, role in CALLERS.items():
        if role not in ("proxy_admin_viewer", "internal_user_viewer", "team", "customer"):
            continue
        for request in foreign_requests(endpoint):
            admin = two_tenants(endpoint)
            before = dict(admin.store.rows)
            await admin.call(endpoint.method, foreign_path(endpoint.path), request, secret)
            assert admin.store.rows == before


async def _reach(principal: Principal) -> Reach:
    return await reach_of(
        principal,
        FakeEntities(
            Membership(id="red/ann", team_id="red", user_id="ann", role="admin"),
            Membership(id="blue/ann", team_id="blue", user_id="ann"),
            OrganizationMember(id="o/ann", organization_id="o", user_id="ann", role="org_admin"),
            Team(id="green", organization_id="o"),
        ),
    )


async def test_a_user_reaches_his_teams_and_leads_his_own_and_his_organizations() -> None:
    reach = await _reach(Principal("k", user_id="ann", role="internal_user"))
    assert reach.team_ids == {"red", "blue"}
    assert reach.led_teams == {"red", "green"}
    assert reach.organization_ids == {"o"}


async def test_a_key_of_one_team_reaches_no_other_of_its_users() -> None:
    reach = await _reach(Principal("k", user_id="ann", team_id="blue", role="internal_user"))
    assert reach.team_ids == {"blue"}
    assert not reach.led_teams | reach.organization_ids
    assert not reach.owns_key(Key(id="1", digest="d", user_id="ann", team_id="red"))
    assert reach.owns_key(Key(id="1", digest="d", user_id="ann", team_id="blue"))


async def test_a_viewer_leads_nothing_of_what_he_sees() -> None:
    for role in ("proxy_admin_viewer", "internal_user_viewer"):
        reach = await _reach(Principal("k", user_id="ann", role=role))
        assert not reach.leads_team("red")
        assert not reach.changes_key(Key(id="1", digest="d", user_id="ann"))


def test_a_wildcard_covers_narrower_names_only() -> None:
    assert allows(("openai/*",), "openai/gpt")
    assert allows(("openai/*",), "openai/gpt-*")
    assert allows(("*",), "openai/*")
    assert not allows(("openai/gpt-*",), "openai/*")
    assert not allows(("openai/gpt",), "*")
    assert not allows((), "gpt")


def test_the_table_names_every_route_once() -> None:
    names = [(one.method, one.path) for one in ENDPOINTS]
    assert len(names) == len(set(names))
