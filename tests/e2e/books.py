"""Calls of every kind through one gateway that is killed and started again, and the comparison of
its records with the provider's bill.

The rule: a client remembers of each call whether it saw a first byte and how it ended; whether that
is right is found out afterwards, from the database and the bill alone.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson

from pipelines.stages.log import KEEP_EVERY
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.fakes.billing import BEFORE, EVENT_BYTES, PROMPT_PRICE, TOKEN_PRICE, Billed

AT_ONCE = 24
PATIENCE = aiohttp.ClientTimeout(total=60)
AGAIN_AFTER = 0.1
LOOK_EVERY = 0.02
# How long the records of all that has ended may need into the database.
WRITTEN_WITHIN = 60.0
ORPHANED = "orphaned"
# What was written down last of a stream is so many bytes behind what went through the gateway, and
# as much may be on its way there.
MOST_BEHIND = 2 * KEEP_EVERY // EVENT_BYTES * TOKEN_PRICE
# What may be asked for twice is asked for so often.
REPEATS = 20

# One round of calls: what is asked for, by model, whether streamed, and whether the client leaves.
KINDS = (
    *(("whole", False, False),) * 4,
    *(("stream", True, False),) * 5,
    *(("paced", True, False),) * 3,
    ("long", True, False),
    *(("stalls", True, True),) * 2,
    ("breaks", True, False),
    ("flaky", False, False),
    ("fails", False, False),
    ("again", False, False),
    ("unknown", False, False),
)
_SUM = "SELECT count(*), sum(cost) FROM headgate_record"
_ROLLED_UP = "SELECT sum(calls), sum(cost) FROM headgate_rollup WHERE kind = 'all'"
_ROW = "SELECT id, outcome, cost, status, cache, data FROM headgate_record"


@dataclass(slots=True)
class Seen:
    """What the client saw of one call; `end` is ok, left, refused, broken or cut."""

    kind: str
    status: int = 0
    first_byte: bool = False
    end: str = "cut"
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One record in the database; the cost in nano-dollars."""

    outcome: str
    cost: int
    status: int
    cache: str
    estimated: bool


@dataclass(slots=True)
class Books:
    """What was found in the end; the sums in nano-dollars, of calls that were written down whole,
    and of those that died with their gateway."""

    calls: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    billed_whole: int = 0
    orphans: int = 0
    orphaned: int = 0
    billed_orphaned: int = 0
    unseen: int = 0
    billed_unseen: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.calls} calls: {dict(sorted(self.ends.items()))}\n"
            f"  whole records   {self.whole:>12} n$, the provider's bill {self.billed_whole:>12} n$"
            f" (exact: must be equal, call by call)\n"
            f"  orphans {self.orphans:>7} {self.orphaned:>12} n$, the provider's bill"
            f" {self.billed_orphaned:>12} n$ (estimated: what was last written down of each)\n"
            f"  no record {self.unseen:>5} {0:>12} n$, the provider's bill {self.billed_unseen:>12}"
            f" n$ (killed before the client had a byte)"
        )


class Victim:
    """A gateway that is killed and started again over the same data; `url` is where it is now."""

    def __init__(self, folder: Path, text: Mapping[str, Any]) -> None:
        self._folder = folder
        self._text = text
        self._starts = 0
        self._running: AbstractContextManager[Gateway] | None = None
        self.gateway: Gateway | None = None
        self.url = ""

    def start(self) -> Gateway:
        """Start it, in a folder of its own for what it says."""
        self._starts += 1
        place = self._folder / f"start{self._starts}"
        place.mkdir()
        self._running = running(place, self._text)
        self.gateway = self._running.__enter__()
        self.url = self.gateway.url
        return self.gateway

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it as a person does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._running is None or self.gateway is None:
            return
        self.gateway.signal(how)
        self.gateway.process.wait(30)
        # It may have complained of a database that was away, and a kill is no good exit.
        with suppress(AssertionError):
            self._running.__exit__(None, None, None)
        self._running = None


