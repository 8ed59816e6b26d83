"""What goes to each provider of the catalogue for one and the same call: one file a provider.

A file holds the pair of the client's call and the provider's request. They are written anew with
`python -m tests.pipelines.providers.golden [name ...]`, after a look at what has changed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.assembly import StageSpec, assemble
from pipelines.errors import GatewayError
from pipelines.operations import CHAT, EMBEDDINGS, RERANK, Operation
from pipelines.provider import Provider
from pipelines.providers.load import load_catalog, make_credential
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from tests.builders import a_call, a_deployment, a_stream, an_exchange, taken
from tests.fakes.ports import FakeReply, FakeTransport, fake_ports

FOLDER = Path(__file__).parents[2] / "golden" / "providers"
COMMAND = "python -m tests.pipelines.providers.golden"
SECRET = "golden-secret"
HIDDEN = "(the key)"
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
RERANK_CALL = MappingProxyType({"query": "日本語?", "documents": ["a", "b"], "top_n": 1})
CALLS: tuple[tuple[Operation, Mapping[str, Any]], ...] = (
    (CHAT, CHAT_CALL),
    (EMBEDDINGS, EMBEDDINGS_CALL),
    (RERANK, RERANK_CALL),
)


def _asked(
    provider: Provider, operation: Operation, fields: Mapping[str, Any]
) -> dict[str, Any] | None:
    deployment = a_deployment(
        group="public",
        model="its-own-name",
        provider=provider,
        base_url=provider.base_url or "https://operator.example",
        credential=make_credential(provider.credential, SECRET),
        headers=provider.headers,
        drop_params=True,
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
    if not transport.requests:
        return None
    request = transport.requests[0]
    return {
        "method": request.method,
        "url": request.url.replace(SECRET, HIDDEN),
        "headers": {name: value.replace(SECRET, HIDDEN) for name, value in request.headers.items()},
        "body": json.loads(request.body),
    }


def pair_of(provider: Provider) -> dict[str, Any]:
    """The client's call and the request that leaves for the provider, for the first kind of call
    that it can answer."""
    for operation, fields in CALLS:
        request = _asked(provider, operation, fields)
        if request is not None:
            call = {"operation": operation.name, "body": {"model": "public", **fields}}
            return {"call": call, "request": request}
    raise AssertionError(f"{provider.name} answers no call that there is a golden one of")


def write(names: Iterable[str]) -> None:
    """Write these providers' files anew; without names all of them, and none but them."""
    catalog, chosen = load_catalog(), list(names)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in chosen or catalog:
        text = json.dumps(pair_of(catalog[name]), ensure_ascii=False, indent=2)
        (FOLDER / f"{name}.json").write_text(f"{text}\n", "utf-8")
    for file in FOLDER.glob("*.json") if not chosen else ():
        if file.name.removesuffix(".json") not in catalog:
            file.unlink()


if __name__ == "__main__":
    write(sys.argv[1:])
