"""No key is anywhere that it need not be: not in the log, the database, the audit or the errors."""

from __future__ import annotations

import json
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
READ = (
    "/audit", "/openapi.json", "/key/list?return_full_object=true", "/model/info", "/spend/logs",
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

    def work(key: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = asked(gateway, key, path, body, **headers)
        # LiteLLM repeats the key that an operator names; an error repeats nothing.
        repeated = path + json.dumps(body) if answer.status == 200 else ""
        said.append((answer.body + json.dumps(dict(answer.headers)).encode(), repeated))
        return answer.json

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
