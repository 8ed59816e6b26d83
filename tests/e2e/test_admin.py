"""A script as LiteLLM's documents have it, from the first key to the spend, against the gateway."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from openai import (
    AuthenticationError,
    BadRequestError,
    OpenAI,
    PermissionDeniedError,
    RateLimitError,
)

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running, soon

PRICED: dict[str, Any] = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
CONFIG = config(
    entry("cheap", "mock/words5-rate0", **PRICED), entry("other", "mock/words5-rate0", **PRICED)
)


class Admin:
    """An operator with the master key, or a user with a key of his own."""

    def __init__(self, gateway: Gateway, key: str = KEY) -> None:
        self._url = gateway.url
        self._key = key

    def __call__(self, path: str, method: str = "", **body: Any) -> Any:
        raw = json.dumps(body).encode() if body else None
        asked = Request(self._url + path, raw, method=method or ("POST" if body else "GET"))
        asked.add_header("Authorization", f"Bearer {self._key}")
        with urlopen(asked) as reply:
            return json.loads(reply.read())

    def status(self, path: str, method: str = "", **body: Any) -> int:
        """The status of a call that is expected to fail."""
        try:
            self(path, method, **body)
        except HTTPError as error:
            return error.code
        return 200


def said(gateway: Gateway, key: str, model: str = "cheap", **more: Any) -> str | None:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        reply = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "hi"}], **more
        )
        words: str | None = reply.choices[0].message.content
        return words


def test_from_the_first_key_to_the_spend(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG) as gateway:
        admin = Admin(gateway)
        team = admin("/team/new", team_alias="red", models=["cheap"], max_budget=1.0)["team_id"]
        made = admin(
            "/key/generate", key_alias="ada", team_id=team, duration="30d", metadata={"who": "ada"}
        )
        key = made["key"]
        assert said(gateway, key, user="customer-1") is not None
        with pytest.raises(PermissionDeniedError, match="not available"):
            said(gateway, key, "other")

        def spent() -> float:
            found: float = admin(f"/key/info?key={key}")["info"]["spend"]
            return found

        assert soon(lambda: spent() or None)
        info = admin(f"/key/info?key={key}")["info"]
        assert (info["key_alias"], info["team_id"], info["metadata"]) == (
            "ada", team, {"who": "ada"},
        )  # fmt: skip
        assert admin(f"/team/info?team_id={team}")["team_info"]["spend"] == info["spend"]
        logs = soon(lambda: admin(f"/spend/logs?api_key={key}"))
        assert logs is not None
        assert sum(one["spend"] for one in logs) == info["spend"]
        assert logs[0]["model"]
        assert key not in json.dumps(logs)

        listed = admin("/key/list?return_full_object=true")
        assert [one["key_alias"] for one in listed["keys"]] == ["ada"]
        admin("/key/update", key=key, rpm_limit=1)
        time.sleep(1.0)
        with pytest.raises(RateLimitError, match="Limit type: requests"):
            for _ in range(3):
                said(gateway, key)
        admin("/key/update", key=key, rpm_limit=1000, max_budget=0.0)
        time.sleep(1.0)
        with pytest.raises(BadRequestError, match="Budget has been exceeded"):
            said(gateway, key)
        admin("/key/block", key=key)
        time.sleep(1.0)
        with pytest.raises(AuthenticationError, match="blocked"):
            said(gateway, key)
        assert admin("/key/delete", keys=[key])["deleted_keys"]
        time.sleep(1.0)
        with pytest.raises(AuthenticationError):
            said(gateway, key)
        kept = [one for one in tmp_path.rglob("*") if one.is_file() and one.name != "gateway.yaml"]
        assert [one.name for one in kept if key.encode() in one.read_bytes()] == []


def test_a_user_manages_his_own_keys_and_nobody_elses(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG) as gateway:
        admin = Admin(gateway)
        ada = Admin(gateway, admin("/user/new", user_id="ada")["key"])
        bob = admin("/user/new", user_id="bob", auto_create_key=True)["key"]
        own = ada("/key/generate", key_alias="mine")["key"]
        assert ada(f"/key/info?key={own}")["info"]["user_id"] == "ada"
        assert ada.status(f"/key/info?key={bob}") in (403, 404)
        assert ada.status("/key/delete", keys=[bob]) in (400, 403, 404)
        assert ada.status("/team/new", team_alias="x") == 403
        assert ada.status("/user/list") == 403
        assert Admin(gateway, "sk-wrong").status("/key/list") == 401
