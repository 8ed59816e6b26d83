"""The most tokens that a call's prompt can be.

The rule: never less than the truth, as far as a look at the bytes and at what the model counted
before can say; no tokenizer is asked, and text is never more tokens than it has bytes.
"""

from __future__ import annotations

from typing import Any

from pipelines.call import Call
from pipelines.exchange import Exchange
from pipelines.media import media_of
from pipelines.operations import RESPONSES

PER_CALL = 16
PER_MESSAGE = 8
# What a provider says to its model about tools, once a call.
TOOLS = 600
MOST_MODELS = 1024
# Before so many replies nothing is lowered.
LEARNED_AFTER = 16
MARGIN = 1.15
_PACE = 1 / 32
_FORGETS = 0.9999
# Fields of Responses calls by which a prompt is longer than the body.
REFERRING = frozenset({"previous_response_id", "conversation", "prompt"})
# Tokens a byte before a model is known: prose, other ASCII (code, JSON, figures), other scripts,
# and single signs, each with a space.
_START = (0.5, 0.8, 0.7, 1.0)
_SAMPLES = 9


class _Density:
    """How many tokens a byte of one kind of text has with one model, by experience."""

    __slots__ = ("bound", "count", "mean", "peak", "spread", "start")

    def __init__(self, start: float) -> None:
        self.start = self.bound = start
        self.count = 0
        self.mean = self.spread = self.peak = 0.0

    def learn(self, seen: float) -> None:
        self.count += 1
        if self.count == 1:
            self.mean = seen
        else:
            off = seen - self.mean
            self.spread += _PACE * (abs(off) - self.spread)
            self.mean += _PACE * off
        self.peak = max(self.peak * _FORGETS, seen)
        bound = max(self.peak, self.mean + 4 * self.spread) * MARGIN
        self.bound = bound if self.count >= LEARNED_AFTER else max(self.start, bound)


class _Model:
    """What is known of one model: a density for each kind of text, and how much dearer its media
    are than was thought."""

    __slots__ = ("kinds", "media")

    def __init__(self) -> None:
        self.kinds = tuple(_Density(start) for start in _START)
        self.media = 1.0


class PromptBound:
    """Bounds prompts, and learns from what providers counted."""

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}

    def __call__(self, exchange: Exchange) -> int:
        """The most tokens that the prompt of the running attempt can be."""
        size, media, added, kind = measured(exchange.call)
        model = self._models.get(exchange.deployment.model)
        density = _START[kind] if model is None else model.kinds[kind].bound
        tokens = added + (int(size * density) if density < 1 else size)
        return tokens + (int(media * (model.media if model else 1.0)) if media else 0)

    def learn(self, exchange: Exchange) -> None:
        """Take the usage of a reply that has ended into account."""
        usage = exchange.usage
        if usage.estimated or usage.prompt_tokens <= 0:
            return
        if _refers(exchange.call):
            # What it goes on from was counted too, and is not in the body.
            return
        name = exchange.deployment.model
        model = self._models.get(name)
        if model is None:
            if len(self._models) >= MOST_MODELS:
                del self._models[next(iter(self._models))]
            model = self._models[name] = _Model()
        size, media, added, kind = measured(exchange.call)
        density = model.kinds[kind]
        if media:
            seen = (usage.prompt_tokens - size * density.mean) / media
            model.media = max(1.0, model.media * _FORGETS, seen * MARGIN)
            return
        # What is added for each message and for tools would make short calls look dense.
        density.learn(max(0, usage.prompt_tokens - added) / max(1, size))


def measured(call: Call) -> tuple[int, int, int, int]:
    """Bytes of text, tokens of media at the most, those that come with turns and tools, and the
    kind of the text."""
    found = call.measure
    if found is None:
        found = call.measure = (*_sizes(call), _kind(call.raw))
    return found


def _sizes(call: Call) -> tuple[int, int, int]:
    body, size, media = call.json, len(call.raw), 0
    if call.conversation is not None:
        size += call.conversation.size
    turns = body.get("messages") or body.get("contents") or body.get("input")
    count = len(turns) if type(turns) is list else 1
    if type(turns) is list and not _is_plain(turns):
        hidden, media = media_of(body)
        size -= hidden
    added = PER_CALL + PER_MESSAGE * count
    return size, media, added + TOOLS if body.get("tools") else added


def _refers(call: Call) -> bool:
    return call.operation is RESPONSES and not REFERRING.isdisjoint(call.json)


def _is_plain(turns: list[Any]) -> bool:
    for turn in turns:
        if type(turn) is dict:
            if type(turn.get("content")) is not str:
                return False
        elif type(turn) is not str:
            return False
    return True


def _kind(raw: bytes) -> int:
    if not raw.isascii():
        return 2
    # Every so many bytes one is looked at, however long the text is.
    sample = raw[:: 1 + (len(raw) >> _SAMPLES)]
    spaces = sample.count(b" ")
    if spaces * 3 > len(sample):
        return 3
    return 0 if spaces * 9 >= len(sample) else 1
