"""What a client says to the cache reaches no provider, in any dialect."""

from __future__ import annotations

import orjson
import pytest

from pipelines.call import Call
from pipelines.operations import CHAT, COHERE, GENERATE, MESSAGES, Operation
from pipelines.registry import DIALECTS
from tests.builders import a_body, a_deployment


@pytest.mark.parametrize("operation", [CHAT, MESSAGES, COHERE, GENERATE])
def test_the_cache_fields_are_left_out(operation: Operation) -> None:
    contents = [{"parts": [{"text": "a"}]}]
    raw = a_body(max_tokens=1, cache={"ttl": 1}, caching=True, contents=contents)
    call = Call(operation, raw, [], path_model="gpt" if operation is GENERATE else None)
    sent = orjson.loads(DIALECTS[operation.dialect].forward(call, a_deployment()))
    assert not {"cache", "caching"} & sent.keys()
    assert sent["max_tokens"] == 1
