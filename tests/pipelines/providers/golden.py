"""What goes to each provider of the catalogue for one and the same call, in one file.

Written anew with `python -m tests.pipelines.providers.golden`, after a look at what has changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.assembly import StageSpec, assemble
from pipelines.errors import GatewayError
from pipelines.operations import CHAT, EMBEDDINGS, Operation
from pipelines.provider import Provider
from pipelines.providers.load import load_catalog, make_credential
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from tests.builders import a_call, a_deployment, a_stream, an_exchange, taken
from tests.fakes.ports import FakeReply, FakeTransport, fake_ports

FILE = Path(__file__).parents[2] / "golden" / "providers.json"
COMMAND = "python -m tests.pipelines.providers.golden"
CHAT_CALL = MappingProxyType(
    {
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
)
EMBEDDINGS_CALL = MappingProxyType({"input": "日本語?", "dimensions": 256})
CALLS: tuple[tuple[Operation, Mapping[str, Any]], ...] = (
    (CHAT, CHAT_CALL),
    (EMBEDDINGS, EMBEDDINGS_CALL),
)


def _asked(provider: Provider, operation: Operation, fields: Mapping[str, Any]) -> dict[str, Any]:
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
    call = a_call(orjson.dumps({"model": "public", **fields}), operation)

    async def run() -> None:
        async with chain.run(an_exchange(call)) as flow:
            await taken(flow)

    # The reply is one of a chat; only what was asked counts here.
    with suppress(GatewayError):
        asyncio.run(run())
    request = transport.requests[0]
    return {"url": request.url, "headers": request.headers, "body": json.loads(request.body)}


def request_to(provider: Provider) -> dict[str, Any] | None:
    """The request that leaves for a provider; None where it does not speak OpenAI's dialect."""
    spoken = {endpoint.dialect for endpoint in provider.endpoints.values()}
    for operation, fields in CALLS:
        if operation.dialect in spoken:
            return _asked(provider, operation, fields)
    return None


def text() -> str:
    """The whole file, one provider a line."""
    found = {name: request_to(one) for name, one in sorted(load_catalog().items())}
    lines = (
        f"{json.dumps(name)}: {json.dumps(request, ensure_ascii=False)}"
        for name, request in found.items()
        if request is not None
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
