"""The table of model names.

The rule: an exact name wins over an alias, an alias over a pattern, and the longest pattern over
the shorter ones. A pattern has a `*` for any letters, or is a regular expression behind `re:`; what
they stand for fills the `*` of the provider's model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipelines.deployment import Deployment
from pipelines.errors import ContentRefused, ContextTooLong, GatewayError

KEPT_NAMES = 1024
LONGEST_KEPT = 200
ANY = "*"
EXPRESSION = "re:"


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """What to try when a group cannot answer: by group name, by "*", and for all that has neither.

    `depth` is how many other groups one call may visit. `context_window` are for prompts that are
    too long, `content_policy` for calls that a provider's filter refused; they come first.
    """

    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    default: Sequence[str] = ()
    depth: int = 5
    context_window: Mapping[str, Sequence[str]] = field(default_factory=dict)
    content_policy: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def listed(self) -> bool:
        """Whether any group has some for failures of all kinds."""
        return bool(self.groups or self.default)

    def of(self, *names: str) -> Sequence[str]:
        """The groups to try after the one of these names; the first name that has some counts."""
        found = _named(self.groups, names)
        return self.default if found is None else found

    def after(self, error: GatewayError | None, *names: str) -> Sequence[str]:
        """The groups that are meant for just such an error."""
        if isinstance(error, ContextTooLong):
            return _named(self.context_window, names) or ()
        if isinstance(error, ContentRefused):
            return _named(self.content_policy, names) or ()
        return ()


class Routes:
    """Which deployments serve which public name."""

    def __init__(
        self,
        deployments: Iterable[Deployment],
        aliases: Mapping[str, str] | None = None,
        fallbacks: Fallbacks | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.written = tuple(deployments)
        self._groups, self._wildcards = _tables(self.written)
        self._aliases = dict(aliases or {})
        self._hidden = hidden
        self.fallbacks = fallbacks or Fallbacks()
        # Names come from clients: what is kept of them is bounded.
        self._find_wildcard = lru_cache(maxsize=KEPT_NAMES)(self._by_wildcard)

    def renew(self, added: Iterable[Deployment]) -> None:
        """Serve these from now on besides what was `written` in the configuration, in place of
        those that were added before; calls under way keep what they found."""
        self._groups, self._wildcards = _tables((*self.written, *added))
        self._find_wildcard.cache_clear()

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """All deployments, in the configuration's order."""
        return tuple(member for members in self._groups.values() for member in members)

    @property
    def names(self) -> tuple[str, ...]:
        """The public names that are no wildcards, aliases included, hidden ones not."""
        names = [name for name in (*self._groups, *self._aliases) if not is_pattern(name)]
        return tuple(name for name in dict.fromkeys(names) if name not in self._hidden)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The public names that are wildcards, longest first."""
        return tuple(name for name in self._wildcards if ANY in name and not _is_expression(name))

    def group(self, name: str) -> str:
        """The group that a name stands for, which is itself unless it is an alias."""
        return name if name in self._groups else self._aliases.get(name, name)

    def find(self, name: str) -> tuple[Deployment, ...]:
        """The deployments that serve a public name; empty where none does. A pattern is no name
        that can be asked for."""
        group = self.group(name)
        if is_pattern(group):
            return ()
        found = self._groups.get(group)
        if found is not None:
            return found
        if not self._wildcards:
            return ()
        # A client may make up a name as long as a body; such a one is not kept.
        keeps = len(group) <= LONGEST_KEPT
        return self._find_wildcard(group) if keeps else self._by_wildcard(group)

    def _by_wildcard(self, name: str) -> tuple[Deployment, ...]:
        for pattern in self._wildcards:
            parts = captured(pattern, name)
            if parts is not None:
                return tuple(_concrete(member, parts) for member in self._groups[pattern])
        return ()


def _named(table: Mapping[str, Sequence[str]], names: Iterable[str]) -> Sequence[str] | None:
    for name in (*names, "*"):
        found = table.get(name)
        if found is not None:
            return found
    return None


def _tables(
    deployments: Iterable[Deployment],
) -> tuple[dict[str, tuple[Deployment, ...]], list[str]]:
    groups: dict[str, list[Deployment]] = {}
    for deployment in deployments:
        groups.setdefault(deployment.group, []).append(deployment)
    wildcards = sorted((name for name in groups if is_pattern(name)), key=len, reverse=True)
    return {name: tuple(members) for name, members in groups.items()}, wildcards


def is_pattern(name: str) -> bool:
    """Whether a public name stands for many."""
    return ANY in name or _is_expression(name)


def stars(pattern: str) -> int:
    """How many parts of names a pattern leaves open; -1 where it is an expression that is none."""
    if not _is_expression(pattern):
        return pattern.count(ANY)
    try:
        return re.compile(pattern[len(EXPRESSION) :]).groups
    except re.error:
        return -1


def captured(pattern: str, name: str) -> tuple[str, ...] | None:
    """What the stars of a pattern, or the groups of its expression, stand for in this name; None
    where it does not fit. As LiteLLM: the first star takes as much as it can."""
    if _is_expression(pattern):
        # What an expression costs may grow fast with the name, which a client makes up.
        found = re.fullmatch(pattern[len(EXPRESSION) :], name[: LONGEST_KEPT + 1])
        fits = found is not None and len(name) <= LONGEST_KEPT
        return tuple(part or "" for part in found.groups()) if found is not None and fits else None
    head, *middle = pattern.split(ANY)
    if not middle or len(name) <= len(pattern) - len(middle) or not name.startswith(head):
        return None
    parts: list[str] = []
    end = len(name)
    for piece in reversed(middle):
        at = end - len(piece) if end == len(name) and not parts else name.rfind(piece, 0, end)
        if at < len(head) or not name.startswith(piece, at):
            return None
        parts.append(name[at + len(piece) : end])
        end = at
    parts.append(name[len(head) : end])
    return tuple(reversed(parts[1:]))


def _is_expression(name: str) -> bool:
    return name.startswith(EXPRESSION)


def _concrete(deployment: Deployment, parts: Sequence[str]) -> Deployment:
    if ANY not in deployment.model:
        return deployment
    first, *others = deployment.model.split(ANY)
    filled = zip([*parts, *[""] * len(others)], others, strict=False)
    return deployment.named(first + "".join(part + rest for part, rest in filled))
