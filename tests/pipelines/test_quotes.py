"""What a provider repeats of a prompt is not written down; what it says of its own is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipelines.quotes import without_quotes

PROMPT = "my mother's maiden name is Brünnhilde\nand my cat is Grane"


def body(content: Any = PROMPT) -> dict[str, Any]:
    return {"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (f"Invalid input: {PROMPT}!", "Invalid input: […]!"),
        (f"Invalid input: {PROMPT!r}.", 'Invalid input: "[…]".'),
        ("the part 'name is Brünnhilde' is odd", "the part '[…]' is odd"),
        (PROMPT[3:], "[…]"),
        (f"{PROMPT[:20]} and {PROMPT[-20:]}", "[…] and […]"),
    ],
)
def test_quotes_are_taken_out(words: str, left: str) -> None:
    assert without_quotes(words, body()) == left


@pytest.mark.parametrize(
    "words",
    [
        "The model `gpt-4o-mini-2024-07-18` does not exist.",
        "Unsupported parameter: 'max_completion_tokens'.",
        "messages[0].role must be user",
        "my cat",
        "",
    ],
)
def test_what_is_no_quote_stays(words: str) -> None:
    assert without_quotes(words, body()) == words
    assert without_quotes(words, None) == words


def test_a_short_prompt_is_taken_out_as_a_whole() -> None:
    assert without_quotes("'tell me!!' is odd", body("tell me!!")) == "'[…]' is odd"
    assert without_quotes("hello is odd", body("hello")) == "hello is odd"


@pytest.mark.parametrize(
    "call",
    [
        {"input": [PROMPT]},
        {"prompt": PROMPT},
        {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
        {"messages": [], "system": [{"type": "text", "text": PROMPT}]},
        {"messages": [{"role": "tool", "content": [{"type": "text", "text": PROMPT}]}]},
        {"tools": [{"function": {"description": PROMPT}}]},
    ],
)
def test_the_words_are_found_in_every_dialect(call: dict[str, Any]) -> None:
    assert "Brünnhilde" not in without_quotes(f"no: {PROMPT}", call)


@pytest.mark.parametrize("text", ["ab" * 5_000_000, "a" * 5_000_000])
def test_no_prompt_makes_it_take_long(text: str) -> None:
    start = time.thread_time()
    without_quotes("a" * 2_000, body(text))
    without_quotes("ab" * 1_000, body([{"text": "ab " * 50} for _ in range(1_000)]))
    assert time.thread_time() - start < 2.0
