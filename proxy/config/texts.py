"""Decides whether prompts and answers are kept, for whom, and what is taken out of them.

The rule: nothing is stored unless it is asked for; `turn_off_message_logging` is the stronger word
against all others, and a rule that cannot be used stops the start, so that nobody relies on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.privacy import TextPolicy
from pipelines.redaction import PRESETS, BadPattern, Redaction, Rule, own_rule, preset
from proxy.config.fields import read_flag
from proxy.config.parts import Parts
from proxy.config.problems import Trail
from proxy.config.references import Reading

STORE_PROMPTS = "STORE_PROMPTS_IN_SPEND_LOGS"
# Callbacks that count calls and tell nothing of what was said in them.
_WORDLESS = frozenset({"prometheus", "postgres"})
_RULES: Trail = ("headgate_settings", "redact_messages")
_RULE_KEYS = frozenset({"pattern", "replace"})


def texts(parts: Parts, reading: Reading) -> TextPolicy:
    """Whose prompts and answers are kept."""
    redaction = Redaction(tuple(_rules(parts.own.redact_messages, reading)))
    if parts.litellm.turn_off_message_logging:
        if parts.general.store_prompts_in_spend_logs:
            reading.problems.warning(
                ("general_settings", "store_prompts_in_spend_logs"),
                "has no effect: litellm_settings.turn_off_message_logging is on",
            )
        return TextPolicy(redaction=redaction)
    return TextPolicy(
        stored=_stored(parts, reading),
        told=any(name not in _WORDLESS for name in _callbacks(parts)),
        own_callbacks=True,
        redaction=redaction,
    )


def _stored(parts: Parts, reading: Reading) -> bool:
    said = parts.general.store_prompts_in_spend_logs
    if said is not None:
        return said
    try:
        return read_flag(reading.env.get(STORE_PROMPTS) or "false")
    except ValueError:
        reading.problems.warning((STORE_PROMPTS,), "expected true or false")
        return False


def _callbacks(parts: Parts) -> Iterable[str]:
    told = parts.litellm
    for listed in (told.callbacks, told.success_callback, told.failure_callback):
        names = [listed] if isinstance(listed, str) else listed
        yield from (one for one in names if isinstance(one, str)) if isinstance(names, list) else ()


def _rules(given: Any, reading: Reading) -> Iterable[Rule]:
    if given is None:
        return
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        trail: Trail = (*_RULES, number) if isinstance(given, list) else _RULES
        if isinstance(one, str) and one.strip().lower() in PRESETS:
            yield preset(one.strip().lower())
        elif isinstance(one, Mapping) and isinstance(one.get("pattern"), str):
            try:
                yield _own(one)
            except BadPattern as error:
                reading.problems.error((*trail, "pattern"), str(error))
        else:
            reading.problems.error(
                trail, f"expected one of {', '.join(PRESETS)}, or a map with pattern and replace"
            )


def _own(given: Mapping[str, Any]) -> Rule:
    replace = given.get("replace")
    if replace is not None and not isinstance(replace, str):
        raise BadPattern("has a 'replace' that is no text")
    odd = set(given) - _RULE_KEYS
    if odd:
        raise BadPattern(f"has the key {min(odd)!r} beside it; only 'replace' may be there")
    return own_rule(given["pattern"], replace)
