"""The signature equals botocore's, byte for byte."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.providers.credentials.sigv4 import AwsKeys, SigV4
from pipelines.upstream import UpstreamRequest
from tests.builders import an_upstream_request
from tests.fakes.recordings import fixtures_folder, needs_fixtures

FOLDER = fixtures_folder() / "given" / "aws_sigv4"
SUITE = sorted(FOLDER.glob("botocore__*.req.txt"))
CASES = FOLDER / "bedrock_auth__v1__cases.json"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = 1440938160.0


def signed(
    request: UpstreamRequest, keys: AwsKeys, region: str, service: str, now: float
) -> dict[str, str]:
    """The headers of a request once it is signed."""

    async def known() -> AwsKeys:
        return keys

    asyncio.run(SigV4(known, region, service, lambda: now).sign(request))
    return request.headers


def a_request(method: str, url: str, headers: dict[str, str], body: bytes) -> UpstreamRequest:
    """A request that is not signed yet."""
    request = an_upstream_request()
    request.method, request.url, request.headers, request.body = method, url, headers, body
    return request


def _vector(path: Path) -> UpstreamRequest:
    head, _, body = path.read_text("utf-8").partition("\n\n")
    first, *lines = head.replace("\n ", " ").split("\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers = dict(line.split(":", 1) for line in lines if line)
    return a_request(method, f"https://example.amazonaws.com{target}", headers, body.encode())


@needs_fixtures()
@pytest.mark.parametrize("path", SUITE, ids=lambda path: path.name)
def test_the_suite_of_vectors_is_signed_as_it_says(path: Path) -> None:
    keys = AwsKeys("AKIDEXAMPLE", SECRET)
    headers = signed(_vector(path), keys, "us-east-1", "service", MOMENT)
    wanted = path.with_name(path.name.replace(".req.", ".authz.")).read_text("utf-8")
    assert headers["Authorization"] == wanted.strip()


def _cases() -> list[dict[str, Any]]:
    cases = json.loads(CASES.read_bytes())["cases"] if CASES.is_file() else []
    return [one for one in cases if one["kind"] == "sigv4"]


@needs_fixtures()
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_bedrocks_vectors_are_signed_as_they_say(case: dict[str, Any]) -> None:
    given_, expected = case["given"], case["expected"]["headers"]
    asked, held, place = given_["request"], given_["credentials"], given_["signing"]
    headers = {**asked["headers"], "x-amz-content-sha256": expected["x-amz-content-sha256"]}
    body = base64.b64decode(asked["body_base64"])
    request = a_request(asked["method"], asked["url"], headers, body)
    keys = AwsKeys(held["access_key_id"], held["secret_access_key"], held.get("session_token", ""))
    moment = datetime.fromisoformat(place["timestamp"]).timestamp()
    got = signed(request, keys, place["region"], place["service"], moment)
    assert {name.lower(): value for name, value in got.items()} == {**asked["headers"], **expected}


@given(
    st.from_regex(r"/[a-zA-Z0-9._~%/:@-]{0,40}", fullmatch=True),
    st.binary(max_size=50),
    st.sampled_from(["", "token"]),
)
def test_any_request_is_signed_as_botocore_signs_it(path: str, body: bytes, token: str) -> None:
    auth = pytest.importorskip("botocore.auth")
    made = pytest.importorskip("botocore.awsrequest")
    held = pytest.importorskip("botocore.credentials")

    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{path}"
    keys = AwsKeys("AKIDEXAMPLE", SECRET, token)
    headers = {"Content-Type": "application/json", "Accept": "a  b"}
    got = signed(a_request("POST", url, dict(headers), body), keys, "eu-west-1", "bedrock", MOMENT)
    theirs = made.AWSRequest("POST", url, dict(headers), body)
    theirs.context["timestamp"] = got["X-Amz-Date"]
    signer = auth.SigV4Auth(
        held.Credentials(keys.id, keys.secret, token or None), "bedrock", "eu-west-1"
    )
    for name in ("X-Amz-Date", "X-Amz-Security-Token"):
        if name in got:
            theirs.headers[name] = got[name]
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert got["Authorization"].endswith(f"Signature={signer.signature(text, theirs)}")


def test_no_key_shows() -> None:
    assert SECRET not in repr(AwsKeys("AKIDEXAMPLE", SECRET, SECRET))
