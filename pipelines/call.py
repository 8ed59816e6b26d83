"""What the client sent, as it was received.

The rule: a call never changes; every attempt starts from it. It is parsed once, when first read, so
that a stage before (auth) can refuse it without looking at the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.conversation import Conversation
from pipelines.errors import BadCall, GatewayError
from pipelines.events import Headers
from pipelines.operations import Operation

MAX_DEPTH = 64


class Call:
    """One call of a client: its operation, body, headers and address.

    `path_model` is the model named by the path (Azure's and Gemini's way), `path_streams` whether
    the path asks for a stream; `conversation` is what the gateway knows beyond the body (Responses
    only); `fault` is what went wrong while the body was read, raised when the
    body is first needed. `measure` is for those who measure the body, to do it once.
    """

    __slots__ = (
        "_json",
        "_named",
        "client",
        "conversation",
        "fault",
        "headers",
        "measure",
        "operation",
        "path_model",
        "path_streams",
        "raw",
    )

    def __init__(
        self,
        operation: Operation,
        raw: bytes,
        headers: Headers,
        client: str = "",
        path_model: str | None = None,
        fault: GatewayError | None = None,
    ) -> None:
        self.operation = operation
        self.raw = raw
        self.headers = headers
        self.client = client
        self.path_model = path_model
        self.path_streams = False
        self.fault = fault
        self.conversation: Conversation | None = None
        self.measure: tuple[int, int, int, int] | None = None
        self._json: dict[str, Any] | None = None
        self._named: dict[bytes, bytes] | None = None

    @property
    def json(self) -> Mapping[str, Any]:
        """The body as an object. Raises BadCall naming what is wrong with it."""
        if self._json is None:
            if self.fault is not None:
                raise self.fault
            self._json = _checked(parse_object(self.raw), self.operation, self.path_model)
        return self._json

    def completed(self, defaults: Mapping[str, Any]) -> Call:
        """This call, with the operator's defaults for fields that its body lacks."""
        if not defaults:
            return self
        call = self._copy()
        call._json = {**defaults, **self.json}
        return call

    def within(self, conversation: Conversation) -> Call:
        """This call as a part of a conversation."""
        call = self._copy()
        call.conversation = conversation
        return call

    def rewritten(self, raw: bytes) -> Call:
        """This call with another body."""
        call = self._copy()
        call.raw, call._json = raw, None
        return call

    def _copy(self) -> Call:
        call = Call(
            self.operation, self.raw, self.headers, self.client, self.path_model, self.fault
        )
        call.path_streams = self.path_streams
        call.conversation = self.conversation
        call._json = self._json
        return call

    def altered(self, fields: Mapping[str, Any]) -> Call:
        """This call, with these fields in the place of the client's."""
        call = self._copy()
        call._json = {**self.json, **fields}
        call.raw = orjson.dumps(call._json)
        return call

    @property
    def parsed(self) -> Mapping[str, Any] | None:
        """The body if it was read and found good, else None; never raises."""
        return self._json

    @property
    def model(self) -> str:
        """The model that the client asked for. Raises BadCall where the body has none."""
        model: str = self.json["model"]
        return model

    @property
    def streaming(self) -> bool:
        """Whether the client wants the reply in pieces."""
        rule = self.operation.streams
        if rule == "asked":
            return self.json.get("stream") is True
        if rule == "unless":
            return self.json.get("stream") is not False
        return rule == "path" and self.path_streams

    @property
    def named(self) -> Mapping[bytes, bytes]:
        """The first value of each header by its lower-cased name."""
        if self._named is None:
            self._named = dict(reversed(self.headers))
        return self._named

    def header(self, name: bytes) -> str | None:
        """The first value of a header by its lower-cased name."""
        value = self.named.get(name)
        return None if value is None else value.decode("latin-1")


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object of at most 64 levels, or BadCall."""
    if not raw:
        raise BadCall("The request has no body; send a JSON object.")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadCall(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadCall("The body must be a JSON object.")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadCall(f"The body nests over {MAX_DEPTH} levels deep.")
    return value


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        below: list[object] = []
        for node in level:
            children = node.values() if type(node) is dict else node
            below += [child for child in children if type(child) in (dict, list)]  # type: ignore[attr-defined]
        if not below:
            return False
        level = below
    return True


def _checked(body: dict[str, Any], operation: Operation, path_model: str | None) -> dict[str, Any]:
    if path_model is not None:
        body["model"] = path_model
    if body.get("model") is None and operation.default_model:
        body["model"] = operation.default_model
    model = body.get("model")
    if model is None:
        raise BadCall("The field 'model' is missing.", "model")
    if not isinstance(model, str) or not model.strip():
        raise BadCall("The field 'model' must be a non-empty string.", "model")
    if not isinstance(body.get("stream", False), bool) and body["stream"] is not None:
        raise BadCall("The field 'stream' must be true or false.", "stream")
    for field in operation.requires:
        if body.get(field) is None:
            raise BadCall(_missing(field, body, operation), field)
    return body


def _missing(field: str, body: Mapping[str, Any], operation: Operation) -> str:
    if field == "messages" and "input" in body:
        return (
            "The field 'messages' is missing; this body has 'input', as the Responses API takes "
            f"it, but was sent to {operation.path}."
        )
    return f"The field {field!r} is missing."
