"""What the tests of embeddings share: a call on its way in, and a reply on its way out."""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_dialects import OPENAI_EMBEDDINGS
from pipelines.operations import EMBEDDINGS
from tests.builders import a_call, a_deployment


def called(*inputs: Any, **fields: Any) -> Call:
    """A client's call for embeddings."""
    body = {"model": "gpt", "input": list(inputs), **fields}
    return a_call(orjson.dumps(body), EMBEDDINGS)


def rendered(
    dialect: Dialect, call: Call, losses: Losses | None = None, **deployment: Any
) -> dict[str, Any]:
    """The body for a provider that speaks the dialect."""
    meaning = OPENAI_EMBEDDINGS.parse(call)
    return dialect.render(meaning, a_deployment(**deployment), losses or Losses("Acme"))


def answered(dialect: Dialect, call: Call, reply: bytes) -> tuple[dict[str, Any], Bridge]:
    """What the client gets for a provider's reply, and the bridge that it came over."""
    writer = OPENAI_EMBEDDINGS.writer(call, "1")
    bridge = Bridge("Acme", dialect.interpreter("Acme"), None, writer, 7)
    raw = bridge.watch(reply) + bridge.close()
    return orjson.loads(raw), bridge
