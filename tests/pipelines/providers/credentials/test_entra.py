"""Tokens of Microsoft Entra ID."""

from __future__ import annotations

from urllib.parse import parse_qs

import orjson
import pytest

from pipelines.errors import Denied, UpstreamFailed
from pipelines.providers.credentials.entra import Application, Entra
from pipelines.providers.credentials.tokens import Token

WHO = Application("tenant/1", "client", "se&cret", authority="https://login.example/")


class Service:
    """Answers every post alike, and remembers the last one."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = (status, body)
        self.url = ""
        self.form: dict[str, list[str]] = {}

    async def __call__(self, url: str, form: bytes) -> tuple[int, bytes]:
        self.url, self.form = url, parse_qs(form.decode())
        return self.answer


async def test_client_credentials_are_posted_as_a_form() -> None:
    service = Service(200, orjson.dumps({"access_token": "t", "expires_in": 3599}))
    assert await Entra(WHO, service).fetch() == Token("t", 3599.0)
    assert service.url == "https://login.example/tenant%2F1/oauth2/v2.0/token"
    assert service.form == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["se&cret"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }


@pytest.mark.parametrize(("lifetime", "seconds"), [("3599", 3599.0), (None, 3600.0)])
async def test_the_lifetime_may_be_text_or_missing(lifetime: object, seconds: float) -> None:
    service = Service(200, orjson.dumps({"access_token": "t", "expires_in": lifetime}))
    assert (await Entra(WHO, service).fetch()).lifetime == seconds


async def test_a_refusal_is_told_by_its_code_and_names_what_to_check() -> None:
    words = "AADSTS7000215: Invalid client secret provided. Ensure se&cret.\r\nTrace ID: 1"
    body = {"error": "invalid_client", "error_description": words}
    with pytest.raises(Denied, match=r"invalid_client, AADSTS7000215.*client_secret") as found:
        await Entra(WHO, Service(401, orjson.dumps(body))).fetch()
    assert "se&cret" not in str(found.value)


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"<html>"), (429, b"{}"), (200, b"[]"), (200, b'{"a":1}')]
)
async def test_anything_else_is_a_failure_that_may_pass(status: int, body: bytes) -> None:
    with pytest.raises(UpstreamFailed, match=f"Entra ID answered {status}"):
        await Entra(WHO, Service(status, body)).fetch()


def test_the_secret_shows_in_no_repr() -> None:
    assert "se&cret" not in repr(WHO)
