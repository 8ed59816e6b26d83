"""Amazon is paid as the file says, else as the environment does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.provider import Credential
from pipelines.providers.load import load_catalog
from proxy.config import aws
from proxy.config.aws import NoAws, credential_of, placed
from proxy.config.schema import LitellmParams
from tests.builders import an_upstream_request

BEDROCK = load_catalog()["bedrock"]
BASE = "https://bedrock-runtime.eu-west-1.amazonaws.com"
OWN = {"aws_access_key_id": "AKOWN", "aws_secret_access_key": "s", "aws_session_token": "t"}
ENV = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s"}


def credential(
    env: dict[str, str], secret: str = "", base: str = BASE, **fields: Any
) -> Credential:
    """The credential of a Bedrock deployment."""
    params = LitellmParams(model="bedrock/m", **fields)
    return credential_of(BEDROCK, params, env, base, secret)


def authorization(made: Credential) -> str:
    """The header that it sets."""
    request = an_upstream_request()
    asyncio.run(made.sign(request))
    return request.headers["Authorization"]


def test_a_bearer_token_of_the_environment_is_used_first() -> None:
    assert authorization(credential(ENV, "token")) == "Bearer token"


def test_keys_of_the_file_win_over_a_bearer_token_of_the_environment() -> None:
    assert "Credential=AKOWN/" in authorization(credential(ENV, "token", **OWN))


def test_a_bearer_token_of_the_file_wins_over_all() -> None:
    assert authorization(credential(ENV, "own", api_key="own", **OWN)) == "Bearer own"


def test_the_region_is_the_address_s_else_the_file_s_else_the_environment_s() -> None:
    assert "/eu-west-1/bedrock/aws4_request" in authorization(credential(ENV))
    far = "https://vpce.example"
    assert "/us-west-2/" in authorization(credential(ENV, base=far, aws_region_name="us-west-2"))
    env = {**ENV, "AWS_REGION": "ap-south-1"}
    assert "/ap-south-1/" in authorization(credential(env, base=far))


def test_without_the_library_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(aws, "import_module", missing)
    with pytest.raises(NoAws, match=r"pip install 'headgate\[bedrock\]'"):
        credential({})


def test_the_file_s_region_is_put_into_the_environment() -> None:
    params = LitellmParams(model="bedrock/m", aws_region_name="eu-north-1")
    assert placed(params, {"A": "b"}) == {"A": "b", "AWS_REGION_NAME": "eu-north-1"}
