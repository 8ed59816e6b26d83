"""The twelve rules, 9 to 12, and the paths and connections around a call."""

from __future__ import annotations

import base64
import concurrent.futures
import os
import socket
import time
from pathlib import Path

import openai
import pytest

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import KEY, Gateway, headgate, running, written
from tests.e2e.plain import ask, ask_on, chat, connected, dialled
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO

FORBIDDEN = {"pipe", "pipeline", "arena", "direct", "preset"}
PATHS = ["/v1/models", "/models", "//models", "/v1//models", "//v1///models", "/openai/v1/models"]


@pytest.mark.parametrize("path", PATHS)
def test_rule_9_models_are_listed_wherever_a_client_looks(gateway: Gateway, path: str) -> None:
    answer = ask(gateway, path, method="GET")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["object"] == "list"
    rows = answer.json["data"]
    assert "demo" in [row["id"] for row in rows]
    for row in rows:
        assert row["object"] == "model"
        assert not FORBIDDEN.intersection(row)


def test_rule_9_a_provider_that_does_not_answer_holds_no_list_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        wild = entry("silent/*", "openai_like/*", url)
        with running(tmp_path, config(*mocks(), wild)) as gateway:
            started = time.monotonic()
            listed = [row["id"] for row in ask(gateway, "/models", method="GET").json["data"]]
            # OpenWebUI gives up after ten seconds.
            assert time.monotonic() - started < 5
            silent.close()
    assert "demo" in listed


def test_rule_10_idle_connections_are_kept_for_75_seconds(tmp_path: Path) -> None:
    told = headgate(tmp_path, "check", "--config", str(written(tmp_path, config(*mocks()))))
    assert "keep-alive 75 s" in told.stdout


def test_rule_10_a_connection_is_used_again_after_a_pause(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        ask_on(connection, body=chat("mock/words1-rate0"))
        sock = connection.sock
        for path in ("/v1/models", "/health", "/nothing-here"):
            time.sleep(0.3)
            ask_on(connection, path, method="GET")
            assert connection.sock is sock, "the gateway closed the connection"
        ask_on(connection, body=chat("nobody"))
        assert ask_on(connection, body=chat("mock/words1-rate0")).status == 200
        assert connection.sock is sock


def test_rule_10_the_time_of_idle_connections_can_be_set(tmp_path: Path) -> None:
    whole = config(*mocks(), keep_alive=0.2)
    with running(tmp_path, whole) as gateway, connected(gateway) as connection:
        ask_on(connection, "/health", method="GET")
        assert connection.sock is not None
        assert connection.sock.recv(1) == b""


def test_rule_11_four_calls_a_message_with_tools_and_images_find_room(gateway: Gateway) -> None:
    image = base64.b64encode(os.urandom(3_000_000)).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
    parts = [{"type": "text", "text": "What is this?"}, picture]
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": "d" * 600}}
        for n in range(28)
    ]
    bodies = [
        chat("mock/rate0", messages=[{"role": "user", "content": parts}], tools=tools),
        *(chat("demo", stream=False, max_tokens=1000) for _ in range(3)),
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: ask(gateway, body=body), bodies))
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[0].events


def test_rule_11_parallel_embeddings_of_an_upload_are_all_answered(gateway: Gateway) -> None:
    def embed(number: int) -> int:
        body = {"model": "faulty/ok@upload", "input": [f"chunk {number}"]}
        return ask(gateway, "/embeddings", body).status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(embed, range(48))) == [200] * 48


def test_rule_12_a_client_error_is_never_tried_twice(gateway: Gateway, provider: Provider) -> None:
    for status in (400, 404, 413, 422):
        model = f"{status}@rule12"
        answer = ask(gateway, body=chat(f"faulty/{model}"))
        assert answer.status == status
        assert answer.error["message"]
        provider.asked(model, 1)


def test_rule_12_the_wait_that_a_provider_asks_for_is_passed_on(
    gateway: Gateway, provider: Provider
) -> None:
    answer = ask(gateway, body=chat("faulty/429@rule12"))
    assert answer.status == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.error["code"] == "rate_limit_exceeded"
    provider.asked("429@rule12", 1)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_the_root_is_answered_to_those_who_only_look_whether_somebody_is_there(
    gateway: Gateway, method: str
) -> None:
    answer = ask(gateway, "/", method=method)
    assert answer.status == 200
    assert bool(answer.body) is (method == "GET")


@pytest.mark.parametrize(
    "path",
    ["/chat/completions", "/v1/chat/completions", "/v1//chat/completions", "//chat/completions",
     "/openai/v1/chat/completions", "/openai/deployments/demo/chat/completions",
     "/engines/demo/chat/completions"],
)  # fmt: skip
def test_a_chat_is_answered_below_every_root(gateway: Gateway, path: str) -> None:
    answer = ask(gateway, f"{path}?api-version=2024-10-21", chat("demo", stream=False))
    assert answer.status == 200
    assert answer.json["choices"]


