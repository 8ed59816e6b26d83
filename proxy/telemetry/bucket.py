"""Puts records into a bucket of S3 or its likes.

The rule: an object has the same name and content however often it is tried, and is signed over the
name as it is, while it is sent with the name encoded, once, as S3 reads it.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote

from pipelines.errors import Denied, Rejected
from pipelines.record import Record
from pipelines.upstream import UpstreamRequest
from proxy.config.sinks import Bucket
from proxy.telemetry.webhook import written

Sign = Callable[[UpstreamRequest], Awaitable[None]]

AT_ONCE = 8

# What would end the path of an address, or lead out of its folder.
_UNFIT = re.compile(r"[\x00-\x1f\x7f?#%\\]|(?<=/)\.{1,2}(?=/)")


class Put(Protocol):
    """Sends a body to an address."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> bytes:
        """The answer. Raises UpstreamError where it was not accepted."""


class BucketWriter:
    """Writes one object a call, or one a batch, through `put`; `sign` proves who pays."""

    def __init__(self, bucket: Bucket, put: Put, sign: Sign) -> None:
        self._bucket = bucket
        self._put = put
        self._sign = sign

    async def __call__(self, records: Sequence[Record]) -> int:
        """Write them; gives how many were not accepted. Raises UpstreamError."""
        bucket = self._bucket
        lines = await written(records, bucket.telling)
        if bucket.batches:
            await self._object(batch_name(bucket, records), b"\n".join(lines) + b"\n")
            return 0
        lost = 0
        for start in range(0, len(lines), AT_ONCE):
            some = range(start, min(start + AT_ONCE, len(lines)))
            found = await asyncio.gather(
                *[self._tried(object_name(bucket, records[at]), lines[at]) for at in some]
            )
            lost += found.count(False)
        return lost

    async def _tried(self, name: str, body: bytes) -> bool:
        try:
            await self._object(name, body)
        except Denied:
            raise
        except Rejected:
            return False
        return True

    async def _object(self, name: str, body: bytes) -> None:
        kind = "application/x-ndjson" if self._bucket.batches else "application/json"
        request = UpstreamRequest(
            url=f"{self._bucket.base}/{name}",
            headers={
                "Content-Type": kind,
                "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
                **self._bucket.headers,
            },
            body=body,
            pool="s3",
            dialect="",
            streaming=False,
            first_byte=0.0,
            idle=0.0,
            method="PUT",
        )
        await self._sign(request)
        url = f"{self._bucket.base}/{quote(name, safe='/~')}"
        await self._put(url, body, request.headers, "PUT")


def object_name(bucket: Bucket, record: Record) -> str:
    """LiteLLM's name for the object of a call."""
    at = datetime.fromtimestamp(record.started, UTC)
    above = [
        record.team_alias if bucket.by_team else None,
        record.key if bucket.by_key else None,
    ]
    return _path(
        bucket.path,
        *[one.replace("/", "_") for one in above if one],
        at.strftime("%Y-%m-%d"),
        f"time-{at.strftime('%H-%M-%S-%f')}_{record.id.replace('/', '_')}.json",
    )


def batch_name(bucket: Bucket, records: Sequence[Record]) -> str:
    """The name for the object of a batch, which is the same at every try."""
    at = datetime.fromtimestamp(records[0].started, UTC)
    ids = "\n".join(one.serial or one.id for one in records)
    digest = hashlib.sha256(ids.encode("utf-8", "replace")).hexdigest()[:16]
    day, moment = at.strftime("%Y-%m-%d"), at.strftime("%H-%M-%S-%f")
    return _path(bucket.path, day, f"time-{moment}_{digest}.ndjson")


def _path(*parts: str) -> str:
    whole = "/" + "/".join(part for one in parts for part in one.split("/") if part)
    return _UNFIT.sub("_", whole)[1:]
