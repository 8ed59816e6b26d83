"""A dialect that only providers speak is told apart from one that clients speak."""

from __future__ import annotations

import pytest

from pipelines.dialects.one_sided import OneSided
from pipelines.errors import Unsupported
from tests.builders import a_call, a_deployment


def test_no_client_calls_in_it() -> None:
    dialect = OneSided("acme", "rerank")
    with pytest.raises(Unsupported, match="acme"):
        dialect.parse(a_call())
    with pytest.raises(Unsupported, match="acme"):
        dialect.forward(a_call(), a_deployment())
