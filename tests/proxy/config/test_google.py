"""Vertex AI is paid and found as the file says, else as the environment does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.providers.credentials.tokens import TokenBearer
from pipelines.providers.load import load_catalog
from proxy.config import google
from proxy.config.google import NoGoogle, base_of, credential_of
from proxy.config.schema import LitellmParams

CATALOG = load_catalog()
VERTEX = CATALOG["vertex_ai"]
ACCOUNT = {"type": "service_account", "project_id": "its-project"}


def base(
    env: dict[str, str] | None = None, model: str = "gemini-2.5-pro", given: str = "", **fields: Any
) -> str:
    """The address of a Vertex deployment in the project `p`, if nothing else is said."""
    params = LitellmParams(model=f"vertex_ai/{model}", **{"vertex_project": "p", **fields})
    return base_of(VERTEX, params, env or {}, given)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_each_location_has_a_host(location: str, host: str) -> None:
    expected = f"https://{host}/v1/projects/p/locations/{location}"
    assert base(vertex_location=location) == expected
    assert base({"VERTEXAI_LOCATION": location}) == expected


def test_without_a_location_it_is_the_usual_one_or_everywhere() -> None:
    assert base().endswith("/locations/us-central1")
    assert base(model="gemini-3-pro-preview").endswith("/locations/global")


def test_what_the_file_says_wins_over_the_environment() -> None:
    env = {"VERTEXAI_PROJECT": "env-project", "VERTEXAI_LOCATION": "us-east5"}
    assert "/projects/env-project/locations/us-east5" in base(env, vertex_project=None)
    assert "/projects/own/locations/eu" in base(env, vertex_project="own", vertex_location="eu")
    aliases: dict[str, Any] = {
        "vertex_project": None,
        "vertex_ai_project": "own",
        "vertex_ai_location": "eu",
    }
    assert "/locations/eu" in base(env, **aliases)


def test_the_project_may_be_that_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(ACCOUNT), "utf-8")
    for given in (ACCOUNT, json.dumps(ACCOUNT), str(path)):
        assert "/projects/its-project/" in base(vertex_project=None, vertex_credentials=given)
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}
    assert "/projects/its-project/" in base(env, vertex_project=None)


def test_an_address_of_the_file_is_taken_as_far_as_it_goes() -> None:
    tail = "/v1/projects/p/locations/us-central1"
    assert base(given="http://127.0.0.1:1") == f"http://127.0.0.1:1{tail}"
    assert base(given="http://127.0.0.1:1/v1") == f"http://127.0.0.1:1{tail}"
    own = "https://h/v1/projects/other/locations/eu"
    assert base(given=own) == own


def test_the_beta_has_a_version_of_its_own() -> None:
    params = LitellmParams(model="vertex_ai_beta/gemini-2.5-pro", vertex_project="p")
    assert "googleapis.com/v1beta1/" in base_of(CATALOG["vertex_ai_beta"], params, {}, "")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vertex_project": None}, "set vertex_project or VERTEXAI_PROJECT"),
        ({"vertex_project": "p/../q"}, "vertex_project: expected"),
        ({"vertex_location": "evil.example/"}, "vertex_location: expected"),
        (
            {"vertex_project": None, "vertex_credentials": "/no/such"},
            "vertex_credentials: the file",
        ),
        ({"vertex_project": None, "vertex_credentials": "{"}, "vertex_credentials: expected"),
        ({"vertex_project": None, "vertex_credentials": "{}[]"}, "vertex_credentials: expected"),
    ],
)
def test_what_is_missing_or_wrong_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(NoGoogle, match=words):
        base(**fields)


def test_the_credential_is_that_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(google, "account", asked.append)
    for given in (ACCOUNT, None):
        params = LitellmParams(model="vertex_ai/gemini-2.5-pro", vertex_credentials=given)
        made = credential_of(VERTEX, params, {}, "", "")
        assert isinstance(made, TokenBearer)
    assert asked == [ACCOUNT, None]
