"""The recordings that are in memory now.

The rule: a recording is found by its key while it may be joined, by an Idempotency-Key while it
runs, and by its own id for as long as it may be resumed; all of them together are bounded.
"""

from __future__ import annotations

from collections import deque
from random import SystemRandom

from pipelines.cache_keys import WHOLE, streams
from pipelines.cache_policy import CachePolicy
from pipelines.recording import Recording, Room


class Recordings:
    """Finds recordings; `ended` counts those that ran to their end."""

    def __init__(self, policy: CachePolicy | None = None) -> None:
        self.policy = policy or CachePolicy()
        self.room = Room(self.policy.open_bytes)
        self.ended = 0
        self._random = SystemRandom()
        self._joinable: dict[str, dict[str, Recording]] = {}
        self._named: dict[str, tuple[Recording, str]] = {}
        self._streams: dict[str, Recording] = {}
        self._resting: deque[tuple[float, Recording]] = deque()

    def __len__(self) -> int:
        return len(self._streams)

    def begin(self, dialect: str, form: str, now: float) -> Recording:
        """A new recording, which nobody finds yet; `now` is in monotonic seconds."""
        self._tidy(now)
        id = f"stream_{self._random.getrandbits(128):032x}"
        return Recording(id, dialect, form, self.policy.max_bytes, self.room)

    def offer(self, key: str, recording: Recording) -> None:
        """Let identical calls join it, unless there is one already."""
        recording.key = key
        self._joinable.setdefault(key, {}).setdefault(recording.form, recording)

    def name(self, name: str, recording: Recording, digest: str) -> None:
        """Let it be found by this name, as the reply to the body of this digest."""
        self._named[name] = (recording, digest)

    def open_to(self, owner: str, digest: str, recording: Recording) -> None:
        """Let this caller resume it."""
        recording.owners[owner] = digest
        self._streams[recording.id] = recording

    def joined(self, key: str, form: str) -> Recording | None:
        """The running recording of the same call: in the same form, else in one that becomes it
        without delay."""
        forms = self._joinable.get(key)
        if forms is None:
            return None
        found = forms.get(form)
        if found is None or not found.joinable:
            found = next((one for one in forms.values() if _becomes(one, form)), None)
        return found

    def named(self, name: str) -> tuple[Recording, str] | None:
        """The running recording of this name, and the digest of the body that it answers."""
        return self._named.get(name)

    def stream(self, id: str, owner: str) -> tuple[Recording, str] | None:
        """The recording of this id, if the caller may go on with it, and its call's digest."""
        found = self._streams.get(id)
        if found is None or found.overfull or owner not in found.owners:
            return None
        return found, found.owners[owner]

    def end(self, recording: Recording, now: float) -> None:
        """It is over and kept elsewhere, if at all; it rests here while it may be resumed."""
        self.ended += 1
        self._forget(recording)
        if recording.id in self._streams and recording.size and not recording.overfull:
            self._resting.append((now + self.policy.resume_ttl, recording))
            self._tidy(now)
        else:
            self._release(recording)

    def _forget(self, recording: Recording) -> None:
        forms = self._joinable.get(recording.key)
        if forms is not None and forms.get(recording.form) is recording:
            del forms[recording.form]
            if not forms:
                del self._joinable[recording.key]
        for name in recording.keep_as:
            known = self._named.get(name)
            if known is not None and known[0] is recording:
                del self._named[name]

    def _tidy(self, now: float) -> None:
        while self._resting and (self._resting[0][0] <= now or self.room.used > self.room.limit):
            self._release(self._resting.popleft()[1])

    def _release(self, recording: Recording) -> None:
        self._streams.pop(recording.id, None)
        recording.release()


def _becomes(recording: Recording, form: str) -> bool:
    # A stream that waited for a whole reply would be none.
    return recording.joinable and streams(recording.form) and (form == WHOLE or streams(form))