def test_the_sdk_works_without_v1_in_its_address(gateway: Gateway) -> None:
    for url in (gateway.url, f"{gateway.url}/", f"{gateway.url}/v1/"):
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as sdk:
            assert sdk.chat.completions.create(model="demo", messages=HELLO).choices
            assert sdk.completions.create(model="demo", prompt="x").choices
            assert sdk.embeddings.create(model="demo", input="x").data
            assert [model.id for model in sdk.models.list()]


def test_the_azure_client_works_with_its_own_paths_and_key_header(gateway: Gateway) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url, api_key=KEY, api_version="2024-10-21", max_retries=0
    ) as sdk:
        assert sdk.chat.completions.create(model="demo", messages=HELLO).choices
        stream = sdk.chat.completions.create(model="mock/words3-rate0", messages=HELLO, stream=True)
        assert len(list(stream)) > 3
        assert sdk.completions.create(model="demo", prompt="x").choices
        assert len(sdk.embeddings.create(model="demo", input="x").data[0].embedding) == 256
        with pytest.raises(openai.NotFoundError) as raised:
            sdk.chat.completions.create(model="nobody", messages=HELLO)
    assert raised.value.code == "model_not_found"


def test_the_deployment_of_the_path_is_the_model(gateway: Gateway, provider: Provider) -> None:
    path = "/openai/deployments/faulty/ok@azure/chat/completions?api-version=2024-10-21"
    answer = ask(gateway, path, {"messages": [{"role": "user", "content": "x"}]})
    assert answer.status == 200
    assert provider.asked("ok@azure")[0].json["model"] == "ok@azure"


def test_nothing_is_ever_answered_with_a_redirect_or_html(gateway: Gateway) -> None:
    for method, path in (
        ("GET", "/v1/models/"),
        ("GET", "/nowhere"),
        ("POST", "/v1/chat/completions/"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/responses"),
    ):
        answer = ask(gateway, path, chat("demo") if method == "POST" else None, method)
        assert not 300 <= answer.status < 400
        assert answer.headers["content-type"] == "application/json"
        if answer.status >= 400:
            assert answer.error


def test_the_health_is_told_to_strangers_and_more_of_it_to_those_who_are_known(
    gateway: Gateway,
) -> None:
    stranger = ask(gateway, "/health", method="GET", headers={"Authorization": ""}).json
    assert stranger["status"] == "healthy"
    assert set(stranger) == {"status", "version", "uptime_seconds", "models"}
    known = ask(gateway, "/health", method="GET").json
    assert known["healthy_count"] == len(known["healthy_endpoints"]) == 4
    assert known["unhealthy_count"] == 0
    for path in ("/health/liveliness", "/health/liveness", "/health/readiness"):
        assert ask(gateway, path, method="GET", headers={"Authorization": ""}).status == 200


@pytest.mark.parametrize(
    "body, word",
    [(b"{not json", "JSON"), (b"[1]", "object"), (b'{"messages":[]}', "'model'"),
     (b'{"model":"","messages":[]}', "'model'"), (b'{"model":"demo"}', "'messages'"),
     (b'{"model":"demo","messages":' + b"[" * 70 + b"]" * 70 + b"}", "64")],
)  # fmt: skip
def test_a_body_that_is_no_call_is_refused_with_the_reason(
    gateway: Gateway, body: bytes, word: str
) -> None:
    answer = ask(gateway, body=body)
    assert answer.status == 400
    assert word in answer.error["message"]


def test_a_request_that_could_be_read_in_two_ways_is_refused_and_the_connection_closed(
    gateway: Gateway,
) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    smuggled = head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n"
    with dialled(gateway, smuggled) as sock:
        raw = b"".join(iter(lambda: sock.recv(65536), b""))
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert raw.count(b"HTTP/1.1 ") == 1


def test_the_clients_key_and_its_hop_headers_never_reach_a_provider(
    gateway: Gateway, provider: Provider
) -> None:
    extra = {"Cookie": "a=b", "TE": "trailers", "X-Api-Key": KEY, "X-Forwarded-For": "1.2.3.4"}
    ask(gateway, body=chat("faulty/ok@headers"), headers=extra)
    [asked] = provider.asked("ok@headers")
    assert asked.headers["authorization"] == "Bearer sk-of-the-provider"
    assert KEY.encode() not in asked.raw
    assert not {"cookie", "te", "x-api-key"}.intersection(asked.headers)
