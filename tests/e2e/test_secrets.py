"""No key is anywhere that it need not be, and no prompt and no answer is kept unasked: not in the
log, the spool, the database, the audit, the metrics or the errors."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running, soon
from tests.e2e.plain import Answer, ask
from tests.e2e.provider import Provider
from tests.fakes.servers import dump, postgres

MASTER = "sk-marked-master-0123456789"
PROVIDER = "marked-provider-0123456789"
STORED = "marked-stored-0123456789"
SALT = "marked-salt-0123456789"
WRONG = "sk-marked-wrong-0123456789"
PROMPT = "the marked prompt speaks of Brünnhilde\nand of her horse"
# What of it cannot be split by any escaping.
TRACES = ("marked prompt", "speaks of Br", "of her horse")
MAIL = "marked@example.org"
READ = (
    "/audit", "/openapi.json", "/key/list?return_full_object=true", "/model/info", "/spend/logs",
    "/health", "/metrics",
    "/user/list", "/v1/models",
)  # fmt: skip
ENV = {"HEADGATE_MASTER_KEY": MASTER, "HEADGATE_SALT_KEY": SALT, "THE_PROVIDER": PROVIDER}


def asked(gateway: Gateway, key: str, path: str, body: Any = None, **headers: str) -> Answer:
    method = "GET" if body is None else "POST"
    sent = {"Authorization": f"Bearer {key}", **headers}
    return ask(gateway, path, body, method, sent)


def used(gateway: Gateway, url: str) -> tuple[list[str], list[tuple[bytes, str]]]:
    """Every secret that a day's work brings up, and all that was answered meanwhile, each with what
    it may repeat because it was asked for by that."""
    said: list[tuple[bytes, str]] = []

    def work(key: str, path: str, body: Any = None, **headers: str) -> None:
        answer = asked(gateway, key, path, body, **headers)
        # LiteLLM repeats the key that an operator names; an error repeats nothing.
        repeated = path + json.dumps(body) if answer.status == 200 else ""
        said.append((answer.body + json.dumps(dict(answer.headers)).encode(), repeated))

    def made(path: str, body: Mapping[str, Any]) -> str:
        # It is shown this once, and so is not among what was said.
        found: str = asked(gateway, MASTER, path, body).json["key"]
        return found

    first = made("/key/generate", {"key_alias": "first", "max_budget": 1.0})
    renewed = made("/key/regenerate", {"key": first, "grace_period": "1h"})
    keys = [first, renewed, made("/user/new", {"user_id": "ada"})]
    params = {"model": "openai_like/500", "api_base": url, "api_key": STORED}
    work(MASTER, "/model/new", {"model_name": "stored", "litellm_params": params})
    for model in ("good", "bad", "denied", "stored", "missing"):
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        for key in (MASTER, *keys, WRONG):
            work(key, "/v1/chat/completions", body)
    work(WRONG, "/key/list", **{"x-api-key": keys[0]})
    work(MASTER, "/key/generate", {"key": keys[1]})
    work(MASTER, "/key/update", {"key": keys[1], "tags": 5, "max_budget": "x"})
    work(MASTER, "/key/update", {"key": keys[1], "rpm_limit": 50})
    work(keys[2], "/key/info?key=" + keys[1])
    for path in READ:
        work(MASTER, path)
    work(MASTER, f"/key/info?key={keys[1]}")
    work(MASTER, "/key/block", {"key": keys[1]})
    work(MASTER, "/key/delete", {"keys": [keys[1]]})
    work(MASTER, "/key/delete", {"keys": [WRONG]})
    return [MASTER, PROVIDER, STORED, SALT, WRONG, *keys], said


def command_lines(gateway: Gateway) -> bytes:
    """The command line of the gateway as every user of the machine can see it."""
    return Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()


@pytest.mark.parametrize("backend", ["embedded", "postgres"])
def test_no_secret_is_where_it_need_not_be(
    backend: str, provider: Provider, tmp_path: Path
) -> None:
    general: dict[str, Any] = {"store_model_in_db": True}
    url = postgres().new_database() if backend == "postgres" else ""
    if url:
        general["database_url"] = url
    own = "os.environ/THE_PROVIDER"
    text = config(
        entry("good", "mock/words5-rate0"),
        entry("bad", "openai_like/500", provider.url),
        entry("denied", "openai_like/401", provider.url),
        general_settings=general,
        router_settings={"num_retries": 0},
    )
    for one in text["model_list"]:
        one["litellm_params"]["api_key"] = own
    with running(tmp_path, text, env=ENV) as gateway:
        secrets, said = used(gateway, provider.url)
        assert soon(lambda: len(gateway.calls) > 20 or None)
        seen = {"the process list": command_lines(gateway)}
        seen["what is on the disk while it runs"] = _read(tmp_path)
    seen["what is on the disk at the end"] = _read(tmp_path)
    if url:
        seen["the dump of the database"] = dumped = dump(url)
        assert b"first" in dumped
    for answer, repeated in said:
        found = [one for one in secrets if one.encode() in answer and one not in repeated]
        assert found == [], answer
    for place, raw in seen.items():
        found = [one for one in secrets if one.encode() in raw]
        assert found == [], place


def _read(folder: Path) -> bytes:
    return b"\n".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())


CALLS = (
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": PROMPT}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": PROMPT}], "stream": True}),
    ("/v1/messages", {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 99}),
    ("/v1/responses", {"input": PROMPT}),
    ("/v1/embeddings", {"input": PROMPT}),
    ("/v1/completions", {"prompt": PROMPT}),
)


def talked(gateway: Gateway, *models: str) -> list[int]:
    """The statuses of calls of every kind with the marked prompt."""
    found = [
        asked(gateway, MASTER, path, {"model": model, **body}).status
        for model in models
        for path, body in CALLS
    ]
    assert soon(lambda: len(gateway.calls) >= len(found) or None)
    return found


def chatty(folder: Path, url: str, **general: Any) -> dict[str, Any]:
    """A gateway whose answers and errors repeat the prompt; its database lies in the folder."""
    return config(
        entry("echo", "mock/echo"),
        entry("repeats400", "openai_like/repeats400", url),
        entry("repeats500", "openai_like/repeats500", url),
        router_settings={"num_retries": 0},
        general_settings=general,
        data_dir=str(folder / "data"),
        redact_messages=["email", {"pattern": "her \\w+", "replace": "[animal]"}],
    )


def test_no_prompt_and_no_answer_is_kept_unasked(provider: Provider, tmp_path: Path) -> None:
    text = chatty(tmp_path, provider.url)
    env = {"HEADGATE_MASTER_KEY": MASTER}
    with running(tmp_path, text, env=env) as gateway:
        # Not even while somebody looks for a fault.
        gateway.signal(signal.SIGUSR1)
        assert soon(lambda: b"the log level is debug" in _read(tmp_path) or None)
        assert set(talked(gateway, "echo")) == {200}
        assert 200 not in talked(gateway, "repeats400", "repeats500", "missing")
        assert gateway.calls[-1]["received_bytes"]
        shown = [asked(gateway, MASTER, path).body for path in READ]
        seen = {"what an operator is shown": b"\n".join(shown)}
        seen["what is on the disk while it runs"] = _read(tmp_path)
    seen["what is on the disk at the end"] = _read(tmp_path)
    for place, raw in seen.items():
        assert [one for one in TRACES if one.encode() in raw] == [], place


def test_prompts_are_kept_where_it_is_asked_for_and_cleaned(
    provider: Provider, tmp_path: Path
) -> None:
    text = chatty(tmp_path, provider.url, store_prompts_in_spend_logs=True)
    said = [{"role": "user", "content": f"{PROMPT} {MAIL}"}]
    off = [{"role": "user", "content": "kept to myself"}]
    with running(tmp_path, text, env={"HEADGATE_MASTER_KEY": MASTER}) as gateway:
        for body in (
            {"messages": said, "stream": True},
            {"messages": said},
            {"messages": off, "turn_off_message_logging": True},
        ):
            asked(gateway, MASTER, "/v1/chat/completions", {"model": "echo", **body})
        assert soon(lambda: len(asked(gateway, MASTER, "/spend/logs").json) == 3 or None)
    raw = _read(tmp_path / "data")
    # Prompt and answer of two calls; the log says nothing of either.
    assert raw.count(b"the marked prompt") >= 4
    assert b"[animal]" in raw
    assert b"[email]" in raw
    assert [one for one in ("her horse", MAIL, "kept to myself") if one.encode() in raw] == []
    assert b"marked prompt" not in (tmp_path / "err.txt").read_bytes()
