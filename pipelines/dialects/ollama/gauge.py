"""Watches a chat or generate reply that is passed on as it is.

The rule: bytes leave as they came, whole lines at a time; a stream without the object that says
`done` is broken.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.frames import MAX_LINE
from pipelines.dialects.ollama.reader import read_usage, truncated
from pipelines.dialects.ollama.writer import tail
from pipelines.dialects.upstream_errors import no_answer
from pipelines.errors import StreamBroken, UpstreamError, UpstreamFailed
from pipelines.usage import Usage

BYTES_PER_TOKEN = 4
# What a line has beside its words: model, time, role.
_BYTES_AROUND = 120

_DONE = re.compile(rb'"done"\s*:\s*true')
_ERROR = b'"error"'


class OllamaStreamGauge:
    """Watches a reply that comes line by line."""

    def __init__(self, provider: str, prompt_tokens: int) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        # In the pieces as they came: a line that never ends must not be copied at every read.
        self._kept: list[bytes] = []
        self._size = 0
        self._last = b""
        self._ended = False
        self._bytes = 0
        self._reported: Usage | None = None
        self.fault: UpstreamError | None = None

    @property
    def usage(self) -> Usage:
        """What the provider reported, else an estimate from what was seen."""
        if self._reported is not None:
            return self._reported
        prompt = self._prompt_tokens if self._last else 0
        return Usage(prompt, max(0, self._bytes) // BYTES_PER_TOKEN, estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The whole lines so far. Where one of them is an error, what stood before it is given and
        `fault` is set. Raises UpstreamError where the very first line is an error."""
        if not self._kept and raw.endswith(b"\n"):
            return self._seen(raw)
        end = raw.rfind(b"\n") + 1
        whole = b"".join((*self._kept, raw[:end])) if end else b""
        if end:
            self._kept, self._size, raw = [], 0, raw[end:]
        self._kept.append(raw)
        self._size += len(raw)
        if self._size > MAX_LINE:
            raise StreamBroken(f"{self._provider} sent a line of over 8 MiB.")
        return self._seen(whole)

    def close(self) -> bytes:
        """A last line without its end. Raises StreamBroken where the stream was cut."""
        rest = b"".join(self._kept)
        self._kept = []
        if rest.strip():
            if not _object(rest):
                raise StreamBroken(f"{self._provider} broke off in the middle of a line.")
            rest = self._seen(rest + b"\n")
        if self.fault is not None:
            raise self.fault
        if not self._last:
            raise UpstreamFailed(f"{self._provider} closed the stream before its first message.")
        if not self._ended:
            raise truncated(self._provider)
        return rest

    def cut_short(self, call: Call) -> bytes:
        """The line that ends the stream where it stands, as at its greatest length."""
        if self._ended:
            return b""
        last: dict[str, Any] = {}
        for line in self._last.splitlines():
            last = _object(line) or last
        said: dict[str, Any] = {"message": {"role": "assistant", "content": ""}}
        if "response" in last:
            said = {"response": ""}
        frame: dict[str, Any] = {
            name: last[name] for name in ("model", "created_at") if name in last
        }
        value = {**frame, **said, **tail("length", self.usage)}
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)

    def _seen(self, whole: bytes) -> bytes:
        if _ERROR in whole:
            whole = self._until_error(whole)
        if not whole.strip():
            return whole
        self._last = whole
        self._bytes += len(whole) - whole.count(b"\n") * _BYTES_AROUND
        if _DONE.search(whole) is not None:
            self._end(whole)
        return whole

    def _until_error(self, whole: bytes) -> bytes:
        begin = 0
        for line in whole.splitlines(keepends=True):
            # A tool's arguments may hold the word too.
            value = _object(line) if _ERROR in line else {}
            if value.get("error"):
                error = no_answer(value, self._provider)
                if not self._last and not whole[:begin].strip():
                    raise error
                self.fault = StreamBroken(error.message)
                return whole[:begin]
            begin += len(line)
        return whole

    def _end(self, whole: bytes) -> None:
        for line in whole.splitlines():
            value = _object(line) if _DONE.search(line) is not None else {}
            if value.get("done") is True:
                self._ended = True
                self._reported = read_usage(value) or self._reported


class OllamaWholeGauge:
    """Watches a reply that is one JSON document; one of the fields `holds` makes it an answer."""

    fault: UpstreamError | None = None

    def __init__(self, provider: str, prompt_tokens: int, holds: tuple[str, ...]) -> None:
        self._provider = provider
        self._prompt_tokens = prompt_tokens
        self._holds = holds
        self.usage = Usage(estimated=True)

    def watch(self, raw: bytes) -> bytes:
        """The document as it is. Raises UpstreamError where it is no answer."""
        body = _object(raw)
        if body.get("error") or body.keys().isdisjoint(self._holds):
            raise no_answer(body, self._provider)
        spoken = len(raw) // BYTES_PER_TOKEN if "done" in self._holds else 0
        estimate = Usage(self._prompt_tokens, spoken, estimated=True)
        self.usage = read_usage(body) or estimate
        return raw

    def close(self) -> bytes:
        """Nothing is left over."""
        return b""


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
