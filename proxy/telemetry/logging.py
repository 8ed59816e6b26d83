"""Log lines: JSON for machines, colours for a person at a terminal.

The rule: no prompt, no answer and no secret is ever handed to a logger.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO, cast

import orjson
import structlog

from pipelines.record import Record
from proxy.telemetry.lines import LineWriter

LEVELS = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})
LONGEST_TEXT = 1_000

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

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
            _printable,
            # A richer traceback shows the values of variables, and prompts are among them.
            structlog.dev.ConsoleRenderer(
                colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    writer = LineWriter(out)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(
            LEVELS.get(level.lower(), logging.INFO)
        ),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    atexit.register(writer.flush)
    return writer


def _render_json(logger: object, method: str, event: structlog.typing.EventDict) -> str:
    # One processor for what takes structlog four: a line a call is the most frequent of all.
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    return _dumped({"timestamp": _now(), "level": method, **event})


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _dumped(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str).decode()
    except TypeError:
        # What is no UTF-8 or no number of 64 bits is written by the slower, more patient one.
        return json.dumps(line, default=str)


def _printable(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = _UNPRINTABLE.sub(_escaped, value)
    return event


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class LogJournal:
    """A journal that writes one log line a call."""

    def __init__(self) -> None:
        # Bound once: a lazy logger would be configured anew for every line.
        self._logger = get_logger("call").bind()
        # The most frequent line of all goes past structlog where it would do nothing to it.
        config = structlog.get_config()
        direct = config["processors"] == [_render_json] and self._logger.is_enabled_for(
            logging.INFO
        )
        self._write = config["logger_factory"]().write if direct else None

    def put(self, record: Record) -> None:
        """Write the record as one line: info when it went well, warning when it did not."""
        if self._write is not None and record.outcome == "ok":
            start = {"timestamp": _now(), "level": "info", "module": "call"}
            self._write(_dumped({**start, **fields(record), "event": "call"}))
            return
        write = self._logger.info if record.outcome == "ok" else self._logger.warning
        write("call", **fields(record))


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
    if record.losses:
        line["losses"] = list(record.losses)
    failed = [f"{one.deployment}: {one.error}" for one in record.attempts if one.error]
    if failed:
        line["failed_attempts"] = failed
    if record.error:
        line["error"] = _short(record.error)
    return line


def _short(text: str | None) -> str | None:
    return text and text[:LONGEST_TEXT]


def _millis(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
