"""The ids of a call's trace and of the spans in it, as W3C's Trace Context has them.

The rule: an id follows from what is known of the call, so that the provider is told the same one
before the call as the tracing system after it, and a record that is sent twice is one span.
"""

from __future__ import annotations

import hashlib
import re

from pipelines.exchange import Exchange
from pipelines.told import told_by

_HEX = re.compile(r"[0-9a-f]{32}")
_NOBODY = "0" * 32


def trace_id_of(text: str) -> str:
    """The trace id (32 hexadecimal digits) that a text stands for: itself where it is one, or a
    UUID; else the begin of its SHA-256, as Langfuse makes one from a seed."""
    plain = text.replace("-", "").lower()
    if plain != _NOBODY and _HEX.fullmatch(plain):
        return plain
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def call_span(serial: str) -> str:
    """The span id (16 hexadecimal digits) of a call."""
    return _span(serial)


def attempt_span(serial: str, deployment: str, began: float) -> str:
    """The span id of an attempt that began so many seconds after the call."""
    # Branches of a call, which run beside each other, mark its serial.
    return _span(f"{serial.partition('+')[0]} {deployment} {began:.6f}")


def traceparent(trace: str, span: str, sampled: bool = True) -> str:
    """The header that hands a trace on; both ids are in hexadecimal digits."""
    return f"00-{trace}-{span}-{'01' if sampled else '00'}"


def parent_of(header: str) -> tuple[str, str, bool]:
    """The trace, the span and whether it is sampled, of a valid `traceparent`."""
    return header[3:35], header[36:52], bool(int(header[53:55], 16) & 1)


def handed_on(exchange: Exchange) -> str:
    """The `traceparent` for the provider of the running attempt, whose span it names."""
    told, serial = told_by(exchange.call), exchange.serial or exchange.id
    trace, sampled = trace_id_of(told.trace_id or serial.partition("+")[0]), True
    if told.parent_span:
        trace, _, sampled = parent_of(told.parent_span)
    attempt = exchange.attempts[-1]
    began = attempt.started - exchange.arrived
    return traceparent(trace, attempt_span(serial, attempt.deployment.id, began), sampled)


def _span(seed: str) -> str:
    return hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:16]
