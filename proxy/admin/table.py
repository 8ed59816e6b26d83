"""Every admin route in one table.

The rule: a route that is not in the table is not served, not documented and not tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from proxy.admin.access_groups import ACCESS_GROUP_ENDPOINTS
from proxy.admin.audit import AUDIT_ENDPOINTS
from proxy.admin.budgets import BUDGET_ENDPOINTS
from proxy.admin.cache import CACHE_ENDPOINTS
from proxy.admin.customers import CUSTOMER_ENDPOINTS
from proxy.admin.explain import EXPLAIN_ENDPOINTS
from proxy.admin.frame import Endpoint, routes_of
from proxy.admin.keys import KEY_ENDPOINTS
from proxy.admin.members import MEMBER_ENDPOINTS
from proxy.admin.models import MODEL_ENDPOINTS
from proxy.admin.models_info import MODEL_INFO_ENDPOINTS
from proxy.admin.openapi import document, page
from proxy.admin.organizations import ORGANIZATION_ENDPOINTS
from proxy.admin.organizations_members import ORGANIZATION_MEMBER_ENDPOINTS
from proxy.admin.session import Backing
from proxy.admin.spend_activity import SPEND_ACTIVITY_ENDPOINTS
from proxy.admin.spend_calculate import SPEND_CALCULATE_ENDPOINTS
from proxy.admin.spend_daily import SPEND_DAILY_ENDPOINTS
from proxy.admin.spend_export import SPEND_EXPORT_ENDPOINTS
from proxy.admin.spend_global import SPEND_GLOBAL_ENDPOINTS
from proxy.admin.spend_logs import SPEND_LOG_ENDPOINTS
from proxy.admin.spend_reports import SPEND_REPORT_ENDPOINTS
from proxy.admin.spend_reset import SPEND_RESET_ENDPOINTS
from proxy.admin.spend_sums import SPEND_SUM_ENDPOINTS
from proxy.admin.tags import TAG_ENDPOINTS
from proxy.admin.teams import TEAM_ENDPOINTS
from proxy.admin.users import USER_ENDPOINTS

ENDPOINTS: tuple[Endpoint, ...] = (
    *KEY_ENDPOINTS,
    *USER_ENDPOINTS,
    *TEAM_ENDPOINTS,
    *MEMBER_ENDPOINTS,
    *BUDGET_ENDPOINTS,
    *CUSTOMER_ENDPOINTS,
    *ORGANIZATION_ENDPOINTS,
    *ORGANIZATION_MEMBER_ENDPOINTS,
    *TAG_ENDPOINTS,
    *ACCESS_GROUP_ENDPOINTS,
    *MODEL_ENDPOINTS,
    *MODEL_INFO_ENDPOINTS,
    *SPEND_CALCULATE_ENDPOINTS,
    *SPEND_LOG_ENDPOINTS,
    *SPEND_GLOBAL_ENDPOINTS,
    *SPEND_REPORT_ENDPOINTS,
    *SPEND_SUM_ENDPOINTS,
    *SPEND_RESET_ENDPOINTS,
    *SPEND_EXPORT_ENDPOINTS,
    *SPEND_DAILY_ENDPOINTS,
    *SPEND_ACTIVITY_ENDPOINTS,
    *AUDIT_ENDPOINTS,
    *CACHE_ENDPOINTS,
    *EXPLAIN_ENDPOINTS,
)


def routes(current: Callable[[], Backing]) -> list[Route]:
    """The admin routes, the OpenAPI document and its page; `current` is the generation now."""
    documents = Documents()
    return [
        *routes_of(ENDPOINTS, current),
        Route("/openapi.json", documents.document),
        Route("/docs", documents.page),
    ]


class Documents:
    """The OpenAPI document and its page, each written when it is first asked for and then kept."""

    def __init__(self) -> None:
        self._document: bytes | None = None
        self._page: bytes | None = None

    async def document(self, request: Request) -> Response:
        """The document."""
        if self._document is None:
            # It takes a few hundred milliseconds, which the calls to models must not wait for.
            self._document = await asyncio.to_thread(lambda: orjson.dumps(document(ENDPOINTS)))
        return Response(self._document, media_type="application/json")

    async def page(self, request: Request) -> Response:
        """The page."""
        if self._page is None:
            self._page = await asyncio.to_thread(lambda: page(ENDPOINTS).encode())
        return HTMLResponse(self._page)
