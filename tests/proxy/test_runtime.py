"""A configuration becomes everything that serves calls, and is let go of again."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.assembly import StageSpec
from pipelines.errors import ChainOrder
from pipelines.providers.load import load_catalog
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from proxy.app import Gateway
from proxy.background import Background
from proxy.config.settings import Settings
from proxy.config.zero import zero
from proxy.http.live import Live
from proxy.runtime import Runtime
from proxy.stores.keys.master import MasterKeys, OpenKeys
from tests.builders import a_body, a_completion, a_deployment
from tests.fakes.asgi import Client
from tests.fakes.upstream import FaultyUpstream
from tests.proxy.raw import soon
from tests.proxy.transport.wires import RawProvider, whole

KEY = "sk-0123456789abcdef"
QUICKSTART = zero({}, load_catalog())


def provisioned(settings: Settings = QUICKSTART, **changes: Any) -> Runtime:
    return Runtime.provision(replace(settings, **changes), Background())


async def chat(runtime: Runtime, model: str, *, key: str = "", stream: bool = True) -> Client:
    headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
    body = a_body(model, stream=stream)
    app = Gateway(runtime, Live())
    return await Client(app, "/v1/chat/completions", body, headers=headers).answer()


def test_the_stages_of_the_configuration_become_the_chain() -> None:
    assert provisioned().chain.names == DEFAULT_STAGES
    stages = tuple(StageSpec(name) for name in ("log", "auth", "route", "translate", "stream"))
    assert provisioned(stages=stages).chain.names == ("log", "auth", "route", "translate", "stream")


@pytest.mark.parametrize("stages", [("auth",), ("auth", "nonsense", "stream"), ("route", "stream")])
def test_a_list_of_stages_that_cannot_run_is_found_at_once(stages: tuple[str, ...]) -> None:
    with pytest.raises(ChainOrder):
        provisioned(stages=tuple(StageSpec(name) for name in stages))


def test_a_master_key_closes_the_door_and_none_leaves_it_open() -> None:
    assert isinstance(provisioned(master_key=KEY).keys, MasterKeys)
    assert isinstance(provisioned().keys, OpenKeys)


async def test_an_empty_master_key_does_not_open_the_door() -> None:
    runtime = provisioned(master_key="")
    for key in ("", "sk-anything"):
        assert (await chat(runtime, "demo", key=key)).status == 401
    await runtime.close()


async def test_the_quickstart_answers_anybody_with_the_mock_provider() -> None:
    runtime = provisioned()
    client = await chat(runtime, "mock/echo-rate0")
    assert client.status == 200
    assert b"hello" in client.body
    assert client.body.endswith(b"data: [DONE]\n\n")
    await runtime.close()


async def test_with_a_master_key_only_its_holder_is_answered() -> None:
    runtime = provisioned(master_key=KEY)
    assert (await chat(runtime, "mock/echo-rate0", key=KEY)).status == 200
    assert (await chat(runtime, "mock/echo-rate0", key="sk-wrong")).status == 401
    assert (await chat(runtime, "mock/echo-rate0")).status == 401
    await runtime.close()


async def test_a_provider_is_called_over_http_and_let_go_of_at_the_end() -> None:
    async with FaultyUpstream() as upstream:
        deployment = replace(a_deployment(group="ok"), base_url=upstream.url)
        runtime = provisioned(Settings(source="test", routes=Routes([deployment])))
        client = await chat(runtime, "ok")
        assert b"t0 " in client.body
        assert client.body.endswith(b"data: [DONE]\n\n")
        assert upstream.open == 1
        await runtime.close()
        await soon(lambda: upstream.open == 0)


async def test_two_generations_have_connections_of_their_own() -> None:
    async with FaultyUpstream() as upstream:
        deployment = replace(a_deployment(group="ok"), base_url=upstream.url)
        settings = Settings(source="test", routes=Routes([deployment]))
        old, new = provisioned(settings), provisioned(settings)
        await chat(old, "ok")
        await chat(new, "ok")
        await old.close()
        assert (await chat(new, "ok", stream=False)).status == 200
        await new.close()
        await soon(lambda: upstream.open == 0)


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that nobody signed, in a folder that OpenSSL can look it up in; and a context
    that serves with it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = folder / "trusted" / "cert.pem", folder / "key.pem"
    cert.parent.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    subprocess.run(["openssl", "rehash", cert.parent], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


async def test_a_provider_is_trusted_by_a_certificate_in_a_file_or_in_a_folder(
    tmp_path: Path,
) -> None:
    certificate, serving = _certificate(tmp_path)
    folder = str(certificate.parent)
    for verify, status in ((str(certificate), 200), (folder, 200), (True, 502)):
        async with RawProvider(whole(a_completion()), tls=serving) as provider:
            deployment = replace(a_deployment(group="ok"), base_url=provider.url)
            runtime = provisioned(
                Settings(source="test", routes=Routes([deployment]), ssl_verify=verify),
                policy=RoutePolicy(num_retries=0),
            )
            assert (await chat(runtime, "ok", stream=False)).status == status
            await runtime.close()
            await asyncio.sleep(0.01)
