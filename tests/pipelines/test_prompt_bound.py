"""The bound of a prompt is never below what a tokenizer would count, and comes closer with time."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from pipelines.conversation import Conversation
from pipelines.exchange import Exchange
from pipelines.operations import EMBEDDINGS, RESPONSES
from pipelines.prompt_bound import LEARNED_AFTER, MOST_MODELS, PromptBound
from pipelines.usage import Usage
from tests.builders import a_body, a_call, a_deployment, an_exchange

GERMAN = (
    "Der schnelle braune Fuchs springt über den faulen Hund. Die Größe der Straße täuscht;"
    " Übermäßige Bürokratie erschwert die Donaudampfschifffahrtsgesellschaft. "
)
CHINESE = (
    "人工智能正在改变世界。我们需要一个可靠的网关来管理语言模型的调用，并且精确地计算费用。"
    "饕餮龘靐齉爩麤蠿"
)
ENGLISH = "The quick brown fox jumps over the lazy dog, and nobody minds it very much. "
CODE = "def add(left: int, right: int) -> int:\n    return left + right\n\n"
JSON = json.dumps([{"id": 17, "name": "a-b", "tags": ["x", "y"], "on": True}] * 3)
# What OpenAI's o200k counts for one of each, rounded up.
COUNTED = [(GERMAN, 41), (CHINESE, 45), (ENGLISH, 17), (CODE, 21), (JSON, 69), ("7 ", 2), ("😀", 2)]


def asked(text: object, model: str = "m", **fields: Any) -> Exchange:
    messages = [{"role": "user", "content": text}]
    return an_exchange(
        a_call(a_body(messages=messages, **fields)), deployment=a_deployment(model=model)
    )


def answered(exchange: Exchange, tokens: int, estimated: bool = False) -> Exchange:
    exchange.usage = Usage(tokens, 5, estimated=estimated)
    return exchange


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
@pytest.mark.parametrize("times", [1, 3, 50])
def test_what_nobody_has_measured_is_never_too_low(text: str, tokens: int, times: int) -> None:
    assert PromptBound()(asked(text * times)) >= tokens * times


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_a_bound_is_at_most_the_bytes_and_a_little_for_each_turn(text: str, tokens: int) -> None:
    exchange = asked(text * 40)
    bound = PromptBound()
    for _ in range(100):
        bound.learn(answered(exchange, 10**6))
    assert bound(exchange) <= len(exchange.call.raw) + 8 + 16


def test_what_was_counted_brings_the_bound_closer() -> None:
    bound, exchange = PromptBound(), asked(ENGLISH * 50)
    before = bound(exchange)
    for _ in range(LEARNED_AFTER):
        bound.learn(answered(exchange, 850))
    assert 850 <= bound(exchange) < before * 0.6


def test_a_few_replies_lower_nothing_but_raise_at_once() -> None:
    bound, exchange = PromptBound(), asked(ENGLISH * 50)
    before = bound(exchange)
    bound.learn(answered(exchange, 850))
    assert bound(exchange) == before
    bound.learn(answered(exchange, 3_000))
    assert bound(exchange) > 3_000


def test_after_learning_no_call_of_those_that_it_learned_from_is_below_its_count() -> None:
    random, bound = Random(7), PromptBound()
    calls = []
    for _ in range(600):
        size = random.randint(1, 120)
        exchange = answered(asked(ENGLISH * size), int(17 * size * random.uniform(0.8, 1.2)) + 7)
        calls.append(exchange)
        bound.learn(exchange)
    assert all(bound(one) >= one.usage.prompt_tokens for one in calls)


def test_models_and_kinds_of_text_learn_apart() -> None:
    bound = PromptBound()
    figures, other = asked("3,14,15,92,65,35," * 100), asked(ENGLISH * 50, "other")
    before = bound(figures), bound(other)
    for _ in range(100):
        bound.learn(answered(asked(ENGLISH * 50), 850))
    assert (bound(figures), bound(other)) == before


def test_estimates_teach_nothing() -> None:
    bound, exchange = PromptBound(), asked(ENGLISH * 50)
    before = bound(exchange)
    for _ in range(100):
        bound.learn(answered(exchange, 10, estimated=True))
        bound.learn(answered(exchange, 0))
    assert bound(exchange) == before


def test_tools_and_turns_cost_something_of_their_own() -> None:
    bound = PromptBound()
    tool = {"type": "function", "function": {"name": "f"}}
    assert bound(asked("hi", tools=[tool])) > bound(asked("hi")) + 500


def test_a_picture_counts_as_one_and_not_as_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    bound = PromptBound()
    found = bound(asked([{"type": "text", "text": "what is it?"}, picture]))
    assert 1_600 < found < 2_500
    assert bound(asked("data:image/png;base64," + "A" * 400_000)) > 100_000


def test_dear_pictures_are_learned() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://acme.example/a.png"}}
    bound, exchange = PromptBound(), asked([picture])
    bound.learn(answered(exchange, 36_000))
    assert bound(exchange) >= 36_000


def test_inputs_of_embeddings_are_bounded_too() -> None:
    for given in ("some words", ["some", "words"], [[1, 2, 3]], [1, 2, 3]):
        body = json.dumps({"model": "e", "input": given}).encode()
        exchange = an_exchange(a_call(body, EMBEDDINGS), deployment=a_deployment())
        assert 4 <= PromptBound()(exchange) <= len(body) + 16 + 8 * 3


def test_it_remembers_only_so_many_models() -> None:
    bound = PromptBound()
    first = asked(ENGLISH * 50, "m0")
    before = bound(first)
    for number in range(MOST_MODELS + 1):
        bound.learn(answered(asked(ENGLISH * 50, f"m{number}"), 3_900))
    assert bound(first) == before


def going_on(size: int) -> Exchange:
    body = b'{"model":"m","input":"hi","previous_response_id":"resp_1"}'
    told = Conversation("c", True)
    told.size = size
    call = a_call(body, RESPONSES).within(told)
    return an_exchange(call, deployment=a_deployment(model="m"))


def test_the_turns_that_a_response_goes_on_from_are_bounded_too() -> None:
    assert PromptBound()(going_on(1_000_000)) > 250_000


def test_nothing_is_learned_from_a_prompt_that_is_longer_than_its_body() -> None:
    bound = PromptBound()
    before = bound(asked(ENGLISH))
    for _ in range(LEARNED_AFTER + 1):
        bound.learn(answered(going_on(0), 200_000))
    assert bound(asked(ENGLISH)) <= before
