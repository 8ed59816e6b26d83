"""What is remembered of a call when it is over.

The rule: one record a call, refused and broken ones too; it holds no prompt, no answer, no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.usage import NO_USAGE, Usage


@dataclass(slots=True)
class AttemptRecord:
    """One try: the deployment's id, its length in seconds, and what went wrong, if anything."""

    deployment: str
    seconds: float
    error: str | None = None


@dataclass(slots=True)
class Record:
    """One call; times in seconds, `started` since 1970, `cost` in nano-dollars (None: unknown) by
    `cost_source` (operator, provider, table, unknown). `serial` is the call's own where a client
    sent its `id` twice.

    `status` is the HTTP status the client saw (499: it left before the end) and `outcome` one of
    ok, refused, failed, broken, client_gone, shutdown.
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
