"""A reply on its way from one dialect to another, or from one form to the other.

The rule: whole and streamed replies are the same deltas; what is good is passed on before what is
bad is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import orjson

from pipelines.call import Call
from pipelines.deltas import (
    Consumed,
    Delta,
    Finish,
    RefusalDelta,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.frames import Frame, Frames
from pipelines.dialects.shape import MISSHAPEN, check
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.output import choices
from pipelines.reasoning import Listener
from pipelines.usage import Usage

BYTES_PER_TOKEN = 4


class Interpreter(Protocol):
    """What a provider's messages mean; it holds the state of one reply."""

    def event(self, name: str, value: dict[str, Any]) -> list[Delta]:
        """What one message of a stream means. Raises UpstreamError where it is an error."""

    def document(self, value: dict[str, Any]) -> list[Delta]:
        """What a whole reply means. Raises UpstreamError where it is an error."""

    def end(self, done: bool) -> list[Delta]:
        """What the end of a stream means; `done` says that an end mark of the framing was seen.

        Raises StreamBroken where the provider's own end was missing.
        """


@runtime_checkable
class Loses(Protocol):
    """An interpreter of replies that can hold what the hub has no word for."""

    @property
    def lost(self) -> Sequence[str]:
        """The names of what was passed over so far, each once."""


class Writer(Protocol):
    """Writes one reply in the client's dialect."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The bytes for these deltas, all joined; empty where nothing is to be sent yet."""

    def close(self) -> bytes:
        """The bytes that end the reply."""


class Bridge:
    """Reads a reply through an interpreter and writes it anew; it stands where a gauge stands.

    `frames` is None where the provider's reply is one JSON document. A `listener` is told nothing
    before the first thought, unless it is an early one.
    """

    def __init__(
        self,
        provider: str,
        interpreter: Interpreter,
        frames: Frames | None,
        writer: Writer,
        prompt_tokens: int,
        listener: Listener | None = None,
    ) -> None:
        self._provider = provider
        self._interpreter = interpreter
        self._frames = frames
        self._writer = writer
        self._prompt_tokens = prompt_tokens
        self._document: list[bytes] = []
        self._reported: Usage | None = None
        self._said = 0
        self._begun = False
        self._finished: set[int] = set()
        self._listener = listener
        self._heard = listener is not None and listener.early
        self.fault: UpstreamError | None = None

    @property
    def lost(self) -> Sequence[str]:
        """What of the reply so far had no meaning in the hub."""
        return self._interpreter.lost if isinstance(self._interpreter, Loses) else ()

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate from what was said."""
        if self._reported is not None:
            return self._reported
        tokens = -(-self._said // BYTES_PER_TOKEN)
        return Usage(self._prompt_tokens if self._begun else 0, tokens, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The client's bytes for these of the provider. Raises UpstreamError where the reply turns
        out to be an error before anything of it was passed on."""
        if self._frames is None:
            self._document.append(raw)
            return b""
        return self._write(self._read(self._frames.feed(raw)))

    def close(self) -> bytes:
        """The client's bytes that end the reply. Raises UpstreamError where it was cut."""
        deltas = self._rest()
        if self.fault is not None:
            raise self.fault
        tail = self._write(deltas)
        try:
            return tail + self._writer.close()
        except MISSHAPEN:
            raise self._senseless() from None

    def cut_short(self, call: Call) -> bytes:
        """The client's bytes that end the reply where it stands. Raises StreamBroken."""
        deltas: list[Delta] = [
            Finish("length", choice=one)
            for one in range(choices(call))
            if one not in self._finished
        ]
        tail = self._write([*deltas, Consumed(self.usage)])
        try:
            return tail + self._writer.close()
        except MISSHAPEN:
            raise self._senseless() from None

    def _rest(self) -> list[Delta]:
        """What is still to be said at the reply's end."""
        try:
            if self._frames is None:
                deltas = self._all(self._whole())
                self._note(deltas)
                return deltas
            deltas = self._read(self._frames.close())
            if self.fault is None:
                last = self._interpreter.end(self._frames.done)
                self._note(last)
                deltas += last
        except MISSHAPEN:
            raise self._senseless() from None
        return deltas

    def _read(self, frames: list[Frame]) -> list[Delta]:
        deltas: list[Delta] = []
        interpret = self._interpreter.event
        for name, value in frames:
            try:
                said = interpret(name, value)
                self._note(said)
            except UpstreamError as error:
                if not self._begun and not deltas:
                    raise
                self.fault = error
                if not isinstance(error, StreamBroken):
                    self.fault = StreamBroken(error.message)
                break
            except MISSHAPEN:
                # As one that is no JSON: a single odd event is no reason to lose all the others.
                self._skipped()
            else:
                deltas += said
        return deltas

    def _skipped(self) -> None:
        if self._frames is not None:
            self._frames.bad += 1

    def _note(self, deltas: list[Delta]) -> None:
        """Count what is said. Raises TypeError where it has not the shape of something said."""
        for one in deltas:
            kind = type(one)
            if kind is TextDelta or kind is ToolArguments:
                text = one.text  # type: ignore[union-attr]
                if type(text) is not str:
                    raise TypeError
                self._said += len(text)
                continue
            check(one)
            if kind is ThoughtDelta or kind is RefusalDelta:
                self._said += len(one.text)  # type: ignore[union-attr]
                self._heard = self._heard or kind is ThoughtDelta
            elif kind is ToolBegin:
                self._heard = self._heard or bool(one.signature)  # type: ignore[union-attr]
            elif kind is Consumed:
                self._reported = one.usage  # type: ignore[union-attr]
            elif kind is Finish:
                self._finished.add(one.choice)  # type: ignore[union-attr]

    def _write(self, deltas: list[Delta]) -> bytes:
        if not deltas:
            return b""
        try:
            raw = self._writer.write(deltas)
        except MISSHAPEN:
            raise self._senseless() from None
        self._begun = True
        if self._heard and self._listener is not None:
            self._listener.take(deltas)
        return raw

    def _senseless(self) -> UpstreamError:
        if self._begun:
            return StreamBroken(f"{self._provider} sent something that makes no sense.")
        return UpstreamFailed(f"{self._provider} answered with something that is no answer.")

    def _all(self, value: dict[str, Any] | list[dict[str, Any]]) -> list[Delta]:
        if isinstance(value, dict):
            return self._interpreter.document(value)
        # Google's stream without `alt=sse` is one array of what would be its events.
        deltas = [delta for one in value for delta in self._interpreter.event("", one)]
        return deltas + self._interpreter.end(False)

    def _whole(self) -> dict[str, Any] | list[dict[str, Any]]:
        try:
            value = orjson.loads(b"".join(self._document))
        except orjson.JSONDecodeError:
            raise UpstreamFailed(f"{self._provider} answered with broken JSON.") from None
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return value if len(value) > 1 else value[0]
        if not isinstance(value, dict):
            raise UpstreamFailed(f"{self._provider} answered with JSON that is no object.")
        return value
