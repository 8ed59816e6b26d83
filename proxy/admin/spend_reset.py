"""Starts the spending of all keys and teams anew.

The rule: the books of what was recorded stay; only what budgets count as spent becomes nothing.
"""

from __future__ import annotations

from proxy.admin.fields import Answer, Body
from proxy.admin.frame import Endpoint
from proxy.admin.session import Session
from proxy.admin.shorthand import posting
from proxy.admin.spending import duration_of, reset, shared_budgets
from proxy.stores.entities.kinds import Key, Limited, Team
from proxy.stores.entities.store import Query

PAGE = 1_000
_KINDS: tuple[type[Limited], ...] = (Key, Team)


class ResetBody(Body):
    """Nothing."""


class ResetAnswer(Answer):
    """That it was done."""

    message: str = "Spend for all API Keys and Teams reset successfully"
    status: str = "success"


async def reset_all(session: Session, body: ResetBody) -> ResetAnswer:
    """Sets what all keys and teams have spent to nothing."""
    for kind in _KINDS:
        after: str | None = None
        while True:
            query = Query(sort="id", descending=False, after=after, limit=PAGE)
            found = await session.entities.find(kind, query)
            await _reset(session, kind.kind, found)
            if len(found) < PAGE:
                break
            after = found[-1].id
    return ResetAnswer()


async def _reset(session: Session, kind: str, rows: list[Limited]) -> None:
    shared = await shared_budgets(session.entities, rows)
    for one in rows:
        scope = f"{kind}:{one.id}"
        own = duration_of(one, shared.get(one.budget_id or ""))
        periods = (own, [limit.budget_duration for limit in one.budget_limits])
        await reset(session.ledger, scope, periods, 0, session.now)


SPEND_RESET_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/global/spend/reset", reset_all, ResetBody, ResetAnswer),
)
