"""The table of model names.

The rule: an exact name wins over an alias, an alias over a wildcard, and the longest wildcard over
the shorter ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipelines.deployment import Deployment

KEPT_NAMES = 1024
LONGEST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """What to try when a group cannot answer: by group name, by "*", and for all that has neither.

    `depth` is how many other groups one call may visit.
    """

    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    default: Sequence[str] = ()
    depth: int = 5

    def of(self, group: str) -> Sequence[str]:
        """The groups to try after this one."""
        found = self.groups.get(group)
        if found is None:
            found = self.groups.get("*")
        return self.default if found is None else found


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
        names = [name for name in (*self._groups, *self._aliases) if "*" not in name]
        return tuple(name for name in dict.fromkeys(names) if name not in self._hidden)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The public names that are wildcards, longest first."""
        return tuple(self._wildcards)

    def group(self, name: str) -> str:
        """The group that a name stands for, which is itself unless it is an alias."""
        return name if name in self._groups else self._aliases.get(name, name)

    def find(self, name: str) -> tuple[Deployment, ...]:
        """The deployments that serve a public name; empty where none does. A wildcard is no name
        that can be asked for."""
        group = self.group(name)
        if "*" in group:
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
            middle = _match(pattern, name)
            if middle is not None:
                return tuple(_concrete(member, name, middle) for member in self._groups[pattern])
        return ()


def _tables(
    deployments: Iterable[Deployment],
) -> tuple[dict[str, tuple[Deployment, ...]], list[str]]:
    groups: dict[str, list[Deployment]] = {}
    for deployment in deployments:
        groups.setdefault(deployment.group, []).append(deployment)
    wildcards = sorted((name for name in groups if "*" in name), key=len, reverse=True)
    return {name: tuple(members) for name, members in groups.items()}, wildcards


def _match(pattern: str, name: str) -> str | None:
    head, _, tail = pattern.partition("*")
    if len(name) <= len(head) + len(tail):
        return None
    if not (name.startswith(head) and name.endswith(tail)):
        return None
    return name[len(head) : len(name) - len(tail)]


def _concrete(deployment: Deployment, name: str, middle: str) -> Deployment:
    if "*" not in deployment.model:
        return deployment
    return deployment.named(deployment.model.replace("*", middle))
