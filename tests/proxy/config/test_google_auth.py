"""Tokens of Google accounts come from a token service, by way of Google's library."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipelines.errors import ConnectFailed, Denied, UpstreamFailed
from pipelines.providers.credentials.tokens import TokenBearer
from proxy.config import google_auth
from proxy.config.google_auth import NoGoogle, account
from proxy.config.token_service import Answer, ask
from tests.builders import an_upstream_request
from tests.fakes.token_service import TokenService, token_service

library = pytest.importorskip("google.auth")
failures = pytest.importorskip("google.auth.exceptions")


@cache
def private_key() -> str:
    """A key that no one trusts."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    form = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(65_537, 2_048)
    words: bytes = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    return words.decode()


def service_account(url: str, **fields: Any) -> dict[str, Any]:
    """The file of a service account whose tokens come from an address."""
    return {
        "type": "service_account",
        "project_id": "its-project",
        "client_email": "gateway@its-project.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": private_key(),
        "token_uri": f"{url}/token",
        **fields,
    }


def assertion(service: TokenService) -> dict[str, Any]:
    """What the last signed request said of itself."""
    word = service.forms[-1]["assertion"][0].split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    return said


async def test_a_service_account_signs_for_its_token() -> None:
    with token_service() as service:
        token = await account(service_account(service.url))()
        said = assertion(service)
    assert token.value == "token-1"
    assert 3_500 < token.lifetime <= 3_600
    assert service.forms[0]["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert said["iss"] == "gateway@its-project.iam.gserviceaccount.com"
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"


async def test_an_authorized_user_renews_by_the_refresh_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    with token_service() as service:

        def here(url: str, *rest: Any) -> Answer:
            return ask(service.url + urlsplit(url).path, *rest)

        monkeypatch.setattr(google_auth, "ask", here)
        token = await account(info)()
    assert token.value == "token-1"
    assert service.forms[0]["refresh_token"] == ["r"]


async def signed(bearer: TokenBearer) -> str:
    """The header that a request leaves with."""
    request = an_upstream_request()
    await bearer.sign(request)
    return request.headers["Authorization"]


async def test_a_token_is_fetched_once_kept_and_renewed_in_time() -> None:
    now = time.monotonic()
    with token_service() as service:
        bearer = TokenBearer(account(service_account(service.url)), lambda: now)
        headers = await asyncio.gather(*(signed(bearer) for _ in range(20)))
        assert headers == ["Bearer token-1"] * 20
        now += 3_500
        assert await signed(bearer) == "Bearer token-2"
    assert len(service.forms) == 2


async def test_a_refusal_is_told_by_its_code() -> None:
    with token_service(400, error="invalid_grant") as service:
        fetch = account(service_account(service.url))
        with pytest.raises(Denied, match=r"invalid_grant.*vertex_credentials") as found:
            await fetch()
    assert "PRIVATE" not in str(found.value)


async def test_a_service_that_is_not_there_may_come_back() -> None:
    service = TokenService()
    service.server_close()
    with pytest.raises((ConnectFailed, UpstreamFailed)):
        await account(service_account(service.url))()


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"type": "odd"},
        {"type": "service_account"},
        {"type": "service_account", "private_key": "no key", "client_email": "a", "token_uri": "b"},
        {"type": "external_account", "credential_source": {"environment_id": "aws1"}},
        {"type": "external_account", "credential_source": {"executable": {}}},
        {"type": "external_account"},
        {"type": "impersonated_service_account"},
    ],
)
def test_a_file_that_cannot_be_used_is_told_when_it_is_read(info: dict[str, Any]) -> None:
    with pytest.raises(NoGoogle, match="vertex_credentials"):
        account(info)


async def test_without_an_account_the_machine_s_own_is_looked_for_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(**_: object) -> Any:
        raise failures.DefaultCredentialsError("none")

    monkeypatch.setattr(library, "default", nothing)
    fetch = account(None)
    with pytest.raises(Denied, match="no Google account"):
        await fetch()


def test_without_the_library_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(google_auth, "import_module", missing)
    with pytest.raises(NoGoogle, match=r"pip install 'headgate\[vertex\]'"):
        account(None)
