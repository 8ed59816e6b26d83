"""The catalogue is read strictly: what is wrong is named with its file, provider and field."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.provider import CredentialSpec, Endpoint, Provider, Quirks
from pipelines.providers.credentials.none import NoCredential
from pipelines.providers.load import (
    SCHEMES,
    BadCatalog,
    load_catalog,
    make_credential,
    read_catalog,
)
from tests.builders import SECRET, an_upstream_request

ROW = """
[acme]
title = "Acme"
docs = "https://acme.example/docs"
base_url = "https://acme.example/v1"
credential = { scheme = "bearer", env = ["ACME_API_KEY"] }
[acme.endpoints]
chat = { path = "/chat", dialect = "openai-chat" }
"""
FULL = """
[acme]
title = "Acme"
docs = "https://acme.example/docs"
base_url = "https://acme.example/v1"
base_env = ["ACME_BASE"]
api_version = "2024-10-21"
models_path = "/models"
credential = { scheme = "header", header = "api-key", env = ["A", "B"], required = false }
[acme.endpoints.chat]
path = "/deployments/{model}/chat"
query = { api-version = "{api_version}" }
dialect = "openai-chat"
[acme.quirks]
rename = { max_completion_tokens = "max_tokens" }
roles = { developer = "system" }
drop = ["store"]
asks_usage = false
"""


def complaint(text: str, *more: tuple[str, str]) -> str:
    with pytest.raises(BadCatalog) as raised:
        read_catalog([("acme.toml", text), *more])
    return str(raised.value)


def test_a_short_row_gets_its_defaults() -> None:
    assert read_catalog([("acme.toml", ROW)]) == {
        "acme": Provider(
            name="acme",
            title="Acme",
            docs="https://acme.example/docs",
            base_url="https://acme.example/v1",
            base_env=(),
            credential=CredentialSpec("bearer", ("ACME_API_KEY",)),
            endpoints={"chat": Endpoint("/chat", "openai-chat")},
        )
    }


def test_a_full_row_is_read_in_full() -> None:
    provider = read_catalog([("acme.toml", FULL)])["acme"]
    assert provider.base_env == ("ACME_BASE",)
    assert (provider.api_version, provider.models_path) == ("2024-10-21", "/models")
    assert provider.credential == CredentialSpec("header", ("A", "B"), "api-key", False)
    assert provider.endpoints["chat"].query == {"api-version": "{api_version}"}
    assert provider.quirks == Quirks(
        rename={"max_completion_tokens": "max_tokens"},
        roles={"developer": "system"},
        drop=frozenset({"store"}),
        asks_usage=False,
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Acme"\n', "", "acme.title: expected a string"),
        ('title = "Acme"', "title = 7", "acme.title: expected a string"),
        ('docs = "https://acme.example/docs"\n', "", "acme.docs: expected a string"),
        ('base_url = "https://acme.example/v1"\n', "", "acme.base_url: expected a string"),
        ('title = "Acme"', 'title = "Acme"\nbase_env = "A"', "acme.base_env: expected a list"),
        ('title = "Acme"', 'title = "Acme"\nbase_env = [7]', "acme.base_env: expected a list"),
        ('title = "Acme"', 'title = "Acme"\ncolour = "red"', "acme: unknown field 'colour'"),
        ('scheme = "bearer"', 'scheme = "basic"', "acme.credential.scheme: unknown scheme"),
        ('scheme = "bearer", ', "", "acme.credential.scheme: expected a string"),
        ('scheme = "bearer"', 'scheme = "header"', "acme.credential.header: needed by"),
        ('"bearer"', '"bearer", header = "x"', "acme.credential.header: needed by"),
        ('"bearer"', '"bearer", required = 1', "acme.credential.required: expected true or"),
        ('"bearer"', '"bearer", secret = "x"', "acme.credential: unknown field 'secret'"),
        ('path = "/chat"', 'path = "chat"', "acme.endpoints.chat.path: must begin with '/'"),
        ('path = "/chat", ', "", "acme.endpoints.chat.path: expected a string"),
        (', dialect = "openai-chat"', "", "acme.endpoints.chat.dialect: expected a string"),
        ('path = "/chat"', 'path = "/chat", verb = "GET"', "chat: unknown field 'verb'"),
        ('path = "/chat"', 'path = "/chat", query = { a = 1 }', "chat.query: expected a table"),
        ('{ path = "/chat", dialect = "openai-chat" }', '"/chat"', "chat: expected a table"),
        ('chat = { path = "/chat", dialect = "openai-chat" }', "", "acme: no endpoints"),
        ("[acme.endpoints]\nchat", "endpoints = 7 #", "acme.endpoints: expected a table"),
        ('credential = { scheme = "bearer", env = ["ACME_API_KEY"] }', "", "credential.scheme"),
        ('{ scheme = "bearer", env = ["ACME_API_KEY"] }', '"x"', "credential: expected a table"),
        ("[acme.endpoints]", "[acme.quirks]\ndrop = 7\n[acme.endpoints]", "quirks.drop: expected"),
        ("[acme.endpoints]", "[acme.quirks]\nrename = []\n[acme.endpoints]", "quirks.rename"),
        ("[acme.endpoints]", "[acme.quirks]\nx = 1\n[acme.endpoints]", "quirks: unknown field"),
        ('title = "Acme"', 'title = "Acme', "acme.toml: "),
        ("[acme", "[Acme", "Acme: a name has small letters"),
        ('"https://acme.example/docs"', '"http://acme.example"', "acme.docs: must begin with"),
        ('"https://acme.example/v1"', '"http://acme.example"', "acme.base_url: must be https"),
        ('"https://acme.example/v1"', '"https://acme.example/"', "base_url: must not end with"),
        ('"https://acme.example/v1"', '"https://a@b.example"', "base_url: holds more than"),
        ('"https://acme.example/v1"', '"https://a.example/?b=c"', "base_url: holds more than"),
        ('"https://acme.example/v1"', '"https://${acme}.example"', "base_url: holds more than"),
        ('"ACME_API_KEY"', '"acme_key"', "credential.env: 'acme_key' is no variable's name"),
        ('path = "/chat"', 'path = "/../chat"', "chat.path: must hold neither"),
        ('title = "Acme"', 'title = "Acme"\nconfirmed = 1', "acme.confirmed: expected true"),
    ],
)
def test_a_bad_row_is_refused_by_name(old: str, new: str, words: str) -> None:
    assert old in ROW
    message = complaint(ROW.replace(old, new))
    assert words in message
    assert message.startswith("acme.toml: ")


def test_a_row_that_is_no_table_is_refused() -> None:
    assert complaint('acme = "x"') == "acme.toml: acme: expected a table"


def test_a_provider_stands_in_one_file_only() -> None:
    message = complaint(ROW, ("other.toml", ROW))
    assert message == "other.toml: provider 'acme' stands in the catalogue twice"


def test_the_catalogue_that_ships_is_read_whole() -> None:
    catalog = load_catalog()
    assert list(catalog) == [provider.name for provider in catalog.values()]
    assert {
        "azure", "groq", "hosted_vllm", "lm_studio", "localai", "mock", "ollama", "openai",
        "openai_like", "together_ai",
    } <= catalog.keys()  # fmt: skip


def signed_with(spec: CredentialSpec, secret: str) -> dict[str, str]:
    request = an_upstream_request()
    asyncio.run(make_credential(spec, secret).sign(request))
    return request.headers


def test_a_credential_is_made_by_its_scheme() -> None:
    assert signed_with(CredentialSpec("bearer"), SECRET)["Authorization"] == f"Bearer {SECRET}"
    assert signed_with(CredentialSpec("header", header="api-key"), SECRET)["api-key"] == SECRET
    assert signed_with(CredentialSpec("azure", header="api-key"), SECRET)["api-key"] == SECRET
    request = an_upstream_request()
    asyncio.run(make_credential(CredentialSpec("query", header="key"), "s").sign(request))
    assert request.url.endswith("?key=s")


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_no_secret_signs_nothing(scheme: str) -> None:
    assert type(make_credential(CredentialSpec(scheme, header="x"), "")) is NoCredential


def test_the_scheme_none_ignores_a_secret() -> None:
    assert signed_with(CredentialSpec("none"), SECRET) == {"Content-Type": "application/json"}
