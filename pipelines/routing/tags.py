"""Which deployments a call's tags choose.

The rule: LiteLLM's: a call with tags goes where one of them stands (or all, where the operator says
so), else to those tagged `default`; one without goes to the `default` ones, else anywhere. `&tag`
must be there, and `!tag` must not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.deployment import Deployment
from pipelines.parties import TASK_TAG

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Tagging:
    """How calls choose by tags: by any of theirs or only by all; `prefix` marks the tags that are
    meant for routing, and is not part of them."""

    match_any: bool = True
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The tags of one call: those of which some must fit, those that must all be there, and those
    that must not."""

    fitting: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def __str__(self) -> str:
        marked = (("", self.fitting), ("&", self.required), ("!", self.excluded))
        return ", ".join(f"{mark}{tag}" for mark, tags in marked for tag in sorted(tags))


def wanted(tags: Iterable[str], tagging: Tagging) -> Wanted:
    """What these tags of a call ask for; those that the gateway itself gives to tasks ask for
    nothing."""
    sorts: dict[str, set[str]] = {"": set(), "&": set(), "!": set()}
    for tag in tags:
        if tag.startswith(TASK_TAG):
            continue
        name = tag.removeprefix(tagging.prefix)
        mark = name[:1] if name[:1] in ("&", "!") else ""
        if name[len(mark) :]:
            sorts[mark].add(name[len(mark) :])
    return Wanted(*(frozenset(found) for found in sorts.values()))


def untagged(
    candidates: Sequence[Deployment], group: Iterable[Deployment], ask: Wanted, tagging: Tagging
) -> list[tuple[Deployment, str]]:
    """The candidates of a group that a call with these tags may not go to, each with the reason.
    A group without any tags takes every call."""
    known = frozenset[str]().union(*(one.tags for one in group))
    if not known:
        return []
    removed = [(one, reason) for one in candidates if (reason := _barred(one, ask))]
    left = [one for one in candidates if not any(one is gone for gone, _ in removed)]
    if ask.fitting:
        fitting = [one for one in left if _fits(one, ask, tagging)]
        if not fitting and not ask.fitting & known:
            fitting = [one for one in left if DEFAULT in one.tags]
        reason = f"none of the call's tags fits ({ask})"
    elif ask.required:
        return removed
    else:
        fitting = [one for one in left if DEFAULT in one.tags] or left
        reason = "the call has no tags, and others are tagged default"
    kept = {id(one) for one in fitting}
    return [*removed, *((one, reason) for one in left if id(one) not in kept)]


def _fits(deployment: Deployment, ask: Wanted, tagging: Tagging) -> bool:
    if tagging.match_any:
        return not ask.fitting.isdisjoint(deployment.tags)
    return ask.fitting <= deployment.tags


def _barred(deployment: Deployment, ask: Wanted) -> str:
    barred = ask.excluded & deployment.tags
    if barred:
        return f"the call excludes its tag {min(barred)}"
    missing = ask.required - deployment.tags
    return f"it lacks the tag {min(missing)} that the call requires" if missing else ""
