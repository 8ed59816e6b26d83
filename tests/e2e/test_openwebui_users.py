"""OpenWebUI's people through one key: who they are, what they may spend, and what is but a task."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running, soon
from tests.e2e.plain import Answer, ask
from tests.proxy.stores.keys.tokens import OPENWEBUI_SECRET, a_user_token

PRICED: dict[str, Any] = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
MODELS = (entry("chat", "mock/words5-rate0", **PRICED), entry("small", "mock/words5-rate0"))
GENERAL = {
    "master_key": "sk-headgate-end-to-end",
    "user_header_mappings": [
        {"header_name": "X-OpenWebUI-User-Id", "litellm_user_role": "internal_user"}
    ],
}
LITELLM = {"max_internal_user_budget": 0.0002, "internal_user_budget_duration": "30d"}
TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji.\n### Guidelines:\n- short"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that believes OpenWebUI's plain headers."""
    text = config(*MODELS, general_settings=GENERAL, litellm_settings=LITELLM, task_model="small")
    with running(tmp_path_factory.mktemp("plain"), text) as found:
        yield found


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that knows OpenWebUI's secret."""
    text = config(
        *MODELS,
        general_settings={**GENERAL, "openwebui_jwt_secret": "os.environ/OWUI_SECRET"},
        litellm_settings=LITELLM,
    )
    env = {"OWUI_SECRET": OPENWEBUI_SECRET}
    with running(tmp_path_factory.mktemp("signed"), text, env=env) as found:
        yield found


def said(gateway: Gateway, words: str = "Hello", **headers: str) -> Answer:
    body = {"model": "chat", "messages": [{"role": "user", "content": words}], "max_tokens": 16}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(gateway, body=body, headers=named)


def got(gateway: Gateway, path: str) -> Any:
    return ask(gateway, path, method="GET").json


def user(gateway: Gateway, id: str) -> Mapping[str, Any]:
    info: Mapping[str, Any] = got(gateway, f"/user/info?user_id={id}")["user_info"]
    return info


def test_a_plain_header_makes_the_user_with_the_budget_of_newcomers(plain: Gateway) -> None:
    told = {
        "X_OpenWebUI_User_Id": "ann",
        "X_OpenWebUI_User_Name": "Ann%20M%C3%BCller",
        "X_OpenWebUI_User_Email": "ann@x.example",
        "X_OpenWebUI_User_Role": "admin",
    }
    assert said(plain, **told).status == 200
    made = user(plain, "ann")
    assert (made["user_email"], made["user_alias"]) == ("ann@x.example", "Ann Müller")
    assert (made["user_role"], made["max_budget"]) == ("internal_user", 0.0002)
    assert made["budget_duration"] == "30d"
    assert soon(lambda: user(plain, "ann")["spend"] or None)


def test_over_budget_the_chat_shows_a_sentence_with_the_time_of_the_reset(plain: Gateway) -> None:
    answers = [said(plain, X_OpenWebUI_User_Id="bob") for _ in range(20)]
    assert answers[0].status == 200
    last = answers[-1]
    assert (last.status, last.error["type"]) == (400, "budget_exceeded")
    words = last.error["message"]
    assert words.startswith("Budget has been exceeded! User=bob")
    assert "It is renewed in " in words
    assert words.endswith("-01 00:00 UTC.")
    assert last.json["detail"] == words
    assert user(plain, "bob")["spend"] <= 0.0002
    # It is his budget alone that is spent.
    assert said(plain, X_OpenWebUI_User_Id="eve").status == 200


def test_a_title_is_booked_apart_and_goes_to_the_cheaper_model(plain: Gateway) -> None:
    by_form = said(plain, TITLE, X_OpenWebUI_User_Id="tom")
    by_header = said(plain, X_OpenWebUI_User_Id="tom", X_OpenWebUI_Task="tags_generation")
    chat = said(plain, X_OpenWebUI_User_Id="tom", X_OpenWebUI_Task="{{TASK}}")
    for answer, group in ((by_form, "small"), (by_header, "small"), (chat, "chat")):
        assert answer.headers["x-litellm-model-group"] == group

    def logged() -> list[Any]:
        found: list[Any] = got(plain, "/spend/logs?user_id=tom")
        return found if len(found) == 3 else []

    tags = sorted(tuple(one["request_tags"] or ()) for one in soon(logged) or ())
    assert tags == [(), ("task:tags_generation",), ("task:title_generation",)]


def test_a_good_token_names_its_user_whatever_the_plain_headers_say(signed: Gateway) -> None:
    told = {"X_OpenWebUI_User_Id": "root", "X_OpenWebUI_User_Email": "root@x.example"}
    assert said(signed, X_OpenWebUI_User_Jwt=a_user_token(sub="uma"), **told).status == 200
    made = user(signed, "uma")
    assert (made["user_email"], made["max_budget"]) == ("u1@x.example", 0.0002)
    assert ask(signed, "/user/info?user_id=root", method="GET").status == 404


def test_unsigned_words_count_for_nothing_where_there_is_a_secret(signed: Gateway) -> None:
    assert said(signed, X_OpenWebUI_User_Id="mallory").status == 200
    assert ask(signed, "/user/info?user_id=mallory", method="GET").status == 404


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("kind", ["forged", "expired", "none", "cut"])
def test_any_other_token_is_401_and_nobody_is_made(signed: Gateway, kind: str) -> None:
    name = f"victim-{kind}"
    token = {
        "forged": lambda: a_user_token("another-secret-0123456789-0123456789", sub=name),
        "expired": lambda: a_user_token(sub=name, exp=int(time.time()) - 60),
        "none": lambda: a_user_token(method="none", sub=name),
        "cut": lambda: a_user_token(sub=name)[:-5],
    }[kind]()
    answer = said(signed, X_OpenWebUI_User_Jwt=token)
    assert (answer.status, answer.error["type"]) == (401, "auth_error")
    assert "X-OpenWebUI-User-Jwt" in answer.error["message"]
    assert token not in answer.body.decode()
    assert ask(signed, f"/user/info?user_id={name}", method="GET").status == 404
