"""A provider that keeps its own bill: what each call came to, by the number in its prompt.

The rule: a call is billed for its prompt once a byte of an answer has gone out, and for each token
that has; an error costs nothing, and what was never sent is on no bill.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.upstream import FaultyUpstream
from tests.fakes.wire import (
    BODY_END,
    DONE,
    SSE_HEAD,
    Break,
    Mode,
    Received,
    Steps,
    chunk,
    completion,
    event,
    whole,
)

# Nano-dollars for a token.
PROMPT_PRICE, TOKEN_PRICE = 1_000, 3_000
PACE = 0.004
FOR_EVER = 60.0
# So many tokens come before a stream stands still, or breaks.
BEFORE = 3
# So many times longer than others is a long answer.
LONG = 10
# Each event of a stream has at least so many.
EVENT_BYTES = 200

_NUMBER = re.compile(r"number (\d+)")


@dataclass(slots=True)
class Billed:
    """What a call has been sent so far; `answers` counts the replies that began."""

    prompt: int = 0
    tokens: int = 0
    answers: int = 0

    @property
    def cost(self) -> int:
        """In nano-dollars."""
        return self.prompt * PROMPT_PRICE + self.tokens * TOKEN_PRICE


class BillingProvider(FaultyUpstream):
    """Answers as the model's name says, up to the first '@': whole, stream, paced, long, stalls,
    breaks, flaky (an error, then whole) and fails; `bill` holds every call by its number."""

    def __init__(self) -> None:
        super().__init__()
        self.bill: dict[int, Billed] = {}
        self._refused: Counter[int] = Counter()

    def take(self, head: bytes, body: bytes) -> tuple[Received, Mode]:
        """Remember the call on the bill alone: there are too many to keep them."""
        received, mode = super().take(head, body)
        self.requests.clear()
        found = _NUMBER.search(body.decode("utf-8", "replace"))
        if found is None or received.method != "POST":
            return received, mode
        return received, lambda asked: self._answer(asked, int(found[1]))

    def _answer(self, asked: Received, number: int) -> Steps:
        mode = asked.mode
        if mode == "fails" or (mode == "flaky" and self._first_time(number)):
            yield whole(500, {"error": {"message": "out of order", "type": "server_error"}})
        elif mode in ("stream", "paced", "long", "stalls", "breaks"):
            yield from self._stream(number, mode)
        else:
            yield from self._whole(number)

    def _first_time(self, number: int) -> bool:
        self._refused[number] += 1
        return self._refused[number] == 1

    def _whole(self, number: int) -> Steps:
        prompt, tokens = prompt_of(number), tokens_of(number)
        yield whole(200, completion("word " * tokens, usage=_usage(prompt, tokens)))
        billed = self._begun(number)
        billed.prompt += prompt
        billed.tokens += tokens

    def _stream(self, number: int, mode: str) -> Steps:
        prompt, tokens = prompt_of(number), tokens_of(number) * (LONG if mode == "long" else 1)
        yield SSE_HEAD
        billed = self._begun(number)
        for at, raw in enumerate(_events(prompt, tokens), 1):
            if at > BEFORE and mode == "stalls":
                yield FOR_EVER
            if at > BEFORE and mode == "breaks":
                yield Break.CLOSE
                return
            # Before it goes out: whoever dies while it is under way has been sent it.
            billed.prompt += prompt if at == 1 else 0
            billed.tokens += 1
            yield chunk(raw)
            yield PACE if mode in ("paced", "long") else 0.0
        yield chunk(event(None, "stop"))
        yield chunk(event(None, choices=[], usage=_usage(prompt, tokens)))
        yield chunk(DONE) + BODY_END

    def _begun(self, number: int) -> Billed:
        billed = self.bill.setdefault(number, Billed())
        billed.answers += 1
        return billed


def prompt_of(number: int) -> int:
    """How many tokens this provider counts in the prompt of a call."""
    return 10 + number % 7


def tokens_of(number: int) -> int:
    """How many tokens its whole answer has."""
    return BEFORE + 2 + number % 17


def _events(prompt: int, tokens: int) -> Iterator[bytes]:
    # The usage so far is in every event, as vLLM tells it who is asked to.
    for at in range(1, tokens + 1):
        yield event("word ", usage=_usage(prompt, at))


def _usage(prompt: int, tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "total_tokens": prompt + tokens,
    }
