"""Where nothing is to be proved, nothing is added."""

from __future__ import annotations

import asyncio

from pipelines.providers.credentials.none import NoCredential
from tests.builders import an_upstream_request


def test_no_credential_leaves_the_request_as_it_is() -> None:
    request = an_upstream_request()
    asyncio.run(NoCredential().sign(request))
    assert request == an_upstream_request()
