"""The tree of errors: what can go wrong with a call, and what the client is told.

The rule: an error is raised where the fact is known and rendered in one place; its message is safe
to show to the client, says what is wrong, where, and what to do, and names no secret.

    GatewayError
    ├─ ClientError      BadCall 400 · Unauthenticated 401 · Forbidden 403 · UnknownModel 404
    │                   UnknownResponse 404 · UnknownStream 404 · KeyReused 422 ·
    │                   Unsupported 400 · StillRunning 409 · TooLarge 413
    │                   UnsupportedEncoding 415 · OverBudget 400 · RateLimited 429
    ├─ UpstreamError    ConnectFailed 502 · Overloaded 429/503 · UpstreamFailed 5xx · Busy 429
    │                   FirstByteTimeout 504 · OutOfTime 504 · Denied 502 · StreamBroken 502
    │                   NoDeployment 429/401 · Rejected 4xx, of which: ContextTooLong 400 ·
    │                   ContentRefused 400 · ModelNotFound 404
    ├─ StoreUnavailable 503 · LedgerUnavailable 503 · JournalFull 503
    └─ InternalError    500 · ShuttingDown 503 · StageOrder 500
    ChainOrder          a configuration that cannot be run; never met by a call
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Literal

# The kinds of failures that the operator may tell apart, as LiteLLM has them.
Family = Literal[
    "bad_request",
    "authentication",
    "timeout",
    "rate_limit",
    "content_policy",
    "internal_server",
    "service_unavailable",
    "bad_gateway",
    "not_found",
]


class GatewayError(Exception):
    """A call that cannot be answered; `status`, `type`, `code` and `param` go to the client.

    `family` is its kind as the operator's policies name it; where it is `hopeless`, the client is
    told not to send the call again.
    """

    family: Family = "internal_server"
    hopeless = False
    status = 500
    type = "internal_server_error"
    code: str | None = None
    param: str | None = None
    retryable = False
    elsewhere = False
    retry_after: float | None = None
    # The id of the call that it ended, for dialects that tell it in the body.
    call_id = ""
    # What programs read beside the words, for dialects that have a place for it.
    details: Mapping[str, object] | None = None

    @property
    def message(self) -> str:
        """The sentence for the client."""
        return str(self)


class ClientError(GatewayError):
    """The caller's fault: the same call will fail again."""

    family: Family = "bad_request"
    status = 400
    type = "invalid_request_error"


class BadCall(ClientError):
    """The body or a field of it is wrong; `param` names the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Unauthenticated(ClientError):
    """No key, or one that is not known."""

    status = 401
    type = "auth_error"


class Forbidden(ClientError):
    """The key is known, but may not do this."""

    status = 403
    type = "key_model_access_denied"

    def __init__(self, message: str, param: str | None = "model") -> None:
        super().__init__(message)
        self.param = param


class UnknownModel(ClientError):
    """No deployment serves this name; at most ten that the caller may use are named."""

    status = 404
    code = "model_not_found"
    param = "model"

    def __init__(self, model: str, known: Sequence[str] = ()) -> None:
        shown = ", ".join(repr(name) for name in known[:10])
        hint = f" Models you may use: {shown}." if shown else " No model is configured for you."
        super().__init__(f"The model {model[:200]!r} does not exist.{hint}")


class UnknownResponse(ClientError):
    """No response of this caller is kept under this id."""

    status = 404

    def __init__(self, id: str) -> None:
        super().__init__(f"Response with id {id[:200]!r} not found.")


class UnknownStream(ClientError):
    """No stream of this caller is kept under this id, or not the stream of this call."""

    status = 404
    code = "stream_not_found"

    def __init__(self, id: str) -> None:
        super().__init__(
            f"There is no stream {id[:200]!r} to go on with; it was another call's, or is over for "
            "too long. Send the call without Last-Event-ID to make it anew."
        )


class KeyReused(ClientError):
    """An Idempotency-Key came again with another call."""

    status = 422
    code = "idempotency_key_reused"
    hopeless = True

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another body before; send a new key.")


class StillRunning(ClientError):
    """The call of an Idempotency-Key still runs, and its reply is too long to be told again."""

    status = 409
    code = "idempotent_call_running"

    def __init__(self) -> None:
        super().__init__("The call of this Idempotency-Key still runs, and is too long to join.")


class Unsupported(ClientError):
    """A feature that the chosen provider cannot express; another deployment's may."""

    elsewhere = True

    def __init__(self, feature: str, provider: str) -> None:
        super().__init__(f"{provider} does not support {feature}.")


class TooLarge(ClientError):
    """The request's body is over the limit."""

    status = 413


class UnsupportedEncoding(ClientError):
    """The request's body is compressed."""

    status = 415

    def __init__(self) -> None:
        super().__init__("The request's body has a Content-Encoding; send it uncompressed.")


