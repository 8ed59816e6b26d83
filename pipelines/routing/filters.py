"""Which deployments of a group may serve a call, and why the others may not.

The rule: a filter only takes away, and says why in words for people; the order is LiteLLM's: rest,
the call's own needs (context window, abilities, region), tags, the lowest `order`; but who served
the session before is kept only where nothing else took it away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.routing.affinity import Affinity
from pipelines.routing.health import Health
from pipelines.routing.needs import elsewhere, too_short, unable
from pipelines.routing.tags import Tagging, untagged, wanted
from pipelines.routing.traffic import Traffic
from pipelines.routing.wishes import NO_WISHES, Wishes

Cause = Literal["", "rest", "context", "ability", "region", "tags", "order", "tried", "affinity"]
Removed = tuple[Deployment, str]


@dataclass(frozen=True, slots=True)
class Checks:
    """What the operator wants to be looked at before a call: `prompts` whether a call fits into
    the context window, the abilities and the region of a deployment; `tagging` how calls choose
    by tags (None: not at all)."""

    prompts: bool = False
    tagging: Tagging | None = None


@dataclass(slots=True)
class View:
    """What is known when a deployment is chosen; one for all calls. `filters` are those that have
    anything to do, in their order."""

    health: Health = field(default_factory=Health)
    traffic: Traffic = field(default_factory=Traffic)
    checks: Checks = field(default_factory=Checks)
    affinity: Affinity | None = None
    filters: tuple[tuple[Cause, Filter], ...] = field(init=False, repr=False)
    plain: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Worked out once: most gateways need few of them, and every call goes through them.
        # `plain`: nothing about the call itself decides.
        self.plain = (
            not self.checks.prompts and self.checks.tagging is None and self.affinity is None
        )
        self.filters = (
            ("rest", resting),
            *(_OF_THE_CALL if self.checks.prompts else ()),
            *(_OF_TAGS if self.checks.tagging is not None else ()),
            ("order", above),
            ("tried", tried_before),
            *(_OF_AFFINITY if self.affinity is not None else ()),
        )


@dataclass(slots=True)
class Selection:
    """The deployments that are left, in the order in which they were given, and those that were
    removed with a sentence each; where none is left, `cause` names what took the last one."""

    kept: tuple[Deployment, ...]
    removed: tuple[Removed, ...] = ()
    cause: Cause = ""


@dataclass(slots=True)
class Case:
    """One call before one choice: `group` are all deployments that there are for it, `tried` the
    ids of those that it tried; `now` is in seconds since 1970."""

    group: Sequence[Deployment]
    exchange: Exchange
    now: float
    view: View
    wishes: Wishes
    tried: Collection[str]


Filter = Callable[[Sequence[Deployment], Case], Sequence[Removed]]


def select(
    candidates: Sequence[Deployment],
    exchange: Exchange,
    now: float,
    view: View,
    wishes: Wishes = NO_WISHES,
    tried: Collection[str] = (),
) -> Selection:
    """Which of a group's deployments may be tried now (`now` in seconds since 1970).

    The candidates are all of the group, for what a call's tags mean is decided by all of them;
    `tried` are the ids of those that shall not be tried again. Where all of the lowest order were
    tried, none is left of the higher ones either.
    """
    case = Case(candidates, exchange, now, view, wishes, tried)
    found = _filtered(case, view.filters)
    if not found.kept and found.cause not in ("rest", "tried"):
        # One that rests may be the one that could have served.
        awake = _filtered(case, [one for one in view.filters if one[0] not in ("rest", "tried")])
        if awake.kept:
            found.cause = "rest"
    return found


def roused(
    candidates: Sequence[Deployment],
    exchange: Exchange,
    now: float,
    view: View,
    wishes: Wishes = NO_WISHES,
    tried: Collection[str] = (),
) -> tuple[Deployment, ...]:
    """Those that rest and were not tried, where nothing else is left for a call: some may have
    recovered. None that asked to be left alone."""
    case = Case(candidates, exchange, now, view, wishes, tried)
    found = _filtered(case, [one for one in view.filters if one[0] not in ("rest", "order")])
    rests = [(one, view.health.rest(one.id, now)) for one in found.kept]
    return tuple(one for one, rest in rests if rest is not None and not rest.asked)


def _filtered(case: Case, filters: Iterable[tuple[Cause, Filter]]) -> Selection:
    kept: Sequence[Deployment] = tuple(case.group)
    removed: list[Removed] = []
    for cause, applies in filters:
        found = applies(kept, case)
        if found:
            removed += found
            gone = {id(one) for one, _ in found}
            kept = tuple(one for one in kept if id(one) not in gone)
            if not kept:
                return Selection((), tuple(removed), cause)
    return Selection(tuple(kept), tuple(removed))


def resting(candidates: Sequence[Deployment], case: Case) -> list[Removed]:
    """Those that rest because they failed."""
    health, now = case.view.health, case.now
    return [(one, _rest(one, case)) for one in candidates if not health.available(one, now)]


def above(candidates: Sequence[Deployment], case: Case) -> list[Removed]:
    """Those of a higher order than the lowest."""
    if len(candidates) == 1:
        return []
    lowest = min([one.order for one in candidates])
    return [
        (one, f"it is of order {one.order}, and others of order {lowest}")
        for one in candidates
        if one.order != lowest
    ]


def tried_before(candidates: Sequence[Deployment], case: Case) -> list[Removed]:
    """Those that were tried for this call."""
    if not case.tried:
        return []
    return [(one, "it was tried for this call") for one in candidates if one.id in case.tried]


def strangers(candidates: Sequence[Deployment], case: Case) -> list[Removed]:
    """All but the one that served what the call belongs to; none where that one is not left."""
    affinity = case.view.affinity
    if affinity is None or len(candidates) == 1 or case.tried:
        return []
    group = candidates[0].group
    for id, bond in affinity.pinned(group, case.exchange, case.wishes, case.now):
        if any(one.id == id for one in candidates):
            reason = f"another deployment served the same {bond}"
            return [(one, reason) for one in candidates if one.id != id]
    return []


def _short_windows(candidates: Sequence[Deployment], case: Case) -> Sequence[Removed]:
    return too_short(candidates, case.exchange)


def _unable(candidates: Sequence[Deployment], case: Case) -> Sequence[Removed]:
    return unable(candidates, case.exchange)


def _elsewhere(candidates: Sequence[Deployment], case: Case) -> Sequence[Removed]:
    return elsewhere(candidates, case.exchange)


def _by_tags(candidates: Sequence[Deployment], case: Case) -> Sequence[Removed]:
    tagging = case.view.checks.tagging
    if tagging is None:
        return []
    principal = case.exchange.known_principal
    tags = (*(principal.tags if principal else ()), *case.wishes.tags)
    return untagged(candidates, case.group, wanted(tags, tagging), tagging)


def _rest(deployment: Deployment, case: Case) -> str:
    rest = case.view.health.rest(deployment.id, case.now)
    return (
        "it rests"
        if rest is None
        else (f"it rests for {max(0.0, rest.until - case.now):.1f} s: {rest.reason}")
    )


_OF_THE_CALL: tuple[tuple[Cause, Filter], ...] = (
    ("context", _short_windows),
    ("ability", _unable),
    ("region", _elsewhere),
)
_OF_TAGS: tuple[tuple[Cause, Filter], ...] = (("tags", _by_tags),)
_OF_AFFINITY: tuple[tuple[Cause, Filter], ...] = (("affinity", strangers),)
