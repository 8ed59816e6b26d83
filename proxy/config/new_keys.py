"""Decides what new keys get and what no key may exceed.

The rule: sums are in dollars and durations in their short form, as whoever makes a key sends them;
what is not set bounds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pipelines.periods import check_duration
from proxy.config.masking import show
from proxy.config.parts import Parts
from proxy.config.problems import Problems, Trail
from proxy.config.references import Reading

Read = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class NewKeySettings:
    """`defaults` are fields of a new key that was sent without them; `bounds` the most that a key
    may have of a limit, which it gets where it was sent without one."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, Any] = field(default_factory=dict)


def new_keys(parts: Parts, reading: Reading) -> NewKeySettings:
    """What becomes of keys that are made at run time."""
    litellm, problems = parts.litellm, reading.problems
    return NewKeySettings(
        defaults=_fields(
            "default_key_generate_params", litellm.default_key_generate_params, _DEFAULTS, problems
        ),
        bounds=_fields(
            "upperbound_key_generate_params",
            litellm.upperbound_key_generate_params,
            _BOUNDS,
            problems,
        ),
    )


def _fields(
    name: str, given: Mapping[str, Any] | None, known: Mapping[str, Read], problems: Problems
) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for one, value in (given or {}).items():
        trail: Trail = ("litellm_settings", name, str(one))
        read = known.get(one)
        if read is None:
            problems.warning(trail, f"not used: only {', '.join(known)} can be set here")
        elif value is not None:
            try:
                found[one] = read(value)
            except (ValueError, TypeError):
                problems.error(trail, f"this value cannot be used: {show(value)}")
    return MappingProxyType(found)


def _usd(value: object) -> float:
    found = float(str(value))
    if isinstance(value, bool) or not 0 <= found <= 1e9:
        raise ValueError
    return found


def _count(value: object) -> int:
    if isinstance(value, bool) or int(str(value)) < 0:
        raise ValueError
    return int(str(value))


def _duration(value: object) -> str:
    return check_duration(str(value))


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _names(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [_name(one) for one in value]


def _map(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): one for name, one in value.items()}


_BOUNDS: Mapping[str, Read] = MappingProxyType(
    {
        "max_budget": _usd,
        "budget_duration": _duration,
        "duration": _duration,
        "max_parallel_requests": _count,
        "tpm_limit": _count,
        "rpm_limit": _count,
    }
)
_DEFAULTS: Mapping[str, Read] = MappingProxyType(
    {**_BOUNDS, "user_id": _name, "team_id": _name, "models": _names, "metadata": _map}
)
