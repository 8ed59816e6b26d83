"""What was said of a reply that broke off, and the one writer that goes on writing it.

The rule: text is never said twice, reasoning is not taken up again, and what was not surely said to
its end (a tool call, a picture, a refusal) is not gone on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import orjson

from pipelines.deltas import (
    Begin,
    CitationDelta,
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.errors import Unsupported
from pipelines.splice import Doubtful, Splice
from pipelines.usage import NO_USAGE, Usage

_HARMLESS = (Begin, Consumed, CitationDelta)


class Writes(Protocol):
    """Writes one reply in the client's dialect."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The bytes for these deltas."""

    def close(self) -> bytes:
        """The bytes that end the reply."""


class Continuation:
    """One reply over all the attempts that said parts of it; to a bridge it is a writer.

    `words` is the text that was said; `fits` says whether the call is one to go on with.
    """

    def __init__(self) -> None:
        self._writer: Writes | None = None
        self._said: list[str] = []
        self._calls: list[list[str]] = []
        self._last: type[Delta] | None = None
        self._begun = False
        self._thought = False
        self._sealed = True
        self._barred = False
        self._finished = False
        self._splice: Splice | None = None
        self._provider = ""
        self._before = NO_USAGE
        self._shift = 0
        self.fits = True

    @property
    def possible(self) -> bool:
        """Whether another deployment can go on from here."""
        closed = self._finished or self._barred or bool(self._calls)
        return self._writer is not None and self._begun and self._sealed and not closed

    @property
    def whole(self) -> bool:
        """Whether all that was said are words and tool calls which are complete."""
        if self._finished or self._barred or self._last is not ToolArguments:
            return False
        return bool(self._calls) and all(_is_object("".join(one)) for one in self._calls)

    @property
    def begun(self) -> bool:
        """Whether anything of the reply was written."""
        return self._begun

    @property
    def words(self) -> str:
        """The text that was said."""
        return "".join(self._said)

    def adopt(self, writer: Writes) -> None:
        """This is who writes the reply, unless it has a writer."""
        self._writer = self._writer or writer

    def resume(self, provider: str, exact: bool, before: Usage) -> None:
        """Another attempt goes on, to the letter where it is `exact`; the ones before it consumed
        `before`."""
        words = self.words
        self._splice = Splice(words, exact)
        self._provider, self._before = provider, before
        self._shift = len(words)

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The bytes for these deltas. Raises Unsupported where they repeat what was said in other
        words."""
        if self._splice is None:
            new = deltas
        else:
            new = [kept for one in deltas for kept in self._kept(one, self._splice)]
        for one in new:
            self._note(one)
        return self._write(new)

    def close(self) -> bytes:
        """The bytes that end the reply."""
        tail = b"" if self._splice is None else self._write(self._rest(self._splice))
        return tail + (b"" if self._writer is None else self._writer.close())

    def finish(self, usage: Usage) -> bytes:
        """The bytes that end a reply whose tool calls are complete; all of it consumed `usage`."""
        self._before = NO_USAGE
        self._splice = None
        return self.write([Finish("tool_calls"), Consumed(usage)]) + self.close()

    def _write(self, deltas: Sequence[Delta]) -> bytes:
        if self._writer is None or not deltas:
            return b""
        return self._writer.write(deltas)

    def _note(self, one: Delta) -> None:
        kind = type(one)
        self._begun = True
        if type(one) is TextDelta and one.choice == 0:
            self._said.append(one.text)
            self._sealed = True
        elif type(one) is ThoughtDelta and one.choice == 0:
            self._thought = True
            # A thought that its family signs is worth nothing to it before it is signed.
            self._sealed = not one.family or bool(one.signature or one.data)
        elif type(one) is ToolBegin and one.choice == 0:
            self._calls.append([])
        elif type(one) is ToolArguments and one.choice == 0 and one.index < len(self._calls):
            self._calls[one.index].append(one.text)
        elif type(one) is Finish:
            self._finished = True
        elif not isinstance(one, _HARMLESS):
            self._barred = True
        if kind not in _HARMLESS:
            self._last = kind

    def _kept(self, one: Delta, splice: Splice) -> list[Delta]:
        """What is new of one delta of an attempt that goes on."""
        if type(one) is TextDelta:
            return self._text(one, splice)
        if type(one) is Begin:
            return []
        if type(one) is ThoughtDelta:
            return [] if self._thought or self._said else [one]
        if type(one) is Consumed:
            # Only the last attempt's figures are ones that a writer might know better.
            total = self._before.plus(one.usage)
            return [Consumed(replace(total, estimated=one.usage.estimated))]
        rest = self._rest(splice)
        if type(one) is CitationDelta:
            start = None if one.start is None else one.start + self._shift
            end = None if one.end is None else one.end + self._shift
            return [*rest, replace(one, start=start, end=end)]
        return [*rest, one]

    def _text(self, one: TextDelta, splice: Splice) -> list[Delta]:
        if splice.joined:
            return [one]
        self._shift -= len(one.text)
        try:
            new = splice.feed(one.text)
        except Doubtful:
            raise self._unable() from None
        self._shift += len(new)
        return [TextDelta(new)] if new else []

    def _rest(self, splice: Splice) -> list[Delta]:
        if splice.joined:
            return []
        try:
            new = splice.close()
        except Doubtful:
            raise self._unable() from None
        self._shift += len(new)
        return [TextDelta(new)] if new else []

    def _unable(self) -> Unsupported:
        return Unsupported("going on in the middle of an answer", self._provider)


def _is_object(words: str) -> bool:
    try:
        return type(orjson.loads(words)) is dict
    except orjson.JSONDecodeError:
        return False
