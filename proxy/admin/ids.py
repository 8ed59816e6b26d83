"""The ids that a client may choose for what he makes.

The rule: an id is a part of other names, so it never looks like the rest of one: accounts of the
ledger end in `@30d/1793491200`, and a member is "team/user".
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from proxy.admin.fields import Name

_ACCOUNT = re.compile(r"@\d{1,6}(mo|[smhdw])/\d+$")


def _plain(name: str) -> str:
    if _ACCOUNT.search(name):
        raise ValueError("an id may not end like an account of the ledger")
    return name


def _undivided(name: str) -> str:
    if "/" in name:
        raise ValueError("an id of a team or an organization may not hold a /")
    return name


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Id = Annotated[Name, AfterValidator(_plain)]
MaybeId = Annotated[Id | None, BeforeValidator(_empty_is_none)]
Tenant = Annotated[Name, AfterValidator(_undivided)]
MaybeTenant = Annotated[Tenant | None, BeforeValidator(_empty_is_none)]
