"""OpenWebUI's signed user is believed only if it is young and signed with the shared secret."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pipelines.errors import Unauthenticated
from pipelines.parties import Party
from proxy.config.identity import IdentitySettings
from proxy.stores.keys.openwebui import SignedUsers, party_rules
from tests.builders import a_call
from tests.proxy.stores.keys.tokens import (
    OPENWEBUI_SECRET,
    a_service_token,
    a_user_token,
)


def test_a_good_token_gives_its_claims() -> None:
    claims = SignedUsers(OPENWEBUI_SECRET)(a_user_token())
    assert (claims["sub"], claims["email"], claims["role"]) == ("u1", "u1@x.example", "user")


@pytest.mark.parametrize(
    "token",
    [
        lambda: a_user_token(exp=int(time.time()) - 60),
        lambda: a_user_token("another-secret-0123456789-0123456789"),
        lambda: a_user_token(method="none"),
        lambda: a_user_token(method="HS512"),
        lambda: a_user_token(exp=None),
        lambda: a_user_token(sub=None),
        lambda: a_user_token(iss="elsewhere"),
        lambda: a_user_token(iss=None),
        lambda: a_user_token(iat=int(time.time()) + 3600),
        lambda: a_service_token(iss="open-webui"),
        lambda: a_user_token()[:-4] + "AAAA",
        lambda: a_user_token().rpartition(".")[0] + ".",
        lambda: "rubbish",
        lambda: "",
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_everything_else_is_refused(token: Callable[[], str]) -> None:
    sent = token()
    with pytest.raises(Unauthenticated) as refused:
        SignedUsers(OPENWEBUI_SECRET)(sent)
    assert refused.value.status == 401
    assert not sent or sent not in refused.value.message
    assert OPENWEBUI_SECRET not in refused.value.message


def test_the_secret_is_shown_nowhere() -> None:
    rules = party_rules(IdentitySettings(openwebui_secret=OPENWEBUI_SECRET))
    assert OPENWEBUI_SECRET not in repr(rules) + repr(vars(rules.verify))


def test_rules_follow_the_settings() -> None:
    settings = IdentitySettings(
        openwebui_secret=OPENWEBUI_SECRET,
        user_headers=((b"x-user", "end_user"),),
        task_header=b"x-task",
        task_model="small",
        groups_header=b"x-groups",
        end_users=True,
    )
    rules = party_rules(settings)
    headers = [
        (b"x-openwebui-user-jwt", a_user_token().encode()),
        (b"x-groups", b"red"),
        (b"x-user", b"e1"),
        (b"x-task", b"title_generation"),
    ]
    assert rules.party(a_call(headers=headers)) == Party(
        end_user="e1",
        user="u1",
        email="u1@x.example",
        name="Ann",
        role="user",
        groups=("red",),
        task="title_generation",
    )
    assert rules.task_model == "small"
    assert party_rules(IdentitySettings()).verify is None
