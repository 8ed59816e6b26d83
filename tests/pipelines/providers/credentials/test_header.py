"""A bare secret goes into the provider's own header and shows nowhere else."""

from __future__ import annotations

import asyncio

from pipelines.providers.credentials.header import Header
from tests.builders import SECRET, an_upstream_request


def test_header_sets_the_named_header_and_no_authorization() -> None:
    request = an_upstream_request()
    asyncio.run(Header("api-key", SECRET).sign(request))
    assert request.headers == {"Content-Type": "application/json", "api-key": SECRET}


def test_header_never_shows_its_secret() -> None:
    credential = Header("api-key", SECRET)
    assert SECRET not in f"{credential!r} {credential!s} {[credential]}"
    assert not hasattr(credential, "__dict__")
