"""`headgate explain` asks a gateway, and says in a sentence where it does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from types import MappingProxyType
from typing import Any

import pytest

from proxy.commands.explain import WIDTH, Question, explain

ENV = MappingProxyType({"HEADGATE_MASTER_KEY": "sk-master-of-the-tests"})
DEPLOYMENT = {
    "id": "a", "provider": "acme", "model": "gpt-1", "order": 0, "removed": None, "share": 0.75,
    "input_cost_per_token": 1e-06, "output_cost_per_token": None, "rpm": 10, "used_rpm": 3,
    "tpm": None, "used_tpm": 0, "max_parallel_requests": None, "in_flight": 0,
}  # fmt: skip
ANSWER = {
    "model": "gpt", "caller": "tester", "refused": None, "strategy": "least-busy",
    "num_retries": 2, "timeout": 600.0, "prompt_tokens": 8,
    "groups": [
        {
            "name": "nick", "group": "gpt", "role": "asked", "allowed": True, "passed_over": None,
            "deployments": [DEPLOYMENT, {**DEPLOYMENT, "id": "b", "removed": "it rests " * 20}],
        },
        {
            "name": "spare", "group": "spare", "role": "fallback", "allowed": True,
            "passed_over": "no deployment serves this name", "deployments": [],
        },
    ],
    "cache": {"enabled": True, "scope": "team", "key": None, "known": False},
}  # fmt: skip


class Desk(HTTPServer):
    """A gateway that gives one answer and keeps what it was asked."""

    status = 200
    answer: object = ANSWER

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, self.headers["authorization"], body))
        raw = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def desk() -> Iterator[Desk]:
    with Desk() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(
    found: Desk, key: str | None = None, as_json: bool = False, env: Mapping[str, str] = ENV
) -> str:
    out = StringIO()
    question = Question("gpt", key, f"http://127.0.0.1:{found.server_port}")
    assert explain(question, env, as_json, out) == 0
    return out.getvalue()


def test_the_table_shows_every_group_and_deployment_and_fits() -> None:
    with desk() as found:
        text = told(found)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert "least-busy; 2 retries and 600 seconds" in text
    assert "asked: nick (gpt)" in text
    assert "acme/gpt-1" in text
    assert "75%" in text
    assert "3/10 rpm" in text
    assert "fallback: spare: no deployment serves this name" in text
    assert "Cache: on, shared by team" in text


def test_the_json_is_the_answer() -> None:
    with desk() as found:
        assert json.loads(told(found, as_json=True)) == ANSWER


def test_the_operator_asks_for_a_key_and_whoever_has_no_master_key_for_himself() -> None:
    with desk() as found:
        told(found, "sk-a")
        told(found, "sk-a", env={})
    bearer = f"Bearer {ENV['HEADGATE_MASTER_KEY']}"
    assert found.asked == [
        ("/route/explain", bearer, {"model": "gpt", "key": "sk-a"}),
        ("/route/explain", "Bearer sk-a", {"model": "gpt"}),
    ]


def refused(url: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert explain(Question("gpt", "sk-a", url), {}, False, StringIO()) == 1
    return capsys.readouterr().err


def test_what_the_gateway_refuses_is_said_as_it_says_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with desk() as found:
        found.status, found.answer = 403, {"error": {"message": "You may not."}}
        url = f"http://127.0.0.1:{found.server_port}"
        assert refused(url, capsys) == "headgate cannot explain: You may not.\n"
        found.answer = "hello"
        assert "no gateway's (status 403)" in refused(url, capsys)


@pytest.mark.parametrize("url", ["ftp://x", "localhost:4000", "http://127.0.0.1:99999"])
def test_a_wrong_address_is_a_sentence(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert url in refused(url, capsys)


def test_where_nobody_listens_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with desk() as found:
        url = f"http://127.0.0.1:{found.server_port}"
    assert f"no gateway answers at {url}" in refused(url, capsys)
