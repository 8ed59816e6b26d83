"""Reasoning that a client does not keep, brought back with its next turn.

The rule: a signed thought goes back byte for byte, in its old place, and only to the deployment
that made it (Claude's go to the same model anywhere); what the client sends itself is left alone.
Sources: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking,
https://ai.google.dev/gemini-api/docs/thought-signatures,
https://platform.openai.com/docs/guides/reasoning, https://api-docs.deepseek.com/guides/thinking_mode
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from pipelines.deltas import Delta, TextDelta, ThoughtDelta, ToolArguments, ToolBegin
from pipelines.deployment import Deployment
from pipelines.exchange import Principal
from pipelines.prompt import Message, Part, Prompt, Text, Thought, ToolCall

# They sign what they have already said; so does OpenRouter, whose details end with the reply.
_LATE = frozenset({"gemini-generate"})

# As much of a text as its digest looks at, from its beginning and from its end.
_SEEN = 250

_RANDOM = re.compile(r"[A-Za-z0-9]{16,}")
_CLAUDE = re.compile(r"claude-[a-z0-9.@-]+")
_RELEASE = re.compile(r"-v\d+$|-(?:\d{8}|latest)$")


@dataclass(slots=True)
class Kept:
    """What is remembered of one tool call, or of an answer that made none.

    `lead` was thought before anything was said, `near` directly before the call, `tail` after
    everything; `signature` is the call's own, `origin` who signed.
    """

    origin: str
    lead: list[Thought] = field(default_factory=list)
    near: list[Thought] = field(default_factory=list)
    tail: list[Thought] = field(default_factory=list)
    signature: str = ""

    def packed(self) -> bytes:
        """As bytes, for a store."""
        return orjson.dumps(self)

    @classmethod
    def unpacked(cls, raw: bytes) -> Kept:
        """From the bytes that `packed` gave."""
        value: dict[str, Any] = orjson.loads(raw)
        for name in ("lead", "near", "tail"):
            value[name] = [Thought(**one) for one in value[name]]
        return cls(**value)


def origin_of(deployment: Deployment) -> str:
    """Who signs there. Claude's signatures hold on every platform; whatever others encrypt, only
    the account that made it can read."""
    claude = _CLAUDE.search(deployment.model.lower())
    if claude is None:
        return f"{deployment.id}/{deployment.model}"
    name = claude[0].replace("@", "-")
    while _RELEASE.search(name):
        name = _RELEASE.sub("", name)
    return name


def call_key(id: str, name: str, arguments: str) -> str:
    """The key of a tool call: its id, and all of it where the provider merely counts its ids."""
    random = _RANDOM.search(id)
    if random is not None and any(letter.isdigit() for letter in random[0]):
        return _digest("call", id)
    try:
        arguments = orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONDecodeError:
        arguments = _bare(arguments)
    return _digest("call", id, name, arguments)


def text_key(question: str, answer: str) -> str:
    """The key of an answer without calls; what was asked keeps equal answers apart. No blank
    counts, since clients trim."""
    return _digest("text", _bare(question), _bare(answer))


def question_of(messages: Sequence[Message]) -> str:
    """What the user said last."""
    for message in reversed(messages):
        if message.role == "user":
            return _words(message)
    return ""


class Choice:
    """What one choice of a reply has said so far."""

    __slots__ = ("_calls", "_lead", "_near", "_plain", "_spoken", "_words", "_words_id", "text")

    def __init__(self, plain: bool) -> None:
        self._plain = plain
        self._lead: list[Thought] = []
        self._near: list[Thought] = []
        self._calls: dict[int, tuple[ToolCall, list[Thought], list[str]]] = {}
        self._spoken = False
        self._words: list[str] = []
        self._words_id = ""
        self.text: list[str] = []

    def speak(self, text: str) -> None:
        """More of the answer."""
        self._let_go()
        self._spoken = True
        self.text.append(text)

    def think(self, one: ThoughtDelta) -> None:
        """More of a thought, or its signature."""
        if self._words and one.id != self._words_id:
            self._let_go()
        if one.text:
            self._words.append(one.text)
            self._words_id = one.id
        if one.signature or one.data:
            words = "".join(self._words)
            self._words.clear()
            self._place(Thought(words, one.signature, one.data, one.id, one.family))

    def call(self, one: ToolBegin) -> None:
        """A call begins."""
        self._let_go()
        call = ToolCall(one.id, one.name, "", one.signature)
        self._calls[one.index] = (call, self._near, [])
        self._near = []

    def argue(self, one: ToolArguments) -> None:
        """More of a call's arguments."""
        if one.index in self._calls:
            self._calls[one.index][2].append(one.text)

    def kept(self, origin: str, question: str) -> Iterator[tuple[str, Kept]]:
        """What is to be remembered of it."""
        self._let_go()
        if not self._calls:
            lead, tail = _signed(self._lead), _signed(self._near)
            if self.text and (lead or tail):
                yield text_key(question, "".join(self.text)), Kept(origin, lead, tail=tail)
            return
        last = len(self._calls) - 1
        for at, (call, near, words) in enumerate(self._calls.values()):
            lead = [] if at else self._lead
            tail = self._near if at == last else []
            if lead or near or tail or call.signature:
                key = call_key(call.id, call.name, "".join(words) or "{}")
                yield key, Kept(origin, lead, near, tail, call.signature)

    def _let_go(self) -> None:
        """A thought ended without a signature."""
        if self._words and self._plain:
            self._place(Thought("".join(self._words)))
        self._words.clear()

    def _place(self, thought: Thought) -> None:
        (self._near if self._spoken or self._calls else self._lead).append(thought)


