"""Rows of the table of endpoints, written in one line each.

The rule: what is not said has the narrowest roles: administrators write, and those who may see
everything read.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from proxy.admin.frame import Endpoint, Handler
from proxy.admin.roles import ADMIN, READERS


def posting(
    path: str,
    handler: Handler,
    body: type[BaseModel],
    answer: Any,
    roles: frozenset[str] = ADMIN,
) -> Endpoint:
    """A call that changes something."""
    return Endpoint(
        method="POST", path=path, handler=handler, body=body, answer=answer, roles=roles
    )


def getting(
    path: str,
    handler: Handler,
    query: type[BaseModel] | None,
    answer: Any,
    roles: frozenset[str] = READERS,
) -> Endpoint:
    """A call that only reads."""
    return Endpoint(
        method="GET", path=path, handler=handler, query=query, answer=answer, roles=roles
    )


def asking(
    path: str,
    handler: Handler,
    body: type[BaseModel],
    answer: Any,
    roles: frozenset[str] = READERS,
) -> Endpoint:
    """A POST that only reads."""
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        body=body,
        answer=answer,
        roles=roles,
        reads=True,
    )
