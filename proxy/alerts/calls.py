"""Watches calls that take too long.

The rule: a call pays for one comparison and for two entries of a dictionary; nothing of what it
says is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.ports import Beginnings
from pipelines.record import Record
from proxy.alerts.alert import Alert, word
from proxy.alerts.parties import Party
from proxy.stores.entities.kinds import EndUser, Tag

QUIET = 600.0
MOST = 20_000
MOST_KEPT = 1_000


class Calls:
    """A journal that remembers, until the next look, whose calls ended and which were slow; and
    of running calls since when they give an answer.

    `unseen` counts callers that there was no room for until the next look.
    """

    def __init__(self, threshold: float, beginnings: Beginnings | None = None) -> None:
        self.threshold = threshold
        self.unseen = 0
        self._beginnings = beginnings
        self._running: dict[str, Record] = {}
        self._ended: set[str] = set()
        self._parties: set[Party] = set()
        self._slow: list[Record] = []

    def admit(self) -> None:
        """Raises JournalFull where a new call could not be recorded and must be."""
        if self._beginnings is not None:
            self._beginnings.admit()

    def begin(self, record: Record) -> None:
        """A call is about to answer; never blocks and never raises."""
        if self._beginnings is not None:
            self._beginnings.begin(record)
        if len(self._running) < MOST:
            self._running[record.serial or record.id] = record

    def put(self, record: Record) -> None:
        """A call is over; never blocks and never raises."""
        self._running.pop(record.serial or record.id, None)
        if record.key_digest:
            if len(self._ended) < MOST:
                self._ended.add(record.key_digest)
            else:
                self.unseen += 1
        if record.end_user:
            self._note(EndUser.kind, record.end_user)
        for tag in record.tags:
            self._note(Tag.kind, tag)
        if record.duration > self.threshold and len(self._slow) < MOST_KEPT:
            self._slow.append(record)

    def ended(self) -> set[str]:
        """The digests of keys whose calls ended since this was last asked."""
        found, self._ended = self._ended, set()
        return found

    def parties(self) -> set[Party]:
        """For whom the calls were made that ended since this was last asked."""
        found, self._parties = self._parties, set()
        return found

    def alerts(self, now: float) -> Iterator[Alert]:
        """What is to be told of slow and of hanging calls at `now`, in seconds since 1970."""
        found, self._slow = self._slow, []
        for record in found:
            seconds = f"{record.duration:.0f}s response time > {self.threshold:g}s"
            yield _alert("llm_too_slow", f"Responses are slow - {seconds}", record)
        for record in list(self._running.values()):
            # What begins is told again from time to time, with the moment of its arrival.
            if now - record.started > self.threshold:
                words = f"Requests are hanging - {now - record.started:.0f}s without an end"
                yield _alert("llm_requests_hanging", words, record)

    def _note(self, kind: str, id: str) -> None:
        if len(self._parties) < MOST:
            self._parties.add((kind, id))
        else:
            self.unseen += 1


def _alert(kind: str, words: str, record: Record) -> Alert:
    model = word(record.model_group or record.model or "unknown")
    lines = [words, f"Request Model: `{model}`"]
    for name, value in (
        ("Provider", record.provider),
        ("Deployment", record.deployment),
        ("Key", record.key),
        ("Team", record.team_alias or record.team_id),
        ("Call", record.id),
    ):
        if value:
            lines.append(f"{name}: `{word(value)}`")
    return Alert(
        kind=kind,
        cause=f"{kind}:{model}:{record.deployment or ''}",
        message="\n".join(lines),
        level="Low" if kind == "llm_too_slow" else "Medium",
        quiet=QUIET,
        about={"model": model, "call_id": record.id, "key_alias": record.key},
    )
