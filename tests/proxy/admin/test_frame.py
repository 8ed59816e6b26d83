"""What every admin call goes through."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from pipelines.addresses import Addresses, networks
from pipelines.errors import LedgerUnavailable, StoreUnavailable
from pipelines.exchange import Principal
from proxy.admin.errors import DetailedNotFound, NotFound
from proxy.admin.fields import Name, Usd
from proxy.admin.frame import DEEPEST, Endpoint
from proxy.admin.roles import ADMIN, EVERYBODY
from proxy.admin.session import Session
from proxy.config.identity import IdentitySettings
from tests.fakes.asgi import Client
from tests.proxy.admin.harness import NOW, Admin


class Body(BaseModel):
    """A body of the tests."""

    name: Name
    cost: Usd = 0
    more: dict[str, Any] = {}


class Query(BaseModel):
    """A query of the tests."""

    page: int = 1


async def _say(session: Session, body: Body) -> dict[str, Any]:
    """Say what was heard."""
    return {"name": body.name, "at": session.now, "by": session.actor, "path": session.path}


async def _count(_: Session, query: Query) -> int:
    """Count."""
    return query.page


def _raising(error: Exception) -> Any:
    async def fail(_: Session, __: object) -> None:
        raise error

    return fail


def _admin(*endpoints: Endpoint) -> Admin:
    given = endpoints or (
        Endpoint(method="POST", path="/say", handler=_say, body=Body, answer=Any),
        Endpoint(method="POST", path="/say/{what}", handler=_say, body=Body, answer=Any),
        Endpoint(method="POST", path="/say/hello", handler=_count, query=Query, answer=int),
        Endpoint(
            method="GET", path="/count", handler=_count, query=Query, answer=int, roles=EVERYBODY
        ),
    )
    return Admin(endpoints=given)


async def test_a_handler_gets_who_asks_what_for_and_when() -> None:
    client = await _admin().call(
        "POST", "/say/yes", {"name": "x"}, headers={"litellm-changed-by": "eve"}
    )
    assert client.headers["content-type"] == "application/json"
    assert client.json == {
        "name": "x",
        "at": NOW.isoformat().replace("+00:00", "Z"),
        "by": {"name": "master", "address": "192.0.2.7", "changed_by": "eve"},
        "path": {"what": "yes"},
    }


async def test_a_path_without_a_placeholder_wins() -> None:
    assert await _admin().done("POST", "/say/hello") == 1


async def test_a_query_is_read_and_what_is_empty_in_it_left_out() -> None:
    assert await _admin().done("GET", "/count", {"page": "7"}) == 7
    assert await _admin().done("GET", "/count", {"page": ""}) == 1
    client = await _admin().call("GET", "/count", {"page": "x"})
    assert (client.status, client.json["detail"][0]["loc"]) == (422, ["query", "page"])


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        (b"{", ["body", 1], "json_invalid"),
        (b"\xff", ["body", 0], "json_invalid"),
        (b"[]", ["body"], "model_type"),
        (b"null", ["body"], "model_type"),
        (b"", ["body", "name"], "missing"),
        (b'{"name": 1}', ["body", "name"], "string_type"),
        (b'{"name": "a\\u0000"}', ["body"], "value_error"),
        (b'{"name": "a", "cost": -1}', ["body", "cost"], "greater_than_equal"),
        (orjson.dumps({"name": "a" * 300}), ["body", "name"], "string_too_long"),
        (
            b'{"name": "a", "more": ' + b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 2),
            ["body"],
            "value_error",
        ),
    ],
)
async def test_a_body_that_is_wrong_is_refused_as_fastapi_does(
    body: bytes, loc: list[Any], kind: str
) -> None:
    client = await _admin().call("POST", "/say", body)
    assert client.status == 422, client.body
    assert (client.json["detail"][0]["loc"], client.json["detail"][0]["type"]) == (loc, kind)


async def test_a_number_without_an_end_is_refused() -> None:
    client = await _admin().call("POST", "/say", b'{"name": "a", "cost": 1e400}')
    assert client.status == 422


async def test_no_key_and_an_unknown_one_are_told_apart_only_by_their_words() -> None:
    admin = _admin()
    for headers, kind in (({}, "auth_error"), ({"authorization": "Basic x"}, "auth_error")):
        client = await admin.call("POST", "/say", b"{", headers={"authorization": "", **headers})
        assert (client.status, client.json["error"]["type"]) == (401, kind)


async def test_the_key_headers_of_inference_work_here_too() -> None:
    admin = _admin()
    for name in ("x-litellm-api-key", "api-key", "x-api-key"):
        headers = {"authorization": "", name: "sk-master"}
        assert (await admin.call("GET", "/count", headers=headers)).status == 200


async def test_a_role_that_is_not_named_is_denied_before_the_body_is_read() -> None:
    admin = _admin()
    admin.callers["sk-user"] = Principal("k", role="internal_user")
    client = await admin.call("POST", "/say", b"{", "sk-user")
    assert (client.status, client.json["error"]["code"]) == (403, "403")
    assert (await admin.call("GET", "/count", caller="sk-user")).status == 200


async def test_a_key_calls_only_the_routes_that_it_may() -> None:
    admin = _admin()
    for routes, reads, writes in (
        (("llm_api_routes",), 403, 403),
        (("info_routes",), 200, 403),
        (("management_routes",), 200, 200),
        (("/say",), 403, 200),
        (("/cou*",), 200, 403),
    ):
        admin.callers["sk-key"] = Principal("k", routes=routes)
        assert (await admin.call("GET", "/count", caller="sk-key")).status == reads
        assert (await admin.call("POST", "/say", {"name": "a"}, "sk-key")).status == writes


async def test_a_key_calls_only_from_where_it_may() -> None:
    admin = _admin()
    admin.callers["sk-key"] = Principal("k", networks=networks(["198.51.100.0/24"]))
    assert (await admin.call("GET", "/count", caller="sk-key")).status == 403
    proxied = IdentitySettings(addresses=Addresses(forwarded=True))
    admin = Admin(endpoints=admin.endpoints, identity=proxied)
    admin.callers["sk-key"] = Principal("k", networks=networks(["198.51.100.0/24"]))
    headers = {"x-forwarded-for": "198.51.100.9"}
    assert (await admin.call("GET", "/count", caller="sk-key", headers=headers)).status == 200


async def test_without_a_database_nothing_is_administered() -> None:
    admin = _admin()
    admin.backing.entities = None
    client = await admin.call("GET", "/count")
    assert (client.status, client.json["error"]["type"]) == (400, "no_db_connection")


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), LedgerUnavailable("gone")])
async def test_a_store_that_is_away_is_503_and_to_be_tried_again(error: Exception) -> None:
    failing = Endpoint(method="GET", path="/fail", handler=_raising(error), answer=int)
    client = await _admin(failing).call("GET", "/fail")
    assert (client.status, client.json["error"]["type"]) == (503, "store_unavailable")
    assert client.headers["retry-after"] == "1"


async def test_errors_have_litellms_two_shapes() -> None:
    plain = Endpoint(method="GET", path="/a", handler=_raising(NotFound("no", "key")), answer=int)
    told = Endpoint(method="GET", path="/b", handler=_raising(DetailedNotFound("no")), answer=int)
    admin = _admin(plain, told)
    expected = {"message": "no", "type": "not_found_error", "param": "key", "code": "404"}
    assert (await admin.call("GET", "/a")).json == {"error": expected}
    assert (await admin.call("GET", "/b")).json == {"detail": {"error": "no"}}


async def test_a_body_that_is_too_large_is_refused_unread() -> None:
    client = await _admin().call("POST", "/say", b" " * (33 << 20))
    assert client.status == 413


async def test_a_wrong_method_is_405_and_says_what_is_right() -> None:
    client = await _admin().call("POST", "/count")
    assert client.status == 405
    assert "GET" in client.headers["allow"]


def test_an_endpoint_is_for_administrators_unless_it_says_more() -> None:
    endpoint = Endpoint(method="POST", path="/say", handler=_say, answer=Any)
    assert endpoint.roles == ADMIN
    assert not endpoint.only_reads


async def test_a_caller_who_leaves_gets_no_answer_and_raises_nothing() -> None:
    headers = [(b"authorization", b"Bearer sk-master")]
    client = Client(_admin().app, "/say", b"{", headers=headers, whole=False)
    client.start()
    client.leave()
    await client.ended()
    assert client.sent == []
