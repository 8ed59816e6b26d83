"""Reads fallbacks and aliases in every shape that people write them in.

The rule: `router_settings` wins over `litellm_settings`, the first entry for a name over later
ones, and a name that nothing serves is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.routing.routes import Fallbacks
from proxy.config.masking import plain, show
from proxy.config.problems import Problems, Trail
from proxy.config.schema import LitellmSettings, RouterSettings

ANY = "*"

Groups = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Aliases:
    """Other names of groups; the hidden ones are not listed to callers."""

    groups: Mapping[str, str]
    hidden: frozenset[str]


class Alternatives:
    """Reads what stands in for what, and remembers which names were mentioned where."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._mentioned: list[tuple[Trail, str]] = []

    def fallbacks(self, router: RouterSettings, litellm: LitellmSettings, depth: int) -> Fallbacks:
        """What to try after each group, from whichever section says it."""
        groups: Groups = {}
        default: tuple[str, ...] = ()
        found = self._winner("fallbacks", router, litellm)
        if found is not None:
            groups = self._groups(*found)
        found = self._winner("default_fallbacks", router, litellm)
        if found is not None:
            default = self._names(*found)
        special = {}
        for name in ("context_window", "content_policy"):
            found = self._winner(f"{name}_fallbacks", router, litellm)
            special[name] = {} if found is None else self._groups(*found)
        return Fallbacks(groups=groups, default=default, depth=depth, **special)

    def aliases(self, router: RouterSettings) -> Aliases:
        """`model_group_alias`: a group's name, or a map with `model` and `hidden`."""
        groups: dict[str, str] = {}
        hidden: set[str] = set()
        for name, value in (router.model_group_alias or {}).items():
            trail: Trail = ("router_settings", "model_group_alias", name)
            target = value.get("model") if isinstance(value, Mapping) else value
            if not isinstance(target, str):
                self._problems.error(trail, f"expected the name of a model, got {show(target)}")
                continue
            groups[name] = target
            self._mentioned.append((trail, target))
            if isinstance(value, Mapping) and value.get("hidden") is True:
                hidden.add(name)
        return Aliases(groups, frozenset(hidden))

    def doubt(self, is_served: Callable[[str], bool]) -> None:
        """Warn of every mentioned name that nothing serves."""
        for trail, name in self._mentioned:
            if name != ANY and not is_served(name):
                self._problems.warning(trail, f'no model of model_list is named "{plain(name)}"')

    def _winner(
        self, key: str, router: RouterSettings, litellm: LitellmSettings
    ) -> tuple[object, Trail] | None:
        wins, loses = getattr(router, key), getattr(litellm, key)
        if wins is None:
            return None if loses is None else (loses, ("litellm_settings", key))
        if loses is not None:
            message = f"not used: router_settings has {key} too"
            self._problems.warning(("litellm_settings", key), message)
        return wins, ("router_settings", key)

    def _groups(self, value: object, trail: Trail) -> Groups:
        entries = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        groups: Groups = {}
        chain: list[str] = []
        for index, entry in entries:
            here = trail if index is None else (*trail, index)
            if isinstance(entry, Mapping):
                self._entry(entry, here, groups)
            elif isinstance(entry, str):
                chain.append(entry)
                self._mentioned.append((here, entry))
            else:
                wanted = "names, or maps such as {gpt-4o: [claude]}"
                self._problems.error(here, f"expected {wanted}, got {show(entry)}")
        for index, name in enumerate(chain[:-1]):
            groups.setdefault(name, tuple(dict.fromkeys(chain[index + 1 :])))
        return groups

    def _entry(self, entry: Mapping[str, object], trail: Trail, groups: Groups) -> None:
        pairs = [(name, targets, name) for name, targets in entry.items()]
        if entry.keys() == {"model_name", "fallbacks"}:
            pairs = [(str(entry["model_name"]), entry["fallbacks"], "fallbacks")]
        for name, targets, key in pairs:
            self._mentioned.append(((*trail, key), name))
            read = self._names(targets, (*trail, key))
            if name in groups:
                message = f'"{plain(name)}" has fallbacks already; the first ones are used'
                self._problems.warning((*trail, key), message)
            groups.setdefault(name, tuple(target for target in read if target != name))

    def _names(self, value: object, trail: Trail) -> tuple[str, ...]:
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        found: list[str] = []
        for index, item in items:
            here = trail if index is None else (*trail, index)
            name = item.get("model") if isinstance(item, Mapping) else item
            if isinstance(name, str):
                found.append(name)
                self._mentioned.append((here, name))
            else:
                self._problems.error(here, f"expected the name of a model, got {show(item)}")
        return tuple(dict.fromkeys(found))
