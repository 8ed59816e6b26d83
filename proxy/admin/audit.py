"""Who changed what, when and from where.

The rule: only administrators read it, nobody writes it by a call, and no line holds a secret.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from proxy.admin.fields import Answer, Body, Name
from proxy.admin.frame import Endpoint
from proxy.admin.roles import ADMIN
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.stores.entities.kinds import Audit

_HIDDEN = frozenset({"digest", "sealed", "former"})


class AuditQuery(Body):
    """Which lines: of one kind (such as `key` or `team`), of one thing, and how many."""

    kind: Name | None = None
    object_id: Name | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class AuditLine(Answer):
    """One change, in LiteLLM's names; the values before and after without secrets."""

    id: str
    updated_at: datetime
    changed_by: str
    changed_by_address: str
    changed_for: str | None = None
    action: str
    table_name: str
    object_id: str
    before_value: dict[str, Any] | None = None
    updated_values: dict[str, Any] | None = None


class AuditPage(Answer):
    """The newest lines first."""

    audit_logs: list[AuditLine]
    total: int


async def audit_lines(session: Session, query: AuditQuery) -> AuditPage:
    """The newest changes, the last one first."""
    found = await session.entities.audits(query.kind, query.object_id, query.limit)
    lines = [_shown(one) for one in found]
    return AuditPage(audit_logs=lines, total=len(lines))


def _shown(line: Audit) -> AuditLine:
    named = f"{line.at.isoformat()} {line.kind} {line.id} {line.action}"
    return AuditLine(
        id=hashlib.sha256(named.encode()).hexdigest()[:32],
        updated_at=line.at,
        changed_by=line.actor,
        changed_by_address=line.address,
        changed_for=line.changed_by,
        action=line.action,
        table_name=line.kind,
        object_id=line.id,
        before_value=_open(line.before),
        updated_values=_open(line.after),
    )


def _open(values: dict[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: value for name, value in values.items() if name not in _HIDDEN}


AUDIT_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/audit", audit_lines, AuditQuery, AuditPage, ADMIN),
)