class OverBudget(ClientError):
    """There is no money left for this call; the status is the operator's choice."""

    type = "budget_exceeded"
    code = "budget_exceeded"
    hopeless = True

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class RateLimited(ClientError):
    """The caller's own limit is reached; `retry_after` is in seconds."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(GatewayError):
    """Keys or budgets cannot be looked up now, so nobody is let in unchecked."""

    status = 503
    type = "store_unavailable"
    code = "store_unavailable"
    retry_after = 1.0


class LedgerUnavailable(StoreUnavailable):
    """The ledger cannot be asked now."""


class JournalFull(StoreUnavailable):
    """The call could not be recorded, and the operator wants none that is not."""

    type = "journal_full"
    code = "journal_full"

    def __init__(self) -> None:
        super().__init__(
            "The gateway has no room left to record calls, so this one is not made; please try"
            " again later, or tell its operator."
        )


class UpstreamError(GatewayError):
    """The provider's fault; `retryable` says whether another try may help, `elsewhere` whether
    only another deployment may."""

    status = 502
    type = "upstream_error"
    code: str | None = "upstream_error"
    elsewhere = True
    provider_status: int | None = None


class ConnectFailed(UpstreamError):
    """No connection to the provider: nothing was sent, so a retry is always safe."""

    code = "upstream_unreachable"
    retryable = True


class Overloaded(UpstreamError):
    """The provider refuses for lack of capacity: 429, 503 or 529; `retry_after` is in seconds."""

    family: Family = "rate_limit"
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True

    def __init__(self, message: str, status: int = 429, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        if status != 429:
            self.type, self.code = "overloaded_error", "upstream_overloaded"
            self.family = "service_unavailable"


class Busy(Overloaded):
    """The operator's own limit or budget for a deployment or provider is reached."""


class UpstreamFailed(UpstreamError):
    """The provider answered 5xx, or something that is no answer."""

    retryable = True

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.status = status
        if status == 504:
            self.family = "timeout"


class FirstByteTimeout(UpstreamError):
    """The provider was silent for too long before its first byte."""

    family: Family = "timeout"
    status = 504
    type = "timeout_error"
    code = "upstream_timeout"
    retryable = True


class Denied(UpstreamError):
    """The provider refuses the gateway's own credential; never shown as the client's 401."""

    family: Family = "authentication"
    hopeless = True
    code = "upstream_auth"


class Rejected(UpstreamError):
    """The provider found the call itself wrong (4xx); its own sentence is passed on."""

    family: Family = "bad_request"
    status = 400
    type = "invalid_request_error"
    elsewhere = False

    def __init__(
        self, message: str, status: int = 400, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


class ContextTooLong(Rejected):
    """The prompt is longer than the model can take."""


class ContentRefused(Rejected):
    """The provider's content filter refused the call."""

    family: Family = "content_policy"


class ModelNotFound(Rejected):
    """The provider does not know the model that this deployment asks it for."""

    family: Family = "not_found"
    elsewhere = True


class OutOfTime(UpstreamError):
    """The call's own time is used up; it tells what went wrong last."""

    family: Family = "timeout"
    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"
    elsewhere = False


class NoDeployment(UpstreamError):
    """The model is known, but none of its deployments may be asked now; `retry_after` is in
    seconds, and `reason` says what took the last one, or what made them rest."""

    family: Family = "rate_limit"
    status = 429
    type = "rate_limit_error"
    code = "no_deployment"
    elsewhere = False

    def __init__(self, model: str, retry_after: float | None = None, reason: str = "") -> None:
        words = f"No deployments available for selected model {model[:200]!r}"
        if retry_after is not None:
            words += f", Try again in {ceil(retry_after)} seconds."
        between = ": " if retry_after is None else " "
        super().__init__(f"{words}{between}{reason}" if reason else words)
        self.retry_after = retry_after


class StreamBroken(UpstreamError):
    """The reply broke off or stalled; nothing is said twice, so it is not tried again after its
    first byte unless another deployment can go on from there."""

    code = "upstream_disconnected"
    elsewhere = False


class InternalError(GatewayError):
    """Our own fault; the details are in the log, under the call's id."""

    def __init__(self, message: str = "Internal server error") -> None:
        super().__init__(message)


class ShuttingDown(InternalError):
    """The gateway stops, and this call did not end in time."""

    status = 503
    type = "server_shutdown"
    code = "server_shutdown"

    def __init__(self) -> None:
        super().__init__("The gateway is shutting down; please send the request again.")


class StageOrder(InternalError):
    """A stage read a field of the exchange that no stage before it had given."""

    def __init__(self, field: str, giver: str) -> None:
        super().__init__(f"exchange.{field} was read before stage {giver!r} gave it")


class ChainOrder(Exception):
    """A list of stages that cannot be run; found when the configuration is loaded."""
