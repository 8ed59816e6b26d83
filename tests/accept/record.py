"""`make accept-record`: 20,000 calls, ten times `kill -9`, and a PostgreSQL that goes away.

The rule: every call whose client saw its first byte has exactly one record in the end, and the sum
of the costs is the provider's own bill; what can only be estimated is told apart, and printed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path

import aiohttp

from tests.e2e.books import Books, Clients, Victim, compared, rollups, settings, settled
from tests.e2e.gateway import KEY
from tests.fakes.billing import BillingProvider
from tests.fakes.servers import Postgres, start_postgres

CALLS, KILLS, OUTAGES = 20_000, 10, 3
AWAY = 2.0
# The share of the calls between which all that goes wrong is spread.
SHARE = 0.95

Trouble = Callable[[Victim], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls are made, and what happens meanwhile."""

    calls: int = CALLS
    kills: int = KILLS
    outages: int = OUTAGES


async def tried(folder: Path, plan: Plan) -> Books:
    """Make the calls, kill and stop meanwhile, and compare the books."""
    server = await asyncio.to_thread(start_postgres)
    database = await asyncio.to_thread(server.new_database)
    async with BillingProvider() as provider:
        victim = Victim(folder, settings(provider.url, database, folder))
        await asyncio.to_thread(victim.start)
        try:
            keys = (await new_key(victim), await new_key(victim, 1e6))
            clients = Clients(victim, keys, plan.calls)
            trouble = asyncio.ensure_future(make_trouble(plan, clients, victim, server))
            await clients.run()
            await trouble
            found = await settled(database, clients.seen)
            await asyncio.to_thread(victim.stop)
            books = compared(clients.seen, found, provider.bill)
            books.faults += await rollups(database)
        finally:
            victim.kill()
            server.stop()
        return books


async def make_trouble(plan: Plan, clients: Clients, victim: Victim, server: Postgres) -> None:
    """Kill the gateway and stop PostgreSQL, spread evenly over the calls."""
    for at, trouble in troubles(plan, server):
        await clients.reached(at)
        await trouble(victim)


def troubles(plan: Plan, server: Postgres) -> list[tuple[float, Trouble]]:
    """What goes wrong, and after which part of the calls, in its order."""
    found: list[tuple[float, Trouble]] = [
        ((number + 0.5) / plan.kills * SHARE, killed) for number in range(plan.kills)
    ]
    for number in range(plan.outages):
        # Every other time the gateway dies too, while all its records wait.
        trouble = partial(away, server, dies=number % 2 == 1)
        found.append(((number + 0.8) / plan.outages * SHARE, trouble))
    return sorted(found, key=itemgetter(0))


async def killed(victim: Victim) -> None:
    """Kill the gateway and start it again."""
    await asyncio.to_thread(victim.kill)
    await asyncio.to_thread(victim.start)


async def away(server: Postgres, victim: Victim, dies: bool) -> None:
    """Stop PostgreSQL for a while."""
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(AWAY)
    if dies:
        await asyncio.to_thread(victim.kill)
    await asyncio.to_thread(server.start)
    if dies:
        await asyncio.to_thread(victim.start)


async def new_key(victim: Victim, budget: float | None = None) -> str:
    """A key, with a budget (in dollars) or without one."""
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"models": [], **({} if budget is None else {"max_budget": budget})}
    async with (
        aiohttp.ClientSession(victim.url, headers=headers) as session,
        session.post("/key/generate", json=body) as reply,
    ):
        assert reply.status == 200, await reply.text()
        return str((await reply.json())["key"])


def main() -> int:
    """Print both sums; the exit code says whether every record is there and right."""
    parser = argparse.ArgumentParser(prog="python -m tests.accept.record")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--outages", type=int, default=OUTAGES)
    plan = Plan(**vars(parser.parse_args()))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        books = asyncio.run(tried(Path(folder), plan))
    print(books)
    print(f"{plan.kills} kills, {plan.outages} outages, {time.monotonic() - begun:.0f} s")
    for fault in books.faults[:20]:
        print(fault)
    print(f"{len(books.faults)} faults")
    return 1 if books.faults else 0


if __name__ == "__main__":
    sys.exit(main())
