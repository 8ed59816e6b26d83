"""Carries records from where they wait to where they belong.

The rule: a record leaves its spool only when it is written, or is put aside because it never can
be; a record that cannot be written holds up no other one.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import orjson

from pipelines.record import Record
from proxy.stores.journal.frames import Unreadable, unpacked
from proxy.stores.journal.segments import Batch
from proxy.telemetry.logging import get_logger

BATCH = 500
AT_ONCE = 25
REJECTED_FILE = "rejected.log"
MOST_REJECTED = 16 * 1024 * 1024
LONGEST_DAMAGE = 64 * 1024


class RecordRefused(Exception):
    """The database will never have one of these records; the message names the kind of fault."""


class Waiting(Protocol):
    """Where records wait."""

    def batch(self, limit: int) -> Batch:
        """The oldest records, the same ones until they are done. Raises OSError."""

    def done(self, batch: Batch) -> None:
        """These are where they belong. Raises OSError."""


class Rejected:
    """The file for what can never be written; without a path it is only counted."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.count = 0

    def record(self, record: Record, reason: str) -> None:
        """Put a record aside, without its texts."""
        line = {name: getattr(record, name) for name in ("id", "serial", "started", "outcome")}
        usage = record.usage
        line |= {"key_id": record.key_id, "model": record.model, "cost": record.cost}
        line |= {"tokens": [usage.prompt_tokens, usage.completion_tokens], "reason": reason}
        get_logger(__name__).error("the record of a call was refused", id=record.id, reason=reason)
        self._keep(line)

    def bytes(self, raw: bytes, reason: str) -> None:
        """Put aside what is no record."""
        get_logger(__name__).error("a part of the spool is damaged", size=len(raw), reason=reason)
        text = base64.b64encode(raw[:LONGEST_DAMAGE]).decode()
        self._keep({"reason": reason, "size": len(raw), "base64": text})

    def _keep(self, line: dict[str, object]) -> None:
        self.count += 1
        if self._path is None:
            return
        try:
            data = orjson.dumps(line, default=str) + b"\n"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            file = os.open(self._path, flags, 0o600)
            try:
                if os.fstat(file).st_size < MOST_REJECTED:
                    os.write(file, data)
            finally:
                os.close(file)
        except (OSError, TypeError):
            # It was logged, and counts.
            return


class Shipper:
    """Writes records in batches with `write`, which raises StoreUnavailable while the database is
    away and RecordRefused where it will not have one of them."""

    def __init__(
        self,
        write: Callable[[Sequence[Record]], Awaitable[None]],
        rejected: Rejected,
        batch: int = BATCH,
    ) -> None:
        self._write = write
        self._batch = batch
        self.rejected = rejected
        self.shipped = 0

    async def ship(self, source: Waiting, most: int | None = None) -> int:
        """Ship `most` records, or all that wait; gives how many. Raises StoreUnavailable and
        OSError; then what was not shipped still waits."""
        shipped = 0
        while most is None or shipped < most:
            limit = self._batch if most is None else min(self._batch, most - shipped)
            batch = source.batch(limit)
            if not batch.payloads and not batch.damaged:
                break
            await self._ship(await self._records(batch))
            for raw in batch.damaged:
                self.rejected.bytes(raw, "damaged")
            source.done(batch)
            shipped += len(batch.payloads)
            self.shipped += len(batch.payloads)
        return shipped

    async def _records(self, batch: Batch) -> list[Record]:
        found = []
        for number, payload in enumerate(batch.payloads, 1):
            try:
                found.append(unpacked(payload, batch.names))
            except Unreadable as error:
                self.rejected.bytes(payload, str(error))
            if number % AT_ONCE == 0:
                # Calls come first.
                await asyncio.sleep(0)
        return found

    async def _ship(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            await self._write(records)
        except RecordRefused as error:
            if len(records) == 1:
                self.rejected.record(records[0], str(error))
                return
            half = len(records) // 2
            await self._ship(records[:half])
            await self._ship(records[half:])
