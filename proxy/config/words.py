"""The settings that are one word out of a few.

The rule: a word that YAML takes for something else is understood all the same.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from proxy.config.fields import one_of

Scope = Annotated[Literal["key", "team", "all"], one_of("key", "team", "all")]
MidStream = Annotated[
    Literal["continue", "off"],
    one_of("continue", "off"),
    # YAML takes a bare off for false.
    BeforeValidator(lambda value: "off" if value is False else value),
]
LogFormat = Annotated[Literal["auto", "json", "pretty"], one_of("auto", "json", "pretty")]
JournalFull = Annotated[
    Literal["refuse", "drop_bodies", "drop"], one_of("refuse", "drop_bodies", "drop")
]
OverBudget = Annotated[Literal["clamp", "refuse", "soft"], one_of("clamp", "refuse", "soft")]
UnknownPrice = Annotated[Literal["allow", "refuse"], one_of("allow", "refuse")]
