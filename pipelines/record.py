"""What is remembered of a call when it is over.

The rule: one record a call, refused and broken ones too; it holds no secret, and a prompt or an
answer only where the operator wants them kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipelines.usage import NO_USAGE, Usage


@dataclass(slots=True)
class AttemptRecord:
    """One try: the deployment's id, its length in seconds, and what went wrong, if anything.

    `kind` says what it was (first, retry, fallback, continue, hedge), `code` which kind of error
    it met; `first_byte` is in seconds from its begin, `cost` in nano-dollars. It `began` so many
    seconds after the call came; `provider_status` is the one that the provider itself gave.
    """

    deployment: str
    seconds: float
    error: str | None = None
    kind: str = "first"
    code: str | None = None
    first_byte: float | None = None
    cost: int | None = None
    began: float = 0.0
    provider: str = ""
    model: str = ""
    error_class: str = ""
    provider_status: int | None = None


@dataclass(slots=True)
class Record:
    """One call; times in seconds, `started` since 1970, `cost` in nano-dollars (None: unknown) by
    `cost_source` (operator, provider, table, unknown). `serial` is the call's own where a client
    sent its `id` twice; `mirror_of` is the id of the call that it is a copy of.

    `status` is the HTTP status the client saw (499: it left before the end) and `outcome` one of
    ok, refused, failed, broken, client_gone, shutdown, orphaned (its process ended before it).

    `requested_model` is what the client asked for, `model` what that stood for, and `model_group`
    the name of the deployments that served it. `session_id` and `trace_id` are what the client
    calls its session and its trace, `parent_span` its whole `traceparent` (W3C), and `metadata`
    what else it said for those who follow the call. `provider_request_id` is what the provider
    calls the last attempt, and `api_base` where that was sent. `received_bytes` and `sent_bytes`
    are those of the bodies; `overhead` is how many of the seconds until the first byte nobody but
    the gateway used. `error_class` is the
    kind of error in the gateway's own words, `provider_status` what the provider called it.
    `prompt` and `answer` are JSON.
    """

    id: str
    operation: str
    outcome: str
    status: int
    duration: float
    key: str | None = None
    model: str | None = None
    deployment: str | None = None
    provider: str | None = None
    upstream_model: str | None = None
    streaming: bool = False
    usage: Usage = NO_USAGE
    cost: int | None = None
    first_byte: float | None = None
    fallbacks: int = 0
    attempts: tuple[AttemptRecord, ...] = field(default=())
    error: str | None = None
    client: str = ""
    losses: tuple[str, ...] = ()
    serial: str = ""
    started: float = 0.0
    cost_source: str = "unknown"
    key_id: str = ""
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    cache: str = "bypass"
    cache_key: str = ""
    mirror_of: str = ""
    key_digest: str = ""
    team_alias: str | None = None
    user_email: str | None = None
    route: str = ""
    user_agent: str = ""
    session_id: str = ""
    trace_id: str = ""
    parent_span: str = ""
    provider_request_id: str = ""
    api_base: str = ""
    received_bytes: int = 0
    sent_bytes: int = 0
    overhead: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    requested_model: str | None = None
    model_group: str | None = None
    error_class: str = ""
    provider_status: int | None = None
    prompt: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)
