"""What goes to each provider of the catalogue for one and the same call, written down in full.

A new row needs a new file in `tests/golden/openai/`: the failing test prints what it must hold.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipelines.assembly import StageSpec, assemble
from pipelines.provider import Provider
from pipelines.providers.load import load_catalog, make_credential
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from tests.builders import a_call, a_deployment, a_stream, an_exchange, taken
from tests.fakes.ports import FakeReply, FakeTransport, fake_ports

GOLDEN = Path(__file__).parents[2] / "golden" / "openai"
CATALOG = load_catalog()
CALL = {
    "model": "public",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "日本語?"},
    ],
    "max_completion_tokens": 5,
    "stream": True,
    "seed": 7228414683750928000,
    "timeout": 3,
    "metadata": {"tags": ["a"]},
}


def request_to(provider: Provider) -> dict[str, Any]:
    """The request that leaves for a provider."""
    deployment = a_deployment(
        group="public",
        model="its-own-name",
        provider=provider,
        base_url=provider.base_url or "https://operator.example",
        credential=make_credential(provider.credential, "golden-secret"),
    )
    transport = FakeTransport(FakeReply([a_stream("a")]))
    specs = [StageSpec(name) for name in DEFAULT_STAGES]
    chain = assemble(specs, fake_ports(transport, Routes([deployment])))

    async def run() -> None:
        async with chain.run(an_exchange(a_call(orjson.dumps(CALL)))) as flow:
            await taken(flow)

    asyncio.run(run())
    (request,) = transport.requests
    body = json.loads(request.body)
    return {"url": request.url, "headers": request.headers, "body": body}


@pytest.mark.parametrize("provider", CATALOG.values(), ids=CATALOG.keys())
def test_a_provider_is_asked_as_its_golden_request_says(provider: Provider) -> None:
    got = request_to(provider)
    shown = json.dumps(got, ensure_ascii=False, indent=2) + "\n"
    path = GOLDEN / f"{provider.name}.json"
    assert path.is_file(), f"missing: {path.name}\n{shown}"
    assert path.read_text("utf-8") == shown


def test_every_golden_request_is_of_a_provider() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == CATALOG.keys()
