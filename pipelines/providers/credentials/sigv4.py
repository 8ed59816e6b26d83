"""Amazon's signature, version 4, over exactly the bytes that are sent.

The rule: the path is encoded once more than it stands in the address, and the date is the clock's
that was handed in; no key shows in a repr.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from pipelines.upstream import UpstreamRequest

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = frozenset(
    {"connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"}
)
# What stands encoded in the address already is not encoded again.
_QUERY = "-_.~%"
_PORTS = frozenset({("http", 80), ("https", 443)})


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key; `token` is empty where it is a lasting one."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


class SigV4:
    """Signs for one service in one region; `keys` is asked before each request, since keys of a
    role change, and `now` gives seconds since 1970."""

    __slots__ = ("_keys", "_now", "_region", "_service")

    def __init__(
        self,
        keys: Callable[[], Awaitable[AwsKeys]],
        region: str,
        service: str,
        now: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._region = region
        self._service = service
        self._now = now

    async def sign(self, request: UpstreamRequest) -> None:
        """Set the date, the session's token and the Authorization header."""
        keys = await self._keys()
        stamp = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = stamp
        if keys.token:
            request.headers["X-Amz-Security-Token"] = keys.token
        names, canonical = canonical_request(request)
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{keys.secret}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        text = "\n".join((_ALGORITHM, stamp, scope, digest))
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        request.headers["Authorization"] = (
            f"{_ALGORITHM} Credential={keys.id}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )


def canonical_request(request: UpstreamRequest) -> tuple[str, str]:
    """The names of the signed headers, and the text that is signed."""
    url = urlsplit(request.url)
    host = url.hostname or ""
    if url.port is not None and (url.scheme, url.port) not in _PORTS:
        host = f"{host}:{url.port}"
    signed = {
        name.lower(): " ".join(value.split())
        for name, value in request.headers.items()
        if name.lower() not in _UNSIGNED and name.lower() != "authorization"
    }
    signed.setdefault("host", host)
    names = ";".join(sorted(signed))
    pairs = sorted(tuple(pair.partition("=")[::2]) for pair in url.query.split("&") if pair)
    lines = [
        request.method,
        quote(_normal(url.path), safe="/~"),
        "&".join(
            f"{quote(name, safe=_QUERY)}={quote(value, safe=_QUERY)}" for name, value in pairs
        ),
        *(f"{name}:{signed[name]}" for name in sorted(signed)),
        "",
        names,
        hashlib.sha256(request.body).hexdigest(),
    ]
    return names, "\n".join(lines)


def _normal(path: str) -> str:
    """The path without empty and dotted segments."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if path.endswith(("/", "/.", "/..")) and kept else ""
    return "/" + "/".join(kept) + end
