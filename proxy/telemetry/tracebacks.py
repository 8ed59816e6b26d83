"""Tells where an error came from.

The rule: values of variables are never shown, nor the words of errors that repeat what they were
given, for prompts are among that; what looks like a key is masked.
"""

from __future__ import annotations

import re
from traceback import format_tb

from pipelines.redact import mask

MOST_LINKS = 8
LONGEST_WORDS = 500

_REPEATING = (ValueError, LookupError)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def traced(error: BaseException) -> str:
    """The traceback of an error and of those that it came from, the first one first."""
    told: list[str] = []
    link: BaseException | None = error
    while link is not None and len(told) < MOST_LINKS:
        told.append(_told(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\nwhich led to:\n".join(reversed(told))


def _told(error: BaseException) -> str:
    words = type(error).__qualname__
    if not isinstance(error, _REPEATING):
        said = _CONTROL.sub(" ", mask(str(error)[:LONGEST_WORDS]))
        words += f": {said}" if said else ""
    if isinstance(error, BaseExceptionGroup):
        words += "".join(f"\n| {_told(one)}" for one in error.exceptions[:MOST_LINKS])
    lines = "".join(format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{lines}{words}" if lines else words
