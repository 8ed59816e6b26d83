"""Builders: each makes one good thing, and takes only what its test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.events import Event, Flow, Head, Headers, Media
from pipelines.exchange import Exchange, Principal
from pipelines.operations import CHAT, Operation
from pipelines.provider import CredentialSpec, Endpoint, Provider, Quirks
from pipelines.providers.credentials.bearer import Bearer
from pipelines.upstream import UpstreamRequest
from pipelines.usage import Usage

DONE = b"data: [DONE]\n\n"
SECRET = "sk-acme-0123456789abcdef"
USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
KNOWN_USAGE = Usage(prompt_tokens=9, completion_tokens=12)
ENDPOINTS = {
    "chat": Endpoint("/chat/completions", "openai-chat"),
    "completions": Endpoint("/completions", "openai-completions"),
    "embeddings": Endpoint("/embeddings", "openai-embeddings"),
}


def a_body(model: str = "gpt", **fields: Any) -> bytes:
    """The body of a chat call."""
    messages = [{"role": "user", "content": "hello"}]
    return orjson.dumps({"model": model, "messages": messages, **fields})


def a_call(
    raw: bytes | None = None,
    operation: Operation = CHAT,
    headers: Headers | None = None,
    **more: Any,
) -> Call:
    """A chat call of a client that sends no headers."""
    return Call(operation, a_body() if raw is None else raw, headers or [], **more)


def a_stream_call(model: str = "gpt", **fields: Any) -> Call:
    """A chat call that asks for a stream."""
    return a_call(a_body(model, stream=True, **fields))


def a_provider(
    name: str = "acme",
    endpoints: Mapping[str, Endpoint] | None = None,
    quirks: Quirks | None = None,
    api_version: str = "",
) -> Provider:
    """A provider that speaks OpenAI's dialects."""
    return Provider(
        name=name,
        title=name.title(),
        docs=f"https://{name}.example/docs",
        base_url=f"https://{name}.example/v1",
        base_env=(),
        credential=CredentialSpec("bearer", (f"{name.upper()}_API_KEY",)),
        endpoints=ENDPOINTS if endpoints is None else endpoints,
        quirks=quirks or Quirks(),
        api_version=api_version,
    )


def a_deployment(name: str = "d1", group: str = "gpt", **more: Any) -> Deployment:
    """A deployment whose provider calls the model as the public does."""
    provider = more.pop("provider", None) or a_provider()
    given = {"model": group, "base_url": provider.base_url, "credential": Bearer(SECRET), **more}
    return Deployment(id=name, group=group, provider=provider, **given)


def a_principal(alias: str = "tester", models: Iterable[str] | None = None) -> Principal:
    """A caller who may use every model, or those named."""
    return Principal(alias, "digest", None if models is None else frozenset(models))


def an_exchange(
    call: Call | None = None,
    principal: Principal | None = None,
    deployment: Deployment | None = None,
    arrived: float = 100.0,
) -> Exchange:
    """An exchange as the stage under test finds it: past auth, and past route where a deployment
    is given."""
    exchange = Exchange("call-1", call or a_call(), arrived)
    if principal is not None:
        exchange.principal = principal
    if deployment is not None:
        exchange.attempt(deployment, arrived)
    return exchange


def an_upstream_request(streaming: bool = True) -> UpstreamRequest:
    """A finished request that is not signed yet."""
    return UpstreamRequest(
        url="https://acme.example/v1/chat/completions",
        headers={"Content-Type": "application/json"},
        body=a_body(),
        pool="acme",
        dialect="openai-chat",
        streaming=streaming,
        first_byte=300.0,
        idle=300.0,
    )


def a_head(media: Media = Media.SSE) -> Head:
    """The head of a good reply."""
    return Head(200, [(b"content-type", media.value.encode())], media)


def sse(*values: object) -> bytes:
    """Each value as one event of a stream."""
    return b"".join(b"data: " + orjson.dumps(value) + b"\n\n" for value in values)


def a_chunk(content: str | None = "hi", finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat reply."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    return {**head, "choices": [choice], **more}


def a_usage_chunk(**more: Any) -> dict[str, Any]:
    """The chunk that tells the usage and nothing else."""
    return {**a_chunk(), "choices": [], "usage": USAGE, **more}


def a_stream(*words: str, usage: bool = True) -> bytes:
    """A whole good stream that says these words."""
    told = sse(a_usage_chunk()) if usage else b""
    said = sse(*(a_chunk(word) for word in words), a_chunk(None, "stop"))
    return said + told + DONE


def a_completion(content: str = "hello", **more: Any) -> bytes:
    """A whole chat reply."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt"}
    return orjson.dumps({**head, "choices": [choice], "usage": USAGE, **more})


Step = Event | BaseException


class Rest:
    """The rest of a chain as a stage sees it: each time it is opened it plays the next script (the
    last one again when they are used up); a step that is an exception is raised."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self.scripts = scripts
        self.opened = 0
        self.closed = 0

    def __call__(self) -> Flow:
        script = self.scripts[min(self.opened, len(self.scripts) - 1)]
        self.opened += 1
        return self._play(script)

    async def _play(self, script: Sequence[Step]) -> Flow:
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.closed += 1


def flow_of(*steps: Step) -> Rest:
    """The rest of a chain that always plays these steps."""
    return Rest(steps)


async def taken(flow: Flow, into: list[Event] | None = None) -> list[Event]:
    """Every event of a flow; `into` keeps those that came before an error."""
    events = [] if into is None else into
    async for event in flow:
        events.append(event)
    return events


async def left_after(flow: Flow, count: int) -> list[Event]:
    """So many events of a flow, which is closed after them as when the client is slow to read."""
    events = [await anext(flow) for _ in range(count)]
    await flow.aclose()
    return events
