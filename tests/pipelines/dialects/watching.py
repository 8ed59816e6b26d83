"""Runs a stream through the gauge as translate does, in one piece or cut in every way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipelines.dialects.openai_gauge import StreamGauge
from pipelines.errors import UpstreamError
from pipelines.usage import NO_USAGE, Usage
from tests.pipelines.dialects.cuts import Pieces, every_way

PROMPT_TOKENS = 7


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client got of a stream, how it ended, and what it used."""

    given: bytes
    error: UpstreamError | None = None
    usage: Usage = NO_USAGE

    @property
    def code(self) -> str | None:
        """The code of the error."""
        return self.error.code if self.error else None

    def like(self, other: Seen) -> bool:
        """Whether it is the same but for an estimate, which depends on the cuts."""
        return (
            self.given == other.given
            and type(self.error) is type(other.error)
            and (self.error and (self.error.message, self.error.status, self.code))
            == (other.error and (other.error.message, other.error.status, other.code))
            and (self.usage == other.usage or (self.usage.estimated and other.usage.estimated))
        )


def watched(pieces: Iterable[bytes], cut_usage: bool = True) -> Seen:
    """What comes of a stream that arrives in these pieces."""
    gauge = StreamGauge("Acme", cut_usage, PROMPT_TOKENS)
    given: list[bytes] = []
    error: UpstreamError | None = None
    try:
        for piece in pieces:
            given.append(gauge.watch(piece))
            if gauge.fault is not None:
                raise gauge.fault
        given.append(gauge.close())
    except UpstreamError as raised:
        error = raised
    return Seen(b"".join(given), error, gauge.usage)


def seen(raw: bytes, cut_usage: bool = True, ways: Iterable[Pieces] | None = None) -> Seen:
    """What comes of a stream, which must be the same wherever it is cut."""
    whole = watched([raw], cut_usage)
    for pieces in every_way(raw) if ways is None else ways:
        cut = watched(pieces, cut_usage)
        assert cut.like(whole), (pieces, cut, whole)
    return whole


def good(given: bytes, usage: Usage) -> Seen:
    """A stream that ended well."""
    return Seen(given, None, usage)


def estimated(one: Seen) -> Seen:
    """The same, without the figures of its estimate."""
    assert one.usage.estimated
    return replace(one, usage=NO_USAGE)
