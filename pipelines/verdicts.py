"""What a call for moderation means, and its reply.

The rule: a verdict belongs to the input of the same place; what a provider's categories are called
stays as it is, whatever other name is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.prompt import Image


@dataclass(slots=True)
class ModerationCall:
    """What is to be judged: texts, or pictures that are judged together with the words."""

    model: str
    inputs: list[str | Image]
    family: str
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Judged:
    """The reply's own name, and the model that judged."""

    id: str = ""
    model: str = ""


@dataclass(slots=True)
class Verdict:
    """What was found in one input, by category; `rest` is what the provider says beyond that."""

    flagged: bool
    categories: Mapping[str, Any]
    scores: Mapping[str, Any]
    rest: dict[str, Any] = field(default_factory=dict)
