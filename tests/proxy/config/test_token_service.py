"""A token service is asked over HTTP, and what it answers is an answer."""

from __future__ import annotations

import pytest

from pipelines.errors import ConnectFailed
from proxy.config.token_service import ask, post
from tests.fakes.token_service import TokenService, token_service


async def test_a_form_is_posted_and_answered() -> None:
    with token_service() as service:
        assert await post(f"{service.url}/token", b"a=b") == (200, service.body)
    assert service.forms == [{"a": ["b"]}]


def test_an_answer_of_any_status_is_an_answer() -> None:
    with token_service(status=401) as service:
        answer = ask(f"{service.url}/token", "POST", b"a=b")
    assert (answer.status, answer.data) == (401, service.body)


def test_nobody_is_followed_elsewhere() -> None:
    with token_service(status=302) as service:
        service.headers["Location"] = f"{service.url}/elsewhere"
        assert ask(f"{service.url}/token", "POST", b"a=b").status == 302
    assert service.paths == ["/token"]


def test_silence_names_the_host_and_no_more() -> None:
    service = TokenService()
    service.server_close()
    with pytest.raises(ConnectFailed, match=r"at 127\.0\.0\.1 could not be asked") as found:
        ask(f"{service.url}/token?secret=s", "POST", b"a=b")
    assert "secret" not in str(found.value)


def test_a_file_is_no_token_service() -> None:
    with pytest.raises(ConnectFailed):
        ask("file:///etc/hostname")
