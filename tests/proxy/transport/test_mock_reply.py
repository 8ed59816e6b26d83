"""The mock provider's replies are made of the request alone."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import orjson
import pytest

from proxy.transport.mock_forms import Part
from proxy.transport.mock_reply import Composed, compose
from proxy.transport.mock_script import Failing

CHAT = "/chat/completions"


def _compose(model: object, path: str = CHAT, **more: Any) -> Composed:
    messages = [{"role": "user", "content": "hi there"}]
    return compose(path, orjson.dumps({"model": model, "messages": messages, **more}))


def _body(composed: Composed) -> bytes:
    return b"".join(read.raw for read in composed.reads)


def _json(composed: Composed) -> Any:
    return orjson.loads(_body(composed))


def _vectors(**more: Any) -> list[Any]:
    reply = _json(_compose("demo", "/embeddings", **more))
    return [row["embedding"] for row in reply["data"]]


def test_the_same_request_gives_the_same_bytes() -> None:
    assert _body(_compose("demo", stream=True)) == _body(_compose("demo", stream=True))
    assert _json(_compose("demo"))["id"] != _json(_compose("demo", seed=1))["id"]


def test_chat_is_answered_whole_or_as_a_stream() -> None:
    whole = _compose("mock/echo")
    assert whole.headers == [(b"content-type", b"application/json")]
    assert _json(whole)["choices"][0]["message"]["content"] == "hi there"
    streamed = _compose("mock/echo", stream=True)
    assert streamed.headers == [(b"content-type", b"text/event-stream; charset=utf-8")]
    assert _body(streamed).endswith(b"data: [DONE]\n\n")


def test_usage_counts_the_words_of_both_sides() -> None:
    usage = _json(_compose("words5-think2", n=2))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2, 14)
    assert usage["total_tokens"] == 16
    asked = _body(_compose("words5", stream=True, stream_options={"include_usage": True}))
    last = orjson.loads(asked.split(b"\n\n")[-3][6:])
    assert last["usage"]["total_tokens"] == 7


def test_the_old_completions_give_each_prompt_its_choices() -> None:
    reply = _json(_compose("echo", "/v1/completions", prompt=["a b", "c"], n=2))
    assert [choice["text"] for choice in reply["choices"]] == ["a b", "a b", "c", "c"]
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2, 3]
    assert reply["usage"]["prompt_tokens"] == 3


def test_an_embedding_has_length_one_and_depends_on_the_text_alone() -> None:
    one, two, again = _vectors(input=["a", "b", "a"])
    assert len(one) == 256
    assert math.isclose(math.hypot(*one), 1.0, rel_tol=1e-6)
    assert one == again != two
    assert _vectors(input="a") == [one]


def test_an_embedding_in_base64_holds_the_same_numbers() -> None:
    (plain,) = _vectors(input="a", dimensions=3)
    (packed,) = _vectors(input="a", dimensions=3, encoding_format="base64")
    assert list(struct.unpack("<3f", base64.b64decode(packed))) == plain


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": ["a"] * 2000, "dimensions": 3000}, "input"),
    ],
)
def test_an_embedding_that_cannot_be_given_is_refused(more: dict[str, Any], param: str) -> None:
    reply = _compose("demo", "/embeddings", **more)
    assert reply.status == 400
    assert _json(reply)["error"]["param"] == param


@pytest.mark.parametrize(
    ("raw", "param"), [(b"{", None), (b"[]", "model"), (b"{}", "model"), (b'{"model":1}', "model")]
)
def test_a_body_that_names_no_model_is_refused(raw: bytes, param: str | None) -> None:
    reply = compose(CHAT, raw)
    assert reply.status == 400
    assert _json(reply)["error"]["param"] == param


def test_an_unknown_direction_is_a_model_that_does_not_exist() -> None:
    reply = _compose("mock/zap")
    error = _json(reply)["error"]
    assert (reply.status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "stallN" in error["message"]


def test_an_unknown_path_is_not_found() -> None:
    assert _compose("demo", "/images").status == 404


def test_what_openai_would_refuse_is_refused() -> None:
    reply = _compose("demo", max_tokens=-1)
    assert reply.status == 400
    assert _json(reply)["error"]["param"] == "max_tokens"


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503, 529])
def test_a_failure_is_an_error_with_that_status(status: int) -> None:
    reply = _compose(f"mock/fail{status}-late100", stream=True)
    assert reply.status == status
    assert reply.script.late == 0.1
    assert str(status) in _json(reply)["error"]["message"]
    assert ((b"retry-after", b"1") in reply.headers) == (status == 429)


@pytest.mark.parametrize("kind", ["cut", "eof", "stall"])
@pytest.mark.parametrize(("words", "reads"), [(0, 0), (1, 2), (3, 4), (9, 6)])
def test_a_stream_that_fails_ends_after_its_words_and_before_its_finish(
    kind: str, words: int, reads: int
) -> None:
    reply = _compose(f"words5-{kind}{words}", stream=True)
    got = list(reply.reads)
    assert len(got) == reads
    assert all(read.part is not Part.ENDING for read in got)
    assert reply.failing is Failing(kind)


def test_the_other_choices_say_their_word_before_a_stream_fails() -> None:
    body = _body(_compose("words5-cut2", stream=True, n=2))
    assert body.count(b"word2") == 2
    assert b"word3" not in body


def test_an_error_event_has_no_choices() -> None:
    body = _body(_compose("words5-errorevent2", stream=True))
    last = orjson.loads(body.split(b"\n\n")[-2][6:])
    assert last["error"]["type"] == "server_error"
    assert "choices" not in last
    assert b"word3" not in body


@pytest.mark.parametrize("kind", ["cut", "eof", "stall"])
def test_a_whole_reply_that_fails_ends_in_its_middle(kind: str) -> None:
    whole = _body(_compose(f"words5-{kind}1"))
    assert whole.startswith(b'{"id"')
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(whole)
    assert _body(_compose(f"words5-{kind}0")) == b""


def test_a_whole_reply_may_be_an_error_under_status_200() -> None:
    reply = _compose("errorevent1")
    assert reply.status == 200
    assert list(_json(reply)) == ["error"]


def test_a_paced_whole_reply_is_as_late_as_its_last_word() -> None:
    assert _compose("words5-think2-rate2-paced-first500").delay == 3.5
    assert _compose("words5-rate2-first500").delay == 0.5
    assert _compose("words5-rate0-paced").delay == 0.0
    assert _compose("words5-paced", stream=True).delay == 0.0
