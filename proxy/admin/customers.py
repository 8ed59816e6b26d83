"""Customers of the callers (end users), who are named in each call and have no key.

The rule: `/customer` and `/end_user` are the same routes; only administrators work with them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.admin.columns import LimitColumns, kept, limit_columns, renamed
from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, Count, MaybeName, Moment, Name, Usd
from proxy.admin.frame import Endpoint
from proxy.admin.ids import Id
from proxy.admin.keys_answers import budget_table
from proxy.admin.keys_bodies import LimitsBody, Names
from proxy.admin.limits import limits_of
from proxy.admin.money import nano, usd
from proxy.admin.session import Session
from proxy.admin.shorthand import getting, posting
from proxy.admin.spend_erase import erase
from proxy.admin.spend_seen import calls_of
from proxy.admin.spending import duration_of, reset, shared_budgets, spending_of
from proxy.admin.teams_rights import check_budget
from proxy.stores.entities.kinds import EndUser
from proxy.stores.entities.store import Query, Taken

MOST = 10_000
ROOTS = ("/customer", "/end_user")

_OWN = MappingProxyType({"blocked": "blocked", "models": "models"})
_MAY_BE_NULL = MappingProxyType(
    {
        "alias": "alias",
        "default_model": "default_model",
        "allowed_model_region": "allowed_model_region",
    }
)
_SETTINGS = ("object_permission", "tpd_limit")


class CustomerBody(LimitsBody):
    """What a customer can have; sums in US dollars."""

    alias: MaybeName = None
    blocked: bool | None = None
    allowed_model_region: Literal["eu", "us"] | None = None
    default_model: MaybeName = None
    models: Names | None = None
    object_permission: dict[str, Any] | None = None
    tpd_limit: Count | None = None
    budget_reset_at: Moment | None = None
    spend: Usd | None = None


class NewCustomer(CustomerBody):
    """A new customer."""

    user_id: Id


class UpdateCustomer(CustomerBody):
    """What to change of a customer: the fields that are there."""

    user_id: Name


class SeveralCustomers(Body):
    """Several customers."""

    user_ids: Annotated[list[Name], Field(min_length=1, max_length=500)]


class DeleteCustomers(SeveralCustomers):
    """Several customers; with `erase` their prompts are removed, and in the records of their calls
    a random name takes their place, also where only calls have named them."""

    erase: bool = False


class InfoQuery(Body):
    """One customer."""

    end_user_id: Name


class CustomerAnswer(LimitColumns):
    """A customer as LiteLLM's table has him."""

    user_id: str
    alias: str | None = None
    blocked: bool = False
    spend: float = 0.0
    total_spend: float = 0.0
    allowed_model_region: str | None = None
    default_model: str | None = None
    models: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] | None = None
    litellm_budget_table: dict[str, Any] | None = None
    object_permission: dict[str, Any] | None = None


class DeletedCustomers(Answer):
    """How many were deleted, and how many records of calls were made unknown."""

    deleted_customers: int
    message: str
    erased_records: int | None = None


class BlockedCustomers(Answer):
    """Who was blocked or let in again."""

    blocked_users: list[CustomerAnswer]


