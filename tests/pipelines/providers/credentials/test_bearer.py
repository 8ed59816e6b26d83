"""A bearer token goes into its header and shows nowhere else."""

from __future__ import annotations

import asyncio

from pipelines.providers.credentials.bearer import Bearer
from tests.builders import SECRET, an_upstream_request


def test_bearer_sets_the_authorization_and_leaves_the_rest() -> None:
    request = an_upstream_request()
    asyncio.run(Bearer(SECRET).sign(request))
    assert request.headers == {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {SECRET}",
    }


def test_bearer_never_shows_its_secret() -> None:
    credential = Bearer(SECRET)
    assert SECRET not in f"{credential!r} {credential!s} {[credential]}"
    assert not hasattr(credential, "__dict__")
