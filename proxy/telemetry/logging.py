"""Log lines: JSON for machines, colours for a person at a terminal.

The rule: no prompt, no answer and no secret is ever handed to a logger; a line that is written in
the course of a call names it.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO, cast

import orjson
import structlog

from pipelines.record import Record
from pipelines.redact import mask
from proxy.telemetry.lines import LineWriter
from proxy.telemetry.tracebacks import traced

LEVELS = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50})
LONGEST_TEXT = 1_000

# The id of the call in whose course something happens, "" outside of calls.
CALL: ContextVar[str] = ContextVar("call", default="")

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What JSON may hold as it stands, and some readers take for the end of a line or for an order.
_UNSAFE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")
# The level is kept where it is for the standard library's loggers.
_LEVEL = logging.getLogger("headgate")

BoundLogger = structlog.typing.FilteringBoundLogger


def get_logger(name: str) -> BoundLogger:
    """A logger that names its module on every line."""
    return cast(BoundLogger, structlog.get_logger(module=name))


def configure(level: str, form: str, out: TextIO = sys.stderr) -> LineWriter:
    """Set up logging once: `form` is json, pretty or auto (pretty where `out` is a terminal).

    The writer that it gives back must be flushed at the end; at the process's exit it is anyway.
    """
    pretty = form == "pretty" or (form == "auto" and out.isatty())
    processors: list[Any] = [_render_json]
    if pretty:
        processors = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_call,
            _with_traceback,
            _printable,
            structlog.dev.ConsoleRenderer(colors=out.isatty()),
        ]
    writer = LineWriter(out)
    structlog.configure(
        processors=processors,
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    set_level(level)
    take_foreign_lines()
    atexit.register(writer.flush)
    return writer


def set_level(level: str) -> None:
    """From now on write what is of this level or above; info where there is no such level."""
    number = LEVELS.get(level.lower(), logging.INFO)
    _LEVEL.setLevel(number)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))


def take_foreign_lines() -> None:
    """Write warnings of libraries as our own lines, once each."""
    root = logging.getLogger()
    if not any(isinstance(one, ForeignLines) for one in root.handlers):
        root.addHandler(ForeignLines(logging.WARNING))


class ForeignLines(logging.Handler):
    """Hands lines of the standard library's loggers on to ours, without what looks like a key."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; never raises."""
        try:
            words = mask(record.getMessage())[:LONGEST_TEXT]
        except (TypeError, ValueError, KeyError):
            words = str(record.msg)[:LONGEST_TEXT]
        logger = get_logger(record.name)
        write = logger.error if record.levelno >= logging.ERROR else logger.warning
        write(words, **({"exc_info": record.exc_info} if record.exc_info else {}))


def _render_json(logger: object, method: str, event: structlog.typing.EventDict) -> str:
    # One processor for what takes structlog four: a line a call is the most frequent of all.
    if "exc_info" in event:
        event = _with_traceback(logger, method, event)
    event = _with_call(logger, method, event)
    return _dumped({"timestamp": _now(), "level": method, **event})


def _with_call(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if "id" not in event and (id := CALL.get()):
        event["id"] = id
    return event


def _with_traceback(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else None
    if error is None and given:
        error = given[1] if isinstance(given, tuple) else sys.exception()
    if error is not None:
        event["exception"] = traced(error)
    return event


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _dumped(line: dict[str, Any]) -> str:
    try:
        text = orjson.dumps(line, default=str).decode()
        if text.isascii() and "\x7f" not in text:
            return text
        return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    except TypeError:
        # What is no UTF-8 or no number of 64 bits is written by the slower, more patient one.
        return json.dumps(line, default=str)


def _printable(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str) and name != "exception" and not value.isprintable():
            event[name] = _UNPRINTABLE.sub(_escaped, value)
    return event


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class LogJournal:
    """A journal that writes one log line a call."""

    def __init__(self) -> None:
        # The most frequent line of all goes past structlog where that would do nothing to it.
        config = structlog.get_config()
        direct = config["processors"] == [_render_json]
        self._write = config["logger_factory"]().write if direct else None

    def put(self, record: Record) -> None:
        """Write the record as one line: info when it went well, warning when it did not."""
        level, good = _LEVEL.level, record.outcome == "ok"
        if level > (logging.INFO if good else logging.WARNING):
            return
        line = fields(record)
        if level == logging.DEBUG:
            line |= details(record)
        if self._write is not None:
            start = {
                "timestamp": _now(),
                "level": "info" if good else "warning",
                "module": "call",
            }
            self._write(_dumped({**start, **line, "event": "call"}))
            return
        logger = get_logger("call")
        (logger.info if good else logger.warning)("call", **line)


def fields(record: Record) -> dict[str, object]:
    """The fields of a call's log line; seconds become milliseconds, nano-dollars dollars."""
    usage = record.usage
    line: dict[str, object] = {
        "id": record.id,
        "outcome": record.outcome,
        "status": record.status,
        "operation": record.operation,
        "key": record.key,
        "model": _short(record.model),
        "deployment": record.deployment,
        "provider": record.provider,
        "upstream_model": _short(record.upstream_model),
        "stream": record.streaming,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": None if record.cost is None else record.cost / 1e9,
        "first_byte_ms": _millis(record.first_byte),
        "duration_ms": _millis(record.duration),
        "attempts": len(record.attempts),
    }
    if usage.estimated:
        line["usage_estimated"] = True
    if record.fallbacks:
        line["fallbacks"] = record.fallbacks
    if record.cache != "bypass":
        line["cache"] = record.cache
    if record.mirror_of:
        line["mirror_of"] = record.mirror_of
    if record.losses:
        line["losses"] = list(record.losses)
    failed = [f"{one.deployment}: {one.error}" for one in record.attempts if one.error]
    if failed:
        line["failed_attempts"] = failed
    if record.error:
        line["error"] = _short(record.error)
    return line


def details(record: Record) -> dict[str, object]:
    """What a call's line has besides, while somebody looks for a fault."""
    line: dict[str, object] = {
        "requested_model": _short(record.requested_model),
        "client": record.client,
        "user_agent": record.user_agent,
        "session": record.session_id,
        "trace": record.trace_id,
        "provider_request_id": record.provider_request_id,
        "provider_status": record.provider_status,
        "error_class": record.error_class,
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        "overhead_ms": _millis(record.overhead),
        "cost_source": record.cost_source,
        "tries": [
            f"{one.kind} {one.deployment} at {one.began:.3f} s for {one.seconds:.3f} s"
            f" {one.error_class}".rstrip()
            for one in record.attempts
        ],
    }
    return {name: value for name, value in line.items() if value not in (None, "", [])}


def _short(text: str | None) -> str | None:
    return text and text[:LONGEST_TEXT]


def _millis(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