async def new_customer(session: Session, body: NewCustomer) -> CustomerAnswer:
    """Makes a customer."""
    await check_budget(session, body.budget_id)
    customer = EndUser(
        **_fields(body),
        id=body.user_id,
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(customer, session.actor)
    except Taken:
        raise DetailedRefusal(
            f"Customer already exists, passed user_id={body.user_id}. Please pass a new user_id."
        ) from None
    await _spent(session, customer, body)
    return (await _shown(session, [customer]))[0]


async def update_customer(session: Session, body: UpdateCustomer) -> CustomerAnswer:
    """Changes the fields that were sent."""
    await check_budget(session, body.budget_id)
    changed = await session.entities.change(
        EndUser,
        body.user_id,
        lambda one: one.model_copy(update=_fields(body, one)),
        session.actor,
    )
    if changed is None:
        raise _missing(body.user_id)
    await _spent(session, changed, body)
    return (await _shown(session, [changed]))[0]


async def customer_info(session: Session, query: InfoQuery) -> CustomerAnswer:
    """One customer."""
    found = await session.entities.get(EndUser, query.end_user_id)
    if found is None:
        raise _missing(query.end_user_id)
    return (await _shown(session, [found]))[0]


async def list_customers(session: Session, query: None) -> list[CustomerAnswer]:
    """All customers."""
    return await _shown(session, await session.entities.find(EndUser, Query(limit=MOST)))


async def delete_customers(session: Session, body: DeleteCustomers) -> DeletedCustomers:
    """Deletes customers; what they spent stays in the ledger."""
    if body.erase:
        # Whoever cannot be erased is not deleted either.
        calls_of(session)
    else:
        await _all_there(session, body.user_ids)
    removed = await session.entities.remove(EndUser, body.user_ids, session.actor)
    erased = await erase(session, "end_user", body.user_ids) if body.erase else None
    return DeletedCustomers(
        deleted_customers=len(removed),
        message=f"Successfully deleted customers with ids: {', '.join(body.user_ids)}",
        erased_records=erased,
    )


async def block_customers(session: Session, body: SeveralCustomers) -> BlockedCustomers:
    """Refuses all calls for these customers; unknown ones are made, so that they are refused."""
    blocked = [await _set_blocked(session, one, True) for one in dict.fromkeys(body.user_ids)]
    rows = [one for one in blocked if one is not None]
    return BlockedCustomers(blocked_users=await _shown(session, rows))


async def unblock_customers(session: Session, body: SeveralCustomers) -> BlockedCustomers:
    """Lets calls for these customers through again."""
    await _all_there(session, body.user_ids)
    rows = [await _set_blocked(session, one, False) for one in dict.fromkeys(body.user_ids)]
    return BlockedCustomers(
        blocked_users=await _shown(session, [one for one in rows if one is not None])
    )


async def _set_blocked(session: Session, id: str, blocked: bool) -> EndUser | None:
    store, actor = session.entities, session.actor

    def alter(one: EndUser) -> EndUser:
        return one.model_copy(update={"blocked": blocked})

    changed = await store.change(EndUser, id, alter, actor)
    if changed is not None or not blocked:
        return changed
    made = EndUser(id=id, blocked=True, created_at=session.now, created_by=actor.name)
    try:
        await store.add(made, actor)
    except Taken:
        return await store.change(EndUser, id, alter, actor)
    return made


async def _all_there(session: Session, ids: list[str]) -> None:
    known = {one.id for one in await session.entities.many(EndUser, ids)}
    for id in ids:
        if id not in known:
            raise _missing(id)


async def _spent(session: Session, customer: EndUser, body: CustomerBody) -> None:
    if body.spend is None:
        return
    shared = await shared_budgets(session.entities, [customer])
    periods = (
        duration_of(customer, shared.get(customer.budget_id or "")),
        [one.budget_duration for one in customer.budget_limits],
    )
    scope = f"end_user:{customer.id}"
    await reset(session.ledger, scope, periods, nano(body.spend), session.now)


def _fields(body: CustomerBody, before: EndUser | None = None) -> dict[str, Any]:
    found = {**limits_of(body), **renamed(body, _OWN)}
    found |= {
        own: getattr(body, name)
        for name, own in _MAY_BE_NULL.items()
        if name in body.model_fields_set
    }
    found["settings"] = {**(before.settings if before else {}), **kept(body, _SETTINGS)}
    return found


async def _shown(session: Session, customers: list[EndUser]) -> list[CustomerAnswer]:
    shared = await shared_budgets(session.entities, customers)
    rows = [(f"end_user:{one.id}", one) for one in customers]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return [
        CustomerAnswer(
            **one.settings,
            **limit_columns(one),
            user_id=one.id,
            alias=one.alias,
            blocked=one.blocked,
            spend=usd(spending.spent),
            total_spend=usd(spending.total),
            allowed_model_region=one.allowed_model_region,
            default_model=one.default_model,
            models=list(one.models),
            metadata=one.metadata,
            litellm_budget_table=budget_table(one, shared.get(one.budget_id or "")),
        )
        for one, spending in zip(customers, spent, strict=True)
    ]


def _missing(id: str) -> DetailedNotFound:
    return DetailedNotFound(f"End User Id={id} does not exist in db", "end_user_id")


CUSTOMER_ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for root in ROOTS
    for endpoint in (
        posting(f"{root}/new", new_customer, NewCustomer, CustomerAnswer),
        posting(f"{root}/update", update_customer, UpdateCustomer, CustomerAnswer),
        posting(f"{root}/delete", delete_customers, DeleteCustomers, DeletedCustomers),
        posting(f"{root}/block", block_customers, SeveralCustomers, BlockedCustomers),
        posting(f"{root}/unblock", unblock_customers, SeveralCustomers, BlockedCustomers),
        getting(f"{root}/info", customer_info, InfoQuery, CustomerAnswer),
        getting(f"{root}/list", list_customers, None, list[CustomerAnswer]),
    )
)
