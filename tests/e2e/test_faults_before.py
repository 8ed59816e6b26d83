"""A provider that fails before its first byte is tried again and falls back as configured."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask, chat, text_of
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO, client

WORDS = "t0 t1 t2 t3 t4 "
# How a provider may fail before its first byte, and what is said where nobody else can help.
FAILURES = {
    "refused": (502, "upstream_error", "upstream_unreachable"),
    "reset": (502, "upstream_error", "upstream_error"),
    "500": (502, "upstream_error", "upstream_error"),
    "503html": (503, "overloaded_error", "upstream_overloaded"),
    "429": (429, "rate_limit_error", "rate_limit_exceeded"),
    "401": (502, "upstream_error", "upstream_auth"),
    "404": (404, "invalid_request_error", "server_error"),
    "nofirst": (504, "timeout_error", "upstream_timeout"),
    "nofirst_hdr": (504, "timeout_error", "upstream_timeout"),
    "closed_after_head": (502, "upstream_error", "upstream_error"),
    "error_first_event": (503, "overloaded_error", "upstream_overloaded"),
    "html200": (502, "upstream_error", "upstream_error"),
    "redirect": (502, "upstream_error", "upstream_error"),
    "clmismatch": (502, "upstream_error", "upstream_error"),
    "json_error_200": (502, "upstream_error", "upstream_error"),
    "empty200": (502, "upstream_error", "upstream_error"),
    "dupcl": (502, "upstream_error", "upstream_error"),
    "bighdr": (502, "upstream_error", "upstream_error"),
    "deepjson": (502, "upstream_error", "upstream_error"),
}
STREAMED_ONLY = {"nofirst_hdr", "closed_after_head", "error_first_event"}
QUICK = {"stream_timeout": 0.5, "timeout": 0.5}
BOTH = [
    (mode, stream) for mode in FAILURES for stream in (True, False)
    if stream or mode not in STREAMED_ONLY
]  # fmt: skip


def deployments(url: str, closed: str) -> Iterator[dict[str, Any]]:
    """For every failure: a group with a second deployment, one with a fallback, one alone."""
    for mode in FAILURES:
        base = closed if mode == "refused" else url
        quick = QUICK if mode.startswith("nofirst") else {}
        for stream in ("", "whole"):
            two, fall = f"two-{mode}{stream}", f"fall-{mode}{stream}"
            yield entry(two, f"openai_like/{mode}@{two}", base, order=1, max_retries=0, **quick)
            yield entry(two, f"openai_like/ok@{two}", url, order=2)
            yield entry(fall, f"openai_like/{mode}@{fall}", base, max_retries=0, **quick)
        yield entry(f"alone-{mode}", f"openai_like/{mode}@alone", base, max_retries=0, **quick)
    yield entry("backup", "openai_like/ok@backup", url)
    yield entry("same", "openai_like/flaky2@same", url)
    yield entry("limited", "mock/fail429", max_retries=1)
    yield entry("wrong", "openai_like/400@wrong", url, order=1)
    yield entry("wrong", "openai_like/ok@wrong", url, order=2)
    for here in ("loop-a", "loop-b"):
        yield entry(here, f"openai_like/500@{here}", url, max_retries=0)


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """A gateway whose groups fail, each in its own way."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    falls = [{f"fall-{mode}{end}": ["backup"]} for mode in FAILURES for end in ("", "whole")]
    routing = {
        "num_retries": 2,
        "fallbacks": [*falls, {"loop-a": ["loop-b"]}, {"loop-b": ["loop-a"]}],
    }
    models = [*mocks(), *deployments(provider.url, closed)]
    with running(folder, config(*models, router_settings=routing)) as found:
        yield found


def said(gateway: Gateway, model: str, stream: bool, ident: str) -> dict[str, str]:
    """The headers of an answer that must be whole."""
    headers = {"x-litellm-call-id": ident}
    answer = ask(gateway, body=chat(model, stream=stream), headers=headers)
    assert answer.status == 200, answer.body
    if stream:
        assert text_of(answer.events) == WORDS
    else:
        assert answer.json["choices"][0]["message"]["content"] == "hello world"
    return dict(answer.headers)