def settings(url: str, database: str, folder: Path) -> dict[str, Any]:
    """A gateway over this provider and this database."""
    priced = {
        "input_cost_per_token": PROMPT_PRICE / 1e9,
        "output_cost_per_token": TOKEN_PRICE / 1e9,
        "max_retries": 0,
    }
    names = ("whole", "stream", "paced", "long", "stalls", "breaks", "fails")
    models = [entry(name, f"openai_like/{name}", url, **priced) for name in names]
    models.append(entry("again", "openai_like/whole@again", url, **priced))
    models.append(entry("flaky", "openai_like/flaky", url, **{**priced, "max_retries": 2}))
    return config(
        *models,
        general_settings={"master_key": KEY, "database_url": database},
        litellm_settings={"cache": True, "cache_params": {"type": "local", "mode": "default_off"}},
        router_settings={"num_retries": 0, "allowed_fails": 10**9, "disable_cooldowns": True},
        data_dir=str(folder / "data"),
    )


class Clients:
    """Clients that work a list of calls off together; who finds no gateway waits for it."""

    def __init__(self, victim: Victim, keys: Sequence[str], count: int) -> None:
        self.seen: dict[int, Seen] = {}
        self._victim = victim
        self._keys = keys
        self._count = count
        self._numbers = iter(range(count))

    async def reached(self, share: float) -> None:
        """Wait until this part of the calls has begun."""
        while True:
            if len(self.seen) >= share * self._count:
                return
            await asyncio.sleep(LOOK_EVERY)

    async def run(self) -> None:
        """Make all the calls."""
        await asyncio.gather(*(self._client() for _ in range(AT_ONCE)))

    async def _client(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session:
            for number in self._numbers:
                kind, streams, leaves = KINDS[number % len(KINDS)]
                seen = self.seen[number] = Seen(kind)
                while True:
                    if await self._asked(session, number, seen, streams, leaves):
                        break
                    await asyncio.sleep(AGAIN_AFTER)

    async def _asked(
        self,
        session: aiohttp.ClientSession,
        number: int,
        seen: Seen,
        streams: bool,
        leaves: bool,
    ) -> bool:
        """Make one call; gives whether it reached the gateway."""
        # Not by the parity of the number: a kind of call must not always have the same key.
        key = self._keys[number // len(KINDS) % len(self._keys)]
        headers = {"Authorization": f"Bearer {key}", "x-litellm-call-id": call_id(number)}
        url = f"{self._victim.url}/v1/chat/completions"
        try:
            async with session.post(url, json=_body(number, seen, streams), headers=headers) as got:
                seen.status = got.status
                seen.hit = got.headers.get("x-headgate-cache") == "hit"
                await _read(got, seen, leaves)
        except aiohttp.ClientConnectorError:
            return False
        except aiohttp.ClientError:
            return True
        return True


async def _read(got: aiohttp.ClientResponse, seen: Seen, leaves: bool) -> None:
    raw = b""
    async for piece in got.content.iter_any():
        seen.first_byte = True
        raw += piece
        if leaves and raw.count(b'"word ') >= BEFORE:
            # All that the provider has sent so far is here, and so it has passed the gateway.
            got.close()
            seen.end = "left"
            return
    if got.status != 200:
        seen.end = "refused"
    elif b'"error"' in raw:
        seen.end = "broken"
    else:
        seen.end = "ok"


def call_id(number: int) -> str:
    """The id that the client of a call gives it."""
    return f"call-{number}"


def _body(number: int, seen: Seen, streams: bool) -> dict[str, Any]:
    repeated = seen.kind == "again"
    asked = billed_as(number) if repeated else number
    body: dict[str, Any] = {
        "model": seen.kind,
        "stream": streams,
        "max_tokens": 300,
        "messages": [{"role": "user", "content": f"This is number {asked}, please."}],
    }
    return {**body, "cache": {"use-cache": True}} if repeated else body


def billed_as(number: int) -> int:
    """The number under which the provider knows a call that is made again and again."""
    return 10**9 + (number // len(KINDS)) // REPEATS


async def records(database: str) -> dict[int, list[Kept]]:
    """The records of the calls by their numbers."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(_ROW)
    finally:
        await connection.close()
    found: dict[int, list[Kept]] = {}
    for row in rows:
        name, _, _ = row["id"].partition("~")
        if not name.startswith("call-"):
            continue
        data = orjson.loads(row["data"])
        estimated = bool(data.get("usage", {}).get("estimated"))
        kept = Kept(row["outcome"], row["cost"] or 0, row["status"], row["cache"] or "", estimated)
        found.setdefault(int(name[5:]), []).append(kept)
    return found


async def rollups(database: str) -> list[str]:
    """What is wrong with the sums that are kept beside the records."""
    connection = await asyncpg.connect(database)
    try:
        summed, kept = await connection.fetchrow(_ROLLED_UP), await connection.fetchrow(_SUM)
    finally:
        await connection.close()
    wrong = tuple(summed) != tuple(kept)
    return [f"the rollups say {tuple(summed)}, the records {tuple(kept)}"] if wrong else []


async def settled(database: str, seen: Mapping[int, Seen]) -> dict[int, list[Kept]]:
    """The records, once every call whose client saw a byte has one, or in vain."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WRITTEN_WITHIN
    while True:
        found = await records(database)
        if all(number in found for number, one in seen.items() if one.first_byte):
            return found
        if loop.time() > end:
            return found
        await asyncio.sleep(0.5)


def compared(
    seen: Mapping[int, Seen], found: Mapping[int, list[Kept]], bill: Mapping[int, Billed]
) -> Books:
    """Compare what clients saw, what was written down, and what is billed."""
    books = Books(len(seen))
    for number, one in seen.items():
        books.ends[f"{one.kind} {one.end}"] += 1
        _compare(books, number, one, found.get(number, []), bill.get(number))
    _compare_repeated(books, seen, found, bill)
    unasked = [number for number in found if number not in seen]
    books.faults += [f"a record of call {number}, which nobody made" for number in unasked]
    return books


def _compare(books: Books, number: int, one: Seen, kept: list[Kept], billed: Billed | None) -> None:
    cost = billed.cost if billed else 0
    if len(kept) > 1:
        books.faults.append(f"{len(kept)} records of {one.kind} call {number}: {kept}")
    if not kept:
        if one.first_byte:
            books.faults.append(f"no record of {one.kind} call {number}: {one}")
        books.unseen += 1
        books.billed_unseen += cost
    elif kept[0].outcome == ORPHANED:
        books.orphans += 1
        books.orphaned += kept[0].cost
        books.billed_orphaned += cost
        behind = cost - kept[0].cost
        if one.first_byte and not 0 <= behind <= MOST_BEHIND:
            books.faults.append(f"orphaned {one.kind} call {number} is billed {cost}: {kept[0]}")
    elif one.kind != "again":
        books.whole += kept[0].cost
        books.billed_whole += cost
        if kept[0].cost != cost:
            books.faults.append(f"{one.kind} call {number} is billed {cost}: {kept[0]}, {one}")


def _compare_repeated(
    books: Books,
    seen: Mapping[int, Seen],
    found: Mapping[int, list[Kept]],
    bill: Mapping[int, Billed],
) -> None:
    # Which of those that ask the same pays is the cache's choice: together they pay what is billed.
    for asked, numbers in _repeated(seen):
        kept = [one for number in numbers for one in found.get(number, [])]
        if any(number not in found for number in numbers):
            continue
        if any(one.outcome == ORPHANED for one in kept):
            continue
        cost, billed = sum(one.cost for one in kept), bill.get(asked, Billed()).cost
        books.whole += cost
        books.billed_whole += billed
        if cost != billed:
            books.faults.append(f"repeated call {asked} is billed {billed}: {kept}")


def _repeated(seen: Mapping[int, Seen]) -> Iterator[tuple[int, list[int]]]:
    groups: dict[int, list[int]] = {}
    for number, one in seen.items():
        if one.kind == "again":
            groups.setdefault(billed_as(number), []).append(number)
    yield from groups.items()
