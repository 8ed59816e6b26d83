"""The tree of errors says to the client what is wrong, and to route what may still help."""

from __future__ import annotations

import pytest

from pipelines.errors import (
    BadCall,
    ChainOrder,
    ClientError,
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    Forbidden,
    GatewayError,
    InternalError,
    Overloaded,
    Rejected,
    ShuttingDown,
    StageOrder,
    StillRunning,
    StreamBroken,
    TooLarge,
    Unauthenticated,
    UnknownModel,
    Unsupported,
    UnsupportedEncoding,
    UpstreamError,
    UpstreamFailed,
)

TABLE = [
    (BadCall("x"), 400, "invalid_request_error", None),
    (Unauthenticated("x"), 401, "auth_error", None),
    (Forbidden("x"), 403, "key_model_access_denied", None),
    (UnknownModel("x"), 404, "invalid_request_error", "model_not_found"),
    (Unsupported("x", "y"), 400, "invalid_request_error", None),
    (StillRunning(), 409, "invalid_request_error", "idempotent_call_running"),
    (TooLarge("x"), 413, "invalid_request_error", None),
    (UnsupportedEncoding(), 415, "invalid_request_error", None),
    (ConnectFailed("x"), 502, "upstream_error", "upstream_unreachable"),
    (Overloaded("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (Overloaded("x", 503), 503, "overloaded_error", "upstream_overloaded"),
    (UpstreamFailed("x"), 502, "upstream_error", "upstream_error"),
    (UpstreamFailed("x", 504), 504, "upstream_error", "upstream_error"),
    (FirstByteTimeout("x"), 504, "timeout_error", "upstream_timeout"),
    (Denied("x"), 502, "upstream_error", "upstream_auth"),
    (Rejected("x"), 400, "invalid_request_error", None),
    (Rejected("x", 422, "some_code", "field"), 422, "invalid_request_error", "some_code"),
    (StreamBroken("x"), 502, "upstream_error", "upstream_disconnected"),
    (InternalError(), 500, "internal_server_error", None),
    (ShuttingDown(), 503, "server_shutdown", "server_shutdown"),
    (StageOrder("target", "route"), 500, "internal_server_error", None),
]
RETRYABLE = (ConnectFailed, Overloaded, UpstreamFailed, FirstByteTimeout)
NOWHERE = (Rejected, StreamBroken)


@pytest.mark.parametrize(("error", "status", "kind", "code"), TABLE)
def test_an_error_has_its_status_type_and_code(
    error: GatewayError, status: int, kind: str, code: str | None
) -> None:
    assert (error.status, error.type, error.code) == (status, kind, code)
    assert error.message == str(error)
    assert error.message


@pytest.mark.parametrize("error", [row[0] for row in TABLE])
def test_an_error_says_whether_another_try_may_help(error: GatewayError) -> None:
    assert error.retryable is isinstance(error, RETRYABLE)
    if isinstance(error, UpstreamError):
        assert error.elsewhere is not isinstance(error, NOWHERE)


def test_the_tree_has_three_branches() -> None:
    assert issubclass(Unsupported, ClientError)
    assert issubclass(ShuttingDown, InternalError)
    assert issubclass(Denied, UpstreamError)
    assert not issubclass(ChainOrder, GatewayError)


def test_an_error_keeps_what_it_was_told() -> None:
    assert BadCall("x", "field").param == "field"
    assert Rejected("x", param="field").param == "field"
    assert Forbidden("x").param == UnknownModel("x").param == "model"
    assert Overloaded("x", retry_after=7.0).retry_after == 7.0
    assert GatewayError("x").retry_after is None


def test_one_error_tells_nothing_of_another() -> None:
    Overloaded("x", 503)
    Rejected("x", 418, "teapot")
    assert (Overloaded("y").type, Rejected("y").status, Rejected("y").code) == (
        "rate_limit_error",
        400,
        None,
    )


def test_an_unknown_model_is_named_with_ten_known_ones_at_most() -> None:
    message = UnknownModel("gtp", [f"m{number}" for number in range(30)]).message
    assert message.startswith("The model 'gtp' does not exist. Models you may use: 'm0', ")
    assert message.endswith("'m9'.")


def test_an_unknown_model_of_somebody_who_has_none() -> None:
    expected = "The model 'x' does not exist. No model is configured for you."
    assert UnknownModel("x").message == expected


def test_a_monstrous_or_hostile_model_name_is_tamed() -> None:
    message = UnknownModel("a\r\nSet-Cookie: x\x1b[31m" + "m" * 10_000).message
    assert len(message) < 500
    assert message.isprintable()