class Listener:
    """Hears one reply, and knows at its end what is to be remembered of it.

    `early` says that it must hear the words, too, that come before the first thought; `plain` that
    thoughts without a signature are to come back with tool calls.
    """

    def __init__(
        self, origin: str, question: str, early: bool = False, plain: bool = False
    ) -> None:
        self.early = early
        self._origin = origin
        self._question = question
        self._plain = plain
        self._choices: dict[int, Choice] = {}

    def take(self, deltas: Sequence[Delta]) -> None:
        """Hear what one read of the reply meant."""
        for one in deltas:
            kind = type(one)
            if kind is TextDelta:
                self._choice(one.choice).speak(one.text)  # type: ignore[union-attr]
            elif isinstance(one, ThoughtDelta):
                self._choice(one.choice).think(one)
            elif isinstance(one, ToolBegin):
                self._choice(one.choice).call(one)
            elif isinstance(one, ToolArguments):
                self._choice(one.choice).argue(one)

    def kept(self) -> dict[str, bytes]:
        """What is to be remembered, by its key."""
        return {
            key: kept.packed()
            for choice in self._choices.values()
            for key, kept in choice.kept(self._origin, self._question)
        }

    def _choice(self, index: int) -> Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(self._plain)
        return choice


def owner_of(caller: Principal) -> str:
    """Whose thoughts these are."""
    return caller.digest or caller.alias


def listener_for(prompt: Prompt, deployment: Deployment, spoken: str) -> Listener:
    """Who listens to a deployment's reply in the dialect that is spoken there."""
    returns = deployment.provider.quirks.returns_reasoning
    return Listener(
        origin_of(deployment),
        question_of(prompt.messages),
        early=spoken in _LATE or returns,
        plain=returns,
    )


def keys_of(prompt: Prompt) -> list[str]:
    """The keys under which something may be remembered of the assistant's turns."""
    return [key for _, keys in _turns(prompt) for key in keys]


def restore(prompt: Prompt, found: Mapping[str, bytes], deployment: Deployment) -> bool:
    """Put what was remembered back into the turns that lack it; gives whether some of it was left
    out, because somebody else had signed it."""
    origin = origin_of(deployment)
    foreign = False
    for message, keys in _turns(prompt):
        kept = [Kept.unpacked(found[key]) if key in found else None for key in keys]
        mine = [one if one is not None and one.origin == origin else None for one in kept]
        foreign = foreign or mine != kept
        if any(one is not None for one in mine):
            _put_back(message, mine)
    return foreign


def _turns(prompt: Prompt) -> Iterator[tuple[Message, list[str]]]:
    question = ""
    # A last message of the assistant's is to be continued, and may hold no thought.
    for message in prompt.messages[:-1]:
        if message.role == "user":
            question = _words(message)
        elif message.role == "assistant":
            calls = [part for part in message.parts if isinstance(part, ToolCall)]
            keys = [call_key(one.id, one.name, one.arguments or "{}") for one in calls]
            text = "" if calls else _words(message)
            yield message, [text_key(question, text)] if text else keys


def _put_back(message: Message, kept: list[Kept | None]) -> None:
    thoughts = [part for part in message.parts if isinstance(part, Thought)]
    given = [one for each in kept if each for one in (*each.lead, *each.near, *each.tail)]
    silent = any(one.signature or one.data for one in thoughts)
    if not any(one.signature or one.data for one in given):
        silent = silent or any(one.text for one in thoughts)
    parts: list[Part] = [
        part for part in message.parts if silent or not given or not isinstance(part, Thought)
    ]
    calls = [at for at, part in enumerate(parts) if isinstance(part, ToolCall)]
    for at, one in reversed(list(zip(calls or [len(parts)], kept, strict=True))):
        if one is None:
            continue
        call = parts[at] if calls else None
        if isinstance(call, ToolCall):
            call.signature = call.signature or one.signature
        if not silent:
            parts[at : at + 1] = [*one.near, *parts[at : at + 1], *one.tail]
    for one in kept:
        if one is not None and not silent:
            parts[:0] = one.lead
    message.parts = parts


def _signed(thoughts: list[Thought]) -> list[Thought]:
    return [one for one in thoughts if one.signature or one.data]


def _words(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def _bare(text: str) -> str:
    text = text.strip()
    if len(text) > 2 * _SEEN:
        text = text[:_SEEN] + text[-_SEEN:]
    return "".join(text.split())


def _digest(*words: str) -> str:
    return sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
