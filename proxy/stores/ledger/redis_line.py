"""One connection to Redis, on which whole batches of commands go out and come back.

The rule: a batch has a deadline, and what cannot be answered is told as LedgerUnavailable; after
several failures in a row nobody is kept waiting for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pipelines.errors import LedgerUnavailable
from proxy.stores.ledger.breaker import Breaker
from proxy.stores.ledger.redis_scripts import SCRIPTS

DEADLINE = 0.05
CONNECT_WITHIN = 1.0
# A deadline that passed while this process itself was late is looked at once more.
ONCE_MORE = 0.005

HASHES: Mapping[str, bytes] = MappingProxyType(
    {name: hashlib.sha1(text).hexdigest().encode() for name, text in SCRIPTS.items()}
)


def _size(size: int) -> bytes:
    return b"\r\n$%d\r\n" % size


# Two dozen of them are in each command of a call.
_SIZES = tuple(map(_size, range(256)))


def packed(*parts: bytes) -> bytes:
    """One command as Redis reads it."""
    whole: list[bytes] = []
    for part in parts:
        size = len(part)
        whole += (_SIZES[size] if size < len(_SIZES) else _size(size), part)
    return b"*%d%b\r\n" % (len(parts), b"".join(whole))


_LOADS = tuple(packed(b"SCRIPT", b"LOAD", text) for text in SCRIPTS.values())

_FIRST = (packed(b"INFO", b"server"), packed(b"INFO", b"memory"), *_LOADS)


class RedisLine:
    """Opens its connection when it is needed, and anew when it broke; raises ImportError without
    the extra `redis`, and ValueError for an address that cannot be read."""

    def __init__(self, url: str, breaker: Breaker, deadline: float = DEADLINE) -> None:
        from redis import asyncio as redis
        from redis import exceptions

        self._pool = redis.ConnectionPool.from_url(
            url, protocol=2, socket_timeout=None, driver_info=None
        )
        self._failures = (exceptions.RedisError, OSError, TimeoutError)
        self._refused = exceptions.ResponseError
        self._unknown = exceptions.NoScriptError
        self._breaker = breaker
        self._deadline = deadline
        self._connection: Any = None
        self._busy = asyncio.Lock()
        self.run_id = ""

    async def connect(self) -> None:
        """Connect, if that is not done; learn which run of Redis answers, and give it the scripts.
        Raises LedgerUnavailable."""
        async with self._busy:
            await self._connect()

    async def run(self, commands: Sequence[bytes], deadline: float | None = None) -> list[Any]:
        """The answers to these commands, an error of Redis in place of one. Raises
        LedgerUnavailable."""
        if not commands:
            return []
        async with self._busy:
            await self._connect()
            answers = await self._timed(commands, deadline or self._deadline)
            unknown = [at for at, one in enumerate(answers) if isinstance(one, self._unknown)]
            if unknown:
                await self._timed(list(_LOADS), CONNECT_WITHIN)
                again = await self._timed([commands[at] for at in unknown], CONNECT_WITHIN)
                for at, answer in zip(unknown, again, strict=True):
                    answers[at] = answer
        self._breaker.went_well()
        return answers

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _connect(self) -> None:
        if self._connection is not None:
            return
        self._breaker.check()
        pool: Any = self._pool
        connection = pool.make_connection()
        answers: list[Any] = []
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await connection.connect()
                answers = await self._exchanged(connection, _FIRST)
        except self._failures as error:
            raise self._failed(error) from None
        finally:
            if not answers:
                await connection.disconnect(nowait=True)
        told = _told(answers[0]) | _told(answers[1])
        if told.get("maxmemory_policy", "").startswith("allkeys"):
            await connection.disconnect(nowait=True)
            self._breaker.failed()
            raise LedgerUnavailable(
                "Redis may forget what was spent; set its maxmemory-policy to noeviction."
            )
        self.run_id = told.get("run_id", "")
        self._connection = connection

    async def _timed(self, commands: Sequence[bytes], within: float) -> list[Any]:
        answers: list[Any] = []
        try:
            async with asyncio.timeout(None) as limit:
                late = _Late(asyncio.get_running_loop(), limit, within)
                try:
                    answers = await self._exchanged(self._connection, commands)
                finally:
                    late.timer.cancel()
        except self._failures as error:
            raise self._failed(error) from None
        finally:
            if not answers:
                # An answer that comes now would be taken for that to the next command.
                await self.close()
        return answers

    async def _exchanged(self, connection: Any, commands: Sequence[bytes]) -> list[Any]:
        await connection.send_packed_command(b"".join(commands), check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response(disable_decoding=True))
            except self._refused as error:
                answers.append(error)
        return answers

    def _failed(self, error: BaseException) -> LedgerUnavailable:
        self._breaker.failed()
        return LedgerUnavailable(f"Redis cannot be asked just now ({type(error).__name__}).")


class _Late:
    """Ends a wait that is over, and not one whose answer lies there while this process was busy."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: asyncio.Timeout, within: float
    ) -> None:
        self._loop = loop
        self._limit = limit
        self.timer = loop.call_later(within, self._once_more)

    def _once_more(self) -> None:
        self.timer = self._loop.call_later(ONCE_MORE, self._end)

    def _end(self) -> None:
        self._limit.reschedule(self._loop.time())


def _told(info: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in info.decode("ascii", "replace").splitlines())
    return {name: value for name, _, value in pairs}
