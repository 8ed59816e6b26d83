"""Roles are taken on at a token service, off the loop, and renewed when they grow old."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipelines.errors import Denied
from pipelines.providers.credentials.sigv4 import AwsKeys
from proxy.config.aws_chain import Keys, Role, chain

pytest.importorskip("botocore")

OWN = AwsKeys("AKOWN", "s")
ANSWER = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials>
<AccessKeyId>AKROLE{1}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>{2}</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/n</Arn><AssumedRoleId>a</AssumedRoleId>
</AssumedRoleUser></{0}Result></{0}Response>"""


class TokenService(ThreadingHTTPServer):
    """A stand-in of Amazon's; keys live for `life` seconds, and none are given where it is 0."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.life = 3600
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: TokenService

    def do_POST(self) -> None:
        """Give keys."""
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        asked = {name: values[0] for name, values in form.items()}
        self.server.asked.append({**asked, "signed": self.headers.get("authorization", "")})
        end = datetime.now(UTC) + timedelta(seconds=self.server.life)
        count = len(self.server.asked)
        body = ANSWER.format(asked["Action"], count, end.strftime("%Y-%m-%dT%H:%M:%SZ")).encode()
        self.send_response(200 if self.server.life else 403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[TokenService]:
    """A token service that listens."""
    with TokenService() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read(keys: Keys) -> AwsKeys:
    """What the source gives now."""

    async def wait() -> AwsKeys:
        return await keys()

    return asyncio.run(wait())


def test_a_role_is_taken_on_once_for_many_calls(service: TokenService) -> None:
    role = Role("arn:aws:iam::1:role/r", "me", "ext", service=service.url)
    keys = chain(None, role, OWN, "eu-west-1")

    async def thrice() -> list[AwsKeys]:
        return [await keys() for _ in range(3)]

    assert service.asked == []
    assert asyncio.run(thrice()) == [AwsKeys("AKROLE1", "s", "t")] * 3
    (asked,) = service.asked
    assert (asked["RoleArn"], asked["RoleSessionName"], asked["ExternalId"]) == (
        "arn:aws:iam::1:role/r", "me", "ext",
    )  # fmt: skip
    assert "Credential=AKOWN/" in asked["signed"]
    assert "/eu-west-1/sts/" in asked["signed"]


def test_keys_that_grow_old_are_renewed(service: TokenService) -> None:
    service.life = 60
    keys = chain(None, Role("arn:aws:iam::1:role/r", service=service.url), OWN, "eu-west-1")
    found = [read(keys).id for _ in range(2)]
    assert found == ["AKROLE1", "AKROLE2"]
    assert service.asked[0]["RoleSessionName"] == "headgate"


def test_the_loop_goes_on_while_a_role_is_taken_on(service: TokenService) -> None:
    keys = chain(None, Role("arn:aws:iam::1:role/r", service=service.url), OWN, "eu-west-1")

    async def both() -> int:
        ticks = 0
        waiting = asyncio.ensure_future(keys())
        while not waiting.done():
            ticks += 1
            await asyncio.sleep(0)
        assert waiting.result().id == "AKROLE1"
        return ticks

    assert asyncio.run(both()) > 1


@pytest.mark.parametrize("in_a_file", [True, False])
def test_a_web_identity_takes_on_a_role(
    service: TokenService, tmp_path: Path, in_a_file: bool
) -> None:
    token = tmp_path / "token"
    token.write_text("a.jwt\n", "utf-8")
    given = str(token) if in_a_file else "a.jwt"
    role = Role("arn:aws:iam::1:role/r", token=given, service=service.url)
    keys = chain(None, role, None, "eu-west-1")
    assert read(keys) == AwsKeys("AKROLE1", "s", "t")
    assert service.asked[0]["Action"] == "AssumeRoleWithWebIdentity"
    assert service.asked[0]["WebIdentityToken"] == "a.jwt"


def test_a_refused_role_is_the_operators_matter(service: TokenService) -> None:
    service.life = 0
    keys = chain(None, Role("arn:aws:iam::1:role/r", service=service.url), OWN, "eu-west-1")
    with pytest.raises(Denied, match="profile or the role"):
        read(keys)
