"""Fields are put where Ollama reads them, and never over what is there."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pipelines.dialects.ollama.fields import level, mime_of, place


def test_options_go_below_and_the_rest_to_the_top() -> None:
    body: dict[str, Any] = {"model": "m"}
    unknown = place(body, {"num_ctx": 8192, "keep_alive": "8m", "odd": 1, "max_tokens": 5})
    assert unknown == ["odd"]
    assert body == {
        "model": "m",
        "options": {"num_ctx": 8192, "num_predict": 5},
        "keep_alive": "8m",
    }


def test_what_is_there_is_kept() -> None:
    body: dict[str, Any] = {"options": {"num_ctx": 1}, "think": False}
    place(body, {"num_ctx": 2, "reasoning_effort": "high", "options": {"num_ctx": 3, "seed": 4}})
    assert body == {"options": {"num_ctx": 1, "seed": 4}, "think": False}


def test_nothing_is_put_where_nothing_was_given() -> None:
    body: dict[str, Any] = {}
    assert place(body, {}) == []
    assert body == {}


def test_a_field_that_the_caller_knows_goes_to_the_top() -> None:
    body: dict[str, Any] = {}
    assert place(body, {"suffix": "x"}, known=("suffix",)) == []
    assert body == {"suffix": "x"}


@pytest.mark.parametrize(
    ("effort", "think"),
    [("none", False), ("minimal", "low"), ("medium", "medium"), ("xhigh", "max"), ("max", "max")],
)
def test_an_effort_has_a_level(effort: str, think: bool | str) -> None:
    assert level(effort) == think


@pytest.mark.parametrize(
    ("raw", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0........", "image/jpeg"),
        (b"GIF89a......", "image/gif"),
        (b"RIFF....WEBP", "image/webp"),
        (b"RIFF....WAVE", "audio/wav"),
        (b"ID3.........", "audio/mp3"),
        (b"?", "image/png"),
    ],
)
def test_data_is_told_by_its_first_bytes(raw: bytes, mime: str) -> None:
    assert mime_of(base64.b64encode(raw).decode()) == mime


def test_what_is_no_base64_is_taken_for_a_picture() -> None:
    assert mime_of("a") == "image/png"
