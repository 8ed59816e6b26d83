"""Of a prompt its last turns are kept, cleaned, bounded, and without what is no text."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.kept_text import MOST_TEXT, prompt_of
from pipelines.redaction import Redaction, preset
from tests.builders import SECRET

NO_RULES = Redaction()


def kept(redaction: Redaction = NO_RULES, **body: Any) -> Any:
    found = prompt_of(body, redaction)
    return None if found is None else orjson.loads(found)


@pytest.mark.parametrize(
    ("body", "turns"),
    [
        ({"messages": [{"role": "user", "content": "a"}]}, [{"role": "user", "content": "a"}]),
        ({"prompt": "a"}, [{"role": "user", "content": "a"}]),
        ({"input": ["a", "b"]}, [{"role": "user", "content": one} for one in "ab"]),
        ({"input": [[1, 2], 3]}, None),
        ({"contents": {"parts": [{"text": "a"}]}}, [{"parts": [{"text": "a"}]}]),
        ({"query": "q", "documents": ["d"]}, [
            {"role": "user", "content": "d"}, {"role": "user", "content": "q"},
        ]),
        ({"model": "gpt"}, None),
        ({"system": "be kind", "messages": [{"role": "user", "content": "a"}]}, [
            {"role": "system", "content": "be kind"}, {"role": "user", "content": "a"},
        ]),
    ],
)  # fmt: skip
def test_turns_are_kept_as_the_client_sent_them(body: dict[str, Any], turns: Any) -> None:
    assert kept(**body) == turns


def test_keys_and_whatever_a_rule_names_are_taken_out_at_every_depth() -> None:
    content = [{"type": "text", "text": f"ann@example.org uses {SECRET}"}]
    found = kept(Redaction((preset("email"),)), messages=[{"role": "user", "content": content}])
    assert found[0]["content"] == [{"type": "text", "text": "[email] uses ****"}]


def test_pictures_are_named_and_left_out() -> None:
    data = "iVBORw0KGgo" * 1_000
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}
    source = {"type": "base64", "media_type": "image/png", "data": data}
    found = kept(messages=[{"role": "user", "content": [url, {"type": "image", "source": source}]}])
    assert data[:50] not in repr(found)
    assert found[0]["content"][0]["image_url"]["url"] == "(image/png, 11022 characters left out)"
    assert found[0]["content"][1]["source"]["data"] == "(11000 characters of encoded data left out)"


def test_of_a_long_talk_the_last_turns_are_kept() -> None:
    turns = [{"role": "user", "content": f"{number} " + "word " * 200} for number in range(1_000)]
    found = kept(system="be kind", messages=turns)
    assert len(orjson.dumps(found)) < MOST_TEXT + 4_096
    assert found[0]["content"] == "be kind"
    assert found[1]["content"].endswith("earlier turns left out)")
    assert found[-1]["content"].startswith("999 ")


@pytest.mark.parametrize("message", [
    "word " * 1_000_000, [{"type": "text", "text": "word " * 5_000} for _ in range(1_000)],
    {f"name {number}": number for number in range(100_000)}, [1] * 1_000_000,
])  # fmt: skip
def test_a_single_monstrous_turn_is_cut(message: Any) -> None:
    found = kept(messages=[{"role": "user", "content": message}])
    assert len(orjson.dumps(found)) < 2 * MOST_TEXT


def test_what_is_cut_is_cleaned_first() -> None:
    text = "x " * (8 * 1024 - 4) + "ann@example.org " + "y " * 10_000
    found = kept(Redaction((preset("email"),)), messages=[{"role": "user", "content": text}])
    assert "ann@" not in found[0]["content"]
    assert "left out" in found[0]["content"]


def test_halves_of_characters_and_great_numbers_are_no_error() -> None:
    found = kept(messages=[{"role": "user", "content": "a\ud800", "n": 2**70}])
    assert found == [{"role": "user", "content": "a?", "n": str(2**70)}]


def test_a_deep_body_is_no_error() -> None:
    deep: Any = "a"
    for _ in range(60):
        deep = [deep]
    assert kept(messages=[{"content": deep}]) is not None
