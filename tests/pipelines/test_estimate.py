"""Tests of the estimate of a prompt's tokens."""

from __future__ import annotations

from time import perf_counter

import pytest

from pipelines.estimate import estimate_prompt_tokens, estimate_text_tokens
from pipelines.prompt import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Prompt,
    Refusal,
    ReplyFormat,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)


def of(*parts: Part) -> int:
    return estimate_prompt_tokens(Prompt("m", [Message("user", list(parts))], "openai"))


# As tiktoken counts them with o200k_base.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 10, 101),
        ('{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}', 23),
        ("Schönes Wetter heute, nicht wahr? Über Nacht wurde es kühler. " * 5, 82),
        ("Быстрая коричневая лиса прыгает через ленивую собаку. " * 5, 97),
        ("人工智能正在改变世界,我们需要认真思考它的影响。" * 5, 75),
        ("인공지능이 세상을 바꾸고 있습니다. " * 5, 56),
    ],
)
def test_text_of_any_script_is_counted_within_a_quarter(text: str, tokens: int) -> None:
    assert tokens * 0.75 <= estimate_text_tokens(text) <= tokens * 1.25


def test_nothing_costs_nothing_and_one_letter_one_token() -> None:
    assert estimate_text_tokens("") == 0
    assert estimate_text_tokens("a") == 1
    assert estimate_text_tokens("\ud800") >= 1


def test_more_text_never_costs_less() -> None:
    text = "Grüße, 世界! 🙂 {'a': 1}\n"
    counts = [estimate_text_tokens(text * n) for n in range(1, 20)]
    assert counts == sorted(counts)


def test_a_prompt_costs_its_turns_and_a_little_for_each() -> None:
    one = of(Text("Hello there"))
    both = Prompt("m", [Message("system", [Text("Be brief.")]), Message("user", [])], "openai")
    assert 5 < one < 15
    assert estimate_prompt_tokens(both) > of()


def test_pictures_cost_by_the_class_of_their_size() -> None:
    sizes = [of(Image(data="A" * size, mime="image/png")) for size in (1_000, 30_000, 3_000_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] < 2_000
    assert of(Image(data="A" * 3_000_000, detail="low")) < 100
    assert 300 < of(Image(url="https://example.com/a.png")) < 2_000


def test_documents_cost_by_page_or_by_their_words() -> None:
    small, large = (of(File(data="A" * size, mime="application/pdf")) for size in (900, 900_000))
    assert 1_000 < small < large
    assert of(File(text="four words of text")) < 20
    assert of(File(data="QUJD" * 100, mime="text/plain")) < 150


def test_sound_costs_by_the_second() -> None:
    assert of(Audio("A" * 420_000, "wav")) - of() == 320
    assert of(Audio("A" * 420_000, "mp3")) - of() == 640


def test_tools_calls_results_thoughts_and_schemas_are_counted() -> None:
    bare = Prompt("m", [Message("user", [Text("x")])], "openai")
    least = estimate_prompt_tokens(bare)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    bare.tools = [Tool("get_weather", "Tells the weather.", schema)]
    with_tool = estimate_prompt_tokens(bare)
    bare.tools.append(Tool("search", kind="web_search", rest={"web_search": {"max_uses": 3}}))
    with_both = estimate_prompt_tokens(bare)
    bare.format = ReplyFormat("schema", schema=schema)
    assert least < with_tool < with_both < estimate_prompt_tokens(bare)
    assert of(ToolCall("1", "get_weather", '{"city": "Paris"}')) > of() + 10
    assert of(ToolResult("1", [Text("It rains.")])) > of() + 8
    assert of(Thought("I think that it rains.")) > of() + 3
    assert of(Refusal("I will not.")) > of() + 1
    assert of(Opaque("executableCode", "gemini", {"code": "print(1)"})) > of() + 3


def test_a_megabyte_is_counted_in_no_time() -> None:
    text = "Der schnelle braune Fuchs, 世界 und mehr. " * 25_000
    best = min(_seconds(text) for _ in range(5))
    assert best < len(text.encode()) / 100 * 1e-6 * 2


def _seconds(text: str) -> float:
    begun = perf_counter()
    estimate_text_tokens(text)
    return perf_counter() - begun
