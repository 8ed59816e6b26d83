"""Takes secrets out of text that leaves the gateway.

The rule: what looks like a key is masked, whoever wrote the text; control characters go too.
"""

from __future__ import annotations

import re

LONGEST = 2000

_SECRET = re.compile(
    r"(?:\b(?:(?:sk|pk|gsk|xai|hf|key|tgp)[-_]|AIza|ya29|AKIA|eyJ)[-_.A-Za-z0-9]{12,})"
    r"|(?i:(?<=bearer )[-_.A-Za-z0-9~+/=]{8,})"
    r"|\bsk-[-_A-Za-z0-9*]{4,}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def redact(text: str) -> str:
    """The text with secrets masked, control characters dropped and cut to 2,000 characters."""
    return _CONTROL.sub("", _SECRET.sub("****", text))[:LONGEST]


def mask(text: str) -> str:
    """The text with secrets masked, and otherwise as it is."""
    return _SECRET.sub("****", text)
