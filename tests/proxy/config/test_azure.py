"""Azure is paid by a key, a token, or tokens of Microsoft Entra ID."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.errors import Denied
from pipelines.provider import Credential
from pipelines.providers.load import load_catalog
from proxy.config.azure import NoAzure, credential_of
from proxy.config.schema import LitellmParams
from tests.builders import an_upstream_request
from tests.fakes.token_service import token_service

AZURE = load_catalog()["azure"]
OWN = {"tenant_id": "t", "client_id": "c", "client_secret": "se-cret"}
ENV = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}


def credential(env: dict[str, str], secret: str = "", **fields: Any) -> Credential:
    """The credential of a deployment at Azure."""
    params = LitellmParams(model="azure/gpt", **fields)
    return credential_of(AZURE, params, env, "https://x.openai.azure.com", secret)


async def signed(made: Credential) -> dict[str, str]:
    """The headers of a request that it signed."""
    request = an_upstream_request()
    request.headers = {}
    await made.sign(request)
    return request.headers


async def test_a_key_is_a_header_and_wins() -> None:
    assert await signed(credential(ENV, "k")) == {"api-key": "k"}
    assert await signed(credential({}, "k", api_key="k", **OWN)) == {"api-key": "k"}


async def test_a_token_of_the_file_wins_over_a_key_of_the_environment() -> None:
    made = credential({}, "k", azure_ad_token="t")
    assert await signed(made) == {"Authorization": "Bearer t"}
    assert await signed(credential({"AZURE_AD_TOKEN": "e"})) == {"Authorization": "Bearer e"}


@pytest.mark.parametrize("fields", [OWN, {}])
async def test_an_application_gets_a_token_once_for_all_calls(fields: dict[str, str]) -> None:
    with token_service() as service:
        made = credential({**ENV, "AZURE_AUTHORITY_HOST": service.url}, **fields)
        found = await asyncio.gather(*(signed(made) for _ in range(10)))
    assert found == [{"Authorization": "Bearer token-1"}] * 10
    assert service.paths == ["/t/oauth2/v2.0/token"]
    assert service.forms[0]["scope"] == ["https://cognitiveservices.azure.com/.default"]


async def test_the_scope_can_be_set() -> None:
    with token_service() as service:
        env = {**ENV, "AZURE_AUTHORITY_HOST": service.url}
        await signed(credential(env, azure_scope="https://ai.azure.com/.default"))
    assert service.forms[0]["scope"] == ["https://ai.azure.com/.default"]


async def test_a_refusal_names_what_to_check_and_no_secret() -> None:
    with token_service(401) as service:
        made = credential({"AZURE_AUTHORITY_HOST": service.url}, **OWN)
        with pytest.raises(Denied, match=r"invalid_client.*client_secret") as found:
            await signed(made)
    assert "se-cret" not in str(found.value)


@pytest.mark.parametrize(
    ("env", "fields", "words"),
    [
        ({}, {}, "set api_key here, or AZURE_API_KEY"),
        ({}, {"tenant_id": "t", "client_id": "c"}, "all of tenant_id"),
        ({}, {"azure_ad_token": "oidc/x"}, "OIDC"),
        (
            {**ENV, "AZURE_AUTHORITY_HOST": "http://login.example"},
            {},
            "expected an address of https",
        ),
    ],
)
def test_what_is_missing_is_named(env: dict[str, str], fields: dict[str, str], words: str) -> None:
    with pytest.raises(NoAzure, match=words):
        credential(env, **fields)


async def test_an_authority_without_a_scheme_is_one_of_https() -> None:
    credential({**ENV, "AZURE_AUTHORITY_HOST": "login.microsoftonline.us"})
