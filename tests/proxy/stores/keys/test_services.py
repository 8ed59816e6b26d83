"""A service signs in with a token of its issuer, and with nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest

from pipelines.errors import StoreUnavailable, Unauthenticated, UpstreamFailed
from pipelines.parties import Party
from proxy.config.services import ServiceSettings
from proxy.stores.entities.kinds import Organization, Team, User
from proxy.stores.keys.services import AGAIN_AFTER, METHODS, Services, public_keys
from tests.proxy.stores.keys.store import SECRET, Clock, Store, a_directory, a_key, heard
from tests.proxy.stores.keys.tokens import (
    a_service_token,
    a_user_token,
    ec_key,
    jwks,
    pem,
    rsa_key,
)

URL = "https://issuer.example/keys"
FIELDS = ServiceSettings(
    public_key_url=URL,
    team_field="team",
    teams_field="org.teams",
    email_field="email",
    end_user_field="customer",
    organization_field="org.id",
)


class Issuer:
    """Publishes its keys, and counts who asks."""

    def __init__(self, keys: bytes | None = None) -> None:
        self.keys = jwks(("one", rsa_key())) if keys is None else keys
        self.asked: list[str] = []
        self.away = False

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.away:
            raise UpstreamFailed("away")
        return self.keys


def services(
    issuer: Issuer | None = None, settings: ServiceSettings = FIELDS, clock: Clock | None = None
) -> Services:
    return Services(settings, (issuer or Issuer()).fetch, clock or Clock())


async def test_a_good_token_says_who_signs_in() -> None:
    token = a_service_token(
        team="t1", email="a@x.example", customer="e1", name="Svc", org={"id": "o1"}
    )
    signed = await services().signed(token)
    assert signed.party == Party(user="svc", email="a@x.example", name="Svc", end_user="e1")
    assert (signed.team_id, signed.is_admin, signed.creates_user) == ("t1", False, False)
    assert signed.principal.organization_id == "o1"
    assert signed.expires == pytest.approx(time.time() + 300, abs=5)


async def test_the_first_of_several_teams_is_taken() -> None:
    signed = await services().signed(a_service_token(org={"teams": ["a", "b"]}))
    assert signed.team_id == "a"


async def test_only_the_scope_of_the_operator_makes_one() -> None:
    admin = await services().signed(a_service_token(scope="x litellm_proxy_admin"))
    assert (admin.is_admin, admin.principal.role) == (True, "proxy_admin")
    other = await services().signed(a_service_token(scope=["x"]))
    assert (other.is_admin, other.principal.role) == (False, "internal_user")


@pytest.mark.parametrize(
    "token",
    [
        lambda: a_service_token(exp=int(time.time()) - 60),
        lambda: a_service_token(exp=None),
        lambda: a_service_token(rsa_key(1)),
        lambda: a_service_token(kid="two"),
        lambda: a_service_token(sub=None),
        lambda: a_user_token(),
        lambda: a_user_token(method="none"),
        lambda: a_service_token()[:-8] + "AAAAAAAA",
        lambda: "eyJ.eyJ.x",
    ],
)
async def test_everything_else_is_refused(token: Callable[[], str]) -> None:
    sent = token()
    with pytest.raises(Unauthenticated) as refused:
        await services().signed(sent)
    assert refused.value.status == 401
    assert sent not in refused.value.message


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_the_public_key_is_no_secret_to_sign_with() -> None:
    head = orjson.dumps({"alg": "HS256", "typ": "JWT", "kid": "one"})
    body = orjson.dumps({"sub": "svc", "exp": int(time.time()) + 300})
    parts = b".".join(jwt.utils.base64url_encode(one) for one in (head, body))
    key = jwt.PyJWK(
        {"kty": "oct", "k": jwt.utils.base64url_encode(pem(rsa_key())).decode()}, algorithm="HS256"
    )
    signature = key.Algorithm.sign(parts, key.key)
    forged = b".".join((parts, jwt.utils.base64url_encode(signature))).decode()
    for issuer in (Issuer(), Issuer(pem(rsa_key()))):
        with pytest.raises(Unauthenticated, match="not signed in a way"):
            await services(issuer).signed(forged)


async def test_audience_and_issuer_are_checked_where_they_are_set() -> None:
    settings = ServiceSettings(public_key_url=URL, audience="gw", issuer="https://i.example")
    good: dict[str, Any] = {"aud": "gw", "iss": "https://i.example"}
    await services(settings=settings).signed(a_service_token(**good))
    for bad in ({"aud": "other"}, {"iss": "other"}, {"aud": None}, {"iss": None}):
        with pytest.raises(Unauthenticated):
            await services(settings=settings).signed(a_service_token(**(good | bad)))


async def test_an_address_of_another_domain_is_refused() -> None:
    settings = ServiceSettings(public_key_url=URL, email_field="email", email_domain="x.example")
    await services(settings=settings).signed(a_service_token(email="a@X.example"))
    for email in ("a@y.example", "a@x.example.evil", None):
        with pytest.raises(Unauthenticated):
            await services(settings=settings).signed(a_service_token(email=email))


async def test_a_role_that_is_allowed_is_asked_for_where_the_operator_wants_one() -> None:
    settings = ServiceSettings(
        public_key_url=URL, roles_field="realm.roles", allowed_roles=("dev", "ops")
    )
    for roles in (["x", "ops"], "dev"):
        await services(settings=settings).signed(a_service_token(realm={"roles": roles}))
    for claims in ({}, {"realm": {"roles": ["x"]}}, {"realm": {"roles": [["dev"]]}}):
        with pytest.raises(Unauthenticated, match="none of its roles"):
            await services(settings=settings).signed(a_service_token(**claims))


async def test_the_issuers_keys_are_read_once_and_again_when_they_are_old() -> None:
    issuer, clock = Issuer(), Clock()
    checks = services(issuer, clock=clock)
    for _ in range(3):
        await checks.signed(a_service_token())
    assert issuer.asked == [URL]
    clock.now += FIELDS.public_key_ttl
    await checks.signed(a_service_token())
    assert len(issuer.asked) == 2


async def test_a_new_key_of_the_issuer_is_found_and_made_up_names_do_not_flood_it() -> None:
    issuer, clock = Issuer(), Clock()
    checks = services(issuer, clock=clock)
    await checks.signed(a_service_token())
    issuer.keys = jwks(("two", rsa_key(1)))
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await checks.signed(a_service_token(rsa_key(1), kid="two"))
    assert len(issuer.asked) == 1
    clock.now += AGAIN_AFTER
    await checks.signed(a_service_token(rsa_key(1), kid="two"))


async def test_without_the_issuer_the_known_keys_go_on() -> None:
    issuer, clock = Issuer(), Clock()
    checks = services(issuer, clock=clock)
    issuer.away = True
    with pytest.raises(StoreUnavailable):
        await checks.signed(a_service_token())
    issuer.away = False
    await checks.signed(a_service_token())
    issuer.away = True
    clock.now += FIELDS.public_key_ttl
    await checks.signed(a_service_token())


async def test_a_key_may_be_a_text_or_a_file(tmp_path: Path) -> None:
    text = pem(rsa_key())
    (tmp_path / "key.pem").write_bytes(text)
    for settings in (
        ServiceSettings(public_key=text.decode()),
        ServiceSettings(public_key_file=str(tmp_path / "key.pem")),
    ):
        signed = await services(settings=settings).signed(a_service_token(kid=None))
        assert signed.party.user == "svc"
    missing = ServiceSettings(public_key_file=str(tmp_path / "none"))
    with pytest.raises(StoreUnavailable):
        await services(settings=missing).signed(a_service_token())


async def test_a_key_on_a_curve_serves_its_own_method() -> None:
    issuer = Issuer(pem(ec_key()))
    signed = await services(issuer).signed(a_service_token(ec_key(), None, "ES256"))
    assert signed.party.user == "svc"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"rubbish",
        b"[]",
        b'{"keys":{}}',
        b'{"keys":["a",{"kty":"oct","k":"AAAA"},{"kty":"RSA","use":"enc"},{"kty":"RSA"}]}',
        b'{"keys":[{"kty":"RSA","alg":"HS256"}]}',
        b"-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----",
    ],
)
def test_what_is_no_public_key_is_left_out(raw: bytes) -> None:
    assert public_keys(raw) == ()


def test_no_method_with_a_shared_secret_is_known() -> None:
    assert not any(one.startswith("HS") or one == "none" for one in METHODS)


async def test_a_service_is_let_in_on_its_teams_account() -> None:
    store = Store(
        a_key(), Team(id="t1", organization_id="o1", models=("x",)), Organization(id="o1")
    )
    async with a_directory(store, services=services()) as directory:
        token = a_service_token(team="t1", customer="e1")
        principal = await directory.find(token)
        assert principal is not None
        assert [one.scope for one in principal.allowances] == [
            "user:svc",
            "team:t1",
            "member:t1/svc",
            "organization:o1",
            "end_user:e1",
        ]
        assert (principal.may_use("x"), principal.may_use("y")) == (True, False)
        await heard()
        principal = await directory.find(token)
        assert principal is not None
        joined = await directory.joined(principal, Party(tags=("a",)))
        assert joined.tags == ("a",)
        assert joined.allowances == principal.allowances
        assert await directory.find(SECRET) is not None
        assert await store.get(User, "svc") is None


async def test_a_service_whose_team_is_gone_is_refused() -> None:
    async with a_directory(Store(), services=services()) as directory:
        with pytest.raises(Unauthenticated, match="Team=t1 does not exist"):
            await directory.find(a_service_token(team="t1"))


async def test_a_user_is_made_where_the_operator_wants_it() -> None:
    settings = ServiceSettings(public_key_url=URL, creates_users=True)
    store = Store()
    async with a_directory(store, services=services(settings=settings)) as directory:
        principal = await directory.find(a_service_token())
    assert principal is not None
    assert principal.user_id == "svc"
    assert await store.get(User, "svc") is not None


async def test_a_token_ends_on_time_although_it_is_remembered() -> None:
    clock = Clock(time.time() - 1_793_000_000)
    async with a_directory(Store(), clock=clock, services=services(clock=clock)) as directory:
        token = a_service_token(exp=int(time.time()) - 5)
        assert await directory.find(token) is not None
        clock.now += 10
        answer = directory.find(token)
        # Within the leeway it is read again, and not remembered beyond its end.
        assert await answer is not None


async def test_the_operators_token_is_the_operators() -> None:
    async with a_directory(Store(), services=services()) as directory:
        principal = await directory.find(a_service_token(scope="litellm_proxy_admin"))
    assert principal is not None
    assert principal.role == "proxy_admin"
    assert principal.may_use("anything")
