"""Amazon is paid as the file says, else as the environment does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.provider import Credential
from pipelines.providers.load import load_catalog
from proxy.config import aws_chain
from proxy.config.aws import NoAws, credential_of, placed
from proxy.config.providers import address, resolve
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

    monkeypatch.setattr(aws_chain, "import_module", missing)
    with pytest.raises(NoAws, match=r"pip install 'headgate\[bedrock\]'"):
        credential({})


def test_the_file_s_region_is_put_into_the_environment() -> None:
    params = LitellmParams(model="bedrock/m", aws_region_name="eu-north-1")
    assert placed(params, {"A": "b"}) == {"A": "b", "AWS_REGION_NAME": "eu-north-1"}


@pytest.mark.parametrize(
    ("model", "bare", "region"),
    [
        ("bedrock/anthropic.claude-v2:1", "anthropic.claude-v2:1", None),
        ("bedrock/converse/us.anthropic.claude-v2:1", "us.anthropic.claude-v2:1", None),
        ("bedrock/invoke/anthropic.claude-v2:1", "anthropic.claude-v2:1", None),
        ("bedrock/us-east-1/anthropic.claude-v2:1", "anthropic.claude-v2:1", "us-east-1"),
        ("bedrock/converse/us-gov-west-1/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0",
         "us-gov-west-1"),
        ("bedrock/arn:aws:bedrock:eu-west-3:1:inference-profile/eu.x.y-v1:0",
         "arn:aws:bedrock:eu-west-3:1:inference-profile/eu.x.y-v1:0", "eu-west-3"),
        ("bedrock/converse/arn:aws:bedrock:eu-west-3:1:application-inference-profile/a1",
         "arn:aws:bedrock:eu-west-3:1:application-inference-profile/a1", "eu-west-3"),
        ("bedrock/global.anthropic.claude-x", "global.anthropic.claude-x", None),
    ],
)  # fmt: skip
def test_litellms_spellings_name_the_model_and_its_region(
    model: str, bare: str, region: str | None
) -> None:
    params = LitellmParams(model=model)
    assert resolve(params, load_catalog()) == (BEDROCK, bare)
    assert placed(params, {}).get("AWS_REGION_NAME") == region
    alone = LitellmParams(model=model.removeprefix("bedrock/"), custom_llm_provider="bedrock")
    assert resolve(alone, load_catalog()) == (BEDROCK, bare)
    assert placed(alone, {}).get("AWS_REGION_NAME") == region


def test_a_region_before_the_name_belongs_to_amazon_only() -> None:
    assert placed(LitellmParams(model="openai/us-east-1/x"), {}) == {}


def test_the_runtime_s_address_may_be_another() -> None:
    params = LitellmParams(
        model="bedrock/m", aws_bedrock_runtime_endpoint="https://vpce-1.example/"
    )
    assert address(params, BEDROCK, {})[0] == "https://vpce-1.example"


PROFILES = """
[work]
aws_access_key_id = AKWORK
aws_secret_access_key = s
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only credentials are those of one profile."""
    pytest.importorskip("botocore")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(PROFILES, "utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.mark.usefixtures("home")
def test_a_profile_wins_over_the_environment() -> None:
    assert "Credential=AKWORK/" in authorization(credential(ENV, "token", aws_profile_name="work"))


@pytest.mark.usefixtures("home")
def test_a_profile_that_is_not_there_is_told() -> None:
    with pytest.raises(NoAws, match="nowhere"):
        credential({}, aws_profile_name="nowhere")
    with pytest.raises(NoAws, match="set AWS_BEARER_TOKEN_BEDROCK"):
        credential({})