@pytest.mark.parametrize("mode, stream", BOTH)
def test_the_other_deployment_answers(
    gateway: Gateway, provider: Provider, mode: str, stream: bool
) -> None:
    model = f"two-{mode}" + ("" if stream else "whole")
    headers = said(gateway, model, stream, model)
    assert headers["x-litellm-attempted-retries"] == "1"
    assert headers["x-litellm-attempted-fallbacks"] == "0"
    provider.asked(f"ok@{model}", 1)
    line = gateway.call(model)
    assert (line["outcome"], line["attempts"]) == ("ok", 2)
    assert len(line["failed_attempts"]) == 1
    if mode == "refused":
        assert provider.never_asked(f"{mode}@{model}")
    else:
        provider.asked(f"{mode}@{model}", 1)


@pytest.mark.parametrize("mode, stream", BOTH)
def test_the_fallback_group_answers(
    gateway: Gateway, provider: Provider, mode: str, stream: bool
) -> None:
    model = f"fall-{mode}" + ("" if stream else "whole")
    headers = said(gateway, model, stream, model)
    assert headers["x-litellm-model-group"] == "backup"
    assert headers["x-litellm-attempted-fallbacks"] == "1"
    line = gateway.call(model)
    assert (line["outcome"], line["attempts"], line["fallbacks"]) == ("ok", 2, 1)


@pytest.mark.parametrize("mode", FAILURES)
def test_where_nobody_else_can_help_the_error_says_what_happened(
    gateway: Gateway, mode: str
) -> None:
    status, kind, code = FAILURES[mode]
    ident = f"alone-{mode}"
    answer = ask(gateway, body=chat(ident), headers={"x-litellm-call-id": ident})
    error = answer.error
    assert (answer.status, error["type"], error["code"]) == (status, kind, code)
    assert "SECRET" not in error["message"]
    assert "<h" not in error["message"]
    assert (answer.headers.get("retry-after") == "7") is (mode == "429")
    assert (answer.headers.get("x-should-retry") == "false") is (mode == "401")
    line = gateway.call(ident)
    assert (line["outcome"], line["status"], line["attempts"]) == ("failed", status, 1)


def test_the_same_deployment_is_tried_again_where_there_is_no_other(
    gateway: Gateway, provider: Provider
) -> None:
    headers = said(gateway, "same", True, "same-call")
    assert headers["x-litellm-attempted-retries"] == "2"
    first, second, third = provider.asked("flaky2@same", 3)
    # It is given a moment, and a longer one the second time.
    assert second.at - first.at >= 0.05
    assert third.at - second.at >= 0.1


def test_a_retry_waits_as_long_as_the_provider_says(gateway: Gateway) -> None:
    started = time.monotonic()
    answer = ask(gateway, body=chat("limited"), headers={"x-litellm-call-id": "limited-call"})
    assert time.monotonic() - started >= 1.0
    assert answer.status == 429
    assert answer.headers["retry-after"] == "1"
    assert gateway.call("limited-call")["attempts"] == 2


def test_a_call_that_is_wrong_is_not_repeated_in_its_group(
    gateway: Gateway, provider: Provider
) -> None:
    answer = ask(gateway, body=chat("wrong"))
    assert answer.status == 400
    assert "status 400" in answer.error["message"]
    provider.asked("400@wrong", 1)
    assert provider.never_asked("ok@wrong")


def test_groups_that_fall_back_on_each_other_come_to_an_end(
    gateway: Gateway, provider: Provider
) -> None:
    answer = ask(gateway, body=chat("loop-a"), headers={"x-litellm-call-id": "loop"})
    assert answer.status == 502
    provider.asked("500@loop-a", 1)
    provider.asked("500@loop-b", 1)
    assert gateway.call("loop")["attempts"] == 2


def test_the_sdk_sees_nothing_of_all_this(gateway: Gateway) -> None:
    with client(gateway) as sdk:
        stream = sdk.chat.completions.create(model="two-500", messages=HELLO, stream=True)
        words = "".join(one.choices[0].delta.content or "" for one in stream)
    assert words == WORDS
